package proofpointpodreceiver

import (
	"crypto/tls"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// intercepted puts somebody on the way to the service, who lets all connections pass at first.
func (s *scenario) intercepted() (*podsim.Interceptor, *podsim.CA) {
	ca, err := podsim.NewCA()
	require.NoError(s.t, err)
	serving, err := ca.ServerConfig()
	require.NoError(s.t, err)
	s.network = podsim.NewPipe()
	interceptor := podsim.Intercept(s.network)
	s.service.Start(interceptor, serving)
	s.config.TLS.CAFile = s.file("intercepted-ca.pem", ca.PEM())
	return interceptor, ca
}

// certified is a TLS configuration with one certificate.
func certified(s *scenario, certificate tls.Certificate, err error) *tls.Config {
	require.NoError(s.t, err)
	return &tls.Config{Certificates: []tls.Certificate{certificate}}
}

// trouble is something that anybody on the way to the service can cause. It begins before the source, and returns what
// ends it.
type trouble struct {
	begin func(*scenario) (end func())
	says  []string
}

// takes has somebody on the way take all connections.
func takes(how func(*scenario, *podsim.CA) podsim.Interception) func(*scenario) func() {
	return func(s *scenario) func() {
		interceptor, ca := s.intercepted()
		interceptor.Take(how(s, ca))
		return interceptor.Pass
	}
}

// writes has somebody on the way write to the wire.
func writes(raw []byte) func(*scenario) func() {
	return takes(func(*scenario, *podsim.CA) podsim.Interception { return podsim.Interception{Raw: raw} })
}

// proxyAnswers has an HTTP proxy answer CONNECT.
func proxyAnswers(answer string) func(*scenario) func() {
	return func(s *scenario) func() {
		p := &proxy{clerk: httpClerk, answer: answer}
		s.config.ProxyURL = configopaque.String(proxyURL("http", proxyPassword))
		s.through(p)
		return func() { p.set("", "") }
	}
}

// proxyWantsAnother has a proxy want another password than it is given.
func proxyWantsAnother(scheme string) func(*scenario) func() {
	return func(s *scenario) func() {
		p := &proxy{clerk: clerks()[scheme], password: "another-password"}
		s.config.ProxyURL = configopaque.String(proxyURL(scheme, proxyPassword))
		s.through(p)
		return func() { p.set("", "") }
	}
}

func onTheWay() map[string]trouble {
	untrusted := []string{"TLS handshake with logstream.proofpoint.com:443", "certificate is not trusted", "tls.ca_file", "clock"}
	return map[string]trouble{
		"a plaintext alert":                  {writes(podsim.Alert(80)), []string{"internal error", "breaks TLS"}},
		"a plaintext alert: bad certificate": {writes(podsim.Alert(42)), []string{"bad certificate; the TLS handshake failed: check that endpoint", "breaks TLS"}},
		"a plaintext alert: certificate required": {
			writes(podsim.Alert(116)), []string{"none is configured: set tls.cert_file and tls.key_file"},
		},
		"a plaintext alert about our certificate": {
			func(s *scenario) func() {
				interceptor, ca := s.intercepted()
				s.showsCertificateOf(ca)
				interceptor.Take(podsim.Interception{Raw: podsim.Alert(42)})
				return interceptor.Pass
			}, []string{"refuses our certificate: check tls.cert_file"},
		},
		"a web page without TLS": {writes([]byte("HTTP/1.1 403 Forbidden\r\n\r\n<html>")), []string{"breaks TLS"}},
		"an untrusted certificate": {
			takes(func(s *scenario, _ *podsim.CA) podsim.Interception {
				other, err := podsim.NewCA()
				require.NoError(s.t, err)
				certificate, err := other.Server()
				return podsim.Interception{TLS: certified(s, certificate, err), Answer: "HTTP/1.1 403 Forbidden\r\n\r\n"}
			}), untrusted,
		},
		"a certificate of another host": {
			takes(func(s *scenario, ca *podsim.CA) podsim.Interception {
				certificate, err := ca.Server("gateway.example")
				return podsim.Interception{TLS: certified(s, certificate, err)}
			}), append(untrusted, "gateway.example"),
		},
		"a certificate of 99 long names": {
			takes(func(s *scenario, ca *podsim.CA) podsim.Interception {
				names := []string{"gateway.example"}
				for range 98 {
					names = append(names, strings.Repeat("x", 300)+".example")
				}
				certificate, err := ca.Server(names...)
				return podsim.Interception{TLS: certified(s, certificate, err)}
			}), append(untrusted, "gateway.example"),
		},
		"a certificate out of its dates": {
			takes(func(s *scenario, ca *podsim.CA) podsim.Interception {
				certificate, err := ca.Expired()
				return podsim.Interception{TLS: certified(s, certificate, err)}
			}), append(untrusted, "expired"),
		},
		"a proxy forbids":                   {proxyAnswers("HTTP/1.1 403 Forbidden\r\n\r\n"), []string{"HTTP 403", "the proxy does not connect to the service"}},
		"a proxy redirects":                 {proxyAnswers("HTTP/1.1 302 Found\r\n\r\n"), []string{"HTTP 302", "the proxy does not connect to the service"}},
		"a proxy without the way":           {proxyAnswers("HTTP/1.1 502 Bad Gateway\r\n\r\n"), []string{"HTTP 502", "the proxy does not connect to the service"}},
		"a proxy that is none":              {proxyAnswers("220 mail.example ESMTP\r\n\r\n"), []string{"malformed", "the proxy does not connect to the service"}},
		"a proxy says too much":             {proxyAnswers("HTTP/1.1 200 OK\r\n\r\nhello"), []string{"sent data", "the proxy does not connect to the service"}},
		"an HTTP proxy wants a password":    {proxyWantsAnother("http"), []string{"HTTP 407", "the proxy refuses the credentials, or wants some"}},
		"a SOCKS proxy wants a password":    {proxyWantsAnother("socks5"), []string{"the proxy refuses the credentials, or wants some"}},
		"a proxy wants an unknown login":    {proxyAnswers("HTTP/1.1 407 No\r\nProxy-Authenticate: NTLM\r\n\r\n"), []string{"only Basic authentication"}},
		"the service wants our certificate": {wantsOurs, []string{"none is configured: set tls.cert_file and tls.key_file"}},
	}
}

// wantsOurs has a service that requires a client certificate take the place of one that does not.
func wantsOurs(s *scenario) func() {
	return takes(func(s *scenario, ca *podsim.CA) podsim.Interception {
		certificate, err := ca.Server()
		config := certified(s, certificate, err)
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
		return podsim.Interception{TLS: config}
	})(s)
}

// Nobody but the service can stop a stream.
func TestOnTheWay_nobodyStopsAStream(t *testing.T) {
	for name, test := range onTheWay() {
		t.Run(name, func(t *testing.T) {
			var end func()
			play(t, podsim.Options{}, func(s *scenario) {
				s.config.RetryOnFailure.MaxElapsedTime = 0
				end = test.begin(s)
			}, func(s *scenario) {
				event := s.state("Error")
				assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
				assert.Equal(t, "ThirdPartyGeneric", attr(event, "error.type"))
				assert.Equal(t, "ThirdPartyGenericError", attr(event, "health_event"))
				for _, text := range test.says {
					require.ErrorContains(t, event.Err(), text)
				}
				assert.Less(t, len(event.Err().Error()), 1000, "what a peer says is cut")
				s.elapse(3 * time.Hour)
				assert.Equal(t, componentstatus.StatusRecoverableError, s.host.last().Status())
				assert.Greater(t, s.logs.FilterMessage("not collecting; trying again").Len(), 100)
				assert.Empty(t, s.service.Handshakes(), "the token went to somebody who is not trusted")
				assert.NotContains(t, s.said(), proxyPassword)
				assert.NotContains(t, s.said(), base64.StdEncoding.EncodeToString([]byte(proxyUser+":"+proxyPassword)))
				s.service.Generate(podlog.Message, 10)
				end()
				s.collects(podlog.Message)
				assert.Equal(t, componentstatus.StatusOK, s.host.last().Status())
			})
		})
	}
}

func TestOnTheWay_retriesEndAfterMaxElapsedTime(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) { s.config.TLS.CAFile = "" }, func(s *scenario) {
		s.elapse(89 * time.Minute)
		assert.Equal(t, componentstatus.StatusRecoverableError, s.host.last().Status())
		s.elapse(2 * time.Minute)
		assert.Equal(t, componentstatus.StatusPermanentError, s.host.last().Status())
		assert.Equal(t, "ThirdPartyGeneric", attr(s.host.last(), "error.type"))
		require.ErrorContains(t, s.host.last().Err(), "tls.ca_file")
		require.ErrorContains(t, s.host.last().Err(), "It gave up after 1h30m0s")
	})
}

// What answers where TLS verifies nobody need not be the service.
func TestOnTheWay_refusalsOfWhoIsNotVerifiedAreRetried(t *testing.T) {
	for name, set := range map[string]func(*scenario){
		"ws": func(s *scenario) {
			s.network = podsim.NewPipe()
			s.service.Start(s.network, nil)
			s.config.Endpoint = "ws://logstream.proofpoint.com:443/v1/stream"
			s.config.TLS.Insecure = true
		},
		"tls.insecure_skip_verify": func(s *scenario) { s.config.TLS.InsecureSkipVerify = true },
	} {
		for status, says := range map[int]string{307: "the service has moved", 400: "cluster_id", 401: "the service refuses the token", 403: "the service refuses the token"} {
			t.Run(name+", "+strconv.Itoa(status), func(t *testing.T) {
				play(t, podsim.Options{}, func(s *scenario) {
					set(s)
					s.config.RetryOnFailure.MaxElapsedTime = 0
					s.service.Plan(refusing(status))
				}, func(s *scenario) {
					event := s.state("Error")
					assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
					assert.Equal(t, "ThirdPartyGeneric", attr(event, "error.type"))
					require.ErrorContains(t, event.Err(), says)
					s.elapse(3 * time.Hour)
					assert.Greater(t, len(s.service.Handshakes()), 100)
					s.service.ClearPlan()
					s.service.Generate(podlog.Message, 10)
					s.collects(podlog.Message)
				})
			})
		}
	}
}
