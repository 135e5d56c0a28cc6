package podlog_test

import (
	"context"
	"crypto/tls"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// insecure takes any certificate.
func insecure() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// acceptConnect plays a proxy that connects whoever asks.
func acceptConnect(p *peer) {
	p.request()
	p.say("HTTP/1.1 200 Connection established\r\n\r\n")
}

// exactly reads so many bytes.
func (p *peer) exactly(n int) string {
	b := make([]byte, n)
	_, err := io.ReadFull(p.r, b)
	p.must(err)
	return string(b)
}

// socksGreeting reads the methods that a SOCKS5 client offers (RFC 1928, 3).
func (p *peer) socksGreeting() string {
	head := p.exactly(2)
	return p.exactly(int(head[1]))
}

// socksPassword plays the part of a SOCKS5 proxy that asks for a user name and password (RFC 1929).
func (p *peer) socksPassword(accept bool) (user, password string) {
	p.socksGreeting()
	p.say("\x05\x02")
	user = p.exactly(int(p.exactly(2)[1]))
	password = p.exactly(int(p.exactly(1)[0]))
	if accept {
		p.say("\x01\x00")
	} else {
		p.say("\x01\x01")
	}
	return user, password
}

// socksConnect reads what a SOCKS5 client wants to be connected with, by name, and answers.
func (p *peer) socksConnect(reply byte) (name string) {
	head := p.exactly(5)
	assert.Equal(p.t, "\x05\x01\x00\x03", head[:4], "CONNECT to a domain name")
	name = p.exactly(int(head[4]))
	port := p.exactly(2)
	assert.Equal(p.t, 443, int(port[0])<<8|int(port[1]))
	p.say(string([]byte{5, reply, 0, 1, 0, 0, 0, 0, 0, 0}))
	return name
}

// serveOne plays the service on the connection: a session with one record and an orderly end.
func (w *world) serveOne(p *peer) {
	p.secure(w.serving)
	p.upgrade(p.request())
	p.say(text("a record") + closing(1000, ""))
	p.untilGone()
}

// receiveOne opens a session and reads the one record.
func (w *world) receiveOne() {
	w.t.Helper()
	session, err := w.client.Open(context.Background(), context.Background(), podlog.Message, bearer())
	require.NoError(w.t, err)
	var h handler
	failed := asError(w.t, session.Receive(context.Background(), &h))
	assert.Equal(w.t, podlog.ReasonClosed, failed.Reason)
	assert.Equal(w.t, []string{"a record"}, h.texts())
}

func TestClient_goesThroughAnHTTPProxy(t *testing.T) {
	for proxy, authorization := range map[string][]string{
		"http://proxy.test:3128":                 nil,
		"http://user:p%40ss@proxy.test:3128":     {"Basic dXNlcjpwQHNz"},
		"http://only-a-user@proxy.test:3128":     {"Basic b25seS1hLXVzZXI6"},
		"http://user:word@[2001:db8::1]:3128/":   {"Basic dXNlcjp3b3Jk"},
		"http://user:a%3Ab%20c@proxy.test:3128/": {"Basic dXNlcjphOmIgYw=="},
	} {
		t.Run(proxy, func(t *testing.T) {
			playTLS(t, func(w *world) {
				w.through(proxy)
				w.serve(func(p *peer) {
					request := p.request()
					assert.Equal(w.t, "CONNECT", request.Method)
					assert.Equal(w.t, host+":443", request.RequestURI)
					assert.Equal(w.t, host+":443", request.Host)
					assert.Equal(w.t, authorization, request.Header["Proxy-Authorization"])
					assert.Empty(w.t, request.Header["Authorization"], "the token is not the proxy's affair")
					p.say("HTTP/1.1 200 Connection established\r\n\r\n")
					w.serveOne(p)
				})
				w.receiveOne()
			})
		})
	}
}

// A successful answer to CONNECT has no body, whatever its header says (RFC 9110, 9.3.6).
func TestClient_takesNoBodyFromAProxyThatConnects(t *testing.T) {
	for _, header := range []string{"Content-Length: 0", "Content-Length: 7", "Transfer-Encoding: chunked", "Connection: close"} {
		t.Run(header, func(t *testing.T) {
			playTLS(t, func(w *world) {
				w.through("http://proxy.test:3128")
				w.serve(func(p *peer) {
					p.request()
					p.say("HTTP/1.1 201 Created\r\n" + header + "\r\n\r\n")
					w.serveOne(p)
				})
				w.receiveOne()
			})
		})
	}
}

func TestClient_saysWhyAnHTTPProxyDoesNotConnect(t *testing.T) {
	const credentials = "dXNlcjpwYXNzd29yZA=="
	for name, test := range map[string]struct {
		answer string
		reason podlog.Reason
		text   string
	}{
		"credentials": {
			"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 4\r\n\r\nwho?",
			podlog.ReasonProxyAuth, "HTTP 407 Proxy Authentication Required (who?)",
		},
		"credentials, of kinds that include Basic": {
			"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: NTLM\r\n" +
				"Proxy-Authenticate: Digest realm=\"a, b\", qop=\"auth\", basic realm=\"c\"\r\n\r\n",
			podlog.ReasonProxyAuth, "HTTP 407 Proxy Authentication Required",
		},
		"another kind of login": {
			"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n",
			podlog.ReasonProxyAuth,
			"HTTP 407 Proxy Authentication Required: the proxy takes another kind of login than Basic: Negotiate, NTLM",
		},
		"another kind of login, with parameters": {
			"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Digest realm=\"proxy\", qop=\"auth\", nonce = \"x\"\r\n\r\n",
			podlog.ReasonProxyAuth,
			"HTTP 407 Proxy Authentication Required: the proxy takes another kind of login than Basic: Digest",
		},
		"unreachable": {"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nno\n", podlog.ReasonProxy, "HTTP 502 Bad Gateway (no)"},
		"forbidden":   {"HTTP/1.1 403 Forbidden\r\n\r\n", podlog.ReasonProxy, "HTTP 403 Forbidden"},
		"the credentials, echoed": {
			"HTTP/1.1 403 Forbidden\r\nContent-Length: 29\r\n\r\n" + credentials + " password",
			podlog.ReasonProxy, "HTTP 403 Forbidden ([REDACTED] [REDACTED])",
		},
		"nonsense":                {"SSH-2.0-OpenSSH_9.6\r\n", podlog.ReasonProxy, `malformed HTTP response "SSH-2.0-OpenSSH_9.6"`},
		"nonsense with a secret":  {"password\r\n", podlog.ReasonProxy, `malformed HTTP response "[REDACTED]"`},
		"the end":                 {"", podlog.ReasonProxy, "unexpected EOF"},
		"more than an answer":     {"HTTP/1.1 200 OK\r\n\r\nhello", podlog.ReasonProxy, "the proxy sent data before the service could"},
		"an answer without bound": {"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\n\r\nbody", podlog.ReasonProxy, "HTTP 503 Service Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			playTLS(t, func(w *world) {
				w.through("http://user:password@proxy.test:3128")
				w.serve(func(p *peer) {
					p.request()
					p.say(test.answer)
				})
				failed := w.try(context.Background())
				assert.Equal(w.t, test.reason, failed.Reason)
				assert.EqualError(w.t, failed, "CONNECT through the proxy http://proxy.test:3128: "+test.text)
			})
		})
	}
}

func TestClient_goesThroughASOCKSProxy(t *testing.T) {
	playTLS(t, func(w *world) {
		w.through("socks5://proxy.test")
		w.serve(func(p *peer) {
			assert.Equal(w.t, "\x00", p.socksGreeting(), "no authentication")
			p.say("\x05\x00")
			assert.Equal(w.t, host, p.socksConnect(0), "the proxy looks the name up")
			w.serveOne(p)
		})
		w.receiveOne()
	})
}

func TestClient_goesThroughASOCKSProxyWithAPassword(t *testing.T) {
	playTLS(t, func(w *world) {
		w.through("socks5://user:p%40ss@proxy.test")
		w.serve(func(p *peer) {
			user, password := p.socksPassword(true)
			assert.Equal(w.t, "user", user)
			assert.Equal(w.t, "p@ss", password)
			p.socksConnect(0)
			w.serveOne(p)
		})
		w.receiveOne()
	})
}

func TestClient_saysWhyASOCKSProxyDoesNotConnect(t *testing.T) {
	for name, test := range map[string]struct {
		script func(*peer)
		reason podlog.Reason
		text   string
	}{
		"wrong password":      {func(p *peer) { p.socksPassword(false) }, podlog.ReasonProxyAuth, "authentication failed"},
		"no method in common": {func(p *peer) { p.socksGreeting(); p.say("\x05\xff") }, podlog.ReasonProxyAuth, "no acceptable authentication methods"},
		"unreachable":         {func(p *peer) { p.socksPassword(true); p.socksConnect(4) }, podlog.ReasonProxy, "host unreachable"},
		"an HTTP proxy":       {func(p *peer) { p.socksGreeting(); p.say("HTTP/1.1 400 Bad Request\r\n\r\n") }, podlog.ReasonProxy, "unexpected protocol version"},
		"the end":             {func(p *peer) { p.socksGreeting() }, podlog.ReasonProxy, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			playTLS(t, func(w *world) {
				w.through("socks5://user:p4ss@proxy.test")
				w.serve(test.script)
				failed := w.try(context.Background())
				assert.Equal(w.t, test.reason, failed.Reason)
				assert.Equal(w.t, "connecting through the proxy socks5://proxy.test", failed.Op)
				assert.Contains(w.t, failed.Error(), test.text)
				assert.NotContains(w.t, failed.Error(), "p4ss")
			})
		})
	}
}
