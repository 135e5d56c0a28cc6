package podlog

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/proxy"
)

// tunnel asks the proxy at the other end of conn to connect it with target.
func tunnel(ctx context.Context, conn net.Conn, through *url.URL, target string) (net.Conn, error) {
	if through.Scheme == "http" {
		return conn, connectTunnel(ctx, conn, through, target)
	}
	return socksTunnel(ctx, conn, through, target)
}

// shown is a proxy's URL as it may be printed: without user and password, either of which can be a key.
func shown(through *url.URL) string { return through.Scheme + "://" + through.Host }

// connectTunnel is HTTP's CONNECT (RFC 9110, 9.3.6).
func connectTunnel(ctx context.Context, conn net.Conn, through *url.URL, target string) error {
	request := (&http.Request{
		Method: http.MethodConnect,
		URL:    &url.URL{Opaque: target},
		Host:   target,
		Header: http.Header{},
	}).WithContext(ctx)
	var hidden []string
	if user := through.User; user != nil {
		password, _ := user.Password()
		credentials := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		request.Header.Set("Proxy-Authorization", "Basic "+credentials)
		hidden = []string{credentials, password}
	}
	failed := &Error{Op: "CONNECT through the proxy " + shown(through), Reason: ReasonProxy}
	if err := request.Write(conn); err != nil {
		failed.Err = err
		return failed
	}
	in := bufio.NewReader(io.LimitReader(conn, maxAnswer))
	head, err := readAnswer(in)
	if err != nil {
		failed.Err = err
		return failed
	}
	response, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), in)), request) //nolint:bodyclose // closing would read it to its end, and the connection is ours
	if err != nil {
		failed.Err = quoted(err, hidden)
		return failed
	}
	if response.StatusCode/100 != 2 {
		failed.Status = response.StatusCode
		failed.RetryAfter = retryAfter(response.Header, time.Now())
		if response.StatusCode == http.StatusProxyAuthRequired {
			failed.Reason = ReasonProxyAuth
			failed.Err = otherLogin(response.Header.Values("Proxy-Authenticate"))
		}
		if body := response.Body; response.ContentLength > 0 {
			text, _ := io.ReadAll(io.LimitReader(body, maxText))
			failed.Body = excerpt(string(text), hidden)
		}
		return failed
	}
	if in.Buffered() > 0 {
		failed.Err = errors.New("the proxy sent data before the service could")
		return failed
	}
	return nil
}

// ErrOtherLogin is why a proxy's ReasonProxyAuth can't be mended by a password: it takes no Basic authentication.
var ErrOtherLogin = errors.New("the proxy takes another kind of login than Basic")

// otherLogin returns ErrOtherLogin with the kinds that a proxy names in its challenges, if none of them is Basic.
func otherLogin(challenges []string) error {
	var kinds []string
	for _, challenge := range challenges {
		for part := range strings.SplitSeq(challenge, ",") {
			kind, parameters, _ := strings.Cut(strings.TrimSpace(part), " ")
			switch {
			case strings.EqualFold(kind, "Basic"):
				return nil
			case kind != "" && !strings.Contains(kind, "=") && !strings.HasPrefix(parameters, "="):
				kinds = append(kinds, kind) // else it is a parameter of the kind before
			}
		}
	}
	if len(kinds) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrOtherLogin, excerpt(strings.Join(kinds, ", "), nil))
}

// socksTunnel is SOCKS version 5 (RFC 1928), with a user name and password (RFC 1929) if the URL has them. The proxy
// looks the name up.
func socksTunnel(ctx context.Context, conn net.Conn, through *url.URL, target string) (net.Conn, error) {
	var auth *proxy.Auth
	if user := through.User; user != nil {
		password, _ := user.Password()
		auth = &proxy.Auth{User: user.Username(), Password: password}
	}
	failed := &Error{Op: "connecting through the proxy " + shown(through), Reason: ReasonProxy}
	dialer, err := proxy.SOCKS5("tcp", hostPort(through), auth, connected{conn})
	if err != nil {
		failed.Err = err
		return nil, failed
	}
	tunneled, err := dialer.(proxy.ContextDialer).DialContext(ctx, "tcp", target)
	if err != nil {
		failed.Err = quoted(err, nil)
		// The library has no error for this but its text.
		if strings.Contains(err.Error(), "authentication") {
			failed.Reason = ReasonProxyAuth
		}
		return nil, failed
	}
	return tunneled, nil
}

// connected is a dialer that is there already: the connection with the proxy.
type connected struct{ conn net.Conn }

func (c connected) Dial(string, string) (net.Conn, error) { return c.conn, nil }

func (c connected) DialContext(context.Context, string, string) (net.Conn, error) { return c.conn, nil }
