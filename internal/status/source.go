package status

import (
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// maxPending is how many events wait for a watcher that takes its time.
const maxPending = 1000

// Source is the health of one source: the state of each of its streams, and what follows from them: the component's
// status, and health events. Streams report to it from their own goroutines; it tells the collector and its subscriber
// of every change, in order, from one goroutine of its own, so that no stream waits for a watcher and no lock is held
// meanwhile.
//
// The collector restarts a health check's recovery clock with every status event, so a change is a change of state, of
// fault, or of what it means for the future. One more attempt that fails in the same way is none.
type Source struct {
	report    func(*componentstatus.Event)
	subscribe func(sourcehealth.Event) // nil: nobody wants health events
	identity  Identity

	mu        sync.Mutex
	streams   []*Stream
	reported  string                   // the key of the newest status event made
	pending   []*componentstatus.Event // made, not yet reported
	events    []sourcehealth.Event     // the same of health events
	trackers  []*tracker
	lifetimes map[Token]lifetime
	skew      time.Duration // how far the service's clock is ahead
	stopped   bool

	wake chan struct{} // has room for one: there is something new, or stopped
	done chan struct{} // closed when the reporting goroutine has ended; nil before Start
}

// Identity is what people call a source. Each part may be empty.
type Identity struct {
	ID          string // the component's ID, as in the configuration
	Name        string
	Description string
}

// NewSource returns the health of a source with one stream for each of the event types, all of them Pending. report
// gets the component's status events.
func NewSource(types []podlog.EventType, report func(*componentstatus.Event)) *Source {
	s := &Source{report: report, wake: make(chan struct{}, 1), lifetimes: map[Token]lifetime{}}
	for _, t := range types {
		s.streams = append(s.streams, &Stream{
			source: s, Type: t, status: status{state: sourcehealth.Pending}, since: time.Now(), troubles: map[Trouble]sourcehealth.Fault{},
		})
	}
	return s
}

// Describe sets what people call the source. It is called before Started.
func (s *Source) Describe(identity Identity) { s.identity = identity }

// Subscribe has every health event given to take, from the reporting goroutine, in the order in which they happened. It
// is called before Initialized.
func (s *Source) Subscribe(take func(sourcehealth.Event)) { s.subscribe = take }

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
func (s *Source) Started() { s.setAll(sourcehealth.Started) }

// Initialized reports, before it returns, that the source is ready to connect, and begins to report what the streams
// say from then on. It is called once, from within the component's Start, or the collector would follow Start with an
// event of its own that says nothing.
func (s *Source) Initialized() {
	s.setAll(sourcehealth.Initialized)
	s.mu.Lock()
	s.pending = nil // what came before is in this event
	event := s.next()
	s.mu.Unlock()
	s.report(event)

	s.done = make(chan struct{})
	go s.run()
}

// Stopping notes that Shutdown was called. From then on no status is reported, but for what is on its way to a watcher
// at that moment: the rest is the collector's to say. What was degraded is resolved.
func (s *Source) Stopping() {
	s.setAll(sourcehealth.Stopping)
	s.mu.Lock()
	if !s.stopped {
		s.retire()
	}
	s.stopped = true
	s.pending = nil
	s.mu.Unlock()
	s.nudge()
}

// Done is closed when the last report has returned; it may take as long as a watcher in the collector takes. It is
// nil, and blocks for ever, if Initialized was never called.
func (s *Source) Done() <-chan struct{} { return s.done }

func (s *Source) setAll(state sourcehealth.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stream := range s.streams {
		stream.enter(status{state: state})
	}
}

// run reports what there is until the source is stopping.
func (s *Source) run() {
	defer close(s.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.wake:
		case <-timer.C:
		}
		next, stopped := s.reportAll()
		if stopped {
			return
		}
		timer.Reset(time.Until(next))
	}
}

// reportAll reports what there is, and returns when time will make more of it.
func (s *Source) reportAll() (next time.Time, stopped bool) {
	for {
		s.mu.Lock()
		if !s.stopped {
			next = s.settle(time.Now())
		}
		stopped = s.stopped
		statuses, events := s.pending, s.events
		s.pending, s.events = nil, nil
		s.mu.Unlock()
		if len(statuses)+len(events) == 0 {
			return next, stopped
		}
		for _, event := range statuses {
			if s.isStopped() {
				break // the rest is the collector's to say
			}
			s.report(event)
		}
		for _, event := range events {
			if s.subscribe != nil {
				s.subscribe(event)
			}
		}
	}
}

func (s *Source) isStopped() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
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

// change applies a change, and has what follows from it reported.
func (s *Source) change(apply func()) {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return
	}
	apply()
	if event := s.next(); event != nil {
		// A watcher that blocks misses the oldest.
		s.pending = append(s.pending, event)
		s.pending = s.pending[max(len(s.pending)-maxPending, 0):]
	}
	s.mu.Unlock()
	s.nudge()
}
