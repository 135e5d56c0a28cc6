package e2e

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// The receiver takes the proxy of the environment, as every collector component does, and asks it for the service by
// name: where outbound traffic has to pass a proxy, the name often cannot be looked up.
func TestProxy_ofTheEnvironmentIsUsed(t *testing.T) {
	s := startService(t, podsim.Options{})
	proxy, address := startProxy(t, s, podsim.ProxyOptions{User: "user", Password: "made-up-password"})
	const name = "logstream.proofpoint.com:443"
	s.url = "wss://" + name + podsim.Path

	s.Generate(podlog.Message, 10)
	b := startBackend(t)
	collector := startCollector(t, s, config(t, "otlp.yaml"), t.TempDir(), "",
		"OTLP_ENDPOINT="+b.URL, "HTTPS_PROXY=http://user:made-up-password@"+address, "NO_PROXY=127.0.0.1")
	s.waitLive(podlog.Message, podlog.Maillog)
	b.waitCount(10)
	collector.stop()
	assert.Equal(t, []string{name, name}, proxy.Asked(), "one session for each of two event types")
	assert.NotContains(t, collector.out.String(), "made-up-password", "the secret was printed")
}

// startProxy starts a proxy that leads every host to the service, and returns its address too.
func startProxy(t *testing.T, s *service, options podsim.ProxyOptions) (proxy *podsim.Proxy, address string) {
	t.Helper()
	target, err := url.Parse(s.url)
	require.NoError(t, err)
	options.Target = target.Host
	proxy = podsim.NewProxy(options)
	t.Cleanup(proxy.Close)
	l, err := listen(t)
	require.NoError(t, err)
	proxy.Start(l)
	return proxy, l.Addr().String()
}
