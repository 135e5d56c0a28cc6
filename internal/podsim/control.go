package podsim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// Push adds records of any content, which need not be JSON, to what the service has to tell. The payloads must not
// be changed afterwards. It panics on an unknown event type.
func (s *Service) Push(t podlog.EventType, payloads ...[]byte) {
	log := s.log(t)
	s.mu.Lock()
	now := s.now()
	for _, p := range payloads {
		log.add(entry{payload: p, arrived: now})
	}
	s.unlockAndWake()
}

// Generate adds n generated records and returns them.
func (s *Service) Generate(t podlog.EventType, n int) [][]byte {
	payloads := s.gen.records(t, n, s.now())
	s.Push(t, payloads...)
	return payloads
}

// log is the log of an event type; the logs themselves are made once, in New.
func (s *Service) log(t podlog.EventType) *recordLog {
	log, ok := s.logs[t]
	if !ok {
		panic(fmt.Sprintf("podsim: unknown event type %q", t))
	}
	return log
}

// Plan adds steps to the end of the fault plan. It panics on a step that Step.Validate refuses.
func (s *Service) Plan(steps ...Step) {
	for i, step := range steps {
		if err := step.Validate(); err != nil {
			panic(fmt.Sprintf("podsim: step %d: %v", i+1, err))
		}
	}
	s.mu.Lock()
	s.plan.steps = append(s.plan.steps, steps...)
	s.unlockAndWake()
}

// ClearPlan removes the steps that are still to come. Sessions that a step already governs go on with it.
func (s *Service) ClearPlan() {
	s.mu.Lock()
	s.plan.steps = nil
	s.unlockAndWake()
}

// PlanLeft lists the steps that are still to come.
func (s *Service) PlanLeft() []Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.plan.steps)
}

// Drop ends the sessions of one event type by how: Drop, Reset, Freeze or Close. A frozen session can only be
// dropped or reset. It returns how many sessions were told; it does not wait for them.
func (s *Service) Drop(t podlog.EventType, how Action) int {
	return s.drop(how, func(c *session) bool { return c.info.Type == t })
}

// DropAll is Drop for every event type.
func (s *Service) DropAll(how Action) int {
	return s.drop(how, func(*session) bool { return true })
}

func (s *Service) drop(how Action, which func(*session) bool) int {
	if !how.ends() {
		panic(fmt.Sprintf("podsim: a session does not end by %q", how))
	}
	var told []*session
	s.mu.Lock()
	for _, c := range s.sessions {
		if which(c) && (c.info.Ended.IsZero() || c.info.EndedBy == string(Freeze) && !c.gone) {
			told = append(told, c)
		}
	}
	s.mu.Unlock()
	for _, c := range told {
		select {
		case c.orders <- how:
		default: // it has an order already
		}
	}
	return len(told)
}

// AcceptTokens makes tokens valid.
func (s *Service) AcceptTokens(tokens ...string) {
	s.mu.Lock()
	s.tokens = append(s.tokens, tokens...)
	s.unlockAndWake()
}

// RejectTokens makes tokens invalid for the handshakes to come, as if they had expired. Sessions go on.
func (s *Service) RejectTokens(tokens ...string) {
	s.mu.Lock()
	s.tokens = slices.DeleteFunc(s.tokens, func(t string) bool { return slices.Contains(tokens, t) })
	s.unlockAndWake()
}

// Handshake is what a client asked for and was told.
type Handshake struct {
	Time time.Time `json:"time"`
	// Type is the event type asked for, whatever was written there.
	Type  podlog.EventType `json:"type"`
	Query url.Values       `json:"query"`
	// Header is that of the request; of Authorization only the scheme is left.
	Header http.Header `json:"header"`
	// Status is the answer's: 101 for a session, 0 if there was none.
	Status int `json:"status"`
}

// Handshakes lists the handshakes so far, at least the last 10,000.
func (s *Service) Handshakes() []Handshake {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.handshakes)
}

// SessionInfo is what is known of a session.
type SessionInfo struct {
	Type    podlog.EventType `json:"type"`
	Archive bool             `json:"archive"`
	Started time.Time        `json:"started"`
	// Ended is zero while the session lives.
	Ended time.Time `json:"ended,omitzero"`
	// Records and Bytes were written to the wire.
	Records int   `json:"records"`
	Bytes   int64 `json:"bytes"`
	// Lost records were taken for written.
	Lost int `json:"lost"`
	// Pings came from the client.
	Pings int `json:"pings"`
	// EndedBy tells the end: `drop`, `reset`, `freeze`, `close` and `idle` are the service's doing, `delivered` is
	// the end of the archive, `client close` and `client gone` are the client's.
	EndedBy string `json:"ended_by,omitempty"`
	// CloseCode is that of the client's close frame: 1005 if it has none, 0 if there was no close frame.
	CloseCode int `json:"close_code,omitempty"`
}

// Sessions lists the sessions so far, at least the last 10,000, in the order in which they began.
func (s *Service) Sessions() []SessionInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]SessionInfo, len(s.sessions))
	for i, c := range s.sessions {
		all[i] = c.info
	}
	return all
}

// Live is how many sessions of an event type there are now.
func (s *Service) Live(t podlog.EventType) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, c := range s.sessions {
		if c.info.Type == t && c.info.Ended.IsZero() {
			n++
		}
	}
	return n
}

// Produced lists the records of an event type that the service has had, in order, as far as Options.Retain goes.
func (s *Service) Produced(t podlog.EventType) [][]byte {
	log := s.log(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	return log.payloads()
}

// Written lists the records of an event type that were put on the wire, in order and with repeats, as far as
// Options.Retain goes. A record is noted just after it is written, so the client may have it a moment before: use
// WaitFor while the session lives.
func (s *Service) Written(t podlog.EventType) [][]byte {
	s.log(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.written[t].payloads()
}

// WaitFor returns when cond holds. It looks again after every change in the service: a record, a handshake, a ping,
// the begin or end of a session. cond is called without a lock and may ask the service. The error tells why the
// wait ended early, and how the service stood.
func (s *Service) WaitFor(ctx context.Context, cond func() bool) error {
	for {
		s.mu.Lock()
		changed := s.nextChange()
		s.mu.Unlock()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for the simulated service (%v): %w", s.Stats(), ctx.Err())
		case <-s.ctx.Done():
			return errors.New("wait for the simulated service: it was closed")
		}
	}
}

// Stats counts what happened, by event type.
type Stats map[podlog.EventType]TypeStats

// TypeStats counts what happened for one event type.
type TypeStats struct {
	// Produced and Written are numbers of records, since the start.
	Produced int64 `json:"produced"`
	Written  int64 `json:"written"`
	// Live is the number of sessions now.
	Live int `json:"live"`
	// Handshakes by status; 0 stands for no answer.
	Handshakes map[int]int `json:"handshakes"`
}

// Stats tells how the service stands.
func (s *Service) Stats() Stats {
	stats := make(Stats)
	for _, t := range podlog.EventTypes() {
		live := s.Live(t)
		s.mu.Lock()
		one := TypeStats{Produced: s.logs[t].next(), Written: s.written[t].next(), Live: live, Handshakes: make(map[int]int)}
		for _, h := range s.handshakes {
			if h.Type == t {
				one.Handshakes[h.Status]++
			}
		}
		s.mu.Unlock()
		stats[t] = one
	}
	return stats
}
