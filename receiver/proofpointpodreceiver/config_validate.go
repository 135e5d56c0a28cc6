package proofpointpodreceiver

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/proofpointpod/otelcol/internal/clientconfig"
	"github.com/proofpointpod/otelcol/internal/podlog"
)

const (
	quotesStay   = "are taken for a part of it; remove them where it comes from, an env file, say"
	variableForm = "write ${env:NAME} for its value"
)

// Validate names every mistake, each with the key as it is written and what is allowed there. The mistakes inside
// tls and retry_on_failure that those types find themselves are not repeated here: the collector calls their Validate.
// Files are not opened; a CA or certificate that cannot be read is found when the receiver starts.
func (cfg *Config) Validate() error {
	return errors.Join(
		cfg.validateClusterID(),
		cfg.validateCredentials(),
		cfg.validateEvents(),
		cfg.validateFields(),
		oneOf("siem_metadata", cfg.SIEMMetadata, siemMetadataRecord, siemMetadataResource),
		oneOf("body", cfg.Body, bodyText, bodyMap),
		cfg.client().Validate(),
		validDuration("handshake_timeout", cfg.HandshakeTimeout, "30s"),
		validDuration("keepalive.interval", cfg.Keepalive.Interval, "2m"),
		validDuration("keepalive.timeout", cfg.Keepalive.Timeout, "60s"),
		cfg.validateMaxRecordSize(),
		cfg.Batch.validate(),
		cfg.validateRetry(),
		cfg.validatePositions(),
	)
}

// warnings are about what is allowed but rarely meant. Call it after Validate only.
func (cfg *Config) warnings() []string {
	var warnings []string
	warnIf := func(condition bool, text string) {
		if condition {
			warnings = append(warnings, text)
		}
	}
	if endpoint, err := clientconfig.ParseEndpoint(cfg.Endpoint); err == nil {
		warnIf(endpoint.Scheme == "ws",
			"endpoint: ws:// sends the token and the records unencrypted; use it for tests only")
		warnIf(strings.Trim(endpoint.Path, "/") == "",
			"endpoint: has no path; that of the PoD Log Service is /v1/stream")
	}
	warnIf(cfg.TLS.InsecureSkipVerify,
		"tls.insecure_skip_verify: whoever answers gets the token; set tls.ca_file for a server with a CA of its own")
	warnIf(cfg.Keepalive.Interval > 4*time.Minute,
		"keepalive.interval: over 4m; the PoD Log Service ends a session that was idle for about 5m")
	warnIf(cfg.Keepalive.Timeout < time.Minute,
		"keepalive.timeout: under 60s; the PoD Log Service answers late while it sends a backlog, and sessions that are "+
			"well will be given up")
	warnIf(cfg.MaxRecordSize < 1<<20,
		"max_record_size: under 1048576 bytes (1 MiB); the PoD Log Service sends longer records, and they will be cut")
	warnIf(cfg.RetryOnFailure.Enabled && cfg.RetryOnFailure.RandomizationFactor == 0,
		"retry_on_failure.randomization_factor: 0 makes all streams connect again at the same moment")
	return append(warnings, cfg.positionWarnings()...)
}

func (cfg *Config) validateClusterID() error {
	switch {
	case cfg.ClusterID == "":
		return errors.New("cluster_id: required; the cluster ID of your PoD, which its management interface shows " +
			"beside the release number (where it is written as ${env:…}, that variable is not set)")
	case !printable(cfg.ClusterID):
		return errors.New("cluster_id: holds white space or another character that no cluster ID has; " +
			"write the ID alone, on one line")
	case isQuoted(cfg.ClusterID):
		return errors.New("cluster_id: has quotation marks around it, which " + quotesStay)
	case namesVariable(cfg.ClusterID):
		return errors.New("cluster_id: names an environment variable; " + variableForm)
	}
	return nil
}

func (cfg *Config) validateCredentials() error {
	if cfg.Auth.HasValue() {
		var errs []error
		if cfg.APISecret != "" {
			errs = append(errs, errors.New("api_secret: not allowed together with auth, which takes its place; remove one of them"))
		}
		if cfg.Auth.Get().AuthenticatorID == (component.ID{}) {
			errs = append(errs, errors.New("auth.authenticator: required; the ID of an extension that authenticates "+
				"HTTP clients, such as bearertokenauth"))
		}
		return errors.Join(errs...)
	}
	if cfg.APISecret == "" {
		return errors.New("api_secret: required unless auth is set; the token of the PoD Log Service " +
			"(where it is written as ${env:…}, that variable is not set)")
	}
	return validToken("api_secret", string(cfg.APISecret))
}

// validToken refuses what was written in place of a token. The secret is no part of the error.
func validToken(key, secret string) error {
	switch {
	case strings.Trim(secret, "*") == "" || secret == "[REDACTED]":
		return fmt.Errorf("%s: is a mask that was shown in place of the token; write the token itself", key)
	case !printable(secret):
		return fmt.Errorf("%s: holds white space or another character that no token has; "+
			"write the token alone, on one line, without `Bearer`", key)
	case isQuoted(secret):
		return fmt.Errorf("%s: has quotation marks around it, which %s", key, quotesStay)
	case namesVariable(secret):
		return fmt.Errorf("%s: names an environment variable; %s", key, variableForm)
	}
	return nil
}

func (cfg *Config) validateEvents() error {
	allowed := list(podlog.EventTypes())
	if len(cfg.SupportedEvents) == 0 {
		return fmt.Errorf("supported_events: required; one or more of %s", allowed)
	}
	var errs []error
	seen := make(map[podlog.EventType]int)
	for _, event := range cfg.SupportedEvents {
		seen[event]++
		switch {
		case seen[event] == 2:
			errs = append(errs, fmt.Errorf("supported_events: %q is written more than once; once is enough", event))
		case seen[event] == 1 && !slices.Contains(podlog.EventTypes(), event):
			errs = append(errs, fmt.Errorf("supported_events: %q is not an event type; allowed: %s, in lower case", event, allowed))
		}
	}
	return errors.Join(errs...)
}

func (cfg *Config) validateMaxRecordSize() error {
	if cfg.MaxRecordSize < 1 || cfg.MaxRecordSize > 1<<30 {
		return errors.New("max_record_size: must be from 1 to 1073741824 bytes (1 GiB)")
	}
	return nil
}

// validateRetry finds what configretry allows, but would have the receiver try without a pause. Negative values are
// reported by configretry.
func (cfg *Config) validateRetry() error {
	retry := cfg.RetryOnFailure
	if !retry.Enabled {
		return nil
	}
	var errs []error
	if retry.InitialInterval >= 0 {
		errs = append(errs, validDuration("retry_on_failure.initial_interval", retry.InitialInterval, "1s"))
	}
	if retry.MaxInterval >= 0 && retry.MaxInterval < retry.InitialInterval {
		errs = append(errs, errors.New("retry_on_failure.max_interval: must not be less than retry_on_failure.initial_interval"))
	}
	if retry.Multiplier >= 0 && retry.Multiplier < 1 {
		errs = append(errs, errors.New("retry_on_failure.multiplier: must be at least 1, so that the waits do not become shorter"))
	}
	return errors.Join(errs...)
}

// validDuration refuses what is not positive, and what is a number without its unit, which counts as nanoseconds.
func validDuration(key string, d time.Duration, example string) error {
	if d < time.Millisecond {
		return fmt.Errorf("%s: must be at least 1ms; write it with its unit, such as %s", key, example)
	}
	return nil
}

func oneOf[T ~string](key string, value T, allowed ...T) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("%s: %q is not allowed; allowed: %s", key, value, list(allowed))
}

func list[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = string(value)
	}
	return strings.Join(texts, ", ")
}

// printable says whether s is visible ASCII throughout, which is what fits into a header or a query as it stands.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// isQuoted says whether s stands in quotation marks. Those of YAML and of a shell are gone by now; those of an env file
// of Docker, or of a secret, are not.
func isQuoted(s string) bool {
	return len(s) > 1 && s[0] == s[len(s)-1] && (s[0] == '"' || s[0] == '\'')
}

// namesVariable says whether s is written as a shell would write a variable, which the collector does not replace.
func namesVariable(s string) bool { return strings.HasPrefix(s, "$") }
