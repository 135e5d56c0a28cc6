package health

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// Source is the health of one source: the state of each of its streams, and the component status that follows from
// them. Streams report to it from their own goroutines; it tells the collector of every change, in order, from one
// goroutine of its own, so that no stream waits for a watcher and no lock is held meanwhile.
//
// The collector restarts a health check's recovery clock with every event, so a change is a change of state, of
// fault, or of what it means for the future. One more attempt that fails in the same way is none.
type Source struct {
	report func(*componentstatus.Event)
	// name and description are shown with every event.
	name, description string

	mu       sync.Mutex
	streams  []*Stream
	expiry   map[Token]time.Time      // zero: the token does not say
	reported string                   // the key of the newest event made
	pending  []*componentstatus.Event // made, not yet reported
	stopped  bool

	wake chan struct{} // has room for one: there is something pending, or stopped
	done chan struct{} // closed when the reporting goroutine has ended; nil before Start
}

// NewSource returns the health of a source with one stream for each of the event types, all of them Pending. report
// gets the component's status events.
func NewSource(types []podlog.EventType, report func(*componentstatus.Event)) *Source {
	s := &Source{report: report, wake: make(chan struct{}, 1), expiry: map[Token]time.Time{}}
	for _, t := range types {
		s.streams = append(s.streams, &Stream{source: s, Type: t, status: status{state: Pending}, troubles: map[Trouble]Fault{}})
	}
	return s
}

// Describe sets what people call the source. It is called before Started.
func (s *Source) Describe(name, description string) { s.name, s.description = name, description }

// Stream returns the stream of an event type that NewSource was given.
func (s *Source) Stream(t podlog.EventType) *Stream {
	for _, stream := range s.streams {
		if stream.Type == t {
			return stream
		}
	}
	return nil
}

// Started notes that the component's Start was called. The collector has reported that itself.
func (s *Source) Started() { s.setAll(Started) }

// Initialized reports, before it returns, that the source is ready to connect, and begins to report what the streams
// say from then on. It is called once, from within the component's Start, or the collector would follow Start with an
// event of its own that says nothing.
func (s *Source) Initialized() {
	s.setAll(Initialized)
	s.mu.Lock()
	s.pending = nil // what came before is in this event
	event := s.next()
	s.mu.Unlock()
	s.report(event)

	s.done = make(chan struct{})
	go s.run()
}

// Stopping notes that Shutdown was called. From then on nothing is reported, but for what is on its way to a watcher
// at that moment: the rest is the collector's to say.
func (s *Source) Stopping() {
	s.mu.Lock()
	s.stopped = true
	s.pending = nil
	for _, stream := range s.streams {
		stream.status = status{state: Stopping}
	}
	s.mu.Unlock()
	s.nudge()
}

// Done is closed when the last report has returned; it may take as long as a watcher in the collector takes. It is
// nil, and blocks for ever, if Initialized was never called.
func (s *Source) Done() <-chan struct{} { return s.done }

func (s *Source) setAll(state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stream := range s.streams {
		stream.status = status{state: state}
	}
}

// run reports what is pending until the source is stopping.
func (s *Source) run() {
	defer close(s.done)
	for range s.wake {
		for {
			s.mu.Lock()
			if s.stopped {
				s.mu.Unlock()
				return
			}
			if len(s.pending) == 0 {
				s.mu.Unlock()
				break
			}
			event := s.pending[0]
			s.pending = s.pending[1:]
			s.mu.Unlock()
			s.report(event)
		}
	}
}

func (s *Source) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// next makes the event for the present state, nil if it says the same as the one before. The caller holds the lock.
func (s *Source) next() *componentstatus.Event {
	var key strings.Builder
	for _, stream := range s.streams {
		stream.writeKey(&key)
	}
	if key.String() == s.reported {
		return nil
	}
	s.reported = key.String()
	return s.event()
}

// Stream is the health of one stream. Is, Failing and Quit are called by the stream's goroutine, the others by any.
type Stream struct {
	Type   podlog.EventType
	source *Source

	// The following are guarded by source.mu.
	status   status
	spell    map[string]struct{} // the labels of the faults since the stream was last well
	troubles map[Trouble]Fault
	gaps     int       // how many are open
	oldest   time.Time // the beginning of the oldest
}

// maxPending is how many events wait for a watcher that takes its time.
const maxPending = 1000

// Trouble names a kind of trouble with which a stream goes on collecting.
type Trouble string

// The kinds of trouble.
const (
	// StorageTrouble says that positions are not saved.
	StorageTrouble Trouble = "storage"
	// BackfillTrouble says that gaps are not filled.
	BackfillTrouble Trouble = "backfill"
)

// status is what is known of a stream at one moment.
type status struct {
	state    State
	fault    Fault     // with state Error
	attempt  int       // with state Error: how many attempts have failed in a row
	deadline time.Time // with state Error: when the stream gives up; zero: never
	quit     bool      // with state Error: the stream does not go on by itself
}

// State is the stream's state.
func (s *Stream) State() State {
	s.source.mu.Lock()
	defer s.source.mu.Unlock()
	return s.status.state
}

// Is notes that the stream is well and has come to state.
func (s *Stream) Is(state State) { s.set(status{state: state}) }

// Failing notes a fault that the stream tries to overcome: attempt failures in a row so far; it gives up at deadline,
// or never if that is zero.
func (s *Stream) Failing(fault Fault, attempt int, deadline time.Time) {
	s.set(status{state: Error, fault: fault, attempt: attempt, deadline: deadline})
}

// Quit notes a fault after which the stream does not go on by itself.
func (s *Stream) Quit(fault Fault, attempt int) {
	s.set(status{state: Error, fault: fault, attempt: attempt, quit: true})
}

func (s *Stream) set(to status) {
	s.change(func() {
		s.status = to
		if to.state != Error {
			s.spell = nil
			return
		}
		if s.spell == nil {
			s.spell = map[string]struct{}{}
		}
		s.spell[to.fault.Label] = struct{}{}
	})
}

// Trouble notes a fault with which the stream goes on, until Clear.
func (s *Stream) Trouble(kind Trouble, fault Fault) {
	s.change(func() { s.troubles[kind] = fault })
}

// Clear notes the end of a trouble.
func (s *Stream) Clear(kind Trouble) {
	s.change(func() { delete(s.troubles, kind) })
}

// Gaps notes how many gaps are open, and the beginning of the oldest.
func (s *Stream) Gaps(open int, oldest time.Time) {
	s.change(func() { s.gaps, s.oldest = open, oldest })
}

// Tell reports a fault once: what it says has happened, and does not last.
func (s *Stream) Tell(fault Fault) {
	const once Trouble = "once"
	s.Trouble(once, fault)
	s.Clear(once)
}

// change applies a change, and reports what follows from it.
func (s *Stream) change(apply func()) {
	s.source.mu.Lock()
	if s.source.stopped {
		s.source.mu.Unlock()
		return
	}
	apply()
	event := s.source.next()
	if event != nil {
		// A watcher that blocks misses the oldest.
		s.source.pending = append(s.source.pending, event)
		s.source.pending = s.source.pending[max(len(s.source.pending)-maxPending, 0):]
	}
	s.source.mu.Unlock()
	if event != nil {
		s.source.nudge()
	}
}

// writeKey writes what makes a stream's health another one.
func (s *Stream) writeKey(b *strings.Builder) {
	fmt.Fprintf(b, "%s %d %d", s.status.state, s.gaps, s.oldest.Unix())
	if s.status.state == Error {
		// A fault counts as another one only if there was none of its kind since the stream was last well: two that
		// alternate would restart the recovery clock for as long as they last.
		fmt.Fprintf(b, " %s %d %t", s.status.fault.Type, len(s.spell), s.status.quit)
	}
	for _, kind := range slices.Sorted(maps.Keys(s.troubles)) {
		fmt.Fprintf(b, " %s %s", kind, s.troubles[kind].Label)
		if s.troubles[kind].Label == "gap_unrecoverable" {
			b.WriteString(s.troubles[kind].Message) // each is another one
		}
	}
	b.WriteByte('\n')
}
