package clientconfig

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

func (c *Config) validateHeaders() error {
	var errs []error
	seen := make(map[string]string)
	for name, value := range c.Headers.Iter {
		canonical := http.CanonicalHeaderKey(name)
		shown := validNamePrefix(name)
		switch {
		case name == "":
			errs = append(errs, errors.New("headers: a name is empty; give the header a name"))
		case shown != name:
			errs = append(errs, fmt.Errorf("headers: the name that begins %q is not allowed; a header's name holds letters, "+
				"digits and hyphens, and the value is written behind it", shown))
		case handshakeHeader(canonical) != "":
			errs = append(errs, fmt.Errorf("headers.%s: not allowed; %s", name, handshakeHeader(canonical)))
		case seen[canonical] != "" && seen[canonical] != name:
			// The same spelling twice is found by the list itself.
			errs = append(errs, fmt.Errorf("headers.%s: is the same header as %s; write one of them", name, seen[canonical]))
		}
		if strings.ContainsFunc(string(value), notInHeaderValue) {
			errs = append(errs, fmt.Errorf("headers.%s: the value holds a line break or another control character, "+
				"which no header can carry", shown))
		}
		seen[canonical] = name
	}
	return errors.Join(errs...)
}

// handshakeHeader returns why the user can't set the header of a canonical name; empty: the user can.
func handshakeHeader(canonical string) string {
	switch canonical {
	case "Authorization":
		return "the token belongs in api_secret, or comes from the extension in auth"
	case "Proxy-Authorization":
		return "the proxy's user and password belong in proxy_url"
	case "Host", "Upgrade", "Connection", "Content-Length", "Transfer-Encoding", "Trailer":
		return "the receiver sets it for the handshake"
	}
	if strings.HasPrefix(canonical, "Sec-Websocket-") {
		return "the receiver sets it for the handshake"
	}
	return ""
}

// validNamePrefix returns the part of a header's name before the first character that no name has. The value may follow it
// by mistake, and a value is never printed.
func validNamePrefix(name string) string {
	if i := strings.IndexFunc(name, notInHeaderName); i >= 0 {
		return name[:i]
	}
	return name
}

// notInHeaderName returns whether r is no token character of HTTP.
func notInHeaderName(r rune) bool {
	letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
	digit := '0' <= r && r <= '9'
	return !letter && !digit && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

// notInHeaderValue returns whether r is a control character other than a tab.
func notInHeaderValue(r rune) bool {
	return r < ' ' && r != '\t' || r == 0x7f
}
