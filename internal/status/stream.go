package status

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// Stream is the health of one stream. Only the stream's goroutine calls SetState, SetRetrying and SetStopped; any
// goroutine may call the other methods.
type Stream struct {
	Type   podlog.EventType
	source *Source

	// source.mu guards the following.
	condition condition
	since     time.Time           // when it came to its state
	reached   sourcehealth.State  // with state Error: the state before it
	failedBy  map[string]struct{} // the labels of the faults since the stream was last well
	degraded  map[sourcehealth.Subject]sourcehealth.Fault
	gaps      int       // how many are open
	oldest    time.Time // the beginning of the oldest gap
	collected bool      // a health event has said that it collects
}

// condition is what is known of a stream at one moment. All but state is set only with state Error.
type condition struct {
	state      sourcehealth.State
	fault      sourcehealth.Fault
	attempt    int       // how many attempts have failed in a row
	deadline   time.Time // when the stream gives up; zero: never
	hasStopped bool      // the stream does not retry
}

// State returns the stream's state.
func (s *Stream) State() sourcehealth.State {
	s.source.mu.Lock()
	defer s.source.mu.Unlock()
	return s.condition.state
}

// SetState records that the stream is well and has come to a state.
func (s *Stream) SetState(state sourcehealth.State) {
	s.source.change(func() {
		s.enterLocked(condition{state: state})
		if state == sourcehealth.Collecting {
			s.source.recordCollectingLocked(s)
		}
	})
}

// SetRetrying records a fault after which the stream retries: attempt failures in a row so far. It gives up at deadline,
// or never if that is zero.
func (s *Stream) SetRetrying(fault sourcehealth.Fault, attempt int, deadline time.Time) {
	s.source.change(func() {
		s.enterLocked(condition{state: sourcehealth.Error, fault: fault, attempt: attempt, deadline: deadline})
		s.source.recordFaultLocked(s, withRetry(fault, deadline), 1)
	})
}

// SetStopped records a fault after which the stream does not retry. Its event is an Error of the collection, whatever
// the fault's subject.
func (s *Stream) SetStopped(fault sourcehealth.Fault, attempt int) {
	fault.Subject, fault.Severity = sourcehealth.Collection, sourcehealth.SeverityError
	s.source.change(func() {
		s.enterLocked(condition{state: sourcehealth.Error, fault: fault, attempt: attempt, hasStopped: true})
		s.source.recordFaultLocked(s, fault, 1)
		// Nothing is delivered any more, so no second warning stays beside the error.
		s.source.resolveLocked(s.source.trackerLocked(s, sourcehealth.Pipeline), "the stream has stopped, and has an error of its own")
	})
}

// EndServiceOutage records that a record came, or that a session has lived long enough. An open session is not enough, as
// it may end at once.
func (s *Stream) EndServiceOutage() {
	s.source.change(func() { s.source.recordWellLocked(s, sourcehealth.Collection) })
}

// EndPipelineOutage records that the pipeline accepts records.
func (s *Stream) EndPipelineOutage() {
	s.source.change(func() { s.source.recordWellLocked(s, sourcehealth.Pipeline) })
}

// SetDegraded records a fault with which the stream continues, until ClearDegraded. It may be called again for each
// occurrence.
func (s *Stream) SetDegraded(fault sourcehealth.Fault) {
	s.source.change(func() {
		s.degraded[fault.Subject] = fault
		s.source.recordFaultLocked(s, fault, 1)
	})
}

// ClearDegraded records the end of the faults of a subject that SetDegraded recorded.
func (s *Stream) ClearDegraded(subject sourcehealth.Subject) {
	s.source.change(func() {
		delete(s.degraded, subject)
		s.source.recordWellLocked(s, subject)
	})
}

// SetGaps records how many gaps are open, the beginning of the oldest, and whether they are read from the archive.
func (s *Stream) SetGaps(open int, oldest time.Time, hasBackfill bool) {
	s.source.change(func() {
		if open > s.gaps {
			s.source.recordFaultLocked(s, gapsOpenFault(open, oldest, hasBackfill), 1)
		}
		if open == 0 {
			s.source.recordWellLocked(s, sourcehealth.Gaps)
		}
		s.gaps, s.oldest = open, oldest
	})
}

// ReportLoss reports a loss once: it has happened, and the status returns to what it was.
func (s *Stream) ReportLoss(fault sourcehealth.Fault) {
	s.source.change(func() {
		s.degraded[fault.Subject] = fault
		s.source.recordFaultLocked(s, fault, 1)
	})
	s.source.change(func() { delete(s.degraded, fault.Subject) })
}

// ReportMarked reports records that are delivered with a problem.
func (s *Stream) ReportMarked(fault sourcehealth.Fault, count int) {
	s.source.change(func() { s.source.recordFaultLocked(s, fault, count) })
}

func (s *Stream) enterLocked(to condition) {
	if to.state != s.condition.state {
		s.since = time.Now()
		s.reached = ""
		if to.state == sourcehealth.Error {
			s.reached = s.condition.state
		}
	}
	s.condition = to
	if to.state != sourcehealth.Error {
		s.failedBy = nil
		return
	}
	if s.failedBy == nil {
		s.failedBy = map[string]struct{}{}
	}
	s.failedBy[to.fault.Label] = struct{}{}
}

// writeKeyLocked writes what makes a stream's status another one.
func (s *Stream) writeKeyLocked(b *strings.Builder) {
	fmt.Fprintf(b, "%s %d %d", s.condition.state, s.gaps, s.oldest.Unix())
	if s.condition.state == sourcehealth.Error {
		// A fault counts as another one only if there was none of its kind since the stream was last well: two that
		// alternate would restart the recovery clock of a health check for as long as they last.
		fmt.Fprintf(b, " %s %d %t", s.condition.fault.Type, len(s.failedBy), s.condition.hasStopped)
	}
	for _, subject := range slices.Sorted(maps.Keys(s.degraded)) {
		fmt.Fprintf(b, " %s %s", subject, s.degraded[subject].Label)
		if ruleOf(subject).isDistinct {
			b.WriteString(s.degraded[subject].Message)
		}
	}
	b.WriteByte('\n')
}
