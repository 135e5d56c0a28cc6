package sourcehealthextension

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/confignet"
	"go.opentelemetry.io/collector/confmap"
)

const (
	defaultEndpoint  = "localhost:13134"
	defaultMaxEvents = 1000
	// headerWait is how long a client may take for the header of a request.
	headerWait   = 5 * time.Second
	minMaxEvents = 10
	maxMaxEvents = 10_000
)

// Config is the configuration of the page.
type Config struct {
	// HTTP says where the page is served, with TLS and authentication where they are set. `cors` is refused: no page of
	// another origin may read this one. Default endpoint: localhost:13134.
	HTTP confighttp.ServerConfig `mapstructure:"http"`
	// Storage is the ID of a storage extension in which health events are kept across restarts. Default: none, they are
	// forgotten at the end.
	Storage *component.ID `mapstructure:"storage,omitempty"`
	// MetricsEndpoint is where the collector exposes its own metrics for Prometheus. The page reads there how many records
	// exporters drop. Metrics of another collector are ignored. Empty: they are not read. Default:
	// http://localhost:8888/metrics, where the collector exposes them if nothing else is configured.
	MetricsEndpoint string `mapstructure:"metrics_endpoint"`
	// History says how much is remembered.
	History HistoryConfig `mapstructure:"history"`
}

// HistoryConfig says how much is remembered.
type HistoryConfig struct {
	// MaxEvents is how many health events are remembered, 10 to 10000. The oldest that are over go first. Default: 1000,
	// which take about 1 MB of memory, and of storage.
	MaxEvents int `mapstructure:"max_events"`
}

func createDefaultConfig() component.Config {
	server := confighttp.NewDefaultServerConfig()
	server.NetAddr.Endpoint = defaultEndpoint
	server.ReadHeaderTimeout = headerWait
	server.WriteTimeout = writeWait
	return &Config{HTTP: server, MetricsEndpoint: defaultMetricsEndpoint, History: HistoryConfig{MaxEvents: defaultMaxEvents}}
}

// Unmarshal reads the configuration. A key that nobody knows is an error, in `http` too, where confighttp lets it pass.
func (cfg *Config) Unmarshal(conf *confmap.Conf) error {
	if err := conf.Unmarshal(cfg); err != nil {
		return err
	}
	section, err := conf.Sub("http")
	if err != nil {
		return fmt.Errorf("http: %w", err)
	}
	type strict confighttp.ServerConfig
	if err := section.Unmarshal(&strict{}); err != nil {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}

// Validate names every mistake, each with the key as it is written and what is allowed there.
func (cfg *Config) Validate() error {
	return errors.Join(cfg.validateEndpoint(), cfg.validateCORS(), cfg.validateMetrics(), cfg.validateHistory())
}

func (cfg *Config) validateEndpoint() error {
	address := cfg.HTTP.NetAddr
	if address.Endpoint == "" {
		return errors.New("http.endpoint: required; where the page is served, such as " + defaultEndpoint)
	}
	if address.Transport == confignet.TransportTypeUnix {
		return nil
	}
	_, port, err := net.SplitHostPort(address.Endpoint)
	if err != nil {
		return fmt.Errorf("http.endpoint: %q is no address; write host:port, such as %s", address.Endpoint, defaultEndpoint)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("http.endpoint: %q is no port; write a number from 0 to 65535 (0: any that is free)", port)
	}
	return nil
}

func (cfg *Config) validateCORS() error {
	if cfg.HTTP.CORS.HasValue() {
		return errors.New("http.cors: not allowed; pages of other origins may not read this one. Leave it out")
	}
	return nil
}

func (cfg *Config) validateMetrics() error {
	if cfg.MetricsEndpoint == "" {
		return nil
	}
	address, err := url.Parse(cfg.MetricsEndpoint)
	if err != nil || address.Scheme != "http" && address.Scheme != "https" || address.Host == "" || address.User != nil {
		return errors.New("metrics_endpoint: write an address without a user, such as " + defaultMetricsEndpoint +
			", or an empty text to leave the metrics unread")
	}
	return nil
}

func (cfg *Config) validateHistory() error {
	if n := cfg.History.MaxEvents; n < minMaxEvents || n > maxMaxEvents {
		return fmt.Errorf("history.max_events: %d is not allowed; write a number from %d to %d", n, minMaxEvents, maxMaxEvents)
	}
	return nil
}
