package proofpointpodreceiver

import (
	"context"
	"fmt"
	"net/http"
	"runtime"

	"go.opentelemetry.io/collector/component"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/credentials"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/metadata"
)

// newClient makes the client that all sessions of the source are opened with.
func (s *source) newClient(ctx context.Context) (*podlog.Client, error) {
	endpoint, err := s.config.parsedEndpoint()
	if err != nil {
		return nil, err
	}
	proxy, err := s.config.proxy()
	if err != nil {
		return nil, err
	}
	client := &podlog.Client{
		Endpoint:         endpoint,
		ClusterID:        s.config.ClusterID,
		Header:           s.headers(),
		Proxy:            proxy,
		HandshakeTimeout: s.config.HandshakeTimeout,
		Keepalive:        podlog.Keepalive(s.config.Keepalive),
		MaxRecordSize:    s.config.MaxRecordSize,
		Dial:             s.dial,
	}
	if client.TLS, err = s.config.TLS.LoadTLSConfig(ctx); err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	return client, nil
}

// newCredentials returns the credentials of the live sessions: the token in the configuration, or that of the extension
// which auth names. They call reportExpiry with each token that they get.
func (s *source) newCredentials(ctx context.Context, host component.Host, reportExpiry credentials.ExpiryFunc) (*credentials.Credentials, error) {
	if !s.config.Auth.HasValue() {
		return credentials.FromToken("api_secret", s.config.APISecret, reportExpiry), nil
	}
	endpoint, err := s.config.parsedEndpoint()
	if err != nil {
		return nil, err
	}
	return credentials.FromExtension(ctx, credentials.Extension{
		Auth:       s.config.Auth.Get(),
		Extensions: host.GetExtensions(),
		Endpoint:   endpoint,
		Timeout:    s.config.HandshakeTimeout,
	}, reportExpiry)
}

// headers are those of every handshake: a User-Agent that names the component and its version, as the service's
// operators ask for when they look for a client, and the configured ones.
func (s *source) headers() http.Header {
	build := s.settings.BuildInfo
	header := http.Header{}
	header.Set("User-Agent", fmt.Sprintf("%sreceiver/%s (%s; %s/%s)",
		metadata.Type, build.Version, build.Command, runtime.GOOS, runtime.GOARCH))
	for name, value := range s.config.Headers.Iter {
		header.Set(name, string(value))
	}
	return header
}
