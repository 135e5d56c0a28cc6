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

// statusEventLocked returns the component's status: OK while all streams are well, a permanent error when all have
// stopped, a recoverable one in between. Its attributes are those of the worst stream, and under `streams` those of each.
func (s *Source) statusEventLocked() *componentstatus.Event {
	stopped := 0
	var messages []string
	for _, stream := range s.streams {
		if text := stream.errorTextLocked(); text != "" {
			messages = append(messages, string(stream.Type)+": "+text)
		}
		if stream.condition.hasStopped {
			stopped++
		}
	}

	attributes := pcommon.NewMap()
	if s.identity.Name != "" {
		attributes.PutStr(attrName, s.identity.Name)
	}
	if s.identity.Description != "" {
		attributes.PutStr(attrDescription, s.identity.Description)
	}
	s.worstLocked().putLocked(attributes)
	streams := attributes.PutEmptyMap(attrStreams)
	for _, stream := range s.streams {
		of := streams.PutEmptyMap(string(stream.Type))
		stream.putLocked(of)
		if text := stream.errorTextLocked(); text != "" {
			of.PutStr(attrError, text)
		}
	}

	options := []componentstatus.EventBuilderOption{componentstatus.WithAttributes(attributes)}
	code := componentstatus.StatusOK
	if len(messages) > 0 {
		code = componentstatus.StatusRecoverableError
		if stopped == len(s.streams) {
			code = componentstatus.StatusPermanentError
		}
		options = append(options, componentstatus.WithError(errors.New(strings.Join(messages, "; "))))
	}
	return componentstatus.NewEvent(code, options...)
}

func (s *Source) worstLocked() *Stream {
	worst := s.streams[0]
	for _, stream := range s.streams {
		if stream.isWorseLocked(worst) {
			worst = stream
		}
	}
	return worst
}

// faultsLocked lists what is wrong with the stream: first what keeps it from collecting, then what it continues with.
func (s *Stream) faultsLocked() []sourcehealth.Fault {
	var list []sourcehealth.Fault
	if s.condition.state == sourcehealth.Error {
		list = append(list, s.condition.fault)
	}
	for _, subject := range slices.Sorted(maps.Keys(s.degraded)) {
		list = append(list, s.degraded[subject])
	}
	return list
}

// errorTextLocked returns the texts of all faults of the stream.
func (s *Stream) errorTextLocked() string {
	var messages []string
	for i, fault := range s.faultsLocked() {
		if i == 0 && s.condition.state == sourcehealth.Error && !s.condition.hasStopped {
			fault = withRetry(fault, s.condition.deadline)
		}
		messages = append(messages, fault.Text())
	}
	return strings.Join(messages, "; ")
}

func (s *Stream) isWorseLocked(than *Stream) bool {
	if s.condition.hasStopped != than.condition.hasStopped {
		return s.condition.hasStopped
	}
	if a, b := rank(s.condition.state), rank(than.condition.state); a != b {
		return a < b
	}
	if a, b := rank(s.reached), rank(than.reached); a != b {
		return a < b
	}
	return len(s.degraded) > len(than.degraded)
}

func (s *Stream) putLocked(to pcommon.Map) {
	to.PutStr(attrState, string(s.condition.state))
	if s.gaps > 0 {
		to.PutInt(attrGapsOpen, int64(s.gaps))
		to.PutStr(attrGapsOldest, s.oldest.UTC().Format(time.RFC3339))
	}
	faults := s.faultsLocked()
	if len(faults) == 0 {
		return
	}
	fault := faults[0]
	to.PutStr(attrErrorType, string(fault.Type))
	to.PutStr(attrHealthEvent, fault.Type.HealthEvent())
	if fault.Status != 0 {
		to.PutInt(attrStatusCode, int64(fault.Status))
	}
	if s.condition.attempt > 0 {
		to.PutInt(attrAttempt, int64(s.condition.attempt))
	}
	if !s.condition.deadline.IsZero() {
		to.PutStr(attrDeadline, s.condition.deadline.UTC().Format(time.RFC3339))
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
