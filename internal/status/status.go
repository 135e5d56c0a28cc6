package status

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
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
	attrName        = "name"
	attrDescription = "description"
	attrGapsOpen    = "gaps.open"
	attrGapsOldest  = "gaps.oldest"
)

// event says how the source is: OK while all its streams are well, a permanent error when none of them can go on by
// itself, a recoverable one in between. Its attributes are those of the stream that is worst off, and under `streams`
// those of each. The caller holds the lock.
func (s *Source) event() *componentstatus.Event {
	quits := 0
	var messages []string
	for _, stream := range s.streams {
		if text := stream.errorText(); text != "" {
			messages = append(messages, string(stream.Type)+": "+text)
		}
		if stream.status.quit {
			quits++
		}
	}

	attributes := pcommon.NewMap()
	if s.identity.Name != "" {
		attributes.PutStr(attrName, s.identity.Name)
	}
	if s.identity.Description != "" {
		attributes.PutStr(attrDescription, s.identity.Description)
	}
	s.worst().put(attributes)
	streams := attributes.PutEmptyMap(attrStreams)
	for _, stream := range s.streams {
		of := streams.PutEmptyMap(string(stream.Type))
		stream.put(of)
		if text := stream.errorText(); text != "" {
			of.PutStr(attrError, text)
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

// worst is the stream that is worst off. The caller holds the lock.
func (s *Source) worst() *Stream {
	worst := s.streams[0]
	for _, stream := range s.streams {
		if stream.worse(worst) {
			worst = stream
		}
	}
	return worst
}

// faults are what is wrong with the stream: first what keeps it from collecting, then what it goes on with.
func (s *Stream) faults() []sourcehealth.Fault {
	var list []sourcehealth.Fault
	if s.status.state == sourcehealth.Error {
		list = append(list, s.status.fault)
	}
	for _, kind := range slices.Sorted(maps.Keys(s.troubles)) {
		list = append(list, s.troubles[kind])
	}
	return list
}

// errorText says all that is wrong with the stream, empty if nothing is.
func (s *Stream) errorText() string {
	var messages []string
	for i, fault := range s.faults() {
		if i == 0 && s.status.state == sourcehealth.Error && !s.status.quit {
			fault = retried(fault, s.status.deadline)
		}
		messages = append(messages, fault.Text())
	}
	return strings.Join(messages, "; ")
}

func (s *Stream) worse(than *Stream) bool {
	if s.status.quit != than.status.quit {
		return s.status.quit
	}
	if a, b := rank(s.status.state), rank(than.status.state); a != b {
		return a < b
	}
	if a, b := rank(s.reached), rank(than.reached); a != b {
		return a < b
	}
	return len(s.troubles) > len(than.troubles)
}

func (s *Stream) put(to pcommon.Map) {
	to.PutStr(attrState, string(s.status.state))
	if s.gaps > 0 {
		to.PutInt(attrGapsOpen, int64(s.gaps))
		to.PutStr(attrGapsOldest, s.oldest.UTC().Format(time.RFC3339))
	}
	faults := s.faults()
	if len(faults) == 0 {
		return
	}
	fault := faults[0]
	to.PutStr(attrErrorType, string(fault.Type))
	to.PutStr(attrHealthEvent, fault.Type.HealthEvent())
	if fault.Status != 0 {
		to.PutInt(attrStatusCode, int64(fault.Status))
	}
	if s.status.attempt > 0 {
		to.PutInt(attrAttempt, int64(s.status.attempt))
	}
	if !s.status.deadline.IsZero() {
		to.PutStr(attrDeadline, s.status.deadline.UTC().Format(time.RFC3339))
	}
}

// rank orders states from the worst and the least advanced to the best, so that a source's state is that of its worst
// stream.
func rank(state sourcehealth.State) int {
	switch state {
	case sourcehealth.Stopping:
		return 0
	case sourcehealth.Error:
		return 1
	case sourcehealth.Pending:
		return 2
	case sourcehealth.Started:
		return 3
	case sourcehealth.Initialized:
		return 4
	case sourcehealth.Authenticated:
		return 5
	default:
		return 6
	}
}
