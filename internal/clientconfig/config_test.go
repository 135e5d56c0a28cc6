package clientconfig_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

func TestConfig_NewClient(t *testing.T) {
	environment(t, nil)
	c := config("wss://gateway.test:8443/v1/stream?tenant=7")
	c.ClusterID = "cluster"
	c.ProxyURL = "socks5://user:word@proxy:1080"
	c.Headers = configopaque.MapList{{Name: "x-tenant", Value: "7"}}
	c.UserAgent = "test/1"
	c.HandshakeTimeout = time.Second
	c.Keepalive = podlog.Keepalive{Interval: time.Minute, Timeout: time.Hour}
	c.MaxRecordSize = 4711
	require.NoError(t, c.Validate())

	client, err := c.NewClient(t.Context())
	require.NoError(t, err)
	assert.Equal(t, c.Endpoint, client.Endpoint.String())
	assert.Equal(t, "cluster", client.ClusterID)
	assert.Equal(t, string(c.ProxyURL), client.Proxy.String())
	assert.Equal(t, http.Header{"User-Agent": {"test/1"}, "X-Tenant": {"7"}}, client.Header)
	assert.NotNil(t, client.TLS)
	assert.Equal(t, time.Second, client.HandshakeTimeout)
	assert.Equal(t, c.Keepalive, client.Keepalive)
	assert.EqualValues(t, 4711, client.MaxRecordSize)

	c.Headers = configopaque.MapList{{Name: "user-agent", Value: "another"}}
	client, err = c.NewClient(t.Context())
	require.NoError(t, err)
	assert.Equal(t, http.Header{"User-Agent": {"another"}}, client.Header, "the configured one counts")
}

func TestConfig_NewClient_fileThatIsNotThere(t *testing.T) {
	environment(t, nil)
	c := config(usualEndpoint)
	c.TLS.CAFile = "not-there.pem"
	require.NoError(t, c.Validate(), "files are not opened")
	_, err := c.NewClient(t.Context())
	require.ErrorContains(t, err, "tls: ")
	assert.ErrorContains(t, err, "not-there.pem")
}

func TestConfig_Validate_namesEveryMistake(t *testing.T) {
	environment(t, nil)
	c := config("wss://:70000/v1/stream?cid=x#y")
	c.ProxyURL = "http://hidden:pass/word@proxy"
	c.Headers = configopaque.MapList{{Name: "Authorization", Value: "Bearer hidden"}, {Name: "x: hidden"}}
	err := c.Validate()
	for _, part := range []string{
		"endpoint: names no host", "endpoint: the port", "endpoint: must not hold a fragment", "the query parameter cid",
		"proxy_url: not a URL", "headers.Authorization: not allowed", `headers: the name that begins "x"`,
	} {
		require.ErrorContains(t, err, part)
	}
	assert.NotContains(t, err.Error(), "hidden")
}
