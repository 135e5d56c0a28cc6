package podlog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// interim are n answers that have another behind them, of a size in bytes.
func interim(n, size int) string {
	const before, after = "HTTP/1.1 103 Early Hints\r\nLink: ", "\r\n\r\n"
	one := before + strings.Repeat("x", max(size-len(before)-len(after), 1)) + after
	return strings.Repeat(one, n)
}

func TestClient_skipsAnswersBeforeTheAnswer(t *testing.T) {
	for name, before := range map[string]string{
		"continue":     "HTTP/1.1 100 Continue\r\n\r\n",
		"no reason":    "HTTP/1.1 100\r\n\r\n",
		"bare newline": "HTTP/1.1 103 Early Hints\nLink: </>\n\n",
		"processing":   "HTTP/1.0 102 Processing\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n",
		"ten":          interim(10, 0),
		"64 KiB":       interim(8, 8<<10),
		"64 KiB once":  interim(1, 64<<10),
	} {
		for answer, verify := range map[string]func(w *world){
			"101": func(w *world) { w.receiveOne() },
			"503": func(w *world) { assert.Equal(w.t, "status_503", w.try(context.Background()).Label()) },
		} {
			t.Run(name+", "+answer, func(t *testing.T) {
				playTLS(t, func(w *world) {
					w.through("http://proxy.test:3128")
					w.serve(func(p *peer) {
						p.request()
						p.say(before + "HTTP/1.1 200 Connection established\r\n\r\n")
						p.secure(w.serving)
						request := p.request()
						p.say(before)
						if answer == "503" {
							p.say("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
							return
						}
						p.upgrade(request)
						p.say(text("a record") + closing(1000, ""))
						p.untilGone()
					})
					verify(w)
				})
			})
		}
	}
}

func TestClient_doesNotSkipAnswersForEver(t *testing.T) {
	const tooMany = "more than 10 answers with 1xx, or 64 KiB of them, before the answer itself"
	for name, before := range map[string]string{
		"eleven":                interim(11, 0),
		"more than 64 KiB":      interim(9, 8<<10),
		"more than 64 KiB once": interim(1, 64<<10+1),
		"a long line":           "HTTP/1.1 103 " + strings.Repeat("x", 64<<10),
	} {
		t.Run("service, "+name, func(t *testing.T) {
			playTLS(t, func(w *world) {
				w.serve(func(p *peer) {
					p.secure(w.serving)
					request := p.request()
					_, _ = fmt.Fprint(p, before, switching(request)) // it may be gone by now
				})
				failed := w.try(context.Background())
				assert.Equal(w.t, podlog.ReasonHandshake, failed.Reason)
				assert.EqualError(w.t, failed, "WebSocket handshake: "+tooMany)
				assert.True(w.t, failed.MayBeOpen())
			})
		})
		t.Run("proxy, "+name, func(t *testing.T) {
			playTLS(t, func(w *world) {
				w.through("http://proxy.test:3128")
				w.serve(func(p *peer) {
					p.request()
					_, _ = fmt.Fprint(p, before, "HTTP/1.1 200 OK\r\n\r\n") // it may be gone by now
				})
				failed := w.try(context.Background())
				assert.Equal(w.t, podlog.ReasonProxy, failed.Reason)
				assert.EqualError(w.t, failed, "CONNECT through the proxy http://proxy.test:3128: "+tooMany)
			})
		})
	}
}

// 101 has no other behind it, however it is spelt.
func TestClient_doesNotSkip101(t *testing.T) {
	play(t, func(w *world) {
		w.serve(func(p *peer) {
			p.request()
			p.say("HTTP/1.1 101 Switching Protocols\r\n\r\n")
			p.untilGone()
		})
		failed := w.try(context.Background())
		assert.Equal(w.t, "status_101", failed.Label())
		assert.True(w.t, failed.MayBeOpen())
	})
}

// What is no HTTP is said at once.
func TestClient_doesNotWaitForMoreOfWhatIsNoAnswer(t *testing.T) {
	play(t, func(w *world) {
		w.serve(func(p *peer) {
			p.request()
			p.say("SSH-2.0-OpenSSH_9.6\r\n")
			p.untilGone()
		})
		failed := w.try(context.Background())
		assert.Equal(w.t, podlog.ReasonHandshake, failed.Reason, "it has waited")
	})
}

func TestClient_readsEveryFormOfConnection(t *testing.T) {
	for _, connection := range []string{
		"Connection: Upgrade", "Connection: close, Upgrade", "Connection: upgrade, close", "connection:keep-alive,CLOSE , Upgrade",
		"Connection: close\r\nConnection: Upgrade", "Connection: Upgrade\r\nConnection: close",
	} {
		t.Run(connection, func(t *testing.T) {
			play(t, func(w *world) {
				w.serve(func(p *peer) {
					answer := strings.Replace(switching(p.request()), "Connection: Upgrade", connection, 1)
					p.say(answer + text("a record") + closing(1000, ""))
					p.untilGone()
				})
				w.receiveOne()
			})
		})
	}
	t.Run("close alone", func(t *testing.T) {
		play(t, func(w *world) {
			w.serve(func(p *peer) {
				p.say(strings.Replace(switching(p.request()), "Connection: Upgrade", "Connection: close", 1))
				p.untilGone()
			})
			failed := w.try(context.Background())
			assert.Equal(w.t, "status_101", failed.Label())
			assert.Error(w.t, errors.Unwrap(failed))
		})
	})
}
