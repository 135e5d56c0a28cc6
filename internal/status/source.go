package status

import (
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// Source is the health of one source: the state of each of its streams, and what follows from them: the component's
// status, and health events. Streams report to it from their own goroutines. One goroutine of its own delivers every
// change to the collector and to the subscriber, in order, so that no stream waits for a watcher, and no lock is held
// meanwhile.
//
// The collector restarts a health check's recovery clock with every status event, so a change is a change of state, of
// fault, or of what it means for the future. One more attempt that fails in the same way is none.
type Source struct {
	report    func(*componentstatus.Event)
	subscribe func(sourcehealth.Event) // nil: nobody wants health events
	identity  Identity

	mu       sync.Mutex // guards the following, and its streams and trackers
	streams  []*Stream
	reported string // the key of the newest status event made
	outbox   outbox
	trackers []*tracker
	tokens   tokens
	stopped  bool

	wake chan struct{} // has room for one: there is something new, or the source has stopped
	done chan struct{} // closed when the reporting goroutine has ended; nil before ReportInitialized
}

// Identity is what people call a source. Each part may be empty.
type Identity struct {
	ID          string // the component's ID, as in the configuration
	Name        string
	Description string
}

// NewSource returns the health of a source with one stream for each of the event types, all of them Pending. report
// receives the component's status events.
func NewSource(types []podlog.EventType, report func(*componentstatus.Event)) *Source {
	s := &Source{report: report, wake: make(chan struct{}, 1), tokens: tokens{lifetimes: map[Token]lifetime{}}}
	for _, t := range types {
		s.streams = append(s.streams, &Stream{
			source: s, Type: t, condition: condition{state: sourcehealth.Pending}, since: time.Now(),
			degraded: map[sourcehealth.Subject]sourcehealth.Fault{},
		})
	}
	return s
}

// SetIdentity sets what people call the source. It is called before SetStarted.
func (s *Source) SetIdentity(identity Identity) { s.identity = identity }

// Subscribe has the reporting goroutine call take with every health event, in the order in which they happened. It is
// called before ReportInitialized.
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

// SetStarted records that the component's Start was called. The collector has reported that itself.
func (s *Source) SetStarted() { s.setAll(sourcehealth.Started) }

// ReportInitialized reports, before it returns, that the source is ready to connect, and starts the reporting goroutine.
// It is called once, from within the component's Start, or the collector would follow Start with an event of its own
// that says nothing.
func (s *Source) ReportInitialized() {
	s.setAll(sourcehealth.Initialized)
	s.mu.Lock()
	s.outbox.statuses = nil // what came before is in this event
	event := s.nextStatusLocked()
	s.mu.Unlock()
	s.report(event)

	s.done = make(chan struct{})
	go s.run()
}

// Stop records that Shutdown was called, and ends the reporting goroutine. From then on no status is reported, but for
// what is on its way to a watcher at that moment: the rest is the collector's to say. Degraded subjects are resolved.
func (s *Source) Stop() {
	s.setAll(sourcehealth.Stopping)
	s.mu.Lock()
	if !s.stopped {
		s.resolveAllLocked()
	}
	s.stopped = true
	s.outbox.statuses = nil
	s.mu.Unlock()
	s.wakeUp()
}

// Done is closed when the last report has returned; it may take as long as a watcher in the collector takes. It is
// nil, and blocks forever, if ReportInitialized was never called.
func (s *Source) Done() <-chan struct{} { return s.done }

func (s *Source) setAll(state sourcehealth.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stream := range s.streams {
		stream.enterLocked(condition{state: state})
	}
}

// run reports what there is until the source stops.
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
			next = s.applyTimeLocked(time.Now())
		}
		stopped = s.stopped
		taken := s.outbox
		s.outbox = outbox{}
		s.mu.Unlock()
		if len(taken.statuses)+len(taken.events) == 0 {
			return next, stopped
		}
		for _, event := range taken.statuses {
			if s.isStopped() {
				break // the rest is the collector's to say
			}
			s.report(event)
		}
		for _, event := range taken.events {
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

func (s *Source) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// nextStatusLocked returns the event for the present state, nil if it says the same as the one before.
func (s *Source) nextStatusLocked() *componentstatus.Event {
	var key strings.Builder
	for _, stream := range s.streams {
		stream.writeKeyLocked(&key)
	}
	if key.String() == s.reported {
		return nil
	}
	s.reported = key.String()
	return s.statusEventLocked()
}

// change applies a change, and has its consequences reported.
func (s *Source) change(apply func()) {
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return
	}
	apply()
	if event := s.nextStatusLocked(); event != nil {
		s.outbox.addStatus(event)
	}
	s.mu.Unlock()
	s.wakeUp()
}
