package proofpointpodreceiver

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/metadata"
)

// authenticator is an extension that adds a header to the requests of HTTP clients, as bearertokenauth does.
type authenticator struct {
	component.StartFunc
	component.ShutdownFunc
	header string // default: Authorization

	mu    sync.Mutex
	value string
	err   error
}

func bearing(token string) *authenticator {
	return &authenticator{header: "Authorization", value: "Bearer " + token}
}

// set changes the value of the header.
func (a *authenticator) set(value string, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.value, a.err = value, err
}

func (a *authenticator) RoundTripper(base http.RoundTripper) (http.RoundTripper, error) {
	return roundTrip(func(request *http.Request) (*http.Response, error) {
		a.mu.Lock()
		value, err := a.value, a.err
		a.mu.Unlock()
		if err != nil {
			return nil, err
		}
		request = request.Clone(request.Context())
		request.Header.Set(a.header, value)
		return base.RoundTrip(request)
	}), nil
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// authID is the name of the extension in the scenarios.
var authID = component.MustNewIDWithName("bearertokenauth", "pod")

// auth has the source take its token from an extension.
func (s *scenario) auth(extension component.Component) {
	s.config.APISecret = ""
	s.config.Auth = configoptional.Some(configauth.Config{AuthenticatorID: authID})
	s.host.extensions = map[component.ID]component.Component{authID: extension}
}

func TestAuth_collects(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.auth(bearing(podsim.Token))
	}, func(s *scenario) {
		s.service.Generate(podlog.Message, 10)
		s.collects(podlog.Message)
	})
}

func TestAuth_anotherTokenBringsTheSourceBack(t *testing.T) {
	const expired = "expired-token-of-the-file"
	for _, status := range []int{401, 403} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			extension := bearing(expired)
			play(t, podsim.Options{}, func(s *scenario) {
				s.auth(extension)
				s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: status})
			}, func(s *scenario) {
				event := s.state("Error")
				assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
				assert.Equal(t, "ThirdPartyConfig", attr(event, "error.type"))
				assert.EqualValues(t, status, attr(event, "http.response.status_code"))
				assert.Nil(t, attr(event, "retry.deadline"), "it is waited for ever")
				require.ErrorContains(t, event.Err(), "the service refuses the token from the extension bearertokenauth/pod: check")
				s.elapse(5 * time.Hour)
				require.Len(t, s.service.Handshakes(), 1, "the refused token was tried again")

				extension.set("", nil) // the file is being written
				s.elapse(10 * time.Second)
				require.Len(t, s.service.Handshakes(), 1, "tried without a token")
				extension.set("", errors.New("the file is being written"))
				s.elapse(10 * time.Second)
				extension.set("Bearer "+expired, nil)
				s.elapse(10 * time.Second)
				require.Len(t, s.service.Handshakes(), 1, "the refused token was tried again")
				require.Len(t, s.host.all(), 2, "nothing has changed")

				extension.set("Bearer "+podsim.Token, nil)
				s.elapse(6 * time.Second)
				assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
				assert.Equal(t, componentstatus.StatusOK, s.host.last().Status())
				s.service.Generate(podlog.Message, 10)
				s.collects(podlog.Message)
				assert.NotContains(t, s.said(), expired)
			})
		})
	}
}

func TestAuth_tokenThatExpiresMeanwhile(t *testing.T) {
	extension := bearing(podsim.Token)
	play(t, podsim.Options{}, func(s *scenario) {
		s.auth(extension)
	}, func(s *scenario) {
		s.service.Generate(podlog.Message, 10)
		s.collects(podlog.Message)
		s.service.RejectTokens(podsim.Token)
		s.service.AcceptTokens("fresh-token")
		s.service.DropAll(podsim.Close)
		s.until("401", func() bool { return attr(s.host.last(), "error.type") == "ThirdPartyConfig" })
		s.elapse(30 * time.Minute)
		extension.set("Bearer fresh-token", nil)
		s.elapse(6 * time.Second)
		assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
		assert.Equal(t, []int{101, 401, 101}, s.handshakes(podlog.Message))
	})
}

// The time in which a token was awaited is no trouble of the service's.
func TestAuth_waitingForATokenDoesNotCountAsRetrying(t *testing.T) {
	extension := bearing("expired")
	play(t, podsim.Options{}, func(s *scenario) {
		s.auth(extension)
		s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: 502})
	}, func(s *scenario) {
		s.until("401", func() bool { return attr(s.host.last(), "error.type") == "ThirdPartyConfig" })
		s.elapse(3 * time.Hour)
		s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: 502})
		extension.set("Bearer "+podsim.Token, nil)
		s.elapse(10 * time.Second)
		assert.Equal(t, "Collecting", attr(s.host.last(), "state"), "it gave up: %s", s.said())
	})
}

func TestAuth_anotherTokenDoesNotMendTheAddress(t *testing.T) {
	for _, status := range []int{302, 400, 404, 405} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			extension := bearing(podsim.Token)
			play(t, podsim.Options{}, func(s *scenario) {
				s.auth(extension)
				s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: status})
			}, func(s *scenario) {
				event := s.state("Error")
				assert.Equal(t, componentstatus.StatusPermanentError, event.Status())
				assert.Equal(t, "ThirdPartyConfig", attr(event, "error.type"))
				extension.set("Bearer another", nil)
				s.elapse(time.Hour)
				assert.Len(t, s.service.Handshakes(), 1)
			})
		})
	}
}

func TestAuth_tokenThatComesLate(t *testing.T) {
	for late, patient := range map[time.Duration]bool{time.Second: true, time.Minute: false} {
		t.Run(late.String(), func(t *testing.T) {
			extension := bearing("")
			extension.set("", nil)
			play(t, podsim.Options{}, func(s *scenario) {
				s.auth(extension)
			}, func(s *scenario) {
				s.elapse(late)
				assert.Empty(t, s.service.Handshakes(), "tried without a token")
				assert.Equal(t, patient, len(s.host.all()) == 1, "reported: %v", s.host.states())
				if !patient {
					event := s.host.last()
					assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
					assert.Equal(t, "ThirdPartyConfig", attr(event, "error.type"))
					assert.ErrorContains(t, event.Err(), "has no token")
				}
				extension.set("Bearer "+podsim.Token, nil)
				s.elapse(6 * time.Second)
				assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
			})
		})
	}
}

func TestAuth_authenticatorThatFailsIsAskedAgain(t *testing.T) {
	extension := bearing(podsim.Token)
	extension.set("", errors.New("the vault is sealed"))
	play(t, podsim.Options{}, func(s *scenario) {
		s.auth(extension)
	}, func(s *scenario) {
		event := s.state("Error")
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
		assert.Equal(t, "ThirdPartyGeneric", attr(event, "error.type"))
		assert.ErrorContains(t, event.Err(), "the vault is sealed")
		assert.ErrorContains(t, event.Err(), authID.String())
		s.elapse(10 * time.Minute)
		assert.Empty(t, s.service.Handshakes())
		extension.set("Bearer "+podsim.Token, nil)
		s.state("Collecting")
	})
}

func TestAuth_headerOfAnyName(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		extension := bearing("key-in-a-header")
		extension.header = "X-Api-Key"
		s.auth(extension)
		s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: 401, Body: "wrong: Bearer key-in-a-header"})
	}, func(s *scenario) {
		s.state("Error")
		header := s.service.Handshakes()[0].Header
		assert.Equal(t, "Bearer key-in-a-header", header.Get("X-Api-Key"))
		assert.Empty(t, header.Get("Authorization"))
		assert.NotContains(t, s.said(), "key-in-a-header", "a secret that the service repeats was printed")
	})
}

// Services and what stands before them repeat the header that they refuse, and tokens are long.
func TestAuth_longTokenThatTheServiceRepeatsIsNotPrinted(t *testing.T) {
	token := strings.Repeat("long.Token_", 150)
	play(t, podsim.Options{}, func(s *scenario) {
		s.auth(bearing(token))
		s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: 401, Body: "not a valid token: " + token})
	}, func(s *scenario) {
		event := s.state("Error")
		assert.ErrorContains(t, event.Err(), "not a valid token")
		assert.NotContains(t, s.said(), token[:20])
	})
}

func TestAuth_whatCannotStart(t *testing.T) {
	tests := map[string]struct {
		extension component.Component
		says      string
	}{
		"no such extension": {nil, `there is no extension "` + authID.String() + `" in service.extensions`},
		"an extension that is no authenticator": {struct {
			component.StartFunc
			component.ShutdownFunc
		}{}, "not a"},
		"an authenticator that refuses": {refusingAuthenticator{}, "cannot serve HTTP"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scenario{t: t, config: createDefaultConfig().(*Config), host: &host{}}
				s.config.ClusterID = podsim.ClusterID
				s.config.SupportedEvents = []podlog.EventType{podlog.Message}
				s.auth(test.extension)
				if test.extension == nil {
					s.host.extensions = nil
				}
				telemetry := componenttest.NewTelemetry()
				settings := receivertest.NewNopSettings(metadata.Type)
				settings.TelemetrySettings = telemetry.NewTelemetrySettings()
				source, err := newSource(settings, s.config, newSink(), newSlots())
				require.NoError(t, err)

				err = source.Start(t.Context(), s.host)
				require.ErrorContains(t, err, "auth: ")
				require.ErrorContains(t, err, test.says)
				require.NoError(t, source.Shutdown(context.WithoutCancel(t.Context())))
				assert.Empty(t, s.host.all(), "the collector reports what Start returns")
				require.NoError(t, telemetry.Shutdown(context.WithoutCancel(t.Context())))
			})
		})
	}
}

// refusingAuthenticator has no transport to give.
type refusingAuthenticator struct {
	component.StartFunc
	component.ShutdownFunc
}

func (refusingAuthenticator) RoundTripper(http.RoundTripper) (http.RoundTripper, error) {
	return nil, errors.New("cannot serve HTTP")
}

func TestAuth_anAuthenticatorThatBlocksHoldsNobody(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		release := make(chan struct{}) // of the bubble
		s.t.Cleanup(func() { close(release) })
		s.auth(&blockingAuthenticator{release: release})
	}, func(s *scenario) {
		event := s.state("Error")
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
		require.ErrorContains(s.t, event.Err(), "asking the extension")
		s.elapse(time.Minute)
		assert.Zero(t, s.stops(s.t.Context()), "the authenticator held the shutdown")
	})
}

// blockingAuthenticator does not look at the context of what it is asked.
type blockingAuthenticator struct {
	component.StartFunc
	component.ShutdownFunc
	release chan struct{}
}

func (a *blockingAuthenticator) RoundTripper(http.RoundTripper) (http.RoundTripper, error) {
	return roundTrip(func(*http.Request) (*http.Response, error) {
		<-a.release
		return nil, errors.New("too late")
	}), nil
}
