package proofpointpodreceiver

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/confmap"

	"github.com/proofpointpod/otelcol/internal/podsim"
)

// environment sets the variables for proxies to values, and all others to none.
func environment(t *testing.T, values map[string]string) {
	t.Helper()
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"} {
		t.Setenv(name, values[name])
	}
}

const (
	plainEndpoint = "ws://logstream.proofpoint.com/v1/stream"
	localEndpoint = "wss://localhost:8443/v1/stream"
)

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
			environment(t, nil)
			cfg := loadKey(t, "proofpointpod")
			environment(t, test.variables)
			if test.endpoint != "" {
				cfg.Endpoint = test.endpoint
				cfg.TLS.Insecure = strings.HasPrefix(test.endpoint, "ws://")
			}
			require.NoError(t, confmap.Validate(cfg))
			through, err := cfg.proxy()
			require.NoError(t, err)
			if test.want == "" {
				assert.Nil(t, through)
			} else {
				require.NotNil(t, through, "a direct connection")
				assert.Equal(t, test.want, through.String())
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
				environment(t, nil)
				cfg := loadKey(t, "proofpointpod")
				environment(t, map[string]string{name: value})
				if strings.HasPrefix(strings.ToLower(name), "http_") {
					cfg.Endpoint, cfg.TLS.Insecure = plainEndpoint, true
				}
				err := confmap.Validate(cfg)
				require.ErrorContains(t, err, name+": "+want)
				require.ErrorContains(t, err, "correct this variable of the environment, or set proxy_url, which takes its place")
				for _, part := range []string{"hid", "den", "user/", "user#"} {
					assert.NotContains(t, err.Error(), part)
				}

				cfg.ProxyURL = "http://proxy:3128"
				require.NoError(t, confmap.Validate(cfg), "proxy_url takes its place")
			})
		}
	}
}

func TestSource_doesNotStartWithAProxyThatCannotBeUsed(t *testing.T) {
	playAlone(t, podsim.Options{}, nil, func(s *scenario) {
		t.Setenv("HTTPS_PROXY", "http://user:hid/den@proxy:3128")
		t.Setenv("NO_PROXY", "")
		err := s.create().Start(context.Background(), s.host)
		require.ErrorContains(t, err, "HTTPS_PROXY: not a URL")
		assert.NotContains(t, err.Error(), "hid")
	})
}
