package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

func TestConfigCollector_writesRecordsToItsFile(t *testing.T) {
	s := startService(t, podsim.Options{})
	data := t.TempDir()
	s.Generate(podlog.Message, 1200)
	s.Generate(podlog.Maillog, 300)
	collector := startCollector(t, s, config(t, "collector.yaml"), data, "")
	records := &recordFile{t: t, path: filepath.Join(data, "records.json")}
	records.waitCount(1500)
	collector.stop()
	assert.Contains(t, collector.out.String(), `"log records": 1000`, "the batch processor makes batches of 1,000")

	// A restart goes on with the same file.
	s.Generate(podlog.Message, 10)
	collector = startCollector(t, s, config(t, "collector.yaml"), data, "")
	records.waitCount(1510)
	collector.stop()
	assertExactlyOnce(t, s.produced(podlog.Message, podlog.Maillog), records.read())
}

// No request exceeds what an OTLP receiver takes if nothing else is set, which is 20 MiB.
func TestConfigs_sendNoRequestThatIsTooLarge(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"otlp.yaml", "batch.yaml"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startService(t, podsim.Options{})
			sink := startSink(t)
			// 43 MiB for one batch.
			for i := range 200 {
				s.Push(podlog.Message, recordOf(i, 150<<10))
			}
			s.Push(podlog.Message, recordOf(200, 14<<20))
			data := t.TempDir()
			collector := startCollector(t, s, config(t, name), data, "",
				"OTLP_ENDPOINT="+sink.endpoint, "POD_QUEUE_DIR="+filepath.Join(data, "queue"))
			arrived := sink.records.waitCount(201)
			assertExactlyOnce(t, s.produced(podlog.Message), arrived)

			// A record that no request could hold is cut and marked, and takes nothing with it.
			tooLong := recordOf(201, 17<<20)
			s.Push(podlog.Message, recordOf(202, 100), tooLong, recordOf(203, 100))
			arrived = sink.records.waitCount(204)[201:]
			collector.stop()
			var cut []received
			for _, r := range arrived {
				if _, marked := r.record.Attributes().Get("proofpointpod.problem"); marked {
					cut = append(cut, r)
				}
			}
			require.Len(t, arrived, 3)
			require.Len(t, cut, 1)
			assert.True(t, strings.HasPrefix(string(tooLong), text(cut[0].record.Body())))
		})
	}
}

// recordOf makes a record of a given size.
func recordOf(id, size int) []byte {
	head, end := fmt.Sprintf(`{"guid":"%032d","ts":"2026-01-02T03:04:05.678901+0000","pad":"`, id), `"}`
	return []byte(head + strings.Repeat("x", max(size-len(head)-len(end), 0)) + end)
}

func TestConfigSumoLogic_keepsRecordsFreeOfAttributes(t *testing.T) {
	s := startService(t, podsim.Options{})
	b := startBackend(t)
	const token = "made-up-sumo-token"
	s.Generate(podlog.Message, 400)
	s.Generate(podlog.Maillog, 200)
	collector := startCollector(t, s, config(t, "sumologic.yaml"), t.TempDir(), "",
		"SUMOLOGIC_ENDPOINT="+b.URL+"/receiver/v1/otlp", "SUMOLOGIC_TOKEN="+token)
	requests, arrived := b.waitCount(600)
	collector.stop()

	assertExactlyOnce(t, s.produced(podlog.Message, podlog.Maillog), arrived)
	for _, r := range arrived {
		require.Zero(t, r.record.Attributes().Len(), "Sumo Logic wraps the body of a record that has attributes")
		require.Subset(t, r.resource, map[string]any{
			"_siemForward": "true", "_siemVendor": "Proofpoint", "_siemProduct": "POD", "_siemFormat": "JSON",
			"_source": "proofpoint-on-demand", "_sourceCategory": "proofpoint/pod",
		})
		require.Contains(t, []any{"MESSAGE", "MAILLOG"}, r.resource["_siemEventID"])
	}
	for _, r := range requests {
		assert.Equal(t, "/receiver/v1/otlp/v1/logs", r.path)
		assert.Equal(t, token, r.header.Get("X-Sumo-Token"))
		assert.LessOrEqual(t, r.records, 1000)
		assert.LessOrEqual(t, r.bytes, 1_000_000, "Sumo Logic asks for 1 MB at most")
	}
	assert.NotContains(t, collector.out.String(), token, "the secret was printed")
}
