package podlog_test

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// phase is one part of opening a session, in which the other end does not go on.
type phase struct {
	proxy  string
	secure bool
	dial   bool // the dial itself hangs
	script func(*peer)
	op     string // the beginning of what could not be done
}

// sent: the handshake was.
func (f phase) sent() bool { return f.op == "WebSocket handshake" }

func phases() map[string]phase {
	nothing := func(*peer) {}
	return map[string]phase{
		"dial":            {dial: true, op: "connecting to " + host + ":80"},
		"dial of a proxy": {proxy: "http://proxy.test:3128", dial: true, op: "connecting to the proxy proxy.test:3128"},
		"CONNECT": {
			proxy: "http://proxy.test:3128", script: func(p *peer) { p.request() },
			op: "CONNECT through the proxy http://proxy.test:3128",
		},
		"CONNECT's answer": {
			proxy: "http://proxy.test:3128", script: func(p *peer) { p.request(); p.say("HTTP/1.1 200 OK\r\nVia: ") },
			op: "CONNECT through the proxy http://proxy.test:3128",
		},
		"SOCKS greeting": {
			proxy: "socks5://proxy.test:1080", script: nothing,
			op: "connecting through the proxy socks5://proxy.test:1080",
		},
		"SOCKS connect": {
			proxy: "socks5://proxy.test:1080", script: func(p *peer) { p.socksGreeting(); p.say("\x05\x00") },
			op: "connecting through the proxy socks5://proxy.test:1080",
		},
		"TLS":               {secure: true, script: nothing, op: "TLS handshake with " + host},
		"TLS through proxy": {proxy: "http://proxy.test", secure: true, script: acceptConnect, op: "TLS handshake with " + host},
		"handshake":         {script: func(p *peer) { p.request() }, op: "WebSocket handshake"},
		"handshake over TLS": {
			secure: true, script: func(p *peer) { p.request() }, op: "WebSocket handshake",
		},
		"handshake's answer": {
			script: func(p *peer) { p.request(); p.say("HTTP/1.1 409 Conflict\r\nContent-Le") }, op: "WebSocket handshake",
		},
	}
}

// stage sets the world up so that opening hangs in the phase, and checks that the client leaves the connection.
func (f phase) stage(w *world) {
	w.t.Helper()
	if f.secure {
		w.secure(newCA(w.t))
		w.client.TLS = insecure()
	}
	if f.proxy != "" {
		w.through(f.proxy)
	}
	if f.dial {
		w.client.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return
	}
	w.serve(func(p *peer) {
		if f.secure && f.sent() {
			p.secure(w.serving)
		}
		f.script(p)
		p.untilGone()
	})
}

func TestClient_givesUpOnAPeerThatHangs(t *testing.T) {
	for name, phase := range phases() {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				phase.stage(w)
				start := time.Now()
				failed := w.try(context.Background())
				assert.Equal(w.t, handshake, time.Since(start))
				assert.Equal(w.t, podlog.ReasonTimeout, failed.Reason)
				assert.Equal(w.t, "handshake_timeout", failed.Label())
				assert.EqualError(w.t, failed, phase.op+": no answer within 30s")
				assert.Equal(w.t, phase.sent(), failed.MayBeOpen())
			})
		})
	}
}

// ending is a context that ends after some time.
func ending(after time.Duration) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	time.AfterFunc(after, func() { cancel(errStop) })
	return ctx
}

func TestClient_leavesAPeerThatHangsWhenItIsToStop(t *testing.T) {
	for name, phase := range phases() {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				left := 7 * time.Second
				if phase.sent() {
					left = 9 * time.Second // the service may have opened the session
				}
				phase.leaves(ending(7*time.Second), context.Background(), w, left)
			})
		})
	}
}

func TestClient_leavesAPeerThatHangsAtOnceWhenItIsToAbort(t *testing.T) {
	for name, phase := range phases() {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) { phase.leaves(context.Background(), ending(7*time.Second), w, 7*time.Second) })
		})
	}
}

// leaves checks that opening, which hangs in the phase, takes so long and no longer.
func (f phase) leaves(stop, abort context.Context, w *world, after time.Duration) {
	w.t.Helper()
	f.stage(w)
	start := time.Now()
	session, err := w.client.Open(stop, abort, podlog.Message, bearer())
	assert.Nil(w.t, session)
	if f.sent() {
		assert.True(w.t, asError(w.t, err).MayBeOpen())
		require.ErrorIs(w.t, err, errStop)
	} else {
		assert.Equal(w.t, errStop, err, "the context's cause, as it is")
	}
	assert.Equal(w.t, after, time.Since(start), "no time passes after that")
	w.peers.Wait()
	assert.Equal(w.t, after, time.Since(start), "the connection is left at once")
}

// A session that the service has opened, and nobody reads, takes with it what was written there.
func TestClient_awaitsTheAnswerWhenItIsToStop(t *testing.T) {
	play(t, func(w *world) {
		w.serve(func(p *peer) {
			request := p.request()
			<-time.After(8 * time.Second)
			p.upgrade(request)
			p.say(text("a record") + closing(1000, ""))
			p.untilGone()
		})
		session, err := w.client.Open(ending(7*time.Second), context.Background(), podlog.Message, bearer())
		require.NoError(w.t, err)
		elapse(time.Minute)
		read := &handler{}
		require.ErrorContains(w.t, session.Receive(context.Background(), read), "close code 1000")
		assert.Equal(w.t, []string{"a record"}, read.texts())
	})
}

func TestClient_sendsNoHandshakeWhenItIsToStop(t *testing.T) {
	play(t, func(w *world) {
		ctx, cancel := context.WithCancelCause(context.Background())
		dial := w.client.Dial
		w.client.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			cancel(errStop)
			return conn, err
		}
		w.serve(func(p *peer) {
			sent, err := io.ReadAll(p.wire)
			assert.NoError(w.t, err)
			assert.Empty(w.t, sent)
		})
		_, err := w.client.Open(ctx, context.Background(), podlog.Message, bearer())
		assert.Equal(w.t, errStop, err)
	})
}

func TestClient_leavesAPeerWhoseAnswerDoesNotEndWhenItIsToStop(t *testing.T) {
	play(t, func(w *world) {
		w.serve(func(p *peer) {
			p.request()
			p.say("HTTP/1.1 409 Conflict\r\n\r\nExceeded")
			p.untilGone()
		})
		start := time.Now()
		_, err := w.client.Open(ending(time.Second), context.Background(), podlog.Message, bearer())
		assert.Equal(w.t, errStop, err, "no session was opened")
		assert.Equal(w.t, 3*time.Second, time.Since(start))
	})
}

func TestClient_doesNotBeginWhenItsContextHasEnded(t *testing.T) {
	play(t, func(w *world) {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(errStop)
		_, err := w.client.Open(ctx, ctx, podlog.Message, bearer())
		assert.Equal(w.t, errStop, err)
	})
}

func TestClient_givesUpOnAPeerThatTrickles(t *testing.T) {
	play(t, func(w *world) {
		w.serve(func(p *peer) {
			p.request()
			p.say("HTTP/1.1 101 Switching Protocols\r\n")
			for { // a header a second: each wait is short, but the attempt is not
				<-time.After(time.Second)
				if _, err := p.Write([]byte("X-Wait: 1\r\n")); err != nil {
					return
				}
			}
		})
		start := time.Now()
		assert.Equal(w.t, podlog.ReasonTimeout, w.try(context.Background()).Reason)
		assert.Equal(w.t, handshake, time.Since(start))
	})
}
