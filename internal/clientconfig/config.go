package clientconfig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// Config holds the values of a client. Each is that of the configuration key with its name, but for UserAgent and Dial.
type Config struct {
	// Endpoint is the URL of the service, without the query parameters of a session.
	Endpoint  string
	ClusterID string
	TLS       configtls.ClientConfig
	// ProxyURL is an http:// or socks5:// proxy; empty: that of the environment, if there is one.
	ProxyURL configopaque.String
	// Headers are sent with each handshake. They can replace UserAgent.
	Headers          configopaque.MapList
	UserAgent        string
	HandshakeTimeout time.Duration
	Keepalive        podlog.Keepalive
	MaxRecordSize    int64
	// Dial opens TCP connections; nil: the network's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Validate returns all mistakes in Endpoint, ProxyURL and Headers, also in the environment's proxy where that is used. Each
// names its key, or its variable, and says what is allowed.
func (c *Config) Validate() error {
	_, err := c.proxy()
	return errors.Join(c.validateEndpoint(), err, c.validateHeaders())
}

// NewClient returns the client. After Validate, it fails only if a file that TLS names can't be used.
func (c *Config) NewClient(ctx context.Context) (*podlog.Client, error) {
	endpoint, err := ParseEndpoint(c.Endpoint)
	if err != nil {
		return nil, err
	}
	proxy, err := c.proxy()
	if err != nil {
		return nil, err
	}
	tls, err := c.TLS.LoadTLSConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return &podlog.Client{
		Endpoint:         endpoint,
		ClusterID:        c.ClusterID,
		Header:           c.header(),
		TLS:              tls,
		Proxy:            proxy,
		HandshakeTimeout: c.HandshakeTimeout,
		Keepalive:        c.Keepalive,
		MaxRecordSize:    c.MaxRecordSize,
		Dial:             c.Dial,
	}, nil
}

// header returns the headers of every handshake.
func (c *Config) header() http.Header {
	header := http.Header{}
	header.Set("User-Agent", c.UserAgent)
	for name, value := range c.Headers.Iter {
		header.Set(name, string(value))
	}
	return header
}
