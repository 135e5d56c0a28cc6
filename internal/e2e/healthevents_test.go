package e2e

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// A token that was refused is told down the pipeline, beside the records, and that it is over is told by the next process.
func TestHealthEvents_areLogRecordsForTheBackend(t *testing.T) {
	const on = "receivers: {proofpointpod: {health_events: true, supported_events: [message]}}"
	s := startService(t, podsim.Options{})
	s.RejectTokens(podsim.Token)
	data := t.TempDir()
	written := &recordFile{t: t, path: filepath.Join(data, "records.json")}
	collector := startCollector(t, s, config(t, "collector.yaml"), data, on)
	written.waitCount(1)
	collector.stop()

	s.AcceptTokens(podsim.Token)
	collector = startCollector(t, s, config(t, "collector.yaml"), data, on)
	collector.waitFor("collecting\t")
	s.Generate(podlog.Message, 5)
	written.waitCount(1 + 1 + 5)
	collector.stop()

	var records []received
	var events []sourcehealth.Event
	var levels []plog.SeverityNumber
	for _, r := range written.read() {
		name, is := r.resource["proofpointpod.health_event"]
		if !is {
			records = append(records, r)
			continue
		}
		var event sourcehealth.Event
		require.NoError(t, json.Unmarshal([]byte(r.record.Body().Str()), &event))
		assert.Equal(t, event.EventName, name)
		assert.Equal(t, "proofpointpod.health_event", r.record.EventName())
		assert.Equal(t, podsim.ClusterID, r.resource["proofpoint.cluster_id"])
		events = append(events, event)
		levels = append(levels, r.record.SeverityNumber())
		t.Logf("event: %s", r.record.Body().Str())
	}
	assertExactlyOnce(t, s.produced(podlog.Message), records)
	require.Len(t, events, 2)
	assert.Equal(t, []plog.SeverityNumber{plog.SeverityNumberError, plog.SeverityNumberInfo}, levels)
	assert.Equal(t, "ThirdPartyConfigError", events[0].EventName)
	assert.Equal(t, "401", events[0].Details.ErrorCode)
	assert.Equal(t, sourcehealth.Healthy, events[1].Status)
	assert.Equal(t, "Collecting", events[1].EventName)
	assert.Equal(t, events[0].Details.TrackerID, events[1].Details.TrackerID)
}
