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

// Credentials gives the headers that authenticate a handshake. Safe for concurrent use.
type Credentials struct {
	ask    func(ctx context.Context) (http.Header, error)
	origin status.Origin
}

// FromToken are the credentials of a token that the configuration holds under a key. note is told when it expires.
func FromToken(key string, secret configopaque.String, note NoteExpiry) *Credentials {
	header := http.Header{"Authorization": {"Bearer " + string(secret)}}
	origin := status.FromConfig(key)
	note(origin, tokenExpiry(header))
	return &Credentials{ask: func(context.Context) (http.Header, error) { return header, nil }, origin: origin}
}

// NoteExpiry is told when a token expires; zero: it does not say.
type NoteExpiry func(from status.Origin, expires time.Time)

// ErrNoToken is why there are no headers while the authenticator has no token.
var ErrNoToken = errors.New("no token")

// Extension is an extension that authenticates HTTP clients, and what it is asked.
type Extension struct {
	Auth       *configauth.Config
	Extensions map[component.ID]component.Component
	Endpoint   *url.URL      // of the service
	Timeout    time.Duration // of one question
}

// FromExtension are the credentials of an extension. note is told when the token expires, each time that one is had.
func FromExtension(ctx context.Context, from Extension, note NoteExpiry) (*Credentials, error) {
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
	asked := *from.Endpoint
	asked.Scheme = strings.Replace(asked.Scheme, "ws", "http", 1)
	var questions singleflight.Group
	ask := func(ctx context.Context) (http.Header, error) {
		ctx, cancel := context.WithTimeout(ctx, from.Timeout)
		defer cancel()
		// An authenticator that does not look at its context holds this one goroutine, and nobody who asks.
		answer := questions.DoChan("token", func() (any, error) { return authenticate(ctx, transport, asked.String()) })
		header, err := inTime(ctx, answer)
		switch {
		case err != nil:
			return nil, fmt.Errorf("asking the extension %q for the token: %w", id, err)
		case len(header) == 0:
			return nil, ErrNoToken
		}
		note(origin, tokenExpiry(header))
		return header, nil
	}
	return &Credentials{ask: ask, origin: origin}, nil
}

// inTime returns the answer of an authenticator, or ctx's error when that ends before. A question that is not answered yet
// is not asked again: whoever asks next waits for the same answer.
func inTime(ctx context.Context, answer <-chan singleflight.Result) (http.Header, error) {
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

// echo stands at the end of an authenticator's transport: it sends nothing and answers with the request as it came.
type echo struct{}

func (echo) RoundTrip(request *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: request}, nil
}

const (
	// firstTokenWait is how long a stream waits for an authenticator's first token before it calls it missing: an
	// extension reads its file in the background, while the collector starts the receivers.
	firstTokenWait = 2 * time.Second
	firstTokenPoll = 50 * time.Millisecond

	// An authenticator is asked for another token than the refused one at intervals between these, at random, so that
	// the streams of a source do not come back at the same moment.
	minTokenPoll = 3 * time.Second
	maxTokenPoll = 5 * time.Second
)

// tokenLookInterval is how often an authenticator is asked for its token while nothing else asks: a session can outlive
// the token that it was opened with, and the warning before its end is over when there is another.
const tokenLookInterval = time.Minute

// Header returns the headers. It is called anew for each handshake, as an authenticator may have another token by then. The
// error is ErrNoToken while it has none.
func (c *Credentials) Header(ctx context.Context) (http.Header, error) { return c.ask(ctx) }

// Origin is where the token comes from. If it renews, it is an authenticator.
func (c *Credentials) Origin() status.Origin { return c.origin }

// Watch asks an authenticator until ctx ends, for what is noted of the answer. An error shows at the next handshake.
func (c *Credentials) Watch(ctx context.Context) {
	for c.origin.Renews() && retry.Wait(ctx, tokenLookInterval) {
		_, _ = c.ask(ctx)
	}
}

// First returns the headers, after a short wait if there is no token at first.
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

// Other waits until the headers differ from those refused. It returns false if ctx ends before.
func (c *Credentials) Other(ctx context.Context, refused http.Header) bool {
	for retry.Wait(ctx, minTokenPoll+rand.N(maxTokenPoll-minTokenPoll)) { //nolint:gosec // a wait is no secret
		header, err := c.ask(ctx)
		if err == nil && !maps.EqualFunc(header, refused, slices.Equal) {
			return true
		}
	}
	return false
}
