package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// The main job, with what happens on a bad day: the service drops sessions, holds their slots, has a bad gateway; the
// backend is away; the collector is restarted meanwhile. Every record arrives once, as it was sent.
func TestPipeline_deliversEveryRecordOnceThroughABadDay(t *testing.T) {
	t.Parallel()
	s := startService(t, podsim.Options{
		SlotHold: -1, Resume: podsim.ResumeAfterReceived, Memory: memory, ArchiveDelay: 500 * time.Millisecond,
	})
	s.Plan(
		podsim.Step{Type: podlog.Message, Do: podsim.Drop, Records: 700},
		podsim.Step{Type: podlog.Message, Do: podsim.Refuse, Status: http.StatusConflict, Times: 2},
		podsim.Step{Type: podlog.Maillog, Do: podsim.Refuse, Status: http.StatusBadGateway},
		podsim.Step{Type: podlog.Maillog, Do: podsim.Close, Code: 1011, Records: 1500},
		podsim.Step{Type: podlog.Message, Do: podsim.Drop, Records: 900},
	)
	backend := startSink(t)
	data := t.TempDir()
	collect := func() *process {
		const soon = "receivers: {proofpointpod: {backfill: {server_memory: 1m, archive_delay: 2s, margin: 10s}}}"
		return startCollector(t, s, config(t, "otlp.yaml"), data, soon, "OTLP_ENDPOINT="+backend.endpoint)
	}

	collector := collect()
	s.Generate(podlog.Message, 2500)
	s.Generate(podlog.Maillog, 4000)
	s.waitWritten(podlog.Message, podlog.Maillog)
	backend.records.waitCount(6500)

	// The backend goes away, records come, and the collector is restarted before it is back.
	backend.stop()
	s.Generate(podlog.Message, 1200)
	s.Generate(podlog.Maillog, 1700)
	s.waitWritten(podlog.Message, podlog.Maillog)
	collector.waitFor("Exporting failed. Will retry the request after interval.")
	collector.stop()
	s.Generate(podlog.Message, 300)
	s.Generate(podlog.Maillog, 400)
	backend.start()
	collector = collect()
	s.waitWritten(podlog.Message, podlog.Maillog)
	sent := s.produced(podlog.Message, podlog.Maillog)
	backend.records.waitCount(len(sent))
	collector.stop()
	backend.stop()

	assertExactlyOnce(t, sent, backend.records.read())
	stats := s.Stats()
	assert.Equal(t, 2, stats[podlog.Message].Handshakes[http.StatusConflict])
	assert.Equal(t, 1, stats[podlog.Maillog].Handshakes[http.StatusBadGateway])
	assert.Empty(t, s.PlanLeft())
	goodbyes := 0
	for _, session := range s.Sessions() {
		if session.EndedBy == "client close" {
			goodbyes++
		}
	}
	assert.GreaterOrEqual(t, goodbyes, 4, "each stream says goodbye each time the collector ends, so that its slot is free")
}
