package podlog_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

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
		if f.secure && f.op == "WebSocket handshake" {
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
			})
		})
	}
}

func TestClient_leavesAPeerThatHangsWhenItsContextEnds(t *testing.T) {
	for name, phase := range phases() {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				phase.stage(w)
				ctx, cancel := context.WithCancelCause(context.Background())
				time.AfterFunc(7*time.Second, func() { cancel(errStop) })
				start := time.Now()
				session, err := w.client.Open(ctx, podlog.Message, bearer())
				assert.Nil(w.t, session)
				assert.Equal(w.t, errStop, err, "the context's cause, as it is")
				assert.Equal(w.t, 7*time.Second, time.Since(start), "no time passes after the end of the context")
				w.peers.Wait()
				assert.Equal(w.t, 7*time.Second, time.Since(start), "the connection is left at once")
			})
		})
	}
}

func TestClient_leavesAPeerWhoseAnswerDoesNotEndWhenItsContextEnds(t *testing.T) {
	play(t, func(w *world) {
		w.serve(func(p *peer) {
			p.request()
			p.say("HTTP/1.1 409 Conflict\r\n\r\nExceeded")
			p.untilGone()
		})
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(time.Second, func() { cancel(errStop) })
		start := time.Now()
		_, err := w.client.Open(ctx, podlog.Message, bearer())
		assert.Equal(w.t, errStop, err)
		assert.Equal(w.t, time.Second, time.Since(start))
	})
}

func TestClient_doesNotBeginWhenItsContextHasEnded(t *testing.T) {
	play(t, func(w *world) {
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(errStop)
		_, err := w.client.Open(ctx, podlog.Message, bearer())
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
