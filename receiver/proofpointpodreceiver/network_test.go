package proofpointpodreceiver

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

func TestNetwork_troubleOnTheWayIsTriedAgain(t *testing.T) {
	tests := map[string]struct {
		set  func(*scenario)
		says []string
	}{
		"name not found": {
			func(s *scenario) {
				s.dial = func(context.Context, string, string) (net.Conn, error) {
					return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "logstream.proofpoint.com", IsNotFound: true}}
				}
			},
			[]string{"looking up logstream.proofpoint.com:443", "no such host", "DNS"},
		},
		"connection refused": {
			func(s *scenario) { require.NoError(s.t, s.network.Close()) },
			[]string{"connecting to logstream.proofpoint.com:443", "connection refused", "firewall"},
		},
		"proxy not found": {
			func(s *scenario) {
				s.config.ProxyURL = "http://proxy.example:8080"
				s.dial = func(context.Context, string, string) (net.Conn, error) {
					return nil, &net.DNSError{Err: "no such host", Name: "proxy.example"}
				}
			},
			[]string{"looking up the proxy proxy.example:8080", "no such host"},
		},
		"no TLS": {
			func(s *scenario) {
				s.network = podsim.NewPipe()
				s.service.Start(s.network, nil)
			},
			[]string{"TLS handshake with logstream.proofpoint.com:443", "wss://"},
		},
		"connection ends instead of an answer": {
			func(s *scenario) { s.service.Plan(podsim.Step{Do: podsim.Abort, Times: -1}) },
			[]string{"WebSocket handshake", "before the service answered"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			play(t, podsim.Options{}, test.set, func(s *scenario) {
				event := s.state("Error")
				assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
				assert.Equal(t, "ThirdPartyGeneric", attr(event, "error.type"))
				for _, text := range test.says {
					assert.ErrorContains(t, event.Err(), text)
				}
				s.elapse(time.Minute)
				assert.Greater(t, s.logs.FilterMessage("not collecting; trying again").Len(), 2)
			})
		})
	}
}

func TestNetwork_noAttemptHangsLongerThanTheHandshakeTimeout(t *testing.T) {
	tests := map[string]func(*scenario){
		"dial": func(s *scenario) {
			s.dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		},
		"HTTP proxy": func(s *scenario) {
			s.config.ProxyURL = "http://proxy.example:8080"
			s.network = silentNetwork(s)
		},
		"SOCKS proxy": func(s *scenario) {
			s.config.ProxyURL = "socks5://proxy.example:1080"
			s.network = silentNetwork(s)
		},
		"TLS":       func(s *scenario) { s.network = silentNetwork(s) },
		"WebSocket": func(s *scenario) { s.service.Plan(podsim.Step{Do: podsim.Hang, Times: -1}) },
	}
	for name, set := range tests {
		t.Run(name, func(t *testing.T) {
			play(t, podsim.Options{}, set, func(s *scenario) {
				started := time.Now()
				event := s.state("Error")
				assert.InDelta(t, 30, time.Since(started).Seconds(), 0.2)
				assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
				assert.ErrorContains(t, event.Err(), "no answer within 30s")
				assert.ErrorContains(t, event.Err(), "handshake_timeout")
				s.elapse(70 * time.Second)
				assert.GreaterOrEqual(t, s.logs.FilterMessage("not collecting; trying again").Len(), 2)
			})
		})
	}
}

func TestNetwork_certificateNeedNotBeTrustedWhereTheUserSaysSo(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.TLS.CAFile = ""
		s.config.TLS.InsecureSkipVerify = true
	}, func(s *scenario) {
		s.state("Collecting")
	})
}

// wantsClientCertificate has the service ask for one, and returns the authority that issues it.
func (s *scenario) wantsClientCertificate() *podsim.CA {
	ca, err := podsim.NewCA()
	require.NoError(s.t, err)
	serving, err := ca.ServerConfig(podsim.Hosts()...)
	require.NoError(s.t, err)
	serving.ClientAuth, serving.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	s.network = podsim.NewPipe()
	s.service.Start(s.network, serving)
	s.config.TLS.CAFile = s.file("client-ca.pem", ca.PEM())
	return ca
}

// showsCertificateOf configures a client certificate.
func (s *scenario) showsCertificateOf(ca *podsim.CA) {
	certificate, err := ca.Client("collector")
	require.NoError(s.t, err)
	certPEM, keyPEM, err := podsim.PEM(certificate)
	require.NoError(s.t, err)
	s.config.TLS.CertFile = s.file("client.pem", certPEM)
	s.config.TLS.KeyFile = s.file("client.key", keyPEM)
}

func (s *scenario) file(name string, content []byte) string {
	path := filepath.Join(s.t.TempDir(), name)
	require.NoError(s.t, os.WriteFile(path, content, 0o600))
	return path
}

func TestNetwork_clientCertificate(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.showsCertificateOf(s.wantsClientCertificate())
	}, func(s *scenario) {
		s.service.Generate(podlog.Message, 10)
		s.collects(podlog.Message)
	})
}

func TestNetwork_redirectIsNotFollowed(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.service.Plan(podsim.Step{
			Do: podsim.Refuse, Status: 307, Headers: map[string]string{"Location": "wss://elsewhere.example/v1/stream"},
		})
		dial := s.network.DialContext
		s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			assert.Equal(t, "logstream.proofpoint.com:443", address)
			return dial(ctx, network, address)
		}
	}, func(s *scenario) {
		event := s.state("Error")
		assert.Equal(t, componentstatus.StatusPermanentError, event.Status())
		assert.ErrorContains(t, event.Err(), "redirects are not followed")
		s.elapse(time.Hour)
		assert.Len(t, s.service.Handshakes(), 1)
	})
}

// The proxy that the scenarios go through, and what it asks for.
const (
	proxyHost     = "proxy.example"
	proxyUser     = "collector"
	proxyPassword = "pass-w0rd-of-the-proxy"
)

// proxy stands between the source and the service. It owns a goroutine for each connection, which ends with it.
type proxy struct {
	s     *scenario
	clerk func(*proxy, net.Conn) (target string) // lets a connection pass if it names a target

	mu       sync.Mutex
	answer   string // of an HTTP proxy that does not let pass
	password string // that it wants; empty: proxyPassword
	targets  []string
}

// through puts a proxy before the service.
func (s *scenario) through(p *proxy) {
	p.s = s
	listener := podsim.NewPipe()
	s.t.Cleanup(func() { _ = listener.Close() })
	s.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, _ := net.SplitHostPort(address); host != proxyHost {
			return nil, fmt.Errorf("%s is reached through the proxy alone", address)
		}
		return listener.DialContext(ctx, network, address)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
}

func (p *proxy) serve(conn net.Conn) {
	defer conn.Close()
	target := p.clerk(p, conn)
	if target == "" {
		return
	}
	p.mu.Lock()
	p.targets = append(p.targets, target)
	p.mu.Unlock()
	service, err := p.s.network.DialContext(p.s.t.Context(), "tcp", target)
	if err != nil {
		return
	}
	defer service.Close()
	go func() {
		_, _ = io.Copy(service, conn)
		_ = service.Close()
	}()
	_, _ = io.Copy(conn, service)
}

// set changes what the proxy answers, and the password that it wants.
func (p *proxy) set(answer, password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer, p.password = answer, password
}

// rules returns what set has set.
func (p *proxy) rules() (answer, password string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answer, cmp.Or(p.password, proxyPassword)
}

// seen lists where the proxy was asked to connect to.
func (p *proxy) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.targets
}

func httpClerk(p *proxy, conn net.Conn) string {
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil || request.Method != http.MethodConnect {
		return ""
	}
	answer, password := p.rules()
	basic := base64.StdEncoding.EncodeToString([]byte(proxyUser + ":" + password))
	switch {
	case answer != "":
		_, _ = io.WriteString(conn, answer)
		return ""
	case request.Header.Get("Proxy-Authorization") != "Basic "+basic:
		// An unkind one: it repeats what it got.
		body := "not allowed: " + request.Header.Get("Proxy-Authorization")
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		return ""
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	return request.Host
}

// socksClerk is RFC 1928 and 1929, as far as needed.
func socksClerk(p *proxy, conn net.Conn) string {
	read := func(n byte) []byte {
		b := make([]byte, n)
		_, _ = io.ReadFull(conn, b)
		return b
	}
	methods := read(read(2)[1])
	if !strings.Contains(string(methods), "\x02") { // user and password
		_, _ = conn.Write([]byte{5, 0xff})
		return ""
	}
	_, _ = conn.Write([]byte{5, 2})
	user := string(read(read(2)[1]))
	password := string(read(read(1)[0]))
	if _, want := p.rules(); user != proxyUser || password != want {
		_, _ = conn.Write([]byte{1, 1})
		return ""
	}
	_, _ = conn.Write([]byte{1, 0})
	host := string(read(read(5)[4]))
	port := read(2)
	_, _ = conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return fmt.Sprintf("%s:%d", host, int(port[0])<<8|int(port[1]))
}

func proxyURL(scheme, password string) string {
	return scheme + "://" + proxyUser + ":" + password + "@" + proxyHost + ":8080"
}

// clerks are the proxies there are, by the scheme of their URL.
func clerks() map[string]func(*proxy, net.Conn) string {
	return map[string]func(*proxy, net.Conn) string{"http": httpClerk, "socks5": socksClerk}
}

func TestNetwork_proxy(t *testing.T) {
	for scheme, clerk := range clerks() {
		t.Run(scheme, func(t *testing.T) {
			p := &proxy{clerk: clerk}
			play(t, podsim.Options{}, func(s *scenario) {
				s.config.ProxyURL = configopaque.String(proxyURL(scheme, proxyPassword))
				s.through(p)
			}, func(s *scenario) { s.passes(p) })
		})
	}
}

func TestNetwork_proxyOfTheEnvironment(t *testing.T) {
	for scheme, clerk := range clerks() {
		t.Run(scheme, func(t *testing.T) {
			t.Setenv("HTTPS_PROXY", proxyURL(scheme, proxyPassword))
			t.Setenv("NO_PROXY", "")
			p := &proxy{clerk: clerk}
			playAlone(t, podsim.Options{}, func(s *scenario) { s.through(p) }, func(s *scenario) { s.passes(p) })
		})
	}
}

func TestNetwork_proxyOfTheEnvironmentIsNotForEveryHost(t *testing.T) {
	t.Setenv("HTTPS_PROXY", proxyURL("http", proxyPassword))
	t.Setenv("NO_PROXY", "proofpoint.com")
	playAlone(t, podsim.Options{}, nil, func(s *scenario) { s.state("Collecting") })
}

// passes holds that records come through the proxy, also after a drop.
func (s *scenario) passes(p *proxy) {
	s.service.Generate(podlog.Message, 10)
	s.collects(podlog.Message)
	s.service.DropAll(podsim.Drop)
	s.state("Error")
	s.service.Generate(podlog.Message, 10)
	s.collects(podlog.Message)
	for _, target := range p.seen() {
		assert.Equal(s.t, "logstream.proofpoint.com:443", target)
	}
	assert.GreaterOrEqual(s.t, len(p.seen()), 2)
	assert.NotContains(s.t, s.said(), proxyPassword)
}

func TestSource_doesNotStartWithAProxyThatCannotBeUsed(t *testing.T) {
	playAlone(t, podsim.Options{}, nil, func(s *scenario) {
		t.Setenv("HTTPS_PROXY", "http://user:hid/den@proxy:3128")
		t.Setenv("NO_PROXY", "")
		err := s.create().Start(context.Background(), s.host)
		require.ErrorContains(t, err, "HTTPS_PROXY: not a URL")
		assert.NotContains(t, err.Error(), "hid")
	})
}
