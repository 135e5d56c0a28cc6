package podsim_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// behindProxy puts a proxy between the world's client and the service.
func (w *world) behindProxy(o podsim.ProxyOptions, proxyURL string) *podsim.Proxy {
	w.t.Helper()
	if o.Dial == nil {
		o.Dial = w.dialer.NetDialContext
	}
	pipe := podsim.NewPipe()
	p := podsim.NewProxy(o)
	w.t.Cleanup(p.Close)
	p.Start(pipe)
	u, err := url.Parse(proxyURL)
	require.NoError(w.t, err)
	w.dialer.Proxy = http.ProxyURL(u)
	w.dialer.NetDialContext = pipe.DialContext
	return p
}

func TestProxy_carriesSessionsAndTheirEnds(t *testing.T) {
	login := podsim.ProxyOptions{User: "me", Password: "secret"}
	for name, c := range map[string]struct {
		url  string
		opts podsim.ProxyOptions
	}{
		"http":                {url: "http://proxy:3128"},
		"http with a login":   {url: "http://me:secret@proxy:3128", opts: login},
		"socks5":              {url: "socks5://proxy:1080"},
		"socks5 with a login": {url: "socks5://me:secret@proxy:1080", opts: login},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, podsim.Options{SlotHold: -1})
				p := w.behindProxy(c.opts, c.url)
				w.Push(podlog.Message, records(0, 5)...)
				w.Plan(podsim.Step{Do: podsim.Drop, Records: 3}, podsim.Step{Do: podsim.Reset, After: time.Second})
				got, err := readAll(w.dial(podlog.Message))
				assert.Equal(t, texts(0, 3), got)
				assert.True(t, websocket.IsCloseError(err, websocket.CloseAbnormalClosure), err)
				_, err = readAll(w.dial(podlog.Message))
				assert.ErrorContains(t, err, "reset")
				assert.Equal(t, []string{"127.0.0.1:443", "127.0.0.1:443"}, p.Asked())
			})
		})
	}
}

func TestProxy_asksForALogin(t *testing.T) {
	for _, u := range []string{"http://proxy:3128", "http://me:wrong@proxy:3128", "socks5://proxy:1080", "socks5://me:wrong@proxy:1080"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, podsim.Options{})
			p := w.behindProxy(podsim.ProxyOptions{User: "me", Password: "secret"}, u)
			_, _, err := w.try(t.Context(), podlog.Message)
			require.Error(t, err)
			if u[:4] == "http" {
				assert.ErrorContains(t, err, "Proxy Authentication Required")
				assert.Len(t, p.Asked(), 1)
			}
			assert.Empty(t, w.Handshakes())
		})
	}
}

func TestProxy_hangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{})
		w.behindProxy(podsim.ProxyOptions{Hang: true}, "http://proxy:3128")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, _, err := w.try(ctx, podlog.Message)
		assert.Error(t, err)
		assert.Equal(t, time.Minute, time.Since(start))
	})
}

func TestProxy_mapsEveryHostToItsTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{})
		direct := w.dialer.NetDialContext
		var dialled []string
		p := w.behindProxy(podsim.ProxyOptions{
			Target: "simulator:443",
			Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				dialled = append(dialled, addr)
				return direct(ctx, network, addr)
			},
		}, "http://proxy:3128")
		w.endpoint = "wss://logstream.proofpoint.com:443/v1/stream"
		w.dial(podlog.Message)
		assert.Equal(t, []string{"logstream.proofpoint.com:443"}, p.Asked())
		assert.Equal(t, []string{"simulator:443"}, dialled)
	})
}
