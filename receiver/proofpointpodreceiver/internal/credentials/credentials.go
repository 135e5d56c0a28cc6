package credentials

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/configopaque"
	"golang.org/x/sync/singleflight"

	"github.com/proofpointpod/otelcol/internal/status"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/retry"
)

// ErrNoToken is the error while the authenticator has no token.
var ErrNoToken = errors.New("no token")

// ExpiryFunc is called with the time at which a token expires; zero: the token does not say. Any goroutine calls it.
type ExpiryFunc func(from status.Origin, expires time.Time)

// Credentials returns the headers that authenticate a handshake. Safe for concurrent use.
type Credentials struct {
	ask    func(ctx context.Context) (http.Header, error)
	origin status.Origin
}

// FromToken returns the credentials of a token that the configuration holds under a key. It calls reportExpiry once.
func FromToken(key string, secret configopaque.String, reportExpiry ExpiryFunc) *Credentials {
	header := http.Header{"Authorization": {"Bearer " + string(secret)}}
	origin := status.FromConfig(key)
	reportExpiry(origin, tokenExpiry(header))
	return &Credentials{ask: func(context.Context) (http.Header, error) { return header, nil }, origin: origin}
}

// Extension is an extension that authenticates HTTP clients, and the request that it authenticates.
type Extension struct {
	Auth       *configauth.Config
	Extensions map[component.ID]component.Component
	Endpoint   *url.URL      // of the service
	Timeout    time.Duration // of one request
}

// FromExtension returns the credentials of an extension. They call reportExpiry with each token that they get. The error
// names the key `auth`.
func FromExtension(ctx context.Context, from Extension, reportExpiry ExpiryFunc) (*Credentials, error) {
	id := from.Auth.AuthenticatorID
	if _, listed := from.Extensions[id]; !listed {
		return nil, fmt.Errorf("auth: there is no extension %q in service.extensions; list it there, or write the ID of one that is", id)
	}
	authenticator, err := from.Auth.GetHTTPClientAuthenticator(ctx, from.Extensions)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	transport, err := authenticator.RoundTripper(echo{})
	if err != nil {
		return nil, fmt.Errorf("auth: extension %q: %w", id, err)
	}
	origin := status.FromExtension(id.String())
	target := *from.Endpoint
	target.Scheme = strings.Replace(target.Scheme, "ws", "http", 1)
	var requests singleflight.Group
	ask := func(ctx context.Context) (http.Header, error) {
		ctx, cancel := context.WithTimeout(ctx, from.Timeout)
		defer cancel()
		// An authenticator that ignores its context blocks this one goroutine, and no caller.
		answer := requests.DoChan("token", func() (any, error) { return authenticate(ctx, transport, target.String()) })
		header, err := awaitAnswer(ctx, answer)
		switch {
		case err != nil:
			return nil, fmt.Errorf("asking the extension %q for the token: %w", id, err)
		case len(header) == 0:
			return nil, ErrNoToken
		}
		reportExpiry(origin, tokenExpiry(header))
		return header, nil
	}
	return &Credentials{ask: ask, origin: origin}, nil
}

// awaitAnswer returns the answer of an authenticator, or ctx's error if that ends before. An authenticator that has not
// answered yet gets no second request: the next caller waits for the same answer.
func awaitAnswer(ctx context.Context, answer <-chan singleflight.Result) (http.Header, error) {
	select {
	case a := <-answer:
		header, _ := a.Val.(http.Header)
		return header, a.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// authenticate returns the headers that the authenticator adds to a request.
func authenticate(ctx context.Context, transport http.RoundTripper, url string) (http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.Request == nil {
		return nil, errors.New("it answers requests itself; one that adds headers is needed, such as bearertokenauth")
	}
	header := response.Request.Header.Clone()
	for name, values := range header {
		if strings.TrimSpace(strings.Join(values, "")) == "" {
			delete(header, name)
		}
	}
	return header, nil
}

// echo is the transport below an authenticator: it sends nothing and answers with the request.
type echo struct{}

func (echo) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: request}, nil
}

const (
	// firstTokenWait is how long First waits for an authenticator's first token: an extension reads its file in the
	// background, while the collector starts the receivers.
	firstTokenWait = 2 * time.Second
	firstTokenPoll = 50 * time.Millisecond

	// Await asks an authenticator at random intervals between these, so that the streams of a source do not come back at
	// the same moment.
	minTokenPoll = 3 * time.Second
	maxTokenPoll = 5 * time.Second

	// watchInterval is how often Watch asks an authenticator: a session can outlive its token, and the warning before the
	// token's expiry ends when there is another one.
	watchInterval = time.Minute
)

// Header returns the headers for one handshake. The authenticator may have another token for the next one. The error is
// ErrNoToken while it has none.
func (c *Credentials) Header(ctx context.Context) (http.Header, error) { return c.ask(ctx) }

// First is Header for the first handshake: it waits up to 2 s for the first token.
func (c *Credentials) First(ctx context.Context) (http.Header, error) {
	deadline := time.Now().Add(firstTokenWait)
	for {
		header, err := c.ask(ctx)
		if !errors.Is(err, ErrNoToken) || !time.Now().Before(deadline) {
			return header, err
		}
		if !retry.Wait(ctx, firstTokenPoll) {
			return nil, context.Cause(ctx)
		}
	}
}

// Await waits until the headers differ from the refused ones. It returns false if ctx ends before.
func (c *Credentials) Await(ctx context.Context, refused http.Header) bool {
	for retry.Wait(ctx, minTokenPoll+rand.N(maxTokenPoll-minTokenPoll)) { //nolint:gosec // a wait is no secret
		header, err := c.ask(ctx)
		if err == nil && !maps.EqualFunc(header, refused, slices.Equal) {
			return true
		}
	}
	return false
}

// Watch asks an authenticator once a minute until ctx ends, so that the expiry of each token is reported. It returns at
// once for a token of the configuration. An error is left to the next handshake.
func (c *Credentials) Watch(ctx context.Context) {
	for c.origin.Renews() && retry.Wait(ctx, watchInterval) {
		_, _ = c.ask(ctx)
	}
}

// Origin returns where the token comes from.
func (c *Credentials) Origin() status.Origin { return c.origin }
