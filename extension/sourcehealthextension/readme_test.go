package sourcehealthextension

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// What the API serves is in the README, key by key.
func TestReadme_namesEveryKeyOfTheAPI(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "The same as JSON;")
	require.True(t, found)
	section, _, found = strings.Cut(section, "What is unknown")
	require.True(t, found)
	words := strings.FieldsFunc(section, func(r rune) bool { return !unicode.IsLetter(r) })

	p := startPage(t, host{}, nil)
	now, lag := time.Now(), 1.5
	repeats := map[string]sourcehealth.RepeatReport{"1": {Count: 2, LastTime: now}}
	report := sourcehealth.Report{
		ID: "proofpointpod", Name: "PoD", Description: "all mail", Category: "mail", ClusterID: "example",
		State: sourcehealth.Error, Reached: sourcehealth.Initialized, Errors: []string{"a"}, Repeats: repeats,
		Streams: []sourcehealth.StreamReport{{
			EventType: "message", State: sourcehealth.Error, Since: now, LastRecord: &now, LastSignOfLife: &now, LagSeconds: &lag,
			Retry: &sourcehealth.RetryReport{Deadline: &now}, Gaps: sourcehealth.GapsReport{Oldest: &now, NextRead: &now}, PositionSaved: &now,
			TokenExpires: &now, Errors: []string{"a"}, Repeats: repeats,
		}},
	}
	p.AddSource(sourceID, func() sourcehealth.Report { return report })
	p.AddSource(component.MustNewIDWithName(sourceType, "other"), func() sourcehealth.Report {
		other := report
		other.ID = "proofpointpod/other"
		return other
	})
	p.report(component.KindReceiver, sourceID, componentstatus.NewRecoverableErrorEvent(assert.AnError))
	p.HealthEvent(trouble("1", "collection"))

	served := map[string]bool{}
	keysOf(get[map[string]any](p, pathSources), served)
	answer := get[map[string]any](p, pathEvents)
	for _, event := range answer["events"].([]any) {
		for _, key := range []string{
			// Sumo Logic's, which the README tells of by name.
			"eventId", "eventTime", "eventType", "eventName", "severityLevel", "subsystem", "resourceIdentity", "details",
		} {
			delete(event.(map[string]any), key)
		}
	}
	keysOf(answer, served)
	require.Greater(t, len(served), 50)
	for _, key := range slices.Sorted(maps.Keys(served)) {
		assert.Contains(t, words, key)
	}
}

// keysOf collects the keys of a JSON value.
func keysOf(value any, keys map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for key, of := range value {
			keys[key] = true
			keysOf(of, keys)
		}
	case []any:
		for _, of := range value {
			keysOf(of, keys)
		}
	}
}
