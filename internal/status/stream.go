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

// Stream is the health of one stream. Is, Failing and Quit are called by the stream's goroutine, the others by any.
type Stream struct {
	Type   podlog.EventType
	source *Source

	// The following are guarded by source.mu.
	status    status
	since     time.Time           // when it came to its state
	reached   sourcehealth.State  // with state Error: the state before it
	spell     map[string]struct{} // the labels of the faults since the stream was last well
	troubles  map[Trouble]sourcehealth.Fault
	gaps      int       // how many are open
	oldest    time.Time // the beginning of the oldest
	collected bool      // a health event has said that it collects
}

// Trouble names a kind of trouble with which a stream goes on collecting.
type Trouble string

// The kinds of trouble.
const (
	// StorageTrouble says that positions are not saved.
	StorageTrouble Trouble = "storage"
	// BackfillTrouble says that gaps are not filled.
	BackfillTrouble Trouble = "backfill"
)

func (t Trouble) subject() subject { return subject(t) }

// status is what is known of a stream at one moment.
type status struct {
	state    sourcehealth.State
	fault    sourcehealth.Fault // with state Error
	attempt  int                // with state Error: how many attempts have failed in a row
	deadline time.Time          // with state Error: when the stream gives up; zero: never
	quit     bool               // with state Error: the stream does not go on by itself
}

// State is the stream's state.
func (s *Stream) State() sourcehealth.State {
	s.source.mu.Lock()
	defer s.source.mu.Unlock()
	return s.status.state
}

// Is notes that the stream is well and has come to state.
func (s *Stream) Is(state sourcehealth.State) {
	s.source.change(func() {
		s.enter(status{state: state})
		if state == sourcehealth.Collecting {
			s.source.collects(s)
		}
	})
}

// Failing notes a fault that the stream tries to overcome: attempt failures in a row so far; it gives up at deadline,
// or never if that is zero.
func (s *Stream) Failing(fault sourcehealth.Fault, attempt int, deadline time.Time) {
	s.source.change(func() {
		s.enter(status{state: sourcehealth.Error, fault: fault, attempt: attempt, deadline: deadline})
		fault = retried(fault, deadline)
		switch {
		case fault.Type == sourcehealth.ThirdPartyConfig: // it waits for the user
			s.wrong(collection, sourcehealth.SeverityError, fault)
		case fault.Type == sourcehealth.FirstPartyGeneric:
			s.wrong(pipeline, sourcehealth.SeverityWarning, fault)
		default:
			s.wrong(collection, sourcehealth.SeverityWarning, fault)
		}
	})
}

// Quit notes a fault after which the stream does not go on by itself.
func (s *Stream) Quit(fault sourcehealth.Fault, attempt int) {
	s.source.change(func() {
		s.enter(status{state: sourcehealth.Error, fault: fault, attempt: attempt, quit: true})
		s.wrong(collection, sourcehealth.SeverityError, fault)
		// Nothing is handed on any more, so there is no second warning beside the error.
		s.source.resolve(s.source.tracker(s, pipeline), "the stream has stopped, and an error of its own says so")
	})
}

// ServiceWell notes that the service's trouble is over: a record came, or a session has lived long enough. That a
// session was opened is not enough, as it may end at once.
func (s *Stream) ServiceWell() { s.source.change(func() { s.well(collection) }) }

// PipelineWell notes that the pipeline accepts records.
func (s *Stream) PipelineWell() { s.source.change(func() { s.well(pipeline) }) }

// Trouble notes a fault with which the stream goes on, until Clear. The same again is told as often as it happens.
func (s *Stream) Trouble(kind Trouble, fault sourcehealth.Fault) {
	s.source.change(func() {
		s.troubles[kind] = fault
		s.wrong(kind.subject(), sourcehealth.SeverityWarning, fault)
	})
}

// Clear notes the end of a trouble.
func (s *Stream) Clear(kind Trouble) {
	s.source.change(func() {
		delete(s.troubles, kind)
		s.well(kind.subject())
	})
}

// Gaps notes how many gaps are open, the beginning of the oldest, and whether they are read from the archive.
func (s *Stream) Gaps(open int, oldest time.Time, backfill bool) {
	s.source.change(func() {
		if open > s.gaps {
			s.wrong(gaps, sourcehealth.SeverityWarning, gapsOpen(open, oldest, backfill))
		}
		if open == 0 {
			s.well(gaps)
		}
		s.gaps, s.oldest = open, oldest
	})
}

// Lost reports a loss for good once: what it says has happened, and does not last.
func (s *Stream) Lost(fault sourcehealth.Fault) {
	const once Trouble = "once"
	s.source.change(func() {
		s.troubles[once] = fault
		s.wrong(lost, sourcehealth.SeverityWarning, fault)
	})
	s.source.change(func() { delete(s.troubles, once) })
}

// Marked notes so many records that are handed on with a fault.
func (s *Stream) Marked(fault sourcehealth.Fault, count int) {
	s.source.change(func() { s.source.wrong(s.source.tracker(s, records), sourcehealth.SeverityWarning, fault, count) })
}

// enter notes the state. The caller holds the lock.
func (s *Stream) enter(to status) {
	if to.state != s.status.state {
		s.since = time.Now()
		s.reached = ""
		if to.state == sourcehealth.Error {
			s.reached = s.status.state
		}
	}
	s.status = to
	if to.state != sourcehealth.Error {
		s.spell = nil
		return
	}
	if s.spell == nil {
		s.spell = map[string]struct{}{}
	}
	s.spell[to.fault.Label] = struct{}{}
}

// wrong notes that something went wrong. The caller holds the lock.
func (s *Stream) wrong(what subject, severity string, fault sourcehealth.Fault) {
	s.source.wrong(s.source.tracker(s, what), severity, fault, 1)
}

// well notes that something is well. The caller holds the lock.
func (s *Stream) well(what subject) { s.source.well(s.source.tracker(s, what)) }

// writeKey writes what makes a stream's health another one.
func (s *Stream) writeKey(b *strings.Builder) {
	fmt.Fprintf(b, "%s %d %d", s.status.state, s.gaps, s.oldest.Unix())
	if s.status.state == sourcehealth.Error {
		// A fault counts as another one only if there was none of its kind since the stream was last well: two that
		// alternate would restart the recovery clock for as long as they last.
		fmt.Fprintf(b, " %s %d %t", s.status.fault.Type, len(s.spell), s.status.quit)
	}
	for _, kind := range slices.Sorted(maps.Keys(s.troubles)) {
		fmt.Fprintf(b, " %s %s", kind, s.troubles[kind].Label)
		if s.troubles[kind].Label == labelUnrecoverable {
			b.WriteString(s.troubles[kind].Message) // each is another one
		}
	}
	b.WriteByte('\n')
}
