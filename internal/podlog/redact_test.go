package podlog_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// escaped is a text with every byte percent-escaped.
func escaped(text, format string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		_, _ = fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

func TestClient_neverPrintsTheTokenInAnotherSpelling(t *testing.T) {
	for name, spelling := range map[string]string{
		"upper case":                  strings.ToUpper(token),
		"lower case":                  strings.ToLower(token),
		"escaped":                     escaped(token, "%%%02x"),
		"escaped, upper case":         escaped(token, "%%%02X"),
		"dots escaped":                strings.ReplaceAll(token, ".", "%2E"),
		"base64":                      base64.StdEncoding.EncodeToString([]byte(token)),
		"base64 for URLs":             base64.RawURLEncoding.EncodeToString([]byte(token)),
		"base64, escaped":             escaped(base64.StdEncoding.EncodeToString([]byte(token)), "%%%02X"),
		"base64, lower case":          strings.ToLower(base64.StdEncoding.EncodeToString([]byte(token))),
		"base64 of a header":          base64.StdEncoding.EncodeToString([]byte("Bearer " + token)),
		"base64 of one before":        base64.StdEncoding.EncodeToString([]byte(":" + token)),
		"base64 of two before":        base64.StdEncoding.EncodeToString([]byte("u:" + token + "?")),
		"base64 of three before":      base64.StdEncoding.EncodeToString([]byte("us:" + token + "??")),
		"a beginning":                 token[:20],
		"a beginning in upper case":   strings.ToUpper(token[:20]),
		"a beginning, escaped":        escaped(token[:20], "%%%02X"),
		"a beginning, cut one byte":   escaped(token[:20], "%%%02X") + "%",
		"a beginning, cut two bytes":  escaped(token[:20], "%%%02X") + "%4",
		"a beginning in base64":       base64.StdEncoding.EncodeToString([]byte(token[:21])),
		"in a header that we repeat ": "Authorization: bearer " + strings.ToUpper(token),
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.serve(func(p *peer) {
					p.request()
					p.say(refusal("refused: " + spelling))
				})
				body := w.try(context.Background()).Body
				shown := strings.TrimPrefix(body, "refused: ")
				assert.Contains(w.t, shown, "[REDACTED]")
				assert.LessOrEqual(w.t, len(shown), len("Authorization: bearer [REDACTED]"), shown)
			})
		})
	}
}

// The name of the receiver is in every request, and in the words of the service, too.
func TestClient_printsWhatIsNoSecret(t *testing.T) {
	play(t, func(w *world) {
		w.client.Header = http.Header{"User-Agent": {"proofpointpodreceiver/1.2.3"}}
		w.serve(func(p *peer) {
			p.request()
			p.say(refusal("Ask Proofpoint"))
		})
		assert.Equal(w.t, "Ask Proofpoint", w.try(context.Background()).Body)
	})
}

// maxErrorLength is more than an error with one excerpt of a peer's text has.
const maxErrorLength = 600

func TestClient_boundsWhatTLSQuotes(t *testing.T) {
	names := make([]string, 0, 99)
	for i := range 99 {
		names = append(names, fmt.Sprintf("%02d", i)+strings.Repeat("\u007fx", 100)+".example")
	}
	play(t, func(w *world) {
		ca := newCA(w.t)
		w.secure(ca, names...)
		w.client.TLS = &tls.Config{RootCAs: ca.Pool()}
		w.serve(func(p *peer) {
			assert.Error(w.t, tls.Server(p.Conn, w.serving).HandshakeContext(context.Background()))
		})
		failed := w.try(context.Background())
		assert.Equal(w.t, podlog.ReasonCertificate, failed.Reason)
		assert.Contains(w.t, failed.Error(), "certificate is valid for 00")
		assert.Less(w.t, len(failed.Error()), maxErrorLength)
		assert.NotContains(w.t, failed.Error(), "\x7f")
	})
}

func TestClient_boundsWhatNameServersAndNetworksSay(t *testing.T) {
	long := strings.Repeat("no such host\n\x1b[31m", 1000)
	for reason, cause := range map[podlog.Reason]error{
		podlog.ReasonDNS:  &net.DNSError{Err: long, Name: host, Server: long},
		podlog.ReasonDial: errors.New(long),
	} {
		t.Run(string(reason), func(t *testing.T) {
			play(t, func(w *world) {
				w.client.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, cause }
				failed := w.try(context.Background())
				assert.Equal(w.t, reason, failed.Reason)
				assert.Less(w.t, len(failed.Error()), maxErrorLength)
				assert.NotContains(w.t, failed.Error(), "\x1b")
				assert.NotContains(w.t, failed.Error(), "\n")
				require.ErrorIs(w.t, failed, cause)
			})
		})
	}
}

func TestClient_boundsWhatAProxySays(t *testing.T) {
	for name, answer := range map[string]string{
		"logins":   "HTTP/1.1 407 No\r\n" + strings.Repeat("Proxy-Authenticate: "+strings.Repeat("x", 900)+"\r\n", 100) + "\r\n",
		"a body":   "HTTP/1.1 403 No\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("x", 100_000),
		"nonsense": strings.Repeat("x", 100_000) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			playTLS(t, func(w *world) {
				w.through("http://proxy.test:3128")
				w.serve(func(p *peer) {
					p.request()
					_, _ = fmt.Fprint(p, answer) // it may be gone before the end
				})
				assert.Less(w.t, len(w.try(context.Background()).Error()), maxErrorLength)
			})
		})
	}
}
