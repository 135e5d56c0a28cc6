package podlog_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

func TestSession_passesOnTheContentOfEveryFrame(t *testing.T) {
	for name, play := range map[string]func(*testing.T, func(*world)){"ws": play, "wss": playTLS} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				s := w.receive()
				heard := s.listen(false)
				s.peer.say(text("text"))
				s.peer.say(frame(final|opBinary, "binary \xff"))
				s.peer.say(frame(opText, "in ") + frame(final|opPing, "are you there?") + frame(opContinuation, "") +
					frame(opContinuation, "three ") + frame(final|opContinuation, "parts"))
				s.peer.say(text(""))
				s.peer.say(text("after an empty one\n"))
				s.peer.say(text("two") + text("at once"))
				s.peer.say(frame(final|opPong, "nobody asked"))
				synctest.Wait()
				s.peer.say(closing(1000, ""))

				s.failed(podlog.ReasonClosed)
				assert.Equal(w.t, []received{
					{"text", false}, {"binary \xff", false}, {"in three parts", false}, {"", false},
					{"after an empty one\n", false}, {"two", false}, {"at once", false},
				}, s.got())
				w.peers.Wait()
				assert.Equal(w.t, byte(opPong), heard.all()[0].opcode, "the service's ping is answered")
				assert.Equal(w.t, "are you there?", heard.all()[0].payload)
			})
		})
	}
}

// A frame counts as read when its end came, however long the handler was busy with others that came with it.
func TestSession_saysWhenAFrameWasRead(t *testing.T) {
	play(t, func(w *world) {
		s := w.open()
		s.onFrame = func([]byte) error { <-time.After(time.Minute); return nil }
		s.run()
		<-time.After(time.Second)
		s.peer.say(text("two") + text("at once") + frame(opText, "one "))
		<-time.After(3 * time.Minute)
		s.peer.say(frame(final|opContinuation, "in parts"))
		s.peer.say(closing(1000, ""))
		s.failed(podlog.ReasonClosed)

		var after []time.Duration
		for _, read := range s.reads {
			after = append(after, read.Sub(s.started))
		}
		assert.Equal(w.t, []time.Duration{time.Second, time.Second, 3*time.Minute + time.Second}, after)
	})
}

// No other read need come before a frame that came with the answer to the handshake.
func TestSession_saysWhenAFrameWasReadThatCameWithTheAnswer(t *testing.T) {
	play(t, func(w *world) {
		w.serve(func(p *peer) { p.say(switching(p.request()) + text("early") + closing(1000, "")) })
		session, err := w.client.Open(context.Background(), context.Background(), podlog.Message, bearer())
		require.NoError(w.t, err)
		h := &handler{}
		assert.Error(w.t, session.Receive(context.Background(), h))
		require.Len(w.t, h.reads, 1)
		assert.WithinDuration(w.t, session.Opened(), h.reads[0], 0)
	})
}

func TestSession_cutsLongRecords(t *testing.T) {
	for _, limit := range []int{1, 10, 16 << 10, 40_000, 1 << 20} {
		t.Run(fmt.Sprintf("at %d bytes", limit), func(t *testing.T) {
			play(t, func(w *world) {
				w.client.MaxRecordSize = int64(limit)
				s := w.receive()
				content := strings.Repeat("0123456789abcdef", limit/16+2)
				for _, size := range []int{limit - 1, limit, limit + 1, limit + 17, 0} {
					s.peer.say(text(content[:size]))
				}
				// The limit is the record's, not that of each fragment, nor does it matter where one ends.
				for _, parts := range [][]string{
					{content[:limit], ""},
					{content[:limit], content[limit : limit+1]},
					{content[:limit-1], content[limit-1 : limit+1]},
				} {
					s.peer.say(frame(opText, parts[0]) + frame(final|opContinuation, parts[1]))
				}
				s.peer.say(text("."))
				s.peer.say(closing(1000, ""))

				s.failed(podlog.ReasonClosed)
				full, cut := received{content[:limit], false}, received{content[:limit], true}
				want := []received{{content[:limit-1], false}, full, cut, cut, {"", false}, full, cut, cut, {".", false}}
				require.Len(w.t, s.got(), len(want))
				for i := range want {
					assert.Equal(w.t, want[i].truncated, s.got()[i].truncated, "frame %d", i)
					same := want[i].data == s.got()[i].data // too long to be shown
					assert.True(w.t, same, "frame %d is changed", i)
				}
			})
		})
	}
}

func TestSession_readsAFrameOf16MiB(t *testing.T) {
	play(t, func(w *world) {
		content := strings.Repeat("0123456789abcdef", 1<<20)
		s := w.receive()
		s.peer.say(text("small"))
		s.peer.say(text(content))
		s.peer.say(text("small again"))
		s.peer.say(closing(1000, ""))

		s.failed(podlog.ReasonClosed)
		require.Len(w.t, s.got(), 3)
		same := content == s.got()[1].data // too long to be shown
		assert.True(w.t, same, "the frame is changed")
		assert.Equal(w.t, []received{{"small", false}, {"small again", false}}, []received{s.got()[0], s.got()[2]})
	})
}

func TestSession_keepsItsBufferBetweenUsualFrames(t *testing.T) {
	play(t, func(w *world) {
		s := w.open()
		var first []*byte
		s.onFrame = func(data []byte) error {
			first = append(first, &data[0])
			return nil
		}
		s.run()
		usual := text(strings.Repeat("x", 300_000))
		for range 3 {
			s.peer.say(usual)
		}
		s.peer.say(closing(1000, ""))
		s.failed(podlog.ReasonClosed)
		assert.Same(w.t, first[0], first[1])
		assert.Same(w.t, first[0], first[2])
	})
}

// batch makes the handler ask for a flush so long after the first frame that was not flushed.
func batch(s *live, age time.Duration) {
	s.onFrame = func([]byte) error {
		if s.due.IsZero() {
			s.due = time.Now().Add(age)
		}
		return nil
	}
}

func TestSession_flushesWhenItIsDueWhileNothingComes(t *testing.T) {
	playTLS(t, func(w *world) {
		s := w.open()
		batch(s, 100*time.Millisecond)
		s.run()
		elapse(time.Minute)
		start := time.Now()
		s.peer.say(text("a record"))
		elapse(time.Second)
		assert.Equal(w.t, []time.Time{start.Add(100 * time.Millisecond)}, s.flushed())

		s.peer.say(text("another"))
		elapse(time.Minute)
		assert.Len(w.t, s.flushed(), 2, "once for each")
		assert.Equal(w.t, []string{"a record", "another"}, s.texts())
		s.stop(errStop)
		assert.Equal(w.t, errStop, s.ended())
	})
}

func TestSession_flushesWhatIsDueAlready(t *testing.T) {
	play(t, func(w *world) {
		s := w.open()
		s.due = time.Now().Add(-time.Hour)
		s.run()
		synctest.Wait()
		assert.Equal(w.t, []time.Time{s.started}, s.flushed())
		s.stop(errStop)
		assert.Equal(w.t, errStop, s.ended())
	})
}

// trickle is a connection whose writes, once it is slow, go out byte by byte.
type trickle struct {
	net.Conn
	pause  time.Duration
	broken atomic.Bool // nothing goes out any more
}

func (c *trickle) Write(p []byte) (int, error) {
	if c.pause == 0 {
		return c.Conn.Write(p)
	}
	for i := range p {
		<-time.After(c.pause)
		if c.broken.Load() {
			return i, os.ErrClosed
		}
		if _, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// slowly makes what the service writes go out byte by byte, below TLS if there is any.
func (w *world) slowly() *trickle {
	slow := &trickle{}
	w.wrap = func(conn net.Conn) net.Conn {
		slow.Conn = conn
		return slow
	}
	return slow
}

func TestSession_flushesInTheMiddleOfAFrame(t *testing.T) {
	for name, play := range map[string]func(*testing.T, func(*world)){"of a frame": play, "of a TLS record": playTLS} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				slow := w.slowly()
				s := w.open()
				batch(s, 100*time.Millisecond)
				s.run()
				start := time.Now()
				s.peer.say(text("a record"))
				slow.pause = 30 * time.Millisecond
				s.peer.say(text("a record that comes slowly"))
				slow.pause = 0
				s.peer.say(text("and one more"))
				elapse(time.Second)
				assert.Equal(w.t, []string{"a record", "a record that comes slowly", "and one more"}, s.texts())
				require.Len(w.t, s.flushed(), 2)
				assert.Equal(w.t, 100*time.Millisecond, s.flushed()[0].Sub(start))
				s.stop(errStop)
				assert.Equal(w.t, errStop, s.ended())
			})
		})
	}
}

func TestSession_flushesUnderAConstantFlow(t *testing.T) {
	playTLS(t, func(w *world) {
		s := w.open()
		batch(s, 100*time.Millisecond)
		s.run()
		start := time.Now()
		for range 1000 {
			s.peer.say(text("a record"))
			<-time.After(7 * time.Millisecond)
		}
		elapse(time.Second)
		assert.Len(w.t, s.got(), 1000)
		before := start
		for i, at := range s.flushed() {
			assert.LessOrEqual(w.t, at.Sub(before), 107*time.Millisecond, "flush %d", i)
			before = at
		}
		assert.GreaterOrEqual(w.t, before.Sub(start), 7*time.Second)
		s.stop(errStop)
		assert.Equal(w.t, errStop, s.ended())
	})
}

func TestSession_endsWithTheHandlersError(t *testing.T) {
	for name, failure := range map[string]error{
		"any":                         errors.New("the pipeline gave up"),
		"one that means other things": os.ErrDeadlineExceeded,
	} {
		t.Run(name+", of Frame", func(t *testing.T) {
			play(t, func(w *world) {
				s := w.open()
				s.onFrame = func([]byte) error { return failure }
				s.run()
				s.peer.say(text("a record") + text("never seen"))
				assert.Equal(w.t, failure, <-s.result)
				assert.Equal(w.t, []string{"a record"}, s.texts())
				s.peer.untilGone()
			})
		})
		t.Run(name+", of Flush", func(t *testing.T) {
			play(t, func(w *world) {
				s := w.open()
				batch(s, time.Second)
				s.onFlush = func() error { return failure }
				s.run()
				s.peer.say(text("a record") + "\x81\x10half")
				assert.Equal(w.t, failure, <-s.result)
				assert.Equal(w.t, time.Second, s.since())
				s.peer.untilGone()
			})
		})
	}
}

func TestSession_endsWithTheHandlersErrorEvenIfTheContextEnded(t *testing.T) {
	play(t, func(w *world) {
		failure := errors.New("shut down before the pipeline accepted a batch")
		s := w.open()
		s.onFrame = func([]byte) error {
			<-s.ctx.Done()
			return failure
		}
		s.run()
		s.peer.say(text("a record"))
		synctest.Wait()
		s.stop(errStop)
		assert.Equal(w.t, failure, s.ended(), "what was not handed on matters more")
	})
}

func TestSession_endsAtOnceWithItsContext(t *testing.T) {
	for name, play := range map[string]func(*testing.T, func(*world)){"ws": play, "wss": playTLS} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				s := w.receive()
				s.peer.say("\x81\x10half") // in the middle of a frame
				elapse(5 * time.Second)
				s.stop(errStop)
				assert.Equal(w.t, errStop, <-s.result)
				assert.Equal(w.t, 5*time.Second, s.since())
				assert.Empty(w.t, s.got())
				s.peer.untilGone()
				assert.Equal(w.t, 5*time.Second, s.since(), "the connection is closed at once")
			})
		})
	}
}

func TestSession_endsAtOnceWithItsContextAlthoughNothingCanBeWritten(t *testing.T) {
	playTLS(t, func(w *world) {
		s := w.receive() // the service reads nothing
		for range 2000 { // pongs fill what the network holds
			s.peer.say(frame(final|opPing, strings.Repeat("x", 125)))
		}
		synctest.Wait()
		start := time.Now()
		s.session.Finish()
		s.stop(errStop)
		assert.Equal(w.t, errStop, s.ended())
		assert.Zero(w.t, time.Since(start))
	})
}

func TestSession_lastByteIsThatOfAnything(t *testing.T) {
	play(t, func(w *world) {
		s := w.receive()
		opened := time.Now()
		elapse(time.Second)
		assert.True(w.t, s.session.LastByte().Equal(opened), "the answer to the handshake")
		for _, bytes := range []string{text("a record"), frame(final|opPong, ""), "\x81\x10half", " of a frame?"} {
			elapse(time.Second)
			s.peer.say(bytes)
			at := time.Now()
			elapse(time.Second)
			assert.True(w.t, s.session.LastByte().Equal(at), "%q", bytes)
		}
		assert.True(w.t, s.session.Opened().Equal(opened))
		s.stop(errStop)
		assert.Equal(w.t, errStop, s.ended())
	})
}
