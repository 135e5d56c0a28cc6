package podlog_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

func TestClient_saysWhyThereIsNoConnection(t *testing.T) {
	missing := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	refused := errors.New("connection refused")
	for name, test := range map[string]struct {
		proxy  string
		cause  error
		reason podlog.Reason
		text   string
	}{
		"the service's name": {"", missing, podlog.ReasonDNS, "looking up " + host + ":80: dial tcp: lookup " + host + ": no such host"},
		"the proxy's name": {
			"http://user:word@proxy.test", missing, podlog.ReasonDNS,
			"looking up the proxy proxy.test:80: dial tcp: lookup " + host + ": no such host",
		},
		"the service": {"", refused, podlog.ReasonDial, "connecting to " + host + ":80: connection refused"},
		"the proxy": {
			"socks5://user:word@proxy.test", refused, podlog.ReasonDial,
			"connecting to the proxy proxy.test:1080: connection refused",
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				if test.proxy != "" {
					w.through(test.proxy)
				}
				w.client.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, test.cause }
				failed := w.try(context.Background())
				assert.Equal(w.t, test.reason, failed.Reason)
				assert.Equal(w.t, string(test.reason), failed.Label())
				assert.EqualError(w.t, failed, test.text)
				assert.ErrorIs(w.t, failed, test.cause)
			})
		})
	}
}

func TestClient_dialsTheUsualPorts(t *testing.T) {
	for endpoint, address := range map[string]string{
		"ws://pod.test/v1/stream":           "pod.test:80",
		"wss://pod.test/v1/stream":          "pod.test:443",
		"wss://pod.test:8443/v1/stream":     "pod.test:8443",
		"wss://[2001:db8::1]/v1/stream":     "[2001:db8::1]:443",
		"wss://[2001:db8::1]:444/v1/stream": "[2001:db8::1]:444",
	} {
		t.Run(endpoint, func(t *testing.T) {
			play(t, func(w *world) {
				var err error
				w.client.Endpoint, err = url.Parse(endpoint)
				require.NoError(w.t, err)
				dialed := ""
				w.client.Dial = func(_ context.Context, network, address string) (net.Conn, error) {
					dialed = network + " " + address
					return nil, errors.New("enough")
				}
				w.try(context.Background())
				assert.Equal(w.t, "tcp "+address, dialed)
			})
		})
	}
}

func TestClient_saysThatThePeerSpeaksNoTLS(t *testing.T) {
	playTLS(t, func(w *world) {
		w.serve(func(p *peer) {
			p.say("HTTP/1.1 400 Bad Request\r\n\r\n")
			p.untilGone()
		})
		failed := w.try(context.Background())
		assert.Equal(w.t, podlog.ReasonTLS, failed.Reason)
		assert.Equal(w.t, "TLS handshake with "+host, failed.Op)
	})
}

func TestClient_saysThatTheTLSHandshakeBroke(t *testing.T) {
	playTLS(t, func(w *world) {
		w.serve(func(*peer) {})
		assert.Equal(w.t, podlog.ReasonTLS, w.try(context.Background()).Reason)
	})
}

func TestClient_trustsOnlyTheRightCertificate(t *testing.T) {
	for name, set := range map[string]func(*world){
		"unknown CA": func(w *world) {
			w.secure(newCA(w.t))
			w.client.TLS = &tls.Config{RootCAs: newCA(w.t).Pool()}
		},
		"platform's CAs": func(w *world) { w.secure(newCA(w.t)) },
		"wrong host name": func(w *world) {
			ca := newCA(w.t)
			w.secure(ca, "example.com")
			w.client.TLS = &tls.Config{RootCAs: ca.Pool()}
		},
		"expired": func(w *world) {
			ca := newCA(w.t)
			w.secure(ca)
			w.client.TLS = &tls.Config{RootCAs: ca.Pool(), Time: func() time.Time { return time.Now().AddDate(200, 0, 0) }}
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				set(w)
				w.serve(func(p *peer) {
					assert.Error(w.t, tls.Server(p.Conn, w.serving).HandshakeContext(context.Background()))
				})
				failed := w.try(context.Background())
				assert.Equal(w.t, podlog.ReasonCertificate, failed.Reason, failed)
				assert.Equal(w.t, "TLS handshake with "+host, failed.Op)
			})
		})
	}
}

func TestClient_verifiesWhatTheConfigurationNames(t *testing.T) {
	play(t, func(w *world) {
		ca := newCA(w.t)
		w.secure(ca, "inspection.test")
		w.client.TLS = &tls.Config{RootCAs: ca.Pool(), ServerName: "inspection.test", NextProtos: []string{"h2"}}
		s := w.receive()
		s.stop(errStop)
		assert.Equal(w.t, errStop, s.ended())
		assert.Equal(w.t, []string{"h2"}, w.client.TLS.NextProtos, "the configuration is not changed")
	})
}

func TestClient_saysThatItsCertificateIsRefused(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, own := range map[string]bool{"it has none": false, "it has another CA's": true} {
			t.Run(tls.VersionName(version)+", "+name, func(t *testing.T) {
				playTLS(t, func(w *world) {
					w.serving.MaxVersion = version
					w.serving.ClientAuth = tls.RequireAndVerifyClientCert
					w.serving.ClientCAs = newCA(w.t).Pool()
					if own {
						cert, err := newCA(w.t).Client("collector")
						require.NoError(w.t, err)
						w.client.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
							return &cert, nil
						}
					}
					w.serve(func(p *peer) {
						assert.Error(w.t, tls.Server(p.Conn, w.serving).HandshakeContext(context.Background()))
					})
					failed := w.try(context.Background())
					want := podlog.ReasonClientCertificate
					switch {
					case own:
					case version == tls.VersionTLS12:
						want = podlog.ReasonTLS // the alert is `handshake failure` (RFC 5246, 7.4.6), which says no more
					default:
						want = podlog.ReasonNoClientCertificate
					}
					assert.Equal(w.t, want, failed.Reason, failed)
					assert.False(w.t, failed.MayBeOpen())
				})
			})
		}
	}
}

// Anybody can write an alert to the wire. One about a certificate that we do not have says nothing.
func TestClient_alertInPlainText(t *testing.T) {
	for _, test := range []struct {
		alert          byte
		without, owned podlog.Reason
	}{
		{40, podlog.ReasonTLS, podlog.ReasonTLS},
		{42, podlog.ReasonTLS, podlog.ReasonClientCertificate},
		{43, podlog.ReasonTLS, podlog.ReasonClientCertificate},
		{44, podlog.ReasonTLS, podlog.ReasonClientCertificate},
		{45, podlog.ReasonTLS, podlog.ReasonClientCertificate},
		{46, podlog.ReasonTLS, podlog.ReasonClientCertificate},
		{48, podlog.ReasonTLS, podlog.ReasonClientCertificate},
		{116, podlog.ReasonNoClientCertificate, podlog.ReasonClientCertificate},
	} {
		for _, own := range []bool{false, true} {
			t.Run(fmt.Sprint(test.alert, ", own certificate: ", own), func(t *testing.T) {
				playTLS(t, func(w *world) {
					want := test.without
					if own {
						want = test.owned
						w.client.TLS.Certificates = []tls.Certificate{must(newCA(w.t).Client("collector"))}
					}
					w.serve(func(p *peer) {
						p.exactly(1)
						p.say(string(podsim.Alert(test.alert)))
					})
					failed := w.try(context.Background())
					assert.Equal(w.t, want, failed.Reason, failed)
					assert.False(w.t, failed.Verified)
				})
			})
		}
	}
}

func TestClient_saysWhetherTheAnswerIsTheServices(t *testing.T) {
	for name, test := range map[string]struct {
		play     func(*testing.T, func(*world))
		set      func(*world)
		verified bool
	}{
		"ws":                    {play, func(*world) {}, false},
		"wss":                   {playTLS, func(*world) {}, true},
		"wss, nobody is known":  {playTLS, func(w *world) { w.client.TLS = insecure() }, false},
		"wss, through a tunnel": {playTLS, func(w *world) { w.through("http://proxy.test:3128") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			test.play(t, func(w *world) {
				test.set(w)
				w.serve(func(p *peer) {
					if w.client.Proxy != nil {
						acceptConnect(p)
					}
					p.secure(w.serving)
					p.request()
					p.say("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
				})
				failed := w.try(context.Background())
				assert.Equal(w.t, "status_401", failed.Label())
				assert.Equal(w.t, test.verified, failed.Verified)
			})
		})
	}
}

func TestClient_showsItsCertificate(t *testing.T) {
	playTLS(t, func(w *world) {
		ca := newCA(w.t)
		cert, err := ca.Client("collector")
		require.NoError(w.t, err)
		w.serving.ClientAuth = tls.RequireAndVerifyClientCert
		w.serving.ClientCAs = ca.Pool()
		w.client.TLS.Certificates = []tls.Certificate{cert}
		s := w.receive()
		s.stop(errStop)
		assert.Equal(w.t, errStop, s.ended())
		shown := s.peer.Conn.(*tls.Conn).ConnectionState().PeerCertificates
		assert.True(w.t, shown[0].Equal(must(x509.ParseCertificate(cert.Certificate[0]))))
	})
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestClient_readsAnAnswerThatCameBeforeTheRequest(t *testing.T) {
	play(t, func(w *world) {
		dial := w.client.Dial
		w.client.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			w.peers.Wait() // the service has closed the connection: nothing can be written to it any more
			return conn, err
		}
		w.serve(func(p *peer) { p.say("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n") })
		assert.Equal(w.t, "status_503", w.try(context.Background()).Label())
	})
}

func TestClient_saysThatThereIsNoAnswer(t *testing.T) {
	for scheme, play := range map[string]func(*testing.T, func(*world)){"ws": play, "wss": playTLS} {
		for name, script := range map[string]func(*peer){
			"closed":          func(*peer) {},
			"closed half way": func(p *peer) { p.say("HTTP/1.1 101 Switching") },
			"nonsense":        func(p *peer) { p.say("SSH-2.0-OpenSSH_9.6\r\n") },
			"the token":       func(p *peer) { p.say(token + "\r\n\r\n") },
			"the token in a header": func(p *peer) {
				p.say("HTTP/1.1 400 Bad Request\r\nBearer " + token + "\r\n\r\n")
			},
			"an endless line": func(p *peer) {
				for range 1000 {
					if _, err := fmt.Fprintf(p, "%0100d", 0); err != nil {
						return // cut off: fine
					}
				}
			},
		} {
			t.Run(scheme+", "+name, func(t *testing.T) {
				play(t, func(w *world) {
					w.serve(func(p *peer) {
						p.secure(w.serving)
						p.request()
						script(p)
					})
					failed := w.try(context.Background())
					assert.Equal(w.t, podlog.ReasonHandshake, failed.Reason)
					assert.Equal(w.t, "WebSocket handshake", failed.Op)
					assert.True(w.t, failed.MayBeOpen())
					assert.Less(w.t, len(failed.Error()), 500)
				})
			})
		}
	}
}

// What is broken, or wicked, must not fill the memory before the time is up.
func TestClient_answerWhoseHeadersDoNotEnd(t *testing.T) {
	for name, proxy := range map[string]string{"service": "", "proxy": "http://proxy.test:3128"} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				if proxy != "" {
					w.through(proxy)
				}
				sent := 0
				w.serve(func(p *peer) {
					p.request()
					p.say("HTTP/1.1 200 OK\r\n")
					for sent < 100<<20 {
						n, err := fmt.Fprintf(p, "X-%d: %0999d\r\n", sent, 0)
						sent += n
						if err != nil {
							return
						}
					}
				})
				w.try(context.Background())
				w.peers.Wait()
				assert.Less(w.t, sent, 3<<20)
			})
		})
	}
}
