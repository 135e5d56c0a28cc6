package proofpointpodreceiver

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"

	"github.com/proofpointpod/otelcol/internal/servicetime"
)

const (
	// defaultMaxPause is that of backfill.max_pause, unless half of backfill.server_memory is less.
	defaultMaxPause = 10 * time.Minute
	// minDedupEntries is the least that dedup.max_entries can be: identities are forgotten so many at a time.
	minDedupEntries = 1024
)

// BackfillConfig says how the archive is read for what the live sessions may have missed.
type BackfillConfig struct {
	// Enabled says whether it is read. Without it, what the service no longer sends by itself is lost. Default: true.
	Enabled bool `mapstructure:"enabled"`
	// Since is how far back the first start of all reads: a duration, such as 24h, or a time, such as
	// 2025-01-31T08:00:00Z. It reaches 30 days back at the most. Once there is a position, it has no effect.
	// Default: the first start reads nothing from the archive.
	Since lookback `mapstructure:"since,omitempty"`
	// ServerMemory is how long the service resumes a live session after its end. At least 1ms. Default: 1h.
	ServerMemory time.Duration `mapstructure:"server_memory"`
	// ArchiveDelay is how far the archive lags behind: nothing younger is asked for. 0, or at least 1ms; under 1h,
	// what reaches the archive late may be lost. Default: 60m.
	ArchiveDelay time.Duration `mapstructure:"archive_delay"`
	// Margin is how long a record can take from its `ts` to its arrival: so much before a gap the archive is read,
	// too. 0, or at least 1ms. Default: 1h.
	Margin time.Duration `mapstructure:"margin"`
	// MaxPause is how long the live session may be away while the archive is read with its token; the end of the
	// archive session may take half as long again, 30 seconds at the most. At least 1ms, at most half of ServerMemory.
	// An hour that does not fit gets more the next time, up to that half. Default, where it is nil: 10m, or half of
	// ServerMemory if that is less.
	MaxPause *time.Duration `mapstructure:"max_pause,omitempty"`
	// APISecret is a second token of the PoD Log Service, another than the live sessions have. With it, these stay
	// connected while the archive is read. Default: none.
	APISecret configopaque.String `mapstructure:"api_secret,omitempty"`
}

// DedupConfig bounds, for each stream, the identities of records that are remembered as delivered. An entry takes
// 33 to 50 bytes of memory and 16 bytes of storage.
type DedupConfig struct {
	// Window is how long they are remembered. At least 1ms, and no less than Config.UnflushedWindow. Default: 24h.
	Window time.Duration `mapstructure:"window"`
	// MaxEntries is how many are remembered. At least 1024. Default: 2000000.
	MaxEntries int `mapstructure:"max_entries"`
}

// Unmarshal reads the keys of `backfill` as confmap does. Besides, since may be written without quotes, where YAML
// makes a time of it, and the white space around single values is taken away.
func (b *BackfillConfig) Unmarshal(conf *confmap.Conf) error {
	if t, ok := conf.Get("since").(time.Time); ok {
		text := map[string]any{"since": t.Format(time.RFC3339Nano)}
		if err := conf.Merge(confmap.NewFromStringMap(text)); err != nil {
			return err
		}
	}
	if err := conf.Unmarshal(b); err != nil {
		return err
	}
	b.Since = lookback(strings.TrimSpace(string(b.Since)))
	b.APISecret = trimOpaque(b.APISecret)
	return nil
}

// lookback is a duration before now, or a time in the form of RFC 3339; a date alone is its midnight in UTC, which is
// what YAML makes of one. A time of more than 30 days ago is no mistake: it was none when it was written, and counts at
// the first start only, which then reports what the archive has no more.
type lookback string

// at returns the time that is meant, if it is now.
func (l lookback) at(now time.Time) (time.Time, error) {
	if ago, err := time.ParseDuration(string(l)); err == nil {
		switch {
		case ago < time.Millisecond:
			return time.Time{}, errors.New("must be at least 1ms; write how far back to go, such as 24h")
		case ago > servicetime.ArchiveReach:
			return time.Time{}, errors.New("must be at most 720h: the archive reaches 30 days back")
		}
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		t, err := time.Parse(layout, string(l))
		switch {
		case err != nil:
			continue
		case t.After(now):
			return time.Time{}, errors.New("lies in the future; write a time up to 30 days ago")
		}
		return t, nil
	}
	return time.Time{}, errors.New("must be a duration such as 24h, or a time such as 2025-01-31T08:00:00Z")
}

// since is from when on the first start of all reads the archive; zero: not at all. Call it after Validate only.
func (cfg *Config) since(now time.Time) time.Time {
	if !cfg.Backfill.Enabled || cfg.Backfill.Since == "" {
		return time.Time{}
	}
	// Validate has refused what has no time.
	from, _ := cfg.Backfill.Since.at(now)
	return from
}

// maxPause is how long the live session may be away while the archive is read with its token.
func (cfg *Config) maxPause() time.Duration {
	if cfg.Backfill.MaxPause != nil {
		return *cfg.Backfill.MaxPause
	}
	return min(defaultMaxPause, cfg.Backfill.ServerMemory/2)
}

func (cfg *Config) validatePositions() error {
	return errors.Join(
		cfg.validateSince(),
		validDuration("backfill.server_memory", cfg.Backfill.ServerMemory, "1h"),
		validDurationOrZero("backfill.archive_delay", cfg.Backfill.ArchiveDelay, "60m"),
		validDurationOrZero("backfill.margin", cfg.Backfill.Margin, "1h"),
		cfg.validateMaxPause(),
		cfg.validateSecondToken(),
		cfg.validateDedup(),
		validDurationOrZero("unflushed_window", cfg.UnflushedWindow, "5m30s"),
	)
}

func (cfg *Config) validateSince() error {
	if cfg.Backfill.Since == "" {
		return nil
	}
	if _, err := cfg.Backfill.Since.at(time.Now()); err != nil {
		return fmt.Errorf("backfill.since: %w", err)
	}
	return nil
}

func (cfg *Config) validateMaxPause() error {
	if cfg.Backfill.MaxPause == nil {
		return nil
	}
	if err := validDuration("backfill.max_pause", *cfg.Backfill.MaxPause, "10m"); err != nil {
		return err
	}
	half := cfg.Backfill.ServerMemory / 2
	if half > 0 && *cfg.Backfill.MaxPause > half {
		return fmt.Errorf("backfill.max_pause: must be at most half of backfill.server_memory, that is %s, so that the "+
			"service still knows where the live session was", half)
	}
	return nil
}

func (cfg *Config) validateSecondToken() error {
	secret := cfg.Backfill.APISecret
	if secret == "" {
		return nil
	}
	if secret == cfg.APISecret {
		return errors.New("backfill.api_secret: is the token of api_secret, but the service allows one session for each " +
			"token and event type; write a second token, or remove the key: the live session then pauses for the archive")
	}
	return validToken("backfill.api_secret", string(secret))
}

func (cfg *Config) validateDedup() error {
	var errs []error
	if err := validDuration("dedup.window", cfg.Dedup.Window, "24h"); err != nil {
		errs = append(errs, err)
	} else if cfg.Dedup.Window < cfg.UnflushedWindow {
		errs = append(errs, fmt.Errorf("dedup.window: must not be less than unflushed_window, that is %s", cfg.UnflushedWindow))
	}
	if cfg.Dedup.MaxEntries < minDedupEntries {
		errs = append(errs, fmt.Errorf("dedup.max_entries: must be at least %d", minDedupEntries))
	}
	return errors.Join(errs...)
}

// positionWarnings are those about the keys in this file. Call it after Validate only.
func (cfg *Config) positionWarnings() []string {
	var warnings []string
	if cfg.Storage == nil {
		warnings = append(warnings, "storage: not set, so positions are kept in memory only: after a restart, records "+
			"that the service does not send again by itself are lost, others come twice, and backfill.since applies again; "+
			"set storage to a storage extension, such as file_storage")
	}
	if !cfg.Backfill.Enabled {
		if cfg.Backfill.Since != "" {
			warnings = append(warnings, "backfill.since: has no effect with backfill.enabled: false")
		}
		return warnings
	}
	if cfg.Backfill.ArchiveDelay < time.Hour {
		warnings = append(warnings, "backfill.archive_delay: under 1h; the archive may not be complete by then, and what "+
			"it gets later is lost")
	}
	if span := cfg.Backfill.ServerMemory + cfg.Backfill.Margin + cfg.Backfill.ArchiveDelay; cfg.Dedup.Window < span {
		warnings = append(warnings, fmt.Sprintf("dedup.window: under %s (backfill.server_memory, margin and archive_delay "+
			"together); by the time the archive is read, what was delivered is forgotten, and comes twice", span))
	}
	return warnings
}

// validDurationOrZero is validDuration for a time that can be left away.
func validDurationOrZero(key string, d time.Duration, example string) error {
	if d != 0 && d < time.Millisecond {
		return fmt.Errorf("%s: must be 0, or at least 1ms; write it with its unit, such as %s", key, example)
	}
	return nil
}
