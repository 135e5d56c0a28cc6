package podlog_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

func TestSession_endsWithACloseFrame(t *testing.T) {
	for name, test := range map[string]struct {
		frame string
		code  int
		label string
		text  string
	}{
		"normal":      {closing(1000, ""), 1000, "closed_1000", "the service closed the session: close code 1000"},
		"going away":  {closing(1001, "bye"), 1001, "closed_1001", "the service closed the session: close code 1001 (bye)"},
		"no code":     {frame(final|opClose, ""), 1005, "closed_1005", "the service closed the session: close code 1005"},
		"policy":      {closing(1008, "no"), 1008, "closed_1008", "the service closed the session: close code 1008 (no)"},
		"error":       {closing(1011, "a\nb\t"), 1011, "closed_1011", "the service closed the session: close code 1011 (a b)"},
		"restart":     {closing(1012, ""), 1012, "closed_1012", "the service closed the session: close code 1012"},
		"try later":   {closing(1013, ""), 1013, "closed_1013", "the service closed the session: close code 1013"},
		"its own":     {closing(4409, "session limit"), 4409, "closed_4409", "the service closed the session: close code 4409 (session limit)"},
		"the token":   {closing(1008, token), 1008, "closed_1008", "the service closed the session: close code 1008 ([REDACTED])"},
		"longest":     {closing(1000, strings.Repeat("é", 61)), 1000, "closed_1000", "the service closed the session: close code 1000 (" + strings.Repeat("é", 61) + ")"},
		"mid-message": {frame(opText, "half") + closing(1001, ""), 1001, "closed_1001", "the service closed the session: close code 1001"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				s := w.receive()
				heard := s.listen(false)
				s.peer.say(text("a record") + test.frame)
				synctest.Wait()
				failed := s.failed(podlog.ReasonClosed)
				assert.Equal(w.t, test.code, failed.CloseCode)
				assert.Equal(w.t, test.label, failed.Label())
				assert.EqualError(w.t, failed, test.text)
				assert.Equal(w.t, []string{"a record"}, s.texts())
				assert.Zero(w.t, s.since())
				w.peers.Wait()
				answer := heard.all()[0]
				assert.Equal(w.t, byte(opClose), answer.opcode, "the close frame is answered")
				if test.code == 1005 {
					assert.Empty(w.t, answer.payload)
				} else {
					assert.Equal(w.t, closing(uint16(test.code), ""), frame(final|opClose, answer.payload))
				}
			})
		})
	}
}

func TestSession_endsWithTheConnection(t *testing.T) {
	fin := func(s *live) { _ = s.peer.Close() }
	bareFIN := func(s *live) { _ = s.peer.wire.Close() }
	reset := func(s *live) {
		_ = s.peer.wire.(interface{ SetLinger(int) error }).SetLinger(0)
		_ = s.peer.wire.Close()
	}
	for name, test := range map[string]struct {
		play func(*testing.T, func(*world))
		last string
		end  func(*live)
		text string
	}{
		"FIN":                       {play, "", fin, "the connection ended without a close frame"},
		"FIN in a frame's head":     {play, "\x81", fin, "the connection ended without a close frame"},
		"FIN in a frame":            {play, "\x81\x10half", fin, "the connection ended without a close frame"},
		"FIN in a message":          {play, frame(opText, "half"), fin, "the connection ended without a close frame"},
		"RST":                       {play, "", reset, "the connection broke: connection reset by peer"},
		"RST in a frame":            {play, "\x81\x10half", reset, "the connection broke: connection reset by peer"},
		"close_notify":              {playTLS, "", fin, "the connection ended without a close frame"},
		"FIN below TLS":             {playTLS, "", bareFIN, "the connection ended without a close frame"},
		"FIN below TLS, in a frame": {playTLS, "\x81\x10half", bareFIN, "the connection ended without a close frame"},
		"RST below TLS":             {playTLS, "", reset, "the connection broke: connection reset by peer"},
		"nonsense in the place of TLS": {
			playTLS, "", func(s *live) { _, _ = s.peer.wire.Write([]byte("\x17\x03\x03\x00\x04abcd")) },
			"the connection broke: local error: tls: bad record MAC",
		},
	} {
		t.Run(name, func(t *testing.T) {
			test.play(t, func(w *world) {
				s := w.receive()
				s.peer.say(text("a record") + test.last)
				elapse(time.Second)
				test.end(s)
				failed := s.failed(podlog.ReasonDropped)
				assert.Equal(w.t, "dropped", failed.Label())
				assert.EqualError(w.t, failed, test.text)
				assert.Equal(w.t, []string{"a record"}, s.texts(), "a part of a record is none")
				assert.Equal(w.t, time.Second, s.since(), "at once")
			})
		})
	}
}

func TestSession_endsWithWhatIsNoFrame(t *testing.T) {
	for name, bytes := range map[string]string{
		"a reserved bit":                   frame(final|0x40|opText, "x"),
		"compression, never offered":       frame(final|0x40|opBinary, "x"),
		"an unknown opcode":                frame(final|0x3, "x"),
		"a masked frame":                   "\x81\x81maskx",
		"a fragment of nothing":            frame(final|opContinuation, "x"),
		"a message within a message":       frame(opText, "x") + text("y"),
		"a ping in parts":                  frame(opPing, "x"),
		"a ping that is too long":          frame(final|opPing, strings.Repeat("x", 126)),
		"a length beyond all bounds":       "\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
		"a close code that is none":        closing(1006, ""),
		"a close reason that is not UTF-8": closing(1000, "\xff"),
		"HTTP":                             "HTTP/1.1 408 Request Timeout\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				s := w.receive()
				s.peer.say(text("a record") + bytes)
				failed := s.failed(podlog.ReasonProtocol)
				assert.Equal(w.t, "protocol", failed.Label())
				assert.Equal(w.t, "reading a frame", failed.Op)
				assert.Error(w.t, failed.Err)
				assert.Equal(w.t, []string{"a record"}, s.texts())
			})
		})
	}
}

// The service asks for a pong and is gone before it can be sent: what it sent counts all the same.
func TestSession_readsWhatComesAfterAPingThatCannotBeAnswered(t *testing.T) {
	play(t, func(w *world) {
		s := w.open()
		s.peer.say(frame(final|opPing, "") + text("a record") + closing(1001, ""))
		_ = s.peer.Close()
		s.run()
		assert.Equal(w.t, 1001, s.failed(podlog.ReasonClosed).CloseCode)
		assert.Equal(w.t, []string{"a record"}, s.texts())
	})
}

func TestSession_finishSendsACloseFrame(t *testing.T) {
	for name, play := range map[string]func(*testing.T, func(*world)){"ws": play, "wss": playTLS} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				s := w.receive()
				s.peer.say(text("before"))
				elapse(time.Second)
				s.session.Finish()
				h, err := s.peer.next()
				assert.NoError(w.t, err)
				assert.Equal(w.t, heard{opcode: opClose, payload: "\x03\xe8", at: s.started.Add(time.Second)}, h, "1000, at once")

				elapse(time.Second)
				s.peer.say(text("on its way") + frame(final|opPing, "") + text("to the last"))
				elapse(time.Second)
				assert.Empty(w.t, s.result, "it waits for the service's close frame")
				s.peer.say(closing(1000, ""))
				failed := s.failed(podlog.ReasonClosed)
				assert.Equal(w.t, 1000, failed.CloseCode)
				assert.Equal(w.t, 3*time.Second, s.since())
				assert.Equal(w.t, []string{"before", "on its way", "to the last"}, s.texts())
			})
		})
	}
}

func TestSession_finishDoesNotWaitForTheHandler(t *testing.T) {
	playTLS(t, func(w *world) {
		s := w.open()
		s.onFrame = func([]byte) error {
			<-time.After(time.Minute)
			return nil
		}
		s.run()
		s.peer.say(text("a record"))
		elapse(time.Second)
		s.session.Finish()
		h, err := s.peer.next()
		assert.NoError(w.t, err)
		assert.Equal(w.t, byte(opClose), h.opcode)
		assert.Equal(w.t, time.Second, h.at.Sub(s.started))
		s.peer.say(text("another") + closing(1000, ""))
		s.failed(podlog.ReasonClosed)
		assert.Equal(w.t, []string{"a record", "another"}, s.texts())
	})
}

func TestSession_finishAgainstAServiceThatNeverCloses(t *testing.T) {
	play(t, func(w *world) {
		s := w.receive()
		s.listen(false)
		s.session.Finish()
		for range 60 {
			elapse(9 * time.Second)
			s.peer.say(text("still talking"))
		}
		elapse(time.Second)
		assert.Empty(w.t, s.result, "who talks is heard")
		s.stop(errStop)
		assert.Equal(w.t, errStop, s.ended(), "its context ends it")
		assert.Equal(w.t, 541*time.Second, s.since())
		assert.Len(w.t, s.got(), 60)
	})
}

func TestSession_finishAgainstAServiceThatDrops(t *testing.T) {
	play(t, func(w *world) {
		s := w.receive()
		s.session.Finish()
		elapse(time.Second)
		_ = s.peer.Close()
		s.failed(podlog.ReasonDropped)
	})
}

func TestSession_finishBeforeItReceives(t *testing.T) {
	play(t, func(w *world) {
		s := w.open()
		s.session.Finish()
		s.peer.say(text("a record"))
		elapse(time.Second)
		heard := s.listen(false)
		s.run()
		elapse(time.Second)
		assert.Equal(w.t, byte(opClose), heard.all()[0].opcode)
		s.peer.say(closing(1000, ""))
		s.failed(podlog.ReasonClosed)
		assert.Equal(w.t, []string{"a record"}, s.texts())
	})
}

func TestSession_finishAfterTheEnd(t *testing.T) {
	play(t, func(w *world) {
		s := w.receive()
		s.peer.say(closing(1000, ""))
		s.failed(podlog.ReasonClosed)
		s.session.Finish()
		assert.False(w.t, s.session.LastByte().IsZero())
	})
}

func TestSession_finishTwiceAndAtOnce(t *testing.T) {
	play(t, func(w *world) {
		w.client.Keepalive.Interval = 2 * time.Second
		s := w.receive()
		heard := s.listen(false)
		for range 10 {
			go s.session.Finish()
		}
		s.session.Finish()
		elapse(time.Second)
		assert.Len(w.t, heard.all(), 1, "one close frame")
		elapse(8 * time.Second)
		assert.Len(w.t, heard.all(), 1, "and no ping after it")
		s.peer.say(closing(1000, ""))
		s.failed(podlog.ReasonClosed)
	})
}

// The service does not answer the close frame. That is noticed within 10 s, and it has 10 s from then.
func TestSession_finishAgainstAServiceThatFreezes(t *testing.T) {
	for name, talk := range map[string]func(*live){
		"and was quiet before": func(*live) { elapse(time.Minute) },
		"and talked before": func(s *live) {
			for range 60 {
				elapse(time.Second)
				s.peer.say(text("a record"))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			playTLS(t, func(w *world) {
				s := w.receive()
				s.listen(false)
				talk(s)
				s.session.Finish()
				finished := time.Now()
				failed := s.failed(podlog.ReasonSilent)
				assert.EqualError(w.t, failed, "the service did not answer our close frame")
				assert.GreaterOrEqual(w.t, time.Since(finished), 10*time.Second)
				assert.LessOrEqual(w.t, time.Since(finished), 20*time.Second)
			})
		})
	}
}

// A service that pushes a backlog has time for it: each byte is a sign of life.
func TestSession_finishAgainstAServiceThatFreezesInTheMiddleOfARecord(t *testing.T) {
	play(t, func(w *world) {
		s := w.receive()
		s.listen(false)
		s.session.Finish()
		for range 10 {
			elapse(8 * time.Second)
			s.peer.say(frame(opText, "a part")[:2])
			elapse(time.Second)
			s.peer.say("a part"[:6] + frame(final|opContinuation, ""))
		}
		talked := time.Now()
		s.failed(podlog.ReasonSilent)
		assert.LessOrEqual(w.t, time.Since(talked), 20*time.Second)
		assert.Len(w.t, s.got(), 10)
	})
}

func TestSession_finishesFromWithinItsHandler(t *testing.T) {
	for name, ask := range map[string]func(*live){
		"in Frame": func(s *live) {
			s.onFrame = func([]byte) error { s.session.Finish(); return nil }
		},
		"in Flush": func(s *live) {
			s.due = time.Now().Add(time.Second)
			s.onFlush = func() error { s.session.Finish(); s.due = time.Time{}; return nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			playTLS(t, func(w *world) {
				s := w.open()
				ask(s)
				s.run()
				heard := s.listen(false)
				s.peer.say(text("a record"))
				elapse(time.Second)
				if assert.Len(w.t, heard.all(), 1) {
					assert.Equal(w.t, byte(opClose), heard.all()[0].opcode)
				}
				s.peer.say(text("on its way"))
				elapse(9 * time.Second)
				s.peer.say(closing(1000, ""))
				assert.Equal(w.t, 1000, s.failed(podlog.ReasonClosed).CloseCode)
				assert.Equal(w.t, []string{"a record", "on its way"}, s.texts())
			})
		})
	}
}

// The handler that asks for the end learns of a service that does not answer, too, 10 s later.
func TestSession_finishFromWithinItsHandlerAgainstAServiceThatFreezes(t *testing.T) {
	play(t, func(w *world) {
		s := w.open()
		s.due = time.Now().Add(time.Minute)
		s.onFlush = func() error { s.session.Finish(); s.due = time.Time{}; return nil }
		s.run()
		s.listen(false)
		s.failed(podlog.ReasonSilent)
		assert.Equal(w.t, time.Minute+10*time.Second, s.since())
	})
}

// A pipeline that holds a batch after Finish is no fault of the service: the clock rests meanwhile.
func TestSession_finishLeavesTheHandlerItsTime(t *testing.T) {
	play(t, func(w *world) {
		s := w.open()
		s.due = time.Now().Add(time.Second)
		s.onFlush = func() error {
			<-time.After(time.Hour)
			s.due = time.Time{}
			return nil
		}
		s.run()
		s.listen(false)
		s.session.Finish()
		elapse(time.Minute)
		s.peer.say(text("a record") + closing(1000, ""))
		s.failed(podlog.ReasonClosed)
		assert.Equal(w.t, []string{"a record"}, s.texts())
	})
}

func TestSession_receiveWithAContextThatHasEnded(t *testing.T) {
	play(t, func(w *world) {
		s := w.open()
		s.stop(errStop)
		s.run()
		assert.Equal(w.t, errStop, s.ended())
	})
}
