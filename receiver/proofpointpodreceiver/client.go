package proofpointpodreceiver

import (
	"context"
	"fmt"
	"runtime"

	"go.opentelemetry.io/collector/component"

	"github.com/proofpointpod/otelcol/internal/clientconfig"
	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/credentials"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/metadata"
)

// client returns what makes the client of all sessions of the source, but for UserAgent and Dial.
func (cfg *Config) client() *clientconfig.Config {
	return &clientconfig.Config{
		Endpoint:         cfg.Endpoint,
		ClusterID:        cfg.ClusterID,
		TLS:              cfg.TLS,
		ProxyURL:         cfg.ProxyURL,
		Headers:          cfg.Headers,
		HandshakeTimeout: cfg.HandshakeTimeout,
		Keepalive:        podlog.Keepalive(cfg.Keepalive),
		MaxRecordSize:    cfg.MaxRecordSize,
	}
}

// newClient returns the client of all sessions of the source.
func (s *source) newClient(ctx context.Context) (*podlog.Client, error) {
	config := s.config.client()
	config.UserAgent = userAgent(s.settings.BuildInfo)
	config.Dial = s.dial
	return config.NewClient(ctx)
}

// userAgent names the component and its version: the service's operators ask for it when they look for a client.
func userAgent(build component.BuildInfo) string {
	return fmt.Sprintf("%sreceiver/%s (%s; %s/%s)",
		metadata.Type, build.Version, build.Command, runtime.GOOS, runtime.GOARCH)
}

// newCredentials returns the credentials of the live sessions: the token in the configuration, or that of the extension
// which auth names. They call reportExpiry with each token that they get.
func (s *source) newCredentials(ctx context.Context, host component.Host, reportExpiry credentials.ExpiryFunc) (*credentials.Credentials, error) {
	if !s.config.Auth.HasValue() {
		return credentials.FromToken("api_secret", s.config.APISecret, reportExpiry), nil
	}
	endpoint, err := clientconfig.ParseEndpoint(s.config.Endpoint)
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
