package health

import (
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// The attributes of a status event.
const (
	attrState       = "state"
	attrErrorType   = "error.type"
	attrHealthEvent = "health_event"
	attrStatusCode  = "http.response.status_code"
	attrAttempt     = "retry.attempt"
	attrDeadline    = "retry.deadline"
	attrError       = "error"
	attrStreams     = "streams"
)

// event says how the source is: OK while all its streams are well, a permanent error when none of them can go on by
// itself, a recoverable one in between. Its attributes are those of the stream that is worst off, and under `streams`
// those of each. The caller holds the lock.
func (s *Source) event() *componentstatus.Event {
	worst := s.streams[0]
	quits := 0
	var messages []string
	for _, stream := range s.streams {
		if stream.status.worse(worst.status) {
			worst = stream
		}
		if stream.status.state == Error {
			messages = append(messages, string(stream.Type)+": "+stream.status.fault.Message)
		}
		if stream.status.quit {
			quits++
		}
	}

	attributes := pcommon.NewMap()
	worst.status.put(attributes)
	streams := attributes.PutEmptyMap(attrStreams)
	for _, stream := range s.streams {
		of := streams.PutEmptyMap(string(stream.Type))
		stream.status.put(of)
		if stream.status.state == Error {
			of.PutStr(attrError, stream.status.fault.Message)
		}
	}

	options := []componentstatus.EventBuilderOption{componentstatus.WithAttributes(attributes)}
	code := componentstatus.StatusOK
	if len(messages) > 0 {
		code = componentstatus.StatusRecoverableError
		if quits == len(s.streams) {
			code = componentstatus.StatusPermanentError
		}
		options = append(options, componentstatus.WithError(errors.New(strings.Join(messages, "; "))))
	}
	return componentstatus.NewEvent(code, options...)
}

func (s *status) worse(than status) bool {
	if s.quit != than.quit {
		return s.quit
	}
	return s.state.rank() < than.state.rank()
}

func (s *status) put(to pcommon.Map) {
	to.PutStr(attrState, string(s.state))
	if s.state != Error {
		return
	}
	to.PutStr(attrErrorType, string(s.fault.Type))
	to.PutStr(attrHealthEvent, s.fault.Type.HealthEvent())
	if s.fault.Status != 0 {
		to.PutInt(attrStatusCode, int64(s.fault.Status))
	}
	if s.attempt > 0 {
		to.PutInt(attrAttempt, int64(s.attempt))
	}
	if !s.deadline.IsZero() {
		to.PutStr(attrDeadline, s.deadline.UTC().Format(time.RFC3339))
	}
}
