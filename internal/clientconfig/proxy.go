package clientconfig

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"golang.org/x/net/http/httpproxy"
)

const proxyURLForm = "write http://host:port or socks5://host:port, with user:password@ before the host where the proxy " +
	"wants it, and characters such as / or @ in these as %2F or %40"

// proxy returns the proxy that all sessions go through: that of ProxyURL, else that of the environment; nil for none. It
// does not fail after Validate. What it returns may hold a password.
func (c *Config) proxy() (*url.URL, error) {
	if c.ProxyURL != "" {
		return parseProxy("proxy_url", string(c.ProxyURL))
	}
	name, value := c.proxyVariable()
	if value == "" {
		return nil, nil
	}
	// Other programs take these forms, too.
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	if rest, found := strings.CutPrefix(value, "socks5h://"); found {
		value = "socks5://" + rest // the proxy looks the name up in any case
	}
	proxy, err := parseProxy(name, value)
	if err != nil {
		return nil, fmt.Errorf("%w; correct this variable of the environment, or set proxy_url, which takes its place", err)
	}
	return proxy, nil
}

// proxyVariable returns the variable of the environment that names the proxy for the endpoint, and its value; empty if
// there is none, or NO_PROXY exempts the endpoint.
func (c *Config) proxyVariable() (name, value string) {
	endpoint, err := ParseEndpoint(c.Endpoint)
	if err != nil {
		return "", "" // Validate reports it
	}
	names := []string{"HTTPS_PROXY", "https_proxy"}
	target := url.URL{Scheme: "https", Host: endpoint.Host}
	if endpoint.Scheme == "ws" {
		names = []string{"HTTP_PROXY", "http_proxy"}
		target.Scheme = "http"
	}
	for _, name = range names {
		if value = strings.TrimSpace(os.Getenv(name)); value != "" {
			break
		}
	}
	// These proxies stand for the real ones, which may be malformed: only NO_PROXY counts here.
	rules := httpproxy.FromEnvironment()
	rules.HTTPProxy, rules.HTTPSProxy, rules.CGI = "http://proxy", "http://proxy", false
	if proxy, err := rules.ProxyFunc()(&target); err != nil || proxy == nil {
		return "", ""
	}
	return name, value
}

// parseProxy returns the URL of a proxy that a key or variable holds. No error quotes any part of a malformed URL: each can
// hold a password.
func parseProxy(name, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: not a URL; %s", name, proxyURLForm)
	case u.Scheme != "http" && u.Scheme != "socks5":
		return nil, fmt.Errorf("%s: must be a URL that begins with http:// or socks5://; %s", name, proxyURLForm)
	case u.Hostname() == "":
		return nil, fmt.Errorf("%s: names no host; %s", name, proxyURLForm)
	case !validPort(u.Port()):
		return nil, fmt.Errorf("%s: the port must be from 1 to 65535", name)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%s: nothing may follow the port; %s", name, proxyURLForm)
	}
	return u, nil
}
