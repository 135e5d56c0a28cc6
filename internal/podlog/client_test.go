package podlog_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

func TestClient_asksForALiveSession(t *testing.T) {
	play(t, func(w *world) {
		w.client.Endpoint.RawQuery = "tenant=a+b&cid=other"
		w.client.Header = http.Header{"User-Agent": {"proofpointpodreceiver/1.2.3"}, "X-Route": {"eu"}}
		var asked *http.Request
		w.serve(func(p *peer) {
			asked = p.request()
			p.say("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
		})

		_, err := w.client.Open(context.Background(), context.Background(), podlog.Audit, http.Header{"authorization": {"Bearer " + token}})

		require.Error(t, err)
		w.peers.Wait()
		assert.Equal(w.t, "GET", asked.Method)
		assert.Equal(w.t, "HTTP/1.1", asked.Proto)
		assert.Equal(w.t, host, asked.Host)
		assert.Equal(w.t, "/v1/stream", asked.URL.Path)
		assert.Equal(w.t, url.Values{"cid": {"podsim_hosted"}, "type": {"audit"}, "tenant": {"a b"}}, asked.URL.Query(),
			"the cluster, the event type and what the endpoint had, but never a time")
		asked.Header.Del("Sec-Websocket-Key") // random
		assert.Equal(w.t, http.Header{
			"Authorization":         {"Bearer " + token},
			"Connection":            {"Upgrade"},
			"Sec-Websocket-Version": {"13"},
			"Upgrade":               {"websocket"},
			"User-Agent":            {"proofpointpodreceiver/1.2.3"},
			"X-Route":               {"eu"},
		}, asked.Header)
		assert.Len(w.t, w.client.Header, 2, "the client's own headers are not changed")
		assert.Equal(w.t, "tenant=a+b&cid=other", w.client.Endpoint.RawQuery)
	})
}

// Load balancers that look for the service by the header `Host` may not know it with a port.
func TestClient_namesTheUsualPortToNobody(t *testing.T) {
	for endpoint, want := range map[string]string{
		"wss://pod.test:443/v1/stream":      "pod.test",
		"wss://pod.test/v1/stream":          "pod.test",
		"wss://pod.test:8443/v1/stream":     "pod.test:8443",
		"wss://pod.test:80/v1/stream":       "pod.test:80",
		"wss://[2001:db8::1]:443/v1/stream": "[2001:db8::1]",
	} {
		t.Run(endpoint, func(t *testing.T) {
			playTLS(t, func(w *world) {
				w.client.TLS = insecure()
				var err error
				w.client.Endpoint, err = url.Parse(endpoint)
				require.NoError(w.t, err)
				var asked *http.Request
				w.serve(func(p *peer) {
					p.secure(w.serving)
					asked = p.request()
					p.say("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
				})
				w.try(context.Background())
				w.peers.Wait()
				assert.Equal(w.t, want, asked.Host)
			})
		})
	}
}

func TestClient_opensASession(t *testing.T) {
	for name, play := range map[string]func(*testing.T, func(*world)){"ws": play, "wss": playTLS} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				s := w.open()
				assert.Equal(w.t, time.Now(), s.session.Opened())
				// The deadline of the handshake is not that of the session.
				elapse(2 * handshake)
				s.run()
				s.peer.say(text("a record"))
				elapse(handshake)
				assert.Equal(w.t, []string{"a record"}, s.texts())
				s.stop(errStop)
				assert.Equal(w.t, errStop, s.ended())
			})
		})
	}
}

func TestClient_tellsEveryAnswer(t *testing.T) {
	for _, test := range []struct {
		answer string
		label  string
		text   string
	}{
		{"200 OK", "status_200", "WebSocket handshake: HTTP 200 OK (why)"},
		{"301 Moved Permanently", "status_301", "WebSocket handshake: HTTP 301 Moved Permanently (why)"},
		{"400 Bad Request", "status_400", "WebSocket handshake: HTTP 400 Bad Request (why)"},
		{"401 Unauthorized", "status_401", "WebSocket handshake: HTTP 401 Unauthorized (why)"},
		{"403 Forbidden", "status_403", "WebSocket handshake: HTTP 403 Forbidden (why)"},
		{"407 Proxy Authentication Required", "status_407", "WebSocket handshake: HTTP 407 Proxy Authentication Required (why)"},
		{"409 Conflict", "status_409", "WebSocket handshake: HTTP 409 Conflict (why)"},
		{"429 Too Many Requests", "status_429", "WebSocket handshake: HTTP 429 Too Many Requests (why)"},
		{"502 Bad Gateway", "status_502", "WebSocket handshake: HTTP 502 Bad Gateway (why)"},
		{"503 the reason phrase is not repeated", "status_503", "WebSocket handshake: HTTP 503 Service Unavailable (why)"},
	} {
		t.Run(test.answer, func(t *testing.T) {
			play(t, func(w *world) {
				w.serve(func(p *peer) {
					p.request()
					p.say("HTTP/1.1 " + test.answer + "\r\nContent-Length: 5\r\n\r\nwhy\r\n")
					p.untilGone()
				})
				failed := w.try(context.Background())
				assert.Equal(w.t, podlog.ReasonStatus, failed.Reason)
				assert.Equal(w.t, test.label, failed.Label())
				assert.Equal(w.t, test.text, failed.Error())
				assert.Zero(w.t, failed.RetryAfter)
				assert.False(w.t, failed.MayBeOpen())
			})
		})
	}
}

func TestClient_saysWhereARedirectPoints(t *testing.T) {
	for location, want := range map[string]string{
		"wss://logs.example/v2/stream":                  "wss://logs.example/v2/stream",
		"/login?back=%2Fv1%2Fstream&was=" + token:       "/login?back=%2Fv1%2Fstream&was=[REDACTED]",
		"https://a.example/" + strings.Repeat("x", 999): "https://a.example/" + strings.Repeat("x", 182) + "…",
	} {
		t.Run(want[:8], func(t *testing.T) {
			play(t, func(w *world) {
				w.serve(func(p *peer) {
					p.request()
					p.say("HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + "\r\n\r\n")
				})
				assert.EqualError(w.t, w.try(context.Background()), "WebSocket handshake: HTTP 302 Found: to "+want)
			})
		})
	}
}

// refusal is an answer 401 with a body.
func refusal(body string) string {
	return "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n" + body
}

func TestClient_quotesTheAnswer(t *testing.T) {
	for name, test := range map[string]struct{ body, want string }{
		"nothing":           {"", ""},
		"on one line":       {"\r\n no\n\n\tlicence \r\n", "no licence"},
		"printable":         {"no\x00 lic\x1b[31mence", "no? lic?[31mence"},
		"cut":               {strings.Repeat("0123456789", 50), strings.Repeat("0123456789", 20) + "…"},
		"cut at a rune":     {strings.Repeat("x", 199) + "ééé", strings.Repeat("x", 199) + "…"},
		"just short enough": {strings.Repeat("x", 200), strings.Repeat("x", 200)},
		"the token":         {"unknown: Bearer " + token + "!", "unknown: Bearer [REDACTED]!"},
		"the bare token":    {"unknown: " + token + "!", "unknown: [REDACTED]!"},
		"a token that the excerpt would cut": {
			strings.Repeat("x", 190) + token, strings.Repeat("x", 190) + "[REDACTED]",
		},
		"a token that the reading cuts": {
			strings.Repeat(token+"\n", 100), strings.TrimSpace(strings.Repeat("[REDACTED] ", 14)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.serve(func(p *peer) {
					p.request()
					p.say(refusal(test.body))
				})
				failed := w.try(context.Background())
				assert.Equal(w.t, 401, failed.Status)
				assert.Equal(w.t, test.want, failed.Body)
				assert.NotContains(w.t, failed.Error(), token[:12], "a part of a secret was printed")
			})
		})
	}
}

func TestClient_neverPrintsASecretHeader(t *testing.T) {
	play(t, func(w *world) {
		w.client.Header = http.Header{"X-Api-Key": {"another-secret"}}
		w.serve(func(p *peer) {
			p.request()
			p.say(refusal("X-Api-Key: another-secret"))
		})
		assert.Equal(w.t, "X-Api-Key: [REDACTED]", w.try(context.Background()).Body)
	})
}

func TestClient_answerThatDoesNotEnd(t *testing.T) {
	play(t, func(w *world) {
		w.serve(func(p *peer) {
			p.request()
			p.say("HTTP/1.1 409 Conflict\r\n\r\nExceeded maximum number of sessions per token\r\n")
			p.untilGone() // neither a length nor an end
		})
		start := time.Now()
		failed := w.try(context.Background())
		assert.LessOrEqual(w.t, time.Since(start), handshake)
		assert.Equal(w.t, "status_409", failed.Label())
		assert.Equal(w.t, "Exceeded maximum number of sessions per token", failed.Body)
	})
}

func TestClient_switchesOnlyToWebSocket(t *testing.T) {
	for name, answer := range map[string]string{
		"wrong Sec-WebSocket-Accept": "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n",
		"no Sec-WebSocket-Accept":    "Upgrade: websocket\r\nConnection: Upgrade\r\n",
		"another protocol":           "Upgrade: h2c\r\nConnection: Upgrade\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.serve(func(p *peer) {
					p.request()
					p.say("HTTP/1.1 101 Switching Protocols\r\n" + answer + "\r\n")
					p.untilGone()
				})
				failed := w.try(context.Background())
				assert.Equal(w.t, podlog.ReasonStatus, failed.Reason)
				assert.Equal(w.t, "status_101", failed.Label())
				require.Error(w.t, failed.Err)
				assert.True(w.t, failed.MayBeOpen())
			})
		})
	}
}

// An answer may claim what nobody asked for. What counts is what the frames are.
func TestClient_takesNoNoticeOfWhatItDidNotAskFor(t *testing.T) {
	for name, header := range map[string]string{
		"a protocol":                     "Sec-WebSocket-Protocol: mqtt\r\n",
		"compression":                    "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n",
		"an extension that nobody knows": "Sec-WebSocket-Extensions: x-other; a=1\r\n",
		"cookies":                        "Set-Cookie: AWSALB=abc; Path=/\r\nSet-Cookie: b=c\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.serve(func(p *peer) {
					answer := switching(p.request())
					p.say(strings.TrimSuffix(answer, "\r\n") + header + "\r\n" + text("a record") + frame(final|0x40|opText, "compressed"))
				})
				session, err := w.client.Open(context.Background(), context.Background(), podlog.Message, bearer())
				require.NoError(w.t, err)
				h := &handler{}
				ended := asError(w.t, session.Receive(context.Background(), h))
				assert.Equal(w.t, []string{"a record"}, h.texts())
				assert.Equal(w.t, podlog.ReasonProtocol, ended.Reason)
				assert.ErrorContains(w.t, ended, "a reserved bit is set: no extension was agreed on")
			})
		})
	}
}

func TestClient_retryAfter(t *testing.T) {
	const clock = "Sat, 01 Jan 2000 00:00:00 GMT" // when a synctest bubble begins
	for name, test := range map[string]struct {
		header string
		want   time.Duration
	}{
		"none":                         {"", 0},
		"seconds":                      {"Retry-After: 120\r\n", 2 * time.Minute},
		"no seconds":                   {"Retry-After: 0\r\n", 0},
		"the cap":                      {"Retry-After: 600\r\n", 10 * time.Minute},
		"above the cap":                {"Retry-After: 601\r\n", 10 * time.Minute},
		"a day":                        {"Retry-After: 86400\r\n", 10 * time.Minute},
		"a number beyond 32 bits":      {"Retry-After: 99999999999\r\n", 10 * time.Minute},
		"a number beyond 64 bits":      {"Retry-After: 99999999999999999999999\r\n", 10 * time.Minute},
		"negative":                     {"Retry-After: -5\r\n", 0},
		"a fraction":                   {"Retry-After: 1.5\r\n", 0},
		"nonsense":                     {"Retry-After: soon\r\n", 0},
		"a date":                       {"Retry-After: Sat, 01 Jan 2000 00:01:30 GMT\r\n", 90 * time.Second},
		"a date of RFC 850":            {"Retry-After: Saturday, 01-Jan-00 00:01:30 GMT\r\n", 90 * time.Second},
		"a date in the past":           {"Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", 0},
		"a date above the cap":         {"Retry-After: Sun, 02 Jan 2000 00:00:00 GMT\r\n", 10 * time.Minute},
		"a date, by the peer's clock":  {"Date: Thu, 01 Jan 2026 10:00:00 GMT\r\nRetry-After: Thu, 01 Jan 2026 10:05:00 GMT\r\n", 5 * time.Minute},
		"a date, by the same clock":    {"Date: " + clock + "\r\nRetry-After: Sat, 01 Jan 2000 00:00:10 GMT\r\n", 10 * time.Second},
		"a date, and the peer's no":    {"Date: today\r\nRetry-After: Sat, 01 Jan 2000 00:00:10 GMT\r\n", 10 * time.Second},
		"seconds, by any clock at all": {"Date: Thu, 01 Jan 2026 10:00:00 GMT\r\nRetry-After: 7\r\n", 7 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				require.Equal(w.t, clock, time.Now().UTC().Format(http.TimeFormat))
				w.serve(func(p *peer) {
					p.request()
					p.say("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n" + test.header + "\r\n")
				})
				assert.Equal(w.t, test.want, w.try(context.Background()).RetryAfter)
			})
		})
	}
}
