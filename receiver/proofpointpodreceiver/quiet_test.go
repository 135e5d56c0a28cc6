package proofpointpodreceiver

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/podsim"
)

// trickling gives the scenario a network on which 50 bytes come every 100 ms, while it is slow.
func trickling(s *scenario) {
	s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := s.network.DialContext(ctx, network, address)
		return &tricklingConn{Conn: conn, slow: &s.slow}, err
	}
}

type tricklingConn struct {
	net.Conn
	slow *atomic.Bool
}

func (c *tricklingConn) Read(p []byte) (int, error) {
	if c.slow.Load() {
		<-time.After(100 * time.Millisecond)
		p = p[:min(len(p), 50)]
	}
	return c.Conn.Read(p)
}

// Bytes of a record that is still on its way are no sign of life of a tenant that has nothing to tell.
func TestQuiet_notWhileALongRecordIsOnItsWay(t *testing.T) {
	for name, after := range map[string]time.Duration{
		"its first TLS record is not complete": 20 * time.Second,
		"some TLS records are complete":        80 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			tenant(t, podsim.Options{}, trickling, func(s *scenario) {
				s.traffic(time.Minute, 10*time.Second)
				s.elapse(10 * time.Minute)
				s.slow.Store(true)
				s.elapse(5 * time.Minute) // the deadlines of reads from before are over
				pushed := time.Now()
				s.padding = 60_000
				s.mails(1)
				s.elapse(after)
				s.process.cut()
				s.slow.Store(false)
				s.until("a gap", func() bool { return len(s.gaps()) == 1 })
				assert.False(t, s.gaps()[0].From.After(pushed), "gap from %v", s.gaps()[0].From)
				s.fills(9)
				s.keepsThePromise(0)
			})
		})
	}
}

// A pong that was read right after the pipeline has accepted a batch, but had waited since long before, tells nothing.
func TestQuiet_notRightAfterThePipelineBlocked(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.traffic(time.Minute, 10*time.Second)
		release := s.blocks(anything)
		s.mails(1)
		s.elapse(10 * time.Minute)
		blocked := time.Now()
		release(nil)
		s.elapse(5 * time.Second)
		s.process.cut()
		s.until("a gap", func() bool { return len(s.gaps()) == 1 })
		assert.True(t, s.gaps()[0].From.Before(blocked.Add(-5*time.Minute)), "gap from %v", s.gaps()[0].From)
	})
}
