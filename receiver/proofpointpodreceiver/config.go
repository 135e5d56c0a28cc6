package proofpointpodreceiver

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// Config is the configuration of one source: one cluster, one token, and one stream per event type.
//
// The first seven keys are those of Sumo Logic's Proofpoint On Demand source: the `config` object of its JSON
// configuration is a valid Config. No secret in it (APISecret, ProxyURL, Headers, the keys in TLS, the second
// token in Backfill) is printed or marshalled in the clear, and none is part of an error.
type Config struct {
	// Name becomes the resource attributes `_source` and `_sourceName`. Default: the component's ID.
	Name string `mapstructure:"name,omitempty"`
	// Description is shown where people look at the source.
	Description string `mapstructure:"description,omitempty"`
	// Category becomes the resource attribute `_sourceCategory`. Default: no such attribute.
	Category string `mapstructure:"category,omitempty"`
	// Fields become resource attributes. A value is a string, a number or a boolean, and is handed on as text.
	// `_siemForward` among them is no attribute: it is another way to write ForwardToSIEM.
	Fields map[string]any `mapstructure:"fields,omitempty"`
	// ClusterID is the PoD cluster, the query parameter `cid`. Required.
	ClusterID string `mapstructure:"cluster_id"`
	// APISecret is the token of the PoD Log Service. Required, unless Auth is set; both together are an error.
	APISecret configopaque.String `mapstructure:"api_secret,omitempty"`
	// SupportedEvents are the event types to stream, each at most once. Required.
	SupportedEvents []podlog.EventType `mapstructure:"supported_events"`

	// ForwardToSIEM says whether the `_siem*` attributes are set. Where it is nil, `_siemForward` in Fields
	// decides; where that is missing too, they are set.
	ForwardToSIEM *bool `mapstructure:"forward_to_siem,omitempty"`
	// SIEMMetadata says which attributes carry `_siem*`: `record`, the default, or `resource`.
	SIEMMetadata siemMetadata `mapstructure:"siem_metadata"`
	// Body is `text`, the default, for the record's JSON exactly as received, or `map` for the parsed record.
	Body bodyFormat `mapstructure:"body"`

	// Batch says which records are delivered together.
	Batch BatchConfig `mapstructure:"batch"`

	// HealthEvents says whether each health event is also sent down the pipeline, as a log record of its own beside those
	// of PoD. Default: false.
	HealthEvents bool `mapstructure:"health_events"`

	// Endpoint is the URL of the PoD Log Service, without the query parameters that the receiver sets.
	// ws:// needs TLS.Insecure. Default: wss://logstream.proofpoint.com:443/v1/stream.
	Endpoint string `mapstructure:"endpoint"`
	// TLS holds the CA, the client certificate and the rest of the TLS settings.
	TLS configtls.ClientConfig `mapstructure:"tls,omitempty"`
	// ProxyURL is an http:// or socks5:// proxy; it may hold a user and a password. Default: what the environment
	// variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.
	ProxyURL configopaque.String `mapstructure:"proxy_url,omitempty"`
	// Headers are sent with the handshake, beside its own, which are refused here.
	Headers configopaque.MapList `mapstructure:"headers,omitempty"`
	// Auth names an extension that authenticates HTTP clients by headers. It takes the place of APISecret.
	Auth configoptional.Optional[configauth.Config] `mapstructure:"auth,omitempty"`

	// HandshakeTimeout bounds one attempt to open a session, from the name lookup to the answer. At least 1ms.
	// Default: 30s.
	HandshakeTimeout time.Duration `mapstructure:"handshake_timeout"`
	// Keepalive says when a quiet session is tested, and when it is given up.
	Keepalive KeepaliveConfig `mapstructure:"keepalive"`
	// MaxRecordSize is the longest record, in bytes, that is handed on whole; a longer one is cut. At least 1.
	// Default: 67108864, which is 64 MiB.
	MaxRecordSize int64 `mapstructure:"max_record_size"`
	// RetryOnFailure says how long to wait between attempts, and when to give up. Default: 1s, doubled up to 60s,
	// each wait varied by half, for 90m; a max_elapsed_time of 0 never gives up.
	RetryOnFailure configretry.BackOffConfig `mapstructure:"retry_on_failure"`

	// Storage is the ID of a storage extension, which keeps the positions of the streams across restarts.
	// Default: none; they are kept in memory.
	Storage *component.ID `mapstructure:"storage,omitempty"`
	// Backfill says how the archive is read for what the live sessions may have missed.
	Backfill BackfillConfig `mapstructure:"backfill"`
	// Dedup bounds what is remembered of delivered records, so that none is handed on twice.
	Dedup DedupConfig `mapstructure:"dedup"`
	// UnflushedWindow is how long a record that the pipeline has accepted can still be in its memory only, and so is
	// lost if the process is killed: the timeout of the batch processor and some. 0, or at least 1ms; 0 is for a
	// pipeline that stores records before it accepts them. Default: 5m30s.
	UnflushedWindow time.Duration `mapstructure:"unflushed_window"`
}

// KeepaliveConfig says how a session that has died without a close is noticed: within Interval + Timeout.
type KeepaliveConfig struct {
	// Interval is how long a session may be quiet before a ping is sent. At least 1ms; the service ends a session
	// that was idle for about 300s. Default: 2m.
	Interval time.Duration `mapstructure:"interval"`
	// Timeout is how long after a ping the session may stay quiet; any byte from the service is a sign of life.
	// At least 1ms; under 60s, sessions that are busy with a backlog are given up. Default: 60s.
	Timeout time.Duration `mapstructure:"timeout"`
}

// siemMetadata names the attributes that carry `_siem*`.
type siemMetadata string

const (
	siemMetadataRecord   siemMetadata = "record"
	siemMetadataResource siemMetadata = "resource"
)

// bodyFormat names what the body of a log record holds.
type bodyFormat string

const (
	bodyText bodyFormat = "text"
	bodyMap  bodyFormat = "map"
)

func createDefaultConfig() component.Config {
	return &Config{
		SIEMMetadata:     siemMetadataRecord,
		Body:             bodyText,
		Batch:            BatchConfig{MaxRecords: 100, MaxBytes: 1 << 20, Timeout: 100 * time.Millisecond},
		Endpoint:         "wss://logstream.proofpoint.com:443/v1/stream",
		TLS:              configtls.NewDefaultClientConfig(),
		HandshakeTimeout: 30 * time.Second,
		Keepalive:        KeepaliveConfig{Interval: 2 * time.Minute, Timeout: time.Minute},
		MaxRecordSize:    64 << 20,
		RetryOnFailure: configretry.BackOffConfig{
			Enabled:             true,
			InitialInterval:     time.Second,
			Multiplier:          2,
			RandomizationFactor: 0.5,
			MaxInterval:         time.Minute,
			MaxElapsedTime:      90 * time.Minute,
		},
		Backfill: BackfillConfig{
			Enabled:      true,
			ServerMemory: time.Hour,
			ArchiveDelay: time.Hour,
			Margin:       time.Hour,
		},
		Dedup:           DedupConfig{Window: 24 * time.Hour, MaxEntries: 2_000_000},
		UnflushedWindow: 5*time.Minute + 30*time.Second,
	}
}

// Unmarshal reads the configuration as confmap does, and takes away the white space around single values: a file with
// one secret in it usually ends with a line break, and `${file:…}` hands it on.
func (cfg *Config) Unmarshal(conf *confmap.Conf) error {
	if err := conf.Unmarshal(cfg); err != nil {
		return err
	}
	cfg.Name = strings.TrimSpace(cfg.Name)
	cfg.Description = strings.TrimSpace(cfg.Description)
	cfg.Category = strings.TrimSpace(cfg.Category)
	cfg.ClusterID = strings.TrimSpace(cfg.ClusterID)
	cfg.APISecret = trimOpaque(cfg.APISecret)
	cfg.SIEMMetadata = siemMetadata(strings.TrimSpace(string(cfg.SIEMMetadata)))
	cfg.Body = bodyFormat(strings.TrimSpace(string(cfg.Body)))
	cfg.Endpoint = strings.TrimSpace(cfg.Endpoint)
	cfg.ProxyURL = trimOpaque(cfg.ProxyURL)
	for i := range cfg.Headers {
		cfg.Headers[i].Value = trimOpaque(cfg.Headers[i].Value)
	}
	return cfg.restoreFieldTexts(conf)
}

func trimOpaque(s configopaque.String) configopaque.String {
	return configopaque.String(strings.TrimSpace(string(s)))
}

// sourceName is Name, or the component's ID where Name is not written.
func (cfg *Config) sourceName(id component.ID) string {
	if cfg.Name != "" {
		return cfg.Name
	}
	return id.String()
}
