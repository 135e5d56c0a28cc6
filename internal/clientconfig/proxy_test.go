package clientconfig_test

import (
	"cmp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/proofpointpod/otelcol/internal/clientconfig"
)

// environment sets the variables for proxies to values, and all others to none.
func environment(t *testing.T, values map[string]string) {
	t.Helper()
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"} {
		t.Setenv(name, values[name])
	}
}

const (
	usualEndpoint = "wss://logstream.proofpoint.com:443/v1/stream"
	plainEndpoint = "ws://logstream.proofpoint.com/v1/stream"
	localEndpoint = "wss://localhost:8443/v1/stream"
)

// config returns the values of a client with an endpoint.
func config(endpoint string) *clientconfig.Config {
	c := &clientconfig.Config{Endpoint: endpoint, TLS: configtls.NewDefaultClientConfig()}
	c.TLS.Insecure = strings.HasPrefix(endpoint, "ws://")
	return c
}

func TestConfig_proxyOfTheEnvironment(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		endpoint  string // empty: the usual one
		want      string // empty: no proxy
	}{
		"none":            {},
		"a URL":           {map[string]string{"HTTPS_PROXY": "http://user:p%2Fw@proxy:3128/"}, "", "http://user:p%2Fw@proxy:3128/"},
		"lower case":      {map[string]string{"https_proxy": "http://proxy:3128"}, "", "http://proxy:3128"},
		"both":            {map[string]string{"HTTPS_PROXY": "http://upper", "https_proxy": "http://lower"}, "", "http://upper"},
		"no scheme":       {map[string]string{"HTTPS_PROXY": "proxy:3128"}, "", "http://proxy:3128"},
		"no scheme, user": {map[string]string{"HTTPS_PROXY": "user:word@proxy:3128"}, "", "http://user:word@proxy:3128"},
		"SOCKS":           {map[string]string{"HTTPS_PROXY": "socks5://proxy"}, "", "socks5://proxy"},
		"SOCKS, names":    {map[string]string{"HTTPS_PROXY": "socks5h://user:word@proxy"}, "", "socks5://user:word@proxy"},
		"white space":     {map[string]string{"HTTPS_PROXY": " http://proxy:3128\n"}, "", "http://proxy:3128"},
		"exempted":        {map[string]string{"HTTPS_PROXY": "http://us er:word@:0", "NO_PROXY": ".proofpoint.com"}, "", ""},
		"this machine":    {map[string]string{"HTTPS_PROXY": "http://us er:word@:0"}, localEndpoint, ""},
		"without TLS":     {map[string]string{"HTTP_PROXY": "http://plain", "HTTPS_PROXY": "http://secure"}, plainEndpoint, "http://plain"},
		"only for HTTP":   {map[string]string{"HTTP_PROXY": "http://us er:word@:0"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			environment(t, test.variables)
			c := config(cmp.Or(test.endpoint, usualEndpoint))
			require.NoError(t, c.Validate())
			client, err := c.NewClient(t.Context())
			require.NoError(t, err)
			if test.want == "" {
				assert.Nil(t, client.Proxy)
			} else {
				require.NotNil(t, client.Proxy, "a direct connection")
				assert.Equal(t, test.want, client.Proxy.String())
			}
		})
	}
}

// A proxy that can't be used is an error at start, and no direct connection. What is wrong can be the password.
func TestConfig_proxyOfTheEnvironmentThatCannotBeUsed(t *testing.T) {
	const notURL, otherScheme, noHost, badPort, tooMuch = "not a URL; write", "must be a URL that begins with http:// or socks5://", "names no host", "the port must be from 1 to 65535", "nothing may follow the port"
	for value, want := range map[string]string{
		"http://user:hid/den@proxy:3128":   notURL,
		"user:hid/den@proxy:3128":          notURL,
		"http://user:hidden%zz@proxy:3128": notURL,
		"http://user:hid den@proxy:3128":   notURL,
		"http://user:hidden@pro xy:3128":   notURL,
		"https://user:hidden@proxy:3128":   otherScheme,
		"socks4://user:hidden@proxy":       otherScheme,
		"user://hidden@proxy":              otherScheme,
		"http://user:hidden@":              noHost,
		"http://:3128":                     noHost,
		"http://user:hidden@proxy:0":       badPort,
		"http://user:hidden@proxy:65536":   badPort,
		"http://user:hid?den@proxy":        notURL,
		"http://user/hidden@proxy":         tooMuch,
		"http://user#hidden@proxy":         tooMuch,
	} {
		for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
			t.Run(name+"="+value, func(t *testing.T) {
				environment(t, map[string]string{name: value})
				c := config(usualEndpoint)
				if strings.HasPrefix(strings.ToLower(name), "http_") {
					c = config(plainEndpoint)
				}
				err := c.Validate()
				require.ErrorContains(t, err, name+": "+want)
				require.ErrorContains(t, err, "correct this variable of the environment, or set proxy_url, which takes its place")
				for _, part := range []string{"hid", "den", "user/", "user#"} {
					assert.NotContains(t, err.Error(), part)
				}

				_, err = c.NewClient(t.Context())
				require.ErrorContains(t, err, name+": "+want, "a direct connection")

				c.ProxyURL = "http://proxy:3128"
				require.NoError(t, c.Validate(), "proxy_url takes its place")
			})
		}
	}
}
