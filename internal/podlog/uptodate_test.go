package podlog_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// busyFor makes the handler take so long for a frame.
func busyFor(s *live, d time.Duration) {
	s.onFrame = func([]byte) error {
		<-time.After(d)
		return nil
	}
}

// upToDate is UpToDate, since Receive began. Only after the end of that.
func (s *live) upToDate() time.Duration { return s.session.UpToDate().Sub(s.started) }

// alive is Alive, since Receive began. Only after the end of that.
func (s *live) alive() time.Duration { return s.session.Alive().Sub(s.started) }

func TestSession_isUpToDateWhileItReads(t *testing.T) {
	for name, play := range map[string]func(*testing.T, func(*world)){"ws": play, "wss": playTLS} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				s := w.open()
				s.due = time.Now().Add(time.Second)
				s.onFlush = func() error { s.due = time.Now().Add(time.Second); return nil }
				s.run()
				s.listen(true)
				elapse(100*time.Second + time.Second/2)
				s.peer.say(text("a record"))
				elapse(time.Minute)
				s.peer.say(closing(1000, ""))
				s.failed(podlog.ReasonClosed)
				assert.Equal(w.t, 160*time.Second, s.upToDate(), "a read ended then, and brought nothing")
				assert.Equal(w.t, 100*time.Second+time.Second/2, s.alive(), "no byte has come since")
			})
		})
	}
}

func TestSession_isNotUpToDateWhileTheHandlerIsBusy(t *testing.T) {
	for name, say := range map[string]func(*live){
		"the close frame comes with a record": func(s *live) { s.peer.say(text("a record") + closing(1000, "")) },
		"the close frame comes meanwhile": func(s *live) {
			s.peer.say(text("a record"))
			elapse(time.Minute)
			s.peer.say(closing(1000, ""))
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				s := w.open()
				busyFor(s, time.Hour)
				s.run()
				s.listen(false)
				elapse(25 * time.Second)
				say(s)
				s.failed(podlog.ReasonClosed)
				assert.GreaterOrEqual(w.t, s.since(), time.Hour)
				assert.LessOrEqual(w.t, s.upToDate(), 25*time.Second)
				assert.GreaterOrEqual(w.t, s.upToDate(), 20*time.Second)
				assert.LessOrEqual(w.t, s.alive(), 25*time.Second)
			})
		})
	}
}

// Each batch takes less than a second, but no read has to wait: more and more may be on its way.
func TestSession_isNotUpToDateWhenItReadsMoreSlowlyThanTheServiceSends(t *testing.T) {
	play(t, func(w *world) {
		s := w.open()
		busyFor(s, 900*time.Millisecond)
		s.run()
		for range 100 {
			s.peer.say(text("a record"))
			<-time.After(600 * time.Millisecond)
		}
		s.peer.say(closing(1000, ""))
		s.failed(podlog.ReasonClosed)
		assert.Less(w.t, s.upToDate(), 3*time.Second)
	})
}

func TestSession_isUpToDateWithAHandlerThatIsSlowButFastEnough(t *testing.T) {
	play(t, func(w *world) {
		s := w.open()
		busyFor(s, 900*time.Millisecond)
		s.run()
		heard := s.listen(false)
		for range 100 {
			s.peer.say(text("a record"))
			<-time.After(2 * time.Second)
		}
		s.peer.say(closing(1000, ""))
		s.failed(podlog.ReasonClosed)
		assert.GreaterOrEqual(w.t, s.upToDate(), 198*time.Second)
		assert.Empty(w.t, s.pings(heard))
	})
}

func TestSession_isUpToDateAgainWithTheAnswerToAPingThatItSendsForThat(t *testing.T) {
	play(t, func(w *world) {
		s := w.open()
		busyFor(s, 5*time.Second)
		s.run()
		heard := s.listen(false)
		elapse(10 * time.Second)
		s.peer.say(text("a record"))
		elapse(6 * time.Second)
		pings := heard.all()
		if assert.Equal(w.t, []time.Duration{15 * time.Second}, s.pings(heard), "at once, though no session is quiet so soon") {
			elapse(10 * time.Second)
			s.peer.say(frame(final|opPong, pings[0].payload))
		}
		elapse(34 * time.Second) // reads end after 10 s
		s.peer.say(closing(1000, ""))
		s.failed(podlog.ReasonClosed)
		assert.GreaterOrEqual(w.t, s.upToDate(), 50*time.Second)
		assert.Equal(w.t, 26*time.Second, s.alive(), "the pong came then")
	})
}

// Pongs wait for the reader, too. They prove as much as the time of their pings says.
func TestSession_isUpToDateWithThePingsThatWereAnsweredMeanwhile(t *testing.T) {
	play(t, func(w *world) {
		s := w.open()
		busyFor(s, time.Hour)
		s.run()
		s.peer.say(text("a record"))
		heard := s.listen(false)
		elapse(5*interval + time.Minute)
		for _, ping := range heard.all() {
			s.peer.say(frame(final|opPong, ping.payload))
		}
		s.peer.say(closing(1000, ""))
		s.failed(podlog.ReasonClosed)
		assert.Equal(w.t, 5*interval, s.pings(heard)[4])
		assert.Equal(w.t, 5*interval, s.upToDate())
		assert.Equal(w.t, 5*interval, s.alive())
	})
}

func TestSession_isNotUpToDateByPongsToNoPingOfIts(t *testing.T) {
	for name, content := range map[string]string{
		"without content":         "",
		"of other content":        "hello",
		"of a ping before any":    "\x00\x00\x00\x00\x00\x00\x00\x00",
		"of a ping not sent yet":  "\x00\x00\x7f\x00\x00\x00\x00\x00",
		"of a ping at no time":    "\xff\xff\xff\xff\xff\xff\xff\xff",
		"of the content and more": "\x00\x00\x00\x02\x00\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				s := w.open()
				busyFor(s, 10*time.Second)
				s.run()
				s.listen(false)
				s.peer.say(text("a record") + frame(final|opPong, content))
				elapse(30 * time.Second)
				s.peer.say(frame(final|opPong, content))
				elapse(30 * time.Second)
				s.peer.say(closing(1000, ""))
				s.failed(podlog.ReasonClosed)
				assert.Zero(w.t, s.upToDate())
				assert.Zero(w.t, s.alive())
			})
		})
	}
}

// Nobody knows how long a session has waited for Receive, and what has come meanwhile.
func TestSession_isNotUpToDateBeforeItReceives(t *testing.T) {
	play(t, func(w *world) {
		s := w.open()
		opened := s.session.Opened()
		s.peer.say(text("a record") + closing(1000, ""))
		elapse(time.Minute)
		s.run()
		s.failed(podlog.ReasonClosed)
		assert.Equal(w.t, opened, s.session.UpToDate())
	})
}

// A broken path is as quiet as a service that has nothing to send.
func TestSession_isNotAliveBecauseNothingComes(t *testing.T) {
	play(t, func(w *world) {
		s := w.receive()
		s.listen(false)
		s.peer.say(text("a record"))
		synctest.Wait()
		s.failed(podlog.ReasonSilent)
		assert.Zero(w.t, s.alive())
	})
}
