package podlog_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// pings lists when the pings came, since the session was opened.
func (s *live) pings(e *ear) []time.Duration {
	var list []time.Duration
	for _, h := range e.all() {
		if h.opcode == opPing {
			list = append(list, h.at.Sub(s.session.Opened()))
		}
	}
	return list
}

func TestSession_pingsAServiceThatIsQuiet(t *testing.T) {
	playTLS(t, func(w *world) {
		s := w.receive()
		heard := s.listen(true)
		elapse(5*time.Hour + time.Second)
		var want []time.Duration
		for at := interval; at <= 5*time.Hour; at += interval {
			want = append(want, at)
		}
		assert.Equal(w.t, want, s.pings(heard), "each one an interval after the pong to the one before")
		assert.Empty(w.t, s.got())
		s.peer.say(closing(1000, ""))
		s.failed(podlog.ReasonClosed)
	})
}

func TestSession_pingsNobodyWhoTalks(t *testing.T) {
	play(t, func(w *world) {
		s := w.receive()
		heard := s.listen(true)
		for range 60 {
			elapse(interval - time.Second)
			s.peer.say(text("a record"))
		}
		synctest.Wait()
		assert.Empty(w.t, heard.all())
		elapse(interval)
		assert.Len(w.t, heard.all(), 1, "an interval after the last byte")
		s.stop(errStop)
		assert.Equal(w.t, errStop, s.ended())
		assert.Len(w.t, s.got(), 60)
	})
}

func TestSession_noticesASilentService(t *testing.T) {
	for scheme, play := range map[string]func(*testing.T, func(*world)){"ws": play, "wss": playTLS} {
		for name, lastWords := range map[string]string{
			"from the beginning":       "",
			"after a record":           text("a record"),
			"in the middle of a frame": "\x81\x10half",
		} {
			t.Run(scheme+", "+name, func(t *testing.T) {
				play(t, func(w *world) {
					s := w.receive()
					heard := s.listen(false)
					last := time.Duration(0)
					if lastWords != "" {
						elapse(100 * time.Second)
						s.peer.say(lastWords)
						last = 100 * time.Second
					}
					failed := asError(w.t, <-s.result)
					assert.Equal(w.t, last+interval+timeout, s.since(), "neither earlier nor later")
					assert.Equal(w.t, podlog.ReasonSilent, failed.Reason)
					assert.EqualError(w.t, failed, "nothing came from the service for 3m0s, no answer to pings either")
					s.peer.untilGone()
					w.peers.Wait()
					assert.Equal(w.t, []time.Duration{last + interval}, s.pings(heard))
				})
			})
		}
	}
}

func TestSession_noticesASilentServiceInTheMiddleOfATLSRecord(t *testing.T) {
	playTLS(t, func(w *world) {
		slow := w.slowly()
		s := w.receive()
		elapse(time.Minute)
		slow.pause = 10 * time.Second
		stuck := make(chan struct{})
		go func() {
			defer close(stuck)
			_, _ = s.peer.Write([]byte(text("a record")))
		}()
		elapse(45 * time.Second) // four bytes of it
		slow.broken.Store(true)
		failed := asError(w.t, <-s.result)
		assert.Equal(w.t, podlog.ReasonSilent, failed.Reason)
		assert.Equal(w.t, time.Minute+40*time.Second+interval+timeout, s.since())
		_ = s.peer.wire.Close()
		<-stuck
	})
}

func TestSession_anyByteIsASignOfLife(t *testing.T) {
	for name, play := range map[string]func(*testing.T, func(*world)){"of a frame": play, "of a TLS record": playTLS} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				slow := w.slowly()
				s := w.receive()
				slow.pause = interval + timeout - time.Second
				s.peer.say(text("a record, a byte at a time"))
				synctest.Wait()
				assert.Equal(w.t, []string{"a record, a byte at a time"}, s.texts())
				assert.Greater(w.t, s.since(), time.Hour)
				s.stop(errStop)
				assert.Equal(w.t, errStop, s.ended())
			})
		})
	}
}

func TestSession_livesWithPongsThatComeLate(t *testing.T) {
	play(t, func(w *world) {
		service := podsim.New(podsim.Options{PongDelay: 50 * time.Second})
		defer service.Close()
		ca := newCA(w.t)
		serving, err := ca.ServerConfig()
		require.NoError(w.t, err)
		service.Start(w.network, serving)
		w.client.Endpoint.Scheme = "wss"
		w.client.TLS = insecure()
		session, err := w.client.Open(context.Background(), context.Background(), podlog.Message, podsimBearer())
		require.NoError(w.t, err)
		ctx, cancel := context.WithTimeoutCause(context.Background(), 10*time.Hour, errStop)
		defer cancel()
		assert.Equal(w.t, errStop, session.Receive(ctx, &handler{}))
		assert.Equal(w.t, 1+int((10*time.Hour-interval)/(interval+50*time.Second)), service.Sessions()[0].Pings)
	})
}

func podsimBearer() map[string][]string {
	return map[string][]string{"Authorization": {"Bearer " + podsim.Token}}
}

func TestSession_doesNotDieBecauseNobodyReads(t *testing.T) {
	for name, set := range map[string]func(*live){
		"Frame blocks": func(s *live) {
			blocked := false
			s.onFrame = func([]byte) error {
				if !blocked {
					<-time.After(time.Hour)
				}
				blocked = true
				return nil
			}
		},
		"Flush blocks": func(s *live) {
			batch(s, time.Second)
			blocked := false
			s.onFlush = func() error {
				if !blocked {
					<-time.After(time.Hour - time.Second)
				}
				blocked = true
				s.due = time.Time{}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			playTLS(t, func(w *world) {
				s := w.open()
				set(s)
				heard := s.listen(true)
				s.run()
				s.peer.say(text("a record"))
				elapse(time.Hour - time.Second)
				var want []time.Duration
				for at := interval; at < time.Hour; at += interval {
					want = append(want, at)
				}
				assert.Equal(w.t, want, s.pings(heard), "pings go out while the handler blocks")
				elapse(3 * time.Hour)
				require.Empty(w.t, s.result, "the session lives")
				s.peer.say(text("another"))
				elapse(time.Second)
				assert.Equal(w.t, []string{"a record", "another"}, s.texts())
				s.stop(errStop)
				assert.Equal(w.t, errStop, s.ended())
			})
		})
	}
}

func TestSession_noticesAServiceThatFellSilentWhileTheHandlerBlocked(t *testing.T) {
	play(t, func(w *world) {
		s := w.open()
		s.onFrame = func([]byte) error {
			<-time.After(time.Hour)
			return nil
		}
		s.listen(false)
		s.run()
		s.peer.say(text("a record"))
		s.failed(podlog.ReasonSilent)
		assert.Equal(w.t, time.Hour+interval+timeout, s.since(), "the clock begins when somebody reads again")
	})
}

// A handler may want to be called regularly, whether anything comes or not: that is no sign of life of the service.
func TestSession_noticesASilentServiceAlthoughTheHandlerIsBusy(t *testing.T) {
	play(t, func(w *world) {
		s := w.open()
		s.listen(false)
		s.due = time.Now().Add(time.Second)
		s.onFlush = func() error {
			s.due = time.Now().Add(time.Second)
			return nil
		}
		defer time.AfterFunc(time.Hour, func() { s.stop(errStop) }).Stop()
		s.run()
		s.failed(podlog.ReasonSilent)
		assert.Equal(w.t, interval+timeout, s.since())
	})
}
