package proofpointpodreceiver

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

const (
	metricTokenExpiry = "otelcol_proofpointpod_receiver_token_expiry"
	metricClockSkew   = "otelcol_proofpointpod_receiver_clock_skew"
)

// jwt is a token with these claims, signed by nobody.
func jwt(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(claims)) + ".c2lnbmF0dXJl"
}

// expiring is a token that expires at a time.
func expiring(at time.Time) string { return jwt(fmt.Sprintf(`{"sub":"made-up","exp":%d}`, at.Unix())) }

func TestTelemetry_tokenExpiry(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.APISecret = configopaque.String(expiring(time.Now().Add(10 * 24 * time.Hour)))
		s.config.Backfill.APISecret = configopaque.String(expiring(time.Now().Add(time.Hour)))
		s.service.AcceptTokens(string(s.config.APISecret))
	}, func(s *scenario) {
		s.state("Collecting")
		s.elapse(2*time.Hour - time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)))
		assert.Equal(t, map[string]float64{"session=live": 238 * 3600, "session=archive": -3600}, s.metric(metricTokenExpiry))
	})
}

func TestTelemetry_tokenExpiryIsNotKnown(t *testing.T) {
	play(t, podsim.Options{}, nil, func(s *scenario) {
		s.state("Collecting")
		assert.Empty(t, s.metric(metricTokenExpiry))
	})
}

func TestTelemetry_tokenExpiryOfAnAuthenticator(t *testing.T) {
	first, second := expiring(time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)), expiring(time.Date(2000, 1, 3, 0, 0, 0, 0, time.UTC))
	extension := bearing(first)
	play(t, podsim.Options{}, func(s *scenario) {
		s.auth(extension)
		s.service.AcceptTokens(second)
	}, func(s *scenario) {
		s.state("Error")
		assert.InDelta(t, 86400, s.metric(metricTokenExpiry)["session=live"], 10)
		extension.set("Bearer "+second, nil)
		s.state("Collecting")
		assert.InDelta(t, 2*86400, s.metric(metricTokenExpiry)["session=live"], 10)
	})
}

func TestTelemetry_clockSkew(t *testing.T) {
	play(t, podsim.Options{ClockSkew: -5 * time.Minute}, func(s *scenario) {
		s.service.Plan(podsim.Step{Type: podlog.Message, Do: podsim.Abort})
	}, func(s *scenario) {
		s.state("Error")
		assert.Empty(t, s.metric(metricClockSkew), "the service has not said its time")
		s.state("Collecting")
		assert.InDelta(t, -300, s.metric(metricClockSkew)[""], 1)
	})
}
