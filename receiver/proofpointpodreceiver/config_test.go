package proofpointpodreceiver

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/config/configtls"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/confmap/xconfmap"
	"go.yaml.in/yaml/v3"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// load reads conf over the defaults, as the collector does.
func load(conf *confmap.Conf) (*Config, error) {
	cfg := createDefaultConfig().(*Config)
	return cfg, conf.Unmarshal(cfg)
}

// loadKey reads the valid configuration of that key in testdata/config.yaml.
func loadKey(t *testing.T, key string) *Config {
	t.Helper()
	file, err := confmaptest.LoadConf("testdata/config.yaml")
	require.NoError(t, err)
	conf, err := file.Sub(key)
	require.NoError(t, err)
	cfg, err := load(conf)
	require.NoError(t, err)
	require.NoError(t, confmap.Validate(cfg))
	return cfg
}

// overlay is the smallest valid configuration with changes laid over it.
func overlay(t *testing.T, changes map[string]any) *confmap.Conf {
	t.Helper()
	conf := confmap.NewFromStringMap(map[string]any{
		"cluster_id": "example_hosted", "api_secret": "made-up-token", "supported_events": []any{"message"},
	})
	require.NoError(t, conf.Merge(confmap.NewFromStringMap(changes)))
	return conf
}

func parseYAML(t *testing.T, text string) *confmap.Conf {
	t.Helper()
	retrieved, err := confmap.NewRetrievedFromYAML([]byte(text))
	require.NoError(t, err)
	conf, err := retrieved.AsConf()
	require.NoError(t, err)
	return conf
}

func TestConfig_followsTheRulesForConfigurations(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
}

func TestConfig_defaults(t *testing.T) {
	golden, err := confmaptest.LoadConf("testdata/defaults.yaml")
	require.NoError(t, err)
	written := confmap.New()
	require.NoError(t, written.Marshal(createDefaultConfig()))
	assert.Equal(t, golden.ToStringMap(), parseYAML(t, asYAML(t, written)).ToStringMap())
}

func TestConfig_minimal(t *testing.T) {
	want := createDefaultConfig().(*Config)
	want.ClusterID = "example_hosted"
	want.APISecret = "made-up-token"
	want.SupportedEvents = []podlog.EventType{podlog.Message, podlog.Maillog, podlog.Audit}

	cfg := loadKey(t, "proofpointpod")

	assert.Equal(t, want, cfg)
	assert.True(t, cfg.forwardToSIEM())
	assert.Empty(t, cfg.fieldAttributes())
	assert.Len(t, cfg.warnings(), 1, "about storage")
	assert.Zero(t, cfg.since(time.Now()))
	assert.Equal(t, 10*time.Minute, cfg.maxPause())
	assert.Equal(t, "proofpointpod/eu", cfg.sourceName(component.MustNewIDWithName("proofpointpod", "eu")))
	t.Setenv("HTTPS_PROXY", "http://proxy:3128")
	client, err := cfg.client().NewClient(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "wss://logstream.proofpoint.com:443/v1/stream", client.Endpoint.String())
	assert.Equal(t, "http://proxy:3128", client.Proxy.String(), "the environment decides")
}

func TestConfig_everyKey(t *testing.T) {
	forward := false
	storage := component.MustNewIDWithName("file_storage", "pod")
	maxPause := 45 * time.Minute
	tls := configtls.NewDefaultClientConfig()
	tls.CAFile = "ca.pem"
	tls.MinVersion = "1.3"

	cfg := loadKey(t, "proofpointpod/everything")

	assert.Equal(t, &Config{
		Name:        "Mail gateway",
		Description: "All mail of example.com",
		Category:    "mail/pod",
		Fields: map[string]any{
			"team": "secops", "cost_center": 4711, "big": uint64(18446744073709551615), "ratio": 0.25, "million": 1e6,
			"production": true, "empty": "", "_siemForward": "False",
		},
		ClusterID:       "example_hosted",
		SupportedEvents: []podlog.EventType{podlog.Maillog},
		ForwardToSIEM:   &forward,
		SIEMMetadata:    siemMetadataResource,
		Body:            bodyMap,
		Endpoint:        "WSS://[::1]:8443/gateway/v1/stream?tenant=7",
		TLS:             tls,
		ProxyURL:        "socks5://user:made-up-password@proxy.example.com:1080",
		Headers: configopaque.MapList{
			{Name: "X-Empty", Value: ""},
			{Name: "X-Gateway-Key", Value: "made-up-key"},
		},
		Auth: configoptional.Some(configauth.Config{
			AuthenticatorID: component.MustNewIDWithName("bearertokenauth", "pod"),
		}),
		HandshakeTimeout: 10 * time.Second,
		HealthEvents:     true,
		Keepalive:        KeepaliveConfig{Interval: 3 * time.Minute, Timeout: 90 * time.Second},
		MaxRecordSize:    1 << 20,
		Batch:            BatchConfig{MaxRecords: 1000, MaxBytes: 16 << 20, Timeout: 5 * time.Minute},
		RetryOnFailure: configretry.BackOffConfig{
			Enabled: true, InitialInterval: 5 * time.Second, Multiplier: 1, RandomizationFactor: 0.2, MaxInterval: 5 * time.Second,
		},
		Storage: &storage,
		Backfill: BackfillConfig{
			Enabled: true, Since: "36h", ServerMemory: 90 * time.Minute, ArchiveDelay: 2 * time.Hour, Margin: 0,
			MaxPause: &maxPause, APISecret: "made-up-second-token",
		},
		Dedup:           DedupConfig{Window: 210 * time.Minute, MaxEntries: 1024},
		UnflushedWindow: 0,
	}, cfg)
	assert.Equal(t, []fieldAttribute{
		{"big", "18446744073709551615"}, {"cost_center", "4711"}, {"empty", ""}, {"million", "1000000"},
		{"production", "true"}, {"ratio", "0.25"}, {"team", "secops"},
	}, cfg.fieldAttributes())
	assert.Equal(t, "Mail gateway", cfg.sourceName(component.MustNewID("proofpointpod")))
	assert.Empty(t, cfg.warnings())
	values := cfg.client()
	assert.Equal(t, tls, values.TLS)
	values.TLS = configtls.NewDefaultClientConfig() // its files are not there
	client, err := values.NewClient(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "wss://[::1]:8443/gateway/v1/stream?tenant=7", client.Endpoint.String())
	assert.Equal(t, "proxy.example.com:1080", client.Proxy.Host)
}

func TestConfig_takesSumoLogicsJSONAsItIs(t *testing.T) {
	pasted, err := os.ReadFile("testdata/sumologic.json")
	require.NoError(t, err)
	conf, err := parseYAML(t, "receivers:\n  proofpointpod: "+string(pasted)).Sub("receivers::proofpointpod")
	require.NoError(t, err)

	cfg, err := load(conf)
	require.NoError(t, err)
	require.NoError(t, confmap.Validate(cfg))

	want := createDefaultConfig().(*Config)
	want.Name = "Proofpoint on Demand"
	want.Description = "Mail of example.com"
	want.Category = "mail/pod"
	want.Fields = map[string]any{"_siemForward": false, "team": "secops"}
	want.ClusterID = "example_hosted"
	want.APISecret = "made-up-token"
	want.SupportedEvents = []podlog.EventType{podlog.Message, podlog.Maillog}
	assert.Equal(t, want, cfg)
	assert.False(t, cfg.forwardToSIEM())
	assert.Equal(t, []fieldAttribute{{"team", "secops"}}, cfg.fieldAttributes())
}

func TestConfig_forwardToSIEM(t *testing.T) {
	for text, want := range map[string]bool{
		"{}":                                                      true,
		"{forward_to_siem: true}":                                 true,
		"{forward_to_siem: false}":                                false,
		"{forward_to_siem: null}":                                 true,
		"{fields: {_siemForward: true}}":                          true,
		"{fields: {_siemForward: false}}":                         false,
		"{fields: {_siemForward: 'True'}}":                        true,
		"{fields: {_siemForward: 'FALSE'}}":                       false,
		"{forward_to_siem: false, fields: {_siemForward: false}}": false,
		"{forward_to_siem: true, fields: {_siemForward: 'true'}}": true,
		"{forward_to_siem: false, fields: {team: a}}":             false,
	} {
		t.Run(text, func(t *testing.T) {
			cfg, err := load(overlay(t, parseYAML(t, text).ToStringMap()))
			require.NoError(t, err)
			require.NoError(t, confmap.Validate(cfg))
			assert.Equal(t, want, cfg.forwardToSIEM())
		})
	}
}

func TestConfig_namesEveryMistake(t *testing.T) {
	file, err := confmaptest.LoadConf("testdata/invalid.yaml")
	require.NoError(t, err)
	cases := file.ToStringMap()
	require.NotEmpty(t, cases)
	for _, name := range slices.Sorted(maps.Keys(cases)) {
		t.Run(name, func(t *testing.T) {
			test := cases[name].(map[string]any)
			cfg, err := load(overlay(t, test["config"].(map[string]any)))
			require.NoError(t, err)

			err = confmap.Validate(cfg)

			require.Error(t, err)
			assert.Equal(t, test["error"], err.Error())
			assert.NotContains(t, err.Error(), "hidden")
		})
	}
}

func TestConfig_intervalsDoNotMatterWithoutRetries(t *testing.T) {
	cfg, err := load(overlay(t, parseYAML(t, "{retry_on_failure: {enabled: false, initial_interval: 0, multiplier: 0}}").ToStringMap()))
	require.NoError(t, err)
	assert.NoError(t, confmap.Validate(cfg))
}

func TestConfig_refusesWhatItCannotRead(t *testing.T) {
	for text, want := range map[string]string{
		"{sinceTime: now}":                     "has invalid keys: sinceTime",
		"{Cluster_ID: other}":                  "has invalid keys: Cluster_ID",
		"{storage: ''}":                        "'storage'",
		"{storage: [file_storage]}":            "'storage'",
		"{backfill: {Since: 24h}}":             "BackfillConfig' has invalid keys: Since",
		"{backfill: {since: 24}}":              "'since' expected type",
		"{backfill: {api_secret: 20250131}}":   "'api_secret' expected type 'configopaque.String', got unconvertible type 'int'",
		"{dedup: {max_entries: many}}":         "'dedup.max_entries'",
		"{keepalive: {intervall: 2m}}":         "'keepalive' has invalid keys: intervall",
		"{api_secret: 20250131}":               "'api_secret' expected type 'configopaque.String', got unconvertible type 'int'",
		"{api_secret: [hidden]}":               "'api_secret' expected type 'configopaque.String', got unconvertible type '[]interface {}'",
		"{proxy_url: {hidden: hidden}}":        "'proxy_url' expected type 'configopaque.String', got unconvertible type 'map[string]interface {}'",
		"{headers: {X-Key: 20250131}}":         "expected type 'configopaque.String', got unconvertible type 'int'",
		"{supported_events: message}":          "'supported_events' source data must be an array or slice, got string",
		"{forward_to_siem: 'true'}":            "'forward_to_siem' expected type 'bool', got unconvertible type 'string'",
		"{fields: [team]}":                     "'fields' expected type 'map[string]interface {}', got unconvertible type '[]interface {}'",
		"{auth: {authenticator: 'not an ID'}}": "'auth'",
		"{handshake_timeout: soon}":            "'handshake_timeout'",
	} {
		t.Run(text, func(t *testing.T) {
			_, err := load(overlay(t, parseYAML(t, text).ToStringMap()))

			require.ErrorContains(t, err, want)
			assert.NotContains(t, err.Error(), "hidden")
			assert.NotContains(t, err.Error(), "20250131")
		})
	}
}

func TestConfig_warnings(t *testing.T) {
	for _, test := range []struct{ config, want string }{
		{"{endpoint: 'ws://localhost:80/v1/stream', tls: {insecure: true}}", "endpoint: ws:// sends the token and the records unencrypted; use it for tests only"},
		{"{endpoint: 'wss://localhost/'}", "endpoint: has no path; that of the PoD Log Service is /v1/stream"},
		{"{tls: {insecure_skip_verify: true}}", "tls.insecure_skip_verify: whoever answers gets the token; set tls.ca_file for a server with a CA of its own"},
		{"{keepalive: {interval: 241s}}", "keepalive.interval: over 4m; the PoD Log Service ends a session that was idle for about 5m"},
		{"{keepalive: {timeout: 59s}}", "keepalive.timeout: under 60s; the PoD Log Service answers late while it sends a backlog, and sessions that are well will be given up"},
		{"{max_record_size: 1048575}", "max_record_size: under 1048576 bytes (1 MiB); the PoD Log Service sends longer records, and they will be cut"},
		{"{retry_on_failure: {randomization_factor: 0}}", "retry_on_failure.randomization_factor: 0 makes all streams connect again at the same moment"},
		{"{storage: null}", "storage: not set, so positions are kept in memory only: after a restart, records that the service does not send again by itself are lost, others come twice, and backfill.since applies again; set storage to a storage extension, such as file_storage"},
		{"{backfill: {archive_delay: 59m}}", "backfill.archive_delay: under 1h; the archive may not be complete by then, and what it gets later is lost"},
		{"{dedup: {window: 179m}}", "dedup.window: under 3h0m0s (backfill.server_memory, margin and archive_delay together); by the time the archive is read, what was delivered is forgotten, and comes twice"},
		{"{backfill: {enabled: false, since: 24h, archive_delay: 0}, dedup: {window: 5m30s}}", "backfill.since: has no effect with backfill.enabled: false"},
	} {
		t.Run(test.config, func(t *testing.T) {
			conf := overlay(t, map[string]any{"storage": "file_storage"})
			require.NoError(t, conf.Merge(parseYAML(t, test.config)))
			cfg, err := load(conf)
			require.NoError(t, err)
			require.NoError(t, confmap.Validate(cfg))
			assert.Equal(t, []string{test.want}, cfg.warnings())
		})
	}
}

func TestConfig_readsWhatTheEnvironmentHolds(t *testing.T) {
	values := map[string]string{
		"NAME":    "gateway\n",
		"CARRIER": "resource\n",
		"BODY":    "map\n",
		"CLUSTER": "0815\n",
		"TOKEN":   "made-up-token\r\n",
		"EVENTS":  "[message, maillog]",
		"ACCOUNT": "012345678901\n",
		"DATE":    "2024-01-31",
		"FLAG":    "TRUE\n",
		"TEAM":    "secops\n",
		"KEY":     "made-up-key\n",
		"PROXY":   "http://proxy:3128\n",
		"STREAM":  "wss://localhost/v1/stream\n",
	}

	cfg, err := load(resolve(t, values, `
name: ${test:NAME}
description: ${test:NAME}
category: ${test:NAME}
cluster_id: ${test:CLUSTER}
api_secret: ${test:TOKEN}
supported_events: ${test:EVENTS}
siem_metadata: ${test:CARRIER}
body: ${test:BODY}
fields:
  account: ${test:ACCOUNT}
  since: ${test:DATE}
  team: ${test:TEAM}
  _siemForward: ${test:FLAG}
headers: {X-Key: "${test:KEY}"}
proxy_url: ${test:PROXY}
endpoint: ${test:STREAM}
`))
	require.NoError(t, err)
	require.NoError(t, confmap.Validate(cfg))

	assert.Equal(t, "gateway", cfg.Name)
	assert.Equal(t, "gateway", cfg.Description)
	assert.Equal(t, "gateway", cfg.Category)
	assert.Equal(t, siemMetadataResource, cfg.SIEMMetadata)
	assert.Equal(t, bodyMap, cfg.Body)
	assert.Equal(t, "0815", cfg.ClusterID)
	assert.Equal(t, "made-up-token", string(cfg.APISecret))
	assert.Equal(t, []podlog.EventType{podlog.Message, podlog.Maillog}, cfg.SupportedEvents)
	assert.Equal(t, []fieldAttribute{{"account", "012345678901"}, {"since", "2024-01-31"}, {"team", "secops"}}, cfg.fieldAttributes())
	assert.True(t, cfg.forwardToSIEM())
	key, _ := cfg.Headers.Get("X-Key")
	assert.Equal(t, "made-up-key", string(key))
	assert.Equal(t, "http://proxy:3128", string(cfg.ProxyURL))
	assert.Equal(t, "wss://localhost/v1/stream", cfg.Endpoint)
}

func TestConfig_saysWhichVariablesAreNotSet(t *testing.T) {
	cfg, err := load(resolve(t, nil, `
cluster_id: ${test:CLUSTER}
api_secret: ${test:TOKEN}
supported_events: [message]
fields: {team: "${test:TEAM}"}
proxy_url: ${test:PROXY}
forward_to_siem: ${test:FORWARD}
`))
	require.NoError(t, err)

	assert.EqualError(t, confmap.Validate(cfg), strings.Join([]string{
		"cluster_id: required; the cluster ID of your PoD, which its management interface shows beside the release number " +
			"(where it is written as ${env:…}, that variable is not set)",
		"api_secret: required unless auth is set; the token of the PoD Log Service (where it is written as ${env:…}, that variable is not set)",
		`fields.team: has no value; write "" for an empty text (where it is written as ${env:…}, that variable is not set)`,
	}, "\n"))
}

func TestConfig_hidesItsSecrets(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.APISecret = "hidden-1"
	cfg.ProxyURL = "http://user:hidden-2@proxy:3128"
	cfg.Headers = configopaque.MapList{{Name: "X-Key", Value: "hidden-3"}}
	cfg.TLS.KeyPem = "hidden-4"
	cfg.Backfill.APISecret = "hidden-5"

	conf := confmap.New()
	require.NoError(t, conf.Marshal(cfg))
	asJSON, err := json.Marshal(cfg)
	require.NoError(t, err)

	for how, text := range map[string]string{
		"confmap": asYAML(t, conf),
		"JSON":    string(asJSON),
		"%v":      fmt.Sprintf("%v", cfg),
		"%+v":     fmt.Sprintf("%+v", cfg),
		"%#v":     fmt.Sprintf("%#v", *cfg),
	} {
		assert.NotContains(t, text, "hidden", how)
	}
	for _, value := range []string{"api_secret", "proxy_url", "headers"} {
		assert.Contains(t, asYAML(t, conf), value, "there, but masked")
	}
}

func TestConfig_marshalsToWhatItReads(t *testing.T) {
	for _, key := range []string{"proofpointpod", "proofpointpod/everything"} {
		t.Run(key, func(t *testing.T) {
			want := loadKey(t, key)
			conf := confmap.New()
			require.NoError(t, conf.Marshal(want, xconfmap.WithUnredacted()))

			got, err := load(conf)

			require.NoError(t, err)
			assert.Equal(t, want, got)
		})
	}
}

// resolve is text with each ${test:NAME} replaced by the value of that name, empty where there is none: what the
// collector makes of ${env:NAME} and ${file:NAME}.
func resolve(t *testing.T, values map[string]string, text string) *confmap.Conf {
	t.Helper()
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs: []string{"test:"},
		ProviderFactories: []confmap.ProviderFactory{confmap.NewProviderFactory(func(confmap.ProviderSettings) confmap.Provider {
			return testProvider{values: values, text: text}
		})},
	})
	require.NoError(t, err)
	conf, err := resolver.Resolve(t.Context())
	require.NoError(t, err)
	return conf
}

// testProvider serves text as the configuration, and values by their names.
type testProvider struct {
	values map[string]string
	text   string
}

func (p testProvider) Retrieve(_ context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	if uri == "test:" {
		return confmap.NewRetrievedFromYAML([]byte(p.text))
	}
	return confmap.NewRetrievedFromYAML([]byte(p.values[strings.TrimPrefix(uri, "test:")]))
}

func (testProvider) Scheme() string                 { return "test" }
func (testProvider) Shutdown(context.Context) error { return nil }

func asYAML(t *testing.T, conf *confmap.Conf) string {
	t.Helper()
	text, err := yaml.Marshal(conf.ToStringMap())
	require.NoError(t, err)
	return string(text)
}
