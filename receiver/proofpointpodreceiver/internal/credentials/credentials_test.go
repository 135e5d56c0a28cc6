package credentials

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.uber.org/goleak"

	"github.com/proofpointpod/otelcol/internal/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// extension authenticates by a header, as bearertokenauth does.
type extension struct {
	component.StartFunc
	component.ShutdownFunc

	mu    sync.Mutex
	token string
	err   error
	hangs chan struct{} // nil: it answers
	asked []*http.Request
}

func (e *extension) set(token string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.token, e.err = token, err
}

func (e *extension) requests() []*http.Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

func (e *extension) RoundTripper(base http.RoundTripper) (http.RoundTripper, error) {
	return roundTrip(func(request *http.Request) (*http.Response, error) {
		e.mu.Lock()
		token, err := e.token, e.err
		e.asked = append(e.asked, request)
		e.mu.Unlock()
		if e.hangs != nil {
			<-e.hangs
		}
		if err != nil {
			return nil, err
		}
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", token)
		return base.RoundTrip(request)
	}), nil
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// from returns the credentials of an extension, and the expiries that they report.
func from(t *testing.T, e *extension) (*Credentials, *[]time.Time) {
	t.Helper()
	id := component.MustNewIDWithName("bearertokenauth", "pod")
	endpoint, err := url.Parse("wss://pod.test/v1/stream")
	require.NoError(t, err)
	var expiries []time.Time
	c, err := FromExtension(t.Context(), Extension{
		Auth:       &configauth.Config{AuthenticatorID: id},
		Extensions: map[component.ID]component.Component{id: e},
		Endpoint:   endpoint,
		Timeout:    30 * time.Second,
	}, func(origin status.Origin, expires time.Time) {
		assert.Equal(t, status.FromExtension("bearertokenauth/pod"), origin)
		expiries = append(expiries, expires)
	})
	require.NoError(t, err)
	return c, &expiries
}

func TestFromToken(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var expiries []time.Time
	c := FromToken("api_secret", "made-up", func(_ status.Origin, expires time.Time) { expiries = append(expiries, expires) })
	header, err := c.Header(t.Context())
	require.NoError(t, err)
	assert.Equal(t, bearer("made-up"), header)
	assert.Equal(t, status.FromConfig("api_secret"), c.Origin())
	c.Watch(t.Context()) // it returns: the token stays
	assert.Equal(t, []time.Time{{}}, expiries)

	FromToken("api_secret", configopaque.String(expiring(at)), func(_ status.Origin, expires time.Time) { expiries = append(expiries, expires) })
	assert.Equal(t, at, expiries[1])
}

func TestCredentials_Header(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &extension{token: "Bearer one"}
		c, expiries := from(t, e)
		header, err := c.Header(t.Context())
		require.NoError(t, err)
		assert.Equal(t, bearer("one"), header)
		assert.Equal(t, "https://pod.test/v1/stream", e.requests()[0].URL.String())
		assert.Len(t, *expiries, 1)

		e.set("", nil)
		_, err = c.Header(t.Context())
		require.ErrorIs(t, err, ErrNoToken)
		e.set("", errors.New("the vault is sealed"))
		_, err = c.Header(t.Context())
		require.EqualError(t, err, `asking the extension "bearertokenauth/pod" for the token: the vault is sealed`)
		assert.Len(t, *expiries, 1, "there was no other token")
	})
}

func TestCredentials_First(t *testing.T) {
	for name, test := range map[string]struct {
		comes  time.Duration
		err    error
		waited time.Duration
	}{
		"it is there":         {0, nil, 0},
		"it comes":            {time.Second, nil, time.Second},
		"it comes too late":   {3 * time.Second, ErrNoToken, 2 * time.Second},
		"the context is over": {time.Minute, context.DeadlineExceeded, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &extension{}
				defer time.AfterFunc(test.comes, func() { e.set("Bearer one", nil) }).Stop()
				ctx := t.Context()
				if errors.Is(test.err, context.DeadlineExceeded) {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.waited)
					defer cancel()
				}
				c, _ := from(t, e)
				started := time.Now()
				_, err := c.First(ctx)
				require.ErrorIs(t, err, test.err)
				assert.InDelta(t, test.waited.Seconds(), time.Since(started).Seconds(), 2*firstTokenPoll.Seconds())
			})
		})
	}
}

func TestCredentials_Await(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &extension{token: "Bearer one"}
		c, _ := from(t, e)
		defer time.AfterFunc(10*time.Minute, func() { e.set("", nil) }).Stop()
		defer time.AfterFunc(20*time.Minute, func() { e.set("", errors.New("sealed")) }).Stop()
		defer time.AfterFunc(30*time.Minute, func() { e.set("Bearer one", nil) }).Stop()
		defer time.AfterFunc(time.Hour, func() { e.set("Bearer two", nil) }).Stop()
		started := time.Now()
		assert.True(t, c.Await(t.Context(), bearer("one")))
		assert.GreaterOrEqual(t, time.Since(started), time.Hour)
		assert.LessOrEqual(t, time.Since(started), time.Hour+maxTokenPoll)

		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		assert.False(t, c.Await(ctx, bearer("two")))
	})
}

func TestCredentials_Watch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, expiries := from(t, &extension{token: "Bearer one"})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute+time.Second)
		defer cancel()
		c.Watch(ctx)
		assert.Len(t, *expiries, 10)
	})
}

func TestCredentials_anExtensionThatHangsIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &extension{token: "Bearer one", hangs: make(chan struct{})}
		c, _ := from(t, e)
		for range 3 {
			_, err := c.Header(t.Context())
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		assert.Len(t, e.requests(), 1)
		close(e.hangs)
		synctest.Wait()
		header, err := c.Header(t.Context())
		require.NoError(t, err)
		assert.Equal(t, bearer("one"), header)
	})
}

func TestFromExtension_isNotListed(t *testing.T) {
	_, err := FromExtension(t.Context(), Extension{
		Auth: &configauth.Config{AuthenticatorID: component.MustNewID("bearertokenauth")},
	}, nil)
	assert.EqualError(t, err, `auth: there is no extension "bearertokenauth" in service.extensions; list it there, or write the ID of one that is`)
}
