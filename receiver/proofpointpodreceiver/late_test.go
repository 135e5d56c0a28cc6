package proofpointpodreceiver

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podsim"
)

// The times in these tests are the default ones: the service remembers for an hour, and a pipeline may refuse for 90
// minutes.

// pipelineStops has the pipeline take nothing, in each of the ways that there are, until the function that it returns is
// called.
func pipelineStops() map[string]func(*scenario) (resume func()) {
	return map[string]func(*scenario) func(){
		"refuses": func(s *scenario) func() {
			s.sink.answers(refuse)
			return func() { s.sink.answers(nil) }
		},
		"blocks": func(s *scenario) func() {
			release := s.blocks(anything)
			return func() { release(nil) }
		},
	}
}

// The service closes in order, and the receiver reads that when the service has forgotten the session.
func TestPromise_closeReadLaterThanTheServiceRemembers(t *testing.T) {
	for name, stops := range pipelineStops() {
		t.Run("pipeline "+name, func(t *testing.T) {
			tenant(t, podsim.Options{}, nil, func(s *scenario) {
				s.traffic(10*time.Minute, 10*time.Second)
				resume := stops(s)
				s.traffic(time.Minute, 10*time.Second)
				s.service.DropAll(podsim.Close)
				s.traffic(79*time.Minute, time.Minute)
				resume()
				s.losesUnlessFilled()
			})
		})
	}
}

// losesUnlessFilled checks that a gap has opened, with records that do not come by themselves, and that it is filled.
func (s *scenario) losesUnlessFilled() {
	s.t.Helper()
	s.elapse(2 * time.Minute)
	lost, _ := s.count()
	assert.Positive(s.t, lost, "the service remembers longer than was played")
	require.Len(s.t, s.gaps(), 1)
	s.fills(9)
	s.keepsThePromise(0)
}

// The close is read in time, but the receiver has been away since long before.
func TestPromise_closeReadLateAndTheServiceIsAwayAfterIt(t *testing.T) {
	for name, stops := range pipelineStops() {
		t.Run("pipeline "+name, func(t *testing.T) {
			tenant(t, podsim.Options{}, nil, func(s *scenario) {
				s.traffic(10*time.Minute, 10*time.Second)
				resume := stops(s)
				s.traffic(time.Minute, 10*time.Second)
				s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: 503, Times: -1})
				s.service.DropAll(podsim.Close)
				s.traffic(44*time.Minute, time.Minute)
				resume()
				s.traffic(45*time.Minute, time.Minute)
				s.service.ClearPlan()
				s.losesUnlessFilled()
			})
		})
	}
}

// freezable gives the scenario a network from which, while it is frozen, reads return late. To the receiver that is a
// process that was stopped.
func freezable(frozen *atomic.Pointer[chan struct{}]) func(*scenario) {
	return func(s *scenario) {
		s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := s.network.DialContext(ctx, network, address)
			return &freezableConn{Conn: conn, frozen: frozen}, err
		}
	}
}

type freezableConn struct {
	net.Conn
	frozen *atomic.Pointer[chan struct{}]
}

func (c *freezableConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if thawed := c.frozen.Load(); thawed != nil {
		<-*thawed
	}
	return n, err
}

// freeze stops the process until the function that it returns is called.
func freeze(frozen *atomic.Pointer[chan struct{}]) (thaw func()) {
	thawed := make(chan struct{})
	frozen.Store(&thawed)
	return func() {
		frozen.Store(nil)
		close(thawed)
	}
}

func TestPromise_processFrozenForLongerThanTheServiceRemembers(t *testing.T) {
	for name, every := range map[string]time.Duration{"busy": 10 * time.Second, "quiet": 17 * time.Minute} {
		for when, after := range map[string]time.Duration{"at once": 0, "after a minute": time.Minute} {
			t.Run(name+", closed "+when, func(t *testing.T) {
				var frozen atomic.Pointer[chan struct{}]
				tenant(t, podsim.Options{}, freezable(&frozen), func(s *scenario) {
					s.traffic(40*time.Minute+time.Second/2, every)
					thaw := freeze(&frozen)
					s.elapse(after)
					s.service.DropAll(podsim.Close)
					s.traffic(80*time.Minute, time.Minute)
					thaw()
					s.losesUnlessFilled()
				})
			})
		}
	}
}

// A close that is read late, but soon enough for the service to go on where it was, opens no gap; nor does one that comes
// after the receiver has caught up.
func TestPosition_lateReadingOpensNoGapInVain(t *testing.T) {
	for name, story := range map[string]func(*scenario, func()){
		"a close read late, within the service's memory": func(s *scenario, resume func()) {
			s.service.DropAll(podsim.Close)
			s.traffic(40*time.Minute, time.Minute)
			resume()
		},
		"a close after the receiver has caught up": func(s *scenario, resume func()) {
			s.traffic(80*time.Minute, time.Minute)
			resume()
			s.traffic(time.Minute, time.Second)
			over := s.closedDoor()
			s.traffic(30*time.Minute, time.Minute)
			over()
		},
		"a close soon before the receiver reads on": func(s *scenario, resume func()) {
			s.elapse(70 * time.Minute) // in which pings are answered
			s.service.DropAll(podsim.Close)
			s.traffic(5*time.Minute, time.Minute)
			resume()
		},
	} {
		for how, stops := range pipelineStops() {
			t.Run(name+", pipeline "+how, func(t *testing.T) {
				tenant(t, podsim.Options{}, nil, func(s *scenario) {
					s.traffic(10*time.Minute, 10*time.Second)
					resume := stops(s)
					s.mails(1)
					s.elapse(time.Second)
					story(s, resume)
					s.elapse(2 * time.Minute)
					assert.Empty(t, s.gaps())
					s.keepsThePromise(0)
				})
			})
		}
	}
}

// closedDoor has the service close in order, and refuse other sessions until the function that it returns is called.
func (s *scenario) closedDoor() (over func()) {
	s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: 503, Times: -1})
	s.service.DropAll(podsim.Close)
	return s.service.ClearPlan
}
