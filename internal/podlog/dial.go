package podlog

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"strings"
)

// connection is an open path to the service.
type connection struct {
	// wire is the TCP connection itself.
	wire *wire
	// top is what WebSocket runs on: wire, or TLS over it.
	top net.Conn
}

// abort ends the connection and whatever waits for it. The wire is closed, not the TLS layer over it, whose Close
// waits up to five seconds for a peer that does not read.
func (c *connection) abort() { _ = c.wire.Close() }

// connect dials the service, through the proxy if there is one, and secures the connection. ctx ends every step.
func (c *Client) connect(ctx context.Context) (*connection, error) {
	target := hostPort(c.Endpoint)
	first := target
	if c.Proxy != nil {
		first = hostPort(c.Proxy)
	}
	w, err := c.dialWire(ctx, first, c.Proxy != nil)
	if err != nil {
		return nil, err
	}
	conn := &connection{wire: w, top: w}
	// Neither a proxy's answer nor a TLS handshake need come: closing the connection ends the wait.
	stop := context.AfterFunc(ctx, conn.abort)
	defer stop()

	if c.Proxy != nil {
		if conn.top, err = tunnel(ctx, w, c.Proxy, target); err != nil {
			conn.abort()
			return nil, err
		}
	}
	if c.Endpoint.Scheme == "wss" {
		if conn.top, err = c.secure(ctx, conn.top); err != nil {
			conn.abort()
			return nil, err
		}
	}
	return conn, nil
}

func (c *Client) dialWire(ctx context.Context, address string, isProxy bool) (*wire, error) {
	dial := c.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	conn, err := dial(ctx, "tcp", address)
	if err == nil {
		return newWire(conn), nil
	}
	peer := address
	if isProxy {
		peer = "the proxy " + address
	}
	failed := &Error{Op: "connecting to " + peer, Reason: ReasonDial, Err: quoted(err, nil)}
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
		failed.Op, failed.Reason = "looking up "+peer, ReasonDNS
	}
	return nil, failed
}

// secure does the TLS handshake. The service is verified unless the configuration says otherwise.
func (c *Client) secure(ctx context.Context, conn net.Conn) (net.Conn, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.TLS != nil {
		config = c.TLS.Clone()
	}
	if config.ServerName == "" {
		config.ServerName = c.Endpoint.Hostname()
	}
	config.NextProtos = []string{"http/1.1"} // WebSocket's handshake is HTTP/1.1
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, c.tlsError(err)
	}
	return secured, nil
}

// tlsError returns why the TLS handshake failed.
func (c *Client) tlsError(err error) *Error {
	failed := &Error{Op: "TLS handshake with " + c.Endpoint.Host, Reason: ReasonTLS, Err: quoted(err, nil)}
	var (
		verification *tls.CertificateVerificationError
		unknown      x509.UnknownAuthorityError
		name         x509.HostnameError
		invalid      x509.CertificateInvalidError
	)
	switch {
	case errors.As(err, &verification), errors.As(err, &unknown), errors.As(err, &name), errors.As(err, &invalid):
		failed.Reason = ReasonCertificate
	default:
		if reason := c.clientCertificateReason(err); reason != "" {
			failed.Reason = reason
		}
	}
	return failed
}

// clientCertificateReason returns the reason that a TLS alert about our certificate stands for, empty for any other
// error. With TLS 1.3 the alert comes only after the handshake. An alert about the certificate of a client that has
// none says nothing, except for the one that requires a certificate. crypto/tls does not export the type of an alert,
// so this compares its text.
func (c *Client) clientCertificateReason(err error) Reason {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return ""
	}
	alert := op.Err.Error()
	switch hasOwn := c.TLS != nil && (len(c.TLS.Certificates) > 0 || c.TLS.GetClientCertificate != nil); {
	case hasOwn && strings.Contains(alert, "certificate"):
		return ReasonClientCertificate
	case !hasOwn && strings.Contains(alert, "certificate required"):
		return ReasonNoClientCertificate
	default:
		return ""
	}
}

// hostPort is the URL's address with the scheme's usual port.
func hostPort(u *url.URL) string {
	if port := u.Port(); port != "" {
		return net.JoinHostPort(u.Hostname(), port)
	}
	return net.JoinHostPort(u.Hostname(), usualPort(u.Scheme))
}

func usualPort(scheme string) string {
	switch scheme {
	case "wss", "https":
		return "443"
	case "socks5":
		return "1080"
	}
	return "80"
}
