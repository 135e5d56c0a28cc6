package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// A backend answers 400, so the exporter drops what its queue has taken. The source collects and hears nothing of it; the
// page says so. Another collector, whose page looks at the metrics of the first, says nothing.
func TestPage_showsWhatAnExporterDrops(t *testing.T) {
	t.Parallel()
	far := startFarEnd(t)
	far.answer(http.StatusBadRequest)
	s := startService(t, podsim.Options{
		EventTypes: []podlog.EventType{podlog.Message},
		Rate:       map[podlog.EventType]float64{podlog.Message: 20},
		Tokens:     []string{podsim.Token, secondToken},
	})
	metrics := reservedAddress(t)
	collect := func(token, metricsAt string) (page string, collector *process) {
		page = reservedAddress(t)
		return page, startCollector(t, s, config(t, "collector.yaml"), t.TempDir(), fmt.Sprintf(`
extensions:
  source_health: {http: {endpoint: %q}, metrics_endpoint: "http://%s/metrics"}
receivers:
  proofpointpod: {api_secret: %s, supported_events: [message]}
processors:
  batch: {timeout: 1s}
exporters:
  otlp_http: {endpoint: %q}
`, page, metrics, token, far.URL)+metricsOn(metricsAt)+"  pipelines: {logs: {exporters: [otlp_http]}}\n")
	}
	page, collector := collect(podsim.Token, metrics)
	other, otherCollector := collect(secondToken, reservedAddress(t))
	type answer struct {
		OpenErrors int
		Sources    []struct {
			State      string
			OpenErrors int
			Errors     []string
		}
		Components []struct {
			ID      string
			Dropped struct {
				Records int
				Error   string
			}
		}
	}
	ask := func(page string) (text []byte, all answer) {
		text = get(t, "http://"+page+"/api/v1/sources")
		assert.NoError(t, json.Unmarshal(text, &all))
		return text, all
	}
	eventually(t, func() bool { _, all := ask(page); return all.OpenErrors == 1 },
		func() string { text, _ := ask(page); return string(text) })
	_, all := ask(page)
	assert.Equal(t, "Collecting", all.Sources[0].State, "the source hears nothing of it")
	assert.Equal(t, 1, all.Sources[0].OpenErrors)
	assert.Contains(t, all.Sources[0].Errors[0], "the exporter otlp_http drops records")
	for _, c := range all.Components {
		assert.Equal(t, c.ID == "otlp_http", c.Dropped.Records > 0, c.ID)
	}
	otherCollector.waitFor("metrics_endpoint: the collector's metrics are not readable")
	_, all = ask(other)
	assert.Zero(t, all.OpenErrors)
	collector.stop()
	otherCollector.stop()
}
