package podsim

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// Service is a simulated PoD Log Service. It is an http.Handler for the path /v1/stream. All its methods may be
// called from any goroutine. It owns every goroutine that it starts, and the connections of its sessions; Close
// ends them all.
type Service struct {
	opts Options
	gen  *generator

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu         sync.Mutex // guards what follows; never held over I/O
	closed     bool
	servers    []*http.Server
	changed    chan struct{} // closed at the next change, if somebody waits for it
	tokens     []string
	plan       plan
	logs       map[podlog.EventType]*recordLog
	written    map[podlog.EventType]*recordLog
	slots      map[slotKey]*slot
	handshakes []Handshake
	sessions   []*session
}

// keep is how many handshakes and ended sessions a Service remembers, at least.
const keep = 10_000

// slotKey names the place that one session can have.
type slotKey struct {
	token     string
	eventType podlog.EventType
}

// slot is the state of one place: whether a session has it, and where the last live one stood.
type slot struct {
	busy     bool
	heldTill time.Time // after an end without a close frame
	stood    bool      // whether there was a live session
	position int64     // the next record of a live session
	ended    time.Time
}

// New starts a Service. The caller must Close it.
func New(o Options) *Service {
	o = o.withDefaults()
	ctx, cancel := context.WithCancel(context.Background())
	s := &Service{
		opts:    o,
		gen:     newGenerator(o.Seed, o.ClusterID),
		ctx:     ctx,
		cancel:  cancel,
		tokens:  slices.Clone(o.Tokens),
		logs:    make(map[podlog.EventType]*recordLog),
		written: make(map[podlog.EventType]*recordLog),
		slots:   make(map[slotKey]*slot),
	}
	for _, t := range podlog.EventTypes() {
		s.logs[t] = &recordLog{limit: o.Retain}
		s.written[t] = &recordLog{limit: o.Retain}
		s.logs[t].past(s.gen, t, o.Past[t], s.now())
	}
	for _, t := range podlog.EventTypes() {
		if rate := o.Rate[t]; rate > 0 {
			s.work.Go(func() { s.produce(t, rate) })
		}
	}
	return s
}

// Close ends all sessions and servers without a word, as a crash would, and returns when every goroutine of the
// service has ended. It may be called more than once.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	servers := s.servers
	s.servers = nil
	s.mu.Unlock()
	s.cancel()
	for _, server := range servers {
		_ = server.Close() // what is left of its listener is of no interest
	}
	s.work.Wait()
}

// now is the time by the service's clock.
func (s *Service) now() time.Time { return time.Now().Add(s.opts.ClockSkew) }

// begin counts a piece of work that Close must wait for. It is false when the service is closed.
func (s *Service) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.work.Add(1)
	return true
}

// unlockAndWake releases mu after a change and wakes everybody who waits for one.
func (s *Service) unlockAndWake() {
	changed := s.changed
	s.changed = nil
	s.mu.Unlock()
	if changed != nil {
		close(changed)
	}
}

// nextChange returns a channel that is closed when something has changed since. Call it with mu held.
func (s *Service) nextChange() <-chan struct{} {
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// produce generates records at a steady rate until the service is closed. Fast rates are made in bursts of 10 ms.
func (s *Service) produce(t podlog.EventType, rate float64) {
	pause := max(time.Duration(float64(time.Second)/rate), 10*time.Millisecond)
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	start, made := time.Now(), 0
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
			due := int(time.Since(start).Seconds()*rate + 1e-6)
			s.Generate(t, due-made)
			made = max(made, due)
		}
	}
}
