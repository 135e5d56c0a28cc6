package proofpointpodreceiver

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
)

// loadYAML is the smallest valid configuration with that text laid over it.
func loadYAML(t *testing.T, text string) *Config {
	t.Helper()
	cfg, err := load(overlay(t, parseYAML(t, text).ToStringMap()))
	require.NoError(t, err)
	return cfg
}

// The clock of synctest stands at 2000-01-01T00:00:00Z.
func TestConfig_since(t *testing.T) {
	for text, want := range map[string]string{
		"24h":                           "1999-12-31T00:00:00Z",
		"720h":                          "1999-12-02T00:00:00Z",
		"' 90m '":                       "1999-12-31T22:30:00Z",
		"'1999-12-20T08:00:00+02:00'":   "1999-12-20T06:00:00Z",
		"'1999-12-20T08:00:00.5Z'":      "1999-12-20T08:00:00.5Z",
		"'1999-12-20'":                  "1999-12-20T00:00:00Z",
		"'1999-12-02T00:00:00Z'":        "1999-12-02T00:00:00Z",
		"'2000-01-01T00:00:00Z'":        "2000-01-01T00:00:00Z",
		"1999-12-20T08:00:00+02:00":     "1999-12-20T06:00:00Z",
		"1999-12-20T08:00:00.25-01:00":  "1999-12-20T09:00:00.25Z",
		"1999-12-20":                    "1999-12-20T00:00:00Z",
		"'1999-12-02T01:59:59+02:00'":   "1999-12-01T23:59:59Z",
		"'2000-01-01T00:00:01Z'":        "refused",
		"2000-01-02":                    "refused",
		"720h0m0.001s":                  "refused",
		"'1999-12-20T08:00:00'":         "refused",
		"'1999-12-20 08:00:00 +00:00 '": "refused",
		"null":                          "none",
		"''":                            "none",
	} {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := loadYAML(t, "{backfill: {since: "+text+"}}")

				err := confmap.Validate(cfg)

				if want == "refused" {
					require.ErrorContains(t, err, "backfill.since: ")
					return
				}
				require.NoError(t, err)
				from := cfg.since(time.Now())
				if want == "none" {
					assert.Zero(t, from)
					return
				}
				assert.Equal(t, want, from.UTC().Format(time.RFC3339Nano))
			})
		})
	}
}

func TestConfig_sinceIsNothingWithoutBackfill(t *testing.T) {
	cfg := loadYAML(t, "{backfill: {enabled: false, since: 24h}}")
	require.NoError(t, confmap.Validate(cfg))
	assert.Zero(t, cfg.since(time.Now()))
}

func TestConfig_maxPause(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"{}":                                  10 * time.Minute,
		"{max_pause: null}":                   10 * time.Minute,
		"{max_pause: 30m}":                    30 * time.Minute,
		"{max_pause: 1m}":                     time.Minute,
		"{server_memory: 4h}":                 10 * time.Minute,
		"{server_memory: 20m}":                10 * time.Minute,
		"{server_memory: 6s}":                 3 * time.Second,
		"{server_memory: 6s, max_pause: 3s}":  3 * time.Second,
		"{server_memory: 6s, max_pause: 1ms}": time.Millisecond,
	} {
		t.Run(text, func(t *testing.T) {
			cfg := loadYAML(t, "{backfill: "+text+"}")
			require.NoError(t, confmap.Validate(cfg))
			assert.Equal(t, want, cfg.maxPause())
		})
	}
}

func TestConfig_secondTokenBesideAnAuthenticator(t *testing.T) {
	cfg := loadYAML(t, "{api_secret: '', auth: {authenticator: bearertokenauth}, backfill: {api_secret: made-up-token}}")
	assert.NoError(t, confmap.Validate(cfg))
}

func TestConfig_sectionsWithoutAValueKeepTheDefaults(t *testing.T) {
	for _, text := range []string{"{backfill: {}, dedup: {}}", "{backfill: null, dedup: null, unflushed_window: null}", "{backfill: {since: null, api_secret: null}, storage: null}"} {
		cfg := loadYAML(t, text)
		want := createDefaultConfig().(*Config)
		assert.Equal(t, want.Backfill, cfg.Backfill, text)
		assert.Equal(t, want.Dedup, cfg.Dedup, text)
		assert.Nil(t, cfg.Storage, text)
	}
}

func TestConfig_readsPositionKeysFromTheEnvironment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		values := map[string]string{
			"STORAGE": "file_storage/pod\n",
			"SECOND":  "made-up-second-token\r\n",
			"TIME":    "1999-12-20T08:00:00Z\n",
			"WINDOW":  "0\n",
		}
		conf := resolve(t, values, `
cluster_id: example_hosted
api_secret: made-up-token
supported_events: [message]
storage: ${test:STORAGE}
backfill:
  since: ${test:TIME}
  api_secret: ${test:SECOND}
unflushed_window: ${test:WINDOW}
`)
		cfg, err := load(conf)
		require.NoError(t, err)
		require.NoError(t, confmap.Validate(cfg))
		assert.Equal(t, component.MustNewIDWithName("file_storage", "pod"), *cfg.Storage)
		assert.Equal(t, time.Date(1999, 12, 20, 8, 0, 0, 0, time.UTC), cfg.since(time.Now()))
		assert.Equal(t, "made-up-second-token", string(cfg.Backfill.APISecret))
		assert.Zero(t, cfg.UnflushedWindow)
	})
}
