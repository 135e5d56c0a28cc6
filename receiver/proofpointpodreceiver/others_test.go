package proofpointpodreceiver

import (
	"context"
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/clientconfig"
	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/retry"
)

// Another client takes the slot right after the service has closed our session in order.
func TestPromise_anotherClientUsesTheToken(t *testing.T) {
	oneTokenAndTwo(t, podsim.Options{}, func(s *scenario) {
		s.state("Collecting")
		s.traffic(time.Minute, 10*time.Second)
		ended := s.another()
		s.service.DropAll(podsim.Close)
		s.traffic(10*time.Minute, 30*time.Second)
		assert.Positive(s.t, ended(), "the other client was sent nothing")
		s.traffic(time.Minute, 10*time.Second)
		s.state("Collecting")
		assert.Equal(s.t, 1, s.logged("another client uses the token: stop it, or give it a token of its own. The records that it is sent are missing here, and are read from the archive"))
		s.withTraffic(12)
		s.keepsThePromise(0)
	})
}

// Another client takes the slot when our live session pauses for the archive, and pauses are known to be harmless.
func TestPromise_anotherClientUsesTheTokenInAPause(t *testing.T) {
	tenant(t, podsim.Options{}, slowly, func(s *scenario) {
		s.away(3)
		s.traffic(10*time.Minute, 3*time.Second) // in which the pauses turn out harmless
		s.fills(6)
		s.service.DropAll(podsim.Drop)
		s.traffic(time.Minute, 10*time.Second)
		due := s.source.streams[0].stream.position.Windows()[0].Due
		s.traffic(time.Until(due)-time.Second, 10*time.Second)
		ended := s.another()
		s.traffic(10*time.Minute, 10*time.Second)
		assert.Positive(s.t, ended(), "the other client was sent nothing")
		s.traffic(2*time.Minute, 10*time.Second)
		s.withTraffic(12)
		s.keepsThePromise(0)
	})
}

// another has another client of the same token wait for the slot, and take it. It ends when told to, and says how many
// records it was sent.
func (s *scenario) another() (end func() int) {
	endpoint, err := clientconfig.ParseEndpoint(s.config.Endpoint)
	require.NoError(s.t, err)
	client := &podlog.Client{
		Endpoint: endpoint, ClusterID: podsim.ClusterID, TLS: &tls.Config{InsecureSkipVerify: true}, Dial: s.network.DialContext,
		HandshakeTimeout: time.Minute, Keepalive: podlog.Keepalive{Interval: time.Minute, Timeout: time.Minute}, MaxRecordSize: 1 << 20,
	}
	ctx, stop := context.WithCancel(s.t.Context())
	taken := make(chan int, 1)
	go func() {
		sent := &counter{}
		defer func() { taken <- sent.frames }()
		for retry.Wait(ctx, 50*time.Millisecond) {
			if s.slotTaken() {
				continue // the service would refuse it, and a refused handshake takes long
			}
			session, err := client.Open(ctx, ctx, podlog.Message, http.Header{"Authorization": {"Bearer " + podsim.Token}})
			if err == nil {
				context.AfterFunc(ctx, session.Finish)
				_ = session.Receive(context.Background(), sent)
				return
			}
		}
	}()
	return func() int { stop(); return <-taken }
}

// slotTaken says whether a session is open.
func (s *scenario) slotTaken() bool {
	sessions := s.service.Sessions()
	return len(sessions) > 0 && sessions[len(sessions)-1].Ended.IsZero()
}

// counter counts the frames of a session.
type counter struct{ frames int }

func (c *counter) Frame([]byte, time.Time, bool) error { c.frames++; return nil }
func (*counter) Due() time.Time                        { return time.Time{} }
func (*counter) Flush() error                          { return nil }

// A session of the archive that was dropped may hold the slot for longer, and that is no other client.
func TestArchive_holdsTheSlotAfterADrop(t *testing.T) {
	tenant(t, podsim.Options{ArchiveDrops: true, SlotHold: 2 * time.Minute}, nil, func(s *scenario) {
		s.away(3)
		s.withTraffic(12)
		s.elapse(5 * time.Minute) // the live session comes back
		s.keepsThePromise(0)
		assert.Zero(t, s.logged("another client uses the token: stop it, or give it a token of its own. The records that it is sent are missing here, and are read from the archive"))
	})
}
