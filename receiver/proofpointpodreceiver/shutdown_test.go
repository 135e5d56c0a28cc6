package proofpointpodreceiver

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// stops shuts the source down and returns how long that took.
func (s *scenario) stops(ctx context.Context) time.Duration {
	s.t.Helper()
	synctest.Wait()
	began := time.Now()
	require.NoError(s.t, s.source.Shutdown(ctx))
	return time.Since(began)
}

func TestShutdown_closesTheSessionAndHandsOnTheRest(t *testing.T) {
	play(t, podsim.Options{CloseTail: 120}, nil, func(s *scenario) {
		s.state("Collecting")
		s.service.Generate(podlog.Message, 350)
		assert.Zero(t, s.stops(s.t.Context()))
		session := s.service.Sessions()[0]
		assert.Equal(t, "client close", session.EndedBy)
		assert.Equal(t, 1000, session.CloseCode)
		assert.Equal(t, texts(s.service.Written(podlog.Message)), s.sink.bodies(podlog.Message), "written but not handed on")
		assert.NotEmpty(t, s.sink.bodies(podlog.Message))
	})
}

func TestShutdown_nextSessionGoesOnAtOnce(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) { s.service.Generate(podlog.Message, 50) }, func(s *scenario) {
		s.collects(podlog.Message)
		s.stops(s.t.Context())
		s.service.Generate(podlog.Message, 50)
		s.start()
		s.collects(podlog.Message)
		assert.Equal(t, []int{101, 101}, s.handshakes(podlog.Message), "the slot was not freed")
	})
}

func TestShutdown_waitsForABatchThatIsHeld(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.service.Generate(podlog.Message, 30)
		s.sink.answers(refuse)
	}, func(s *scenario) {
		s.elapse(20 * time.Minute) // the waits are long by now
		time.AfterFunc(3*time.Second, func() { s.sink.answers(nil) })
		assert.Less(t, s.stops(s.t.Context()), 5*time.Second)
		assert.Equal(t, texts(s.service.Produced(podlog.Message)), s.sink.bodies(podlog.Message))
	})
}

func TestShutdown_givesARefusingPipelineTenSeconds(t *testing.T) {
	for name, test := range map[string]struct {
		storage *component.ID
		fate    string
	}{
		"without storage": {nil, "they are lost, unless the service sends them again"},
		"with storage":    {&storageID, "they are read from the archive after the next start"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, podsim.Options{}, func(s *scenario) {
				s.config.Storage = test.storage
				s.service.Generate(podlog.Message, 30)
				s.sink.answers(refuse)
			}, func(s *scenario) {
				s.state("Error")
				assert.InDelta(t, 10, s.stops(s.t.Context()).Seconds(), 0.2)
				assert.Contains(t, s.said(), "not handed on: "+test.fate)
			})
		})
	}
}

func TestShutdown_leavesAPipelineThatBlocksToItself(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.service.Generate(podlog.Message, 30)
	}, func(s *scenario) {
		release := make(chan struct{})
		s.sink.answers(func(context.Context, plog.Logs) error { <-release; return nil })
		s.service.Generate(podlog.Message, 30)
		s.elapse(time.Second)
		assert.InDelta(t, 10, s.stops(s.t.Context()).Seconds(), 0.2)
		close(release)
	})
}

func TestShutdown_keepsToItsContext(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.service.Generate(podlog.Message, 30)
		s.sink.answers(refuse)
	}, func(s *scenario) {
		s.state("Error")
		ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Second)
		defer cancel()
		assert.InDelta(t, 3, s.stops(ctx).Seconds(), 0.2)
	})
}

func TestShutdown_doesNotWaitForAFrozenService(t *testing.T) {
	play(t, podsim.Options{}, nil, func(s *scenario) {
		s.state("Collecting")
		s.service.Drop(podlog.Message, podsim.Freeze)
		s.elapse(time.Second)
		assert.InDelta(t, 10, s.stops(s.t.Context()).Seconds(), 0.2)
	})
}

func TestShutdown_endsAtOnceWhatHangs(t *testing.T) {
	tests := map[string]func(*scenario){
		"wait for the next attempt": func(s *scenario) {
			s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: 503, Headers: map[string]string{"Retry-After": "600"}})
		},
		"end of a stream that has quit": func(s *scenario) { s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: 401}) },
		"TLS": func(s *scenario) {
			s.config.HandshakeTimeout = time.Hour
			s.network = silentNetwork(s)
		},
		"proxy": func(s *scenario) {
			s.config.HandshakeTimeout = time.Hour
			s.config.ProxyURL = "http://proxy.example:8080"
			s.network = silentNetwork(s)
		},
	}
	for name, set := range tests {
		t.Run(name, func(t *testing.T) {
			play(t, podsim.Options{}, set, func(s *scenario) {
				s.elapse(10 * time.Second)
				assert.Zero(t, s.stops(s.t.Context()))
			})
		})
	}
}

// A session that the service has opened, and nobody reads, takes with it what was written there.
func TestShutdown_awaitsTheAnswerToAHandshakeForTwoSeconds(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) { s.service.Plan(podsim.Step{Do: podsim.Hang}) }, func(s *scenario) {
		s.elapse(10 * time.Second)
		assert.Equal(t, 2*time.Second, s.stops(s.t.Context()))
	})
}

func TestShutdown_endsADialThatHangs(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.HandshakeTimeout = time.Hour
		s.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}, func(s *scenario) {
		s.elapse(10 * time.Second)
		assert.Zero(t, s.stops(s.t.Context()))
	})
}

func TestShutdown_twice(t *testing.T) {
	play(t, podsim.Options{}, nil, func(s *scenario) {
		s.state("Collecting")
		s.stops(s.t.Context())
		assert.Zero(t, s.stops(s.t.Context()))
	})
}

// silentNetwork accepts connections and says nothing.
func silentNetwork(s *scenario) *podsim.Pipe {
	silent := podsim.NewPipe()
	go func() {
		for {
			conn, err := silent.Accept()
			if err != nil {
				return
			}
			s.t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	s.t.Cleanup(func() { _ = silent.Close() })
	return silent
}
