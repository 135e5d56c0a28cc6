package sourcehealthextension

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// metricsOf serves a page of metrics.
func metricsOf(t *testing.T, text string) *metricsReader {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, text)
	}))
	t.Cleanup(server.Close)
	return newMetricsReader(server.URL, "ours")
}

func TestMetrics_areReadByExporter(t *testing.T) {
	const metrics = `# HELP target_info Target metadata
# TYPE target_info gauge
target_info{service_instance_id="ours",service_name="otelcol"} 1
# TYPE otelcol_exporter_send_failed_log_records_total counter
otelcol_exporter_send_failed_log_records_total{exporter="otlp_http",error_type="_OTHER"} 7
otelcol_exporter_send_failed_log_records_total{exporter="otlp_http",error_type="Shutdown"} 5
otelcol_exporter_send_failed_log_records_total{exporter="otlp/a"} 1e+06
otelcol_exporter_enqueue_failed_log_records{exporter="otlp_http"} 3
otelcol_exporter_queue_capacity{data_type="logs",exporter="otlp_http"} 1000
otelcol_exporter_queue_capacity{data_type="traces",exporter="otlp/a"} 1000
otelcol_exporter_send_failed_spans{exporter="otlp_http"} 9
`
	counts, err := metricsOf(t, metrics).read(t.Context())
	require.NoError(t, err)
	assert.Equal(t, map[string]exporterCounts{
		"otlp_http": {sendFailed: 12, enqueueFailed: 3, hasQueue: true}, "otlp/a": {sendFailed: 1_000_000},
	}, counts)

	for name, text := range map[string]string{
		"of another collector":  strings.Replace(metrics, "ours", "theirs", 1),
		"without a target":      strings.Replace(metrics, "target_info{", "info{", 1),
		"a page":                "<html>",
		"garbage":               "target_info{{{",
		"a line without an end": strings.Repeat("x", maxMetricsLine+1),
	} {
		counts, err := metricsOf(t, text).read(t.Context())
		assert.Error(t, err, name)
		assert.Empty(t, counts, name)
	}
}

// dropping is a page on which an exporter behind a batch processor, or one with a queue, can drop records.
func dropping(t *testing.T) (*page, *dropWatcher) {
	t.Helper()
	p := startPage(t, host{}, nil)
	p.AddSource(sourceID, func() sourcehealth.Report { return collecting(sourceID) })
	ok := componentstatus.NewEvent(componentstatus.StatusOK)
	p.report(component.KindReceiver, sourceID, ok)
	p.report(component.KindExporter, component.MustNewID("otlp_http"), ok)
	return p, newDropWatcher(nil, p.components, p.history, zap.NewNop())
}

func TestDrops_areAnErrorOfTheExporterAndItsSources(t *testing.T) {
	p, w := dropping(t)
	began := time.Now().Add(-time.Minute)
	w.observe(map[string]exporterCounts{"otlp_http": {sendFailed: 7, hasQueue: true}}, began)
	w.observe(map[string]exporterCounts{"otlp_http": {sendFailed: 12, hasQueue: true}}, began.Add(30*time.Second))
	all := get[struct {
		sourcesAnswer
		Components []struct {
			ID      string
			Dropped *droppedView
		}
		Sources []struct {
			OpenErrors int
			Errors     []string
		}
	}](p, pathSources)
	assert.Equal(t, 1, all.OpenErrors)
	require.Len(t, all.Sources, 1)
	assert.Equal(t, 1, all.Sources[0].OpenErrors)
	require.Len(t, all.Sources[0].Errors, 1)
	assert.Contains(t, all.Sources[0].Errors[0], "12 records since "+began.UTC().Format(time.RFC3339)+": the exporter otlp_http drops records")
	for _, c := range all.Components {
		if c.ID != "otlp_http" {
			assert.Nil(t, c.Dropped)
			continue
		}
		require.NotNil(t, c.Dropped)
		assert.Equal(t, 12, c.Dropped.Records)
		assert.True(t, began.Equal(c.Dropped.Since))
		assert.Contains(t, c.Dropped.Error, "Correct the exporter's")
	}

	w.observe(map[string]exporterCounts{"otlp_http": {sendFailed: 12, hasQueue: true}}, began.Add(30*time.Second+dropsOver))
	over := waitFresh(p)
	assert.Zero(t, over.OpenErrors)
	assert.Zero(t, over.Sources[0].OpenErrors)
	events := get[eventsAnswer](p, pathEvents+"?status=resolved")
	require.Len(t, events.Events, 1)
	assert.Equal(t, 12, events.Events[0].Count)

	// Once more: it counts from there.
	w.observe(map[string]exporterCounts{"otlp_http": {sendFailed: 13, hasQueue: true}}, time.Now())
	again := get[eventsAnswer](p, pathEvents+"?status=open")
	require.Len(t, again.Events, 1)
	assert.Equal(t, 1, again.Events[0].Count)
}

// What is refused to the source is delivered again, and is no drop.
func TestDrops_areOnlyWhatThePipelineHadAccepted(t *testing.T) {
	p, w := dropping(t)
	refused := map[string]exporterCounts{"otlp_http": {sendFailed: 7, enqueueFailed: 7}}
	w.observe(refused, time.Now())
	w.observe(map[string]exporterCounts{"otlp_http": {enqueueFailed: 7, hasQueue: true}}, time.Now())
	assert.Empty(t, get[eventsAnswer](p, pathEvents).Events)
	p.report(component.KindProcessor, component.MustNewIDWithName("batch", "pod"), componentstatus.NewEvent(componentstatus.StatusOK))
	w.observe(refused, time.Now())
	events := get[eventsAnswer](p, pathEvents).Events
	require.Len(t, events, 1)
	assert.Equal(t, 14, events[0].Count)
}

// An earlier process has left it open, and nobody drops any more.
func TestDrops_ofAnEarlierProcessAreOver(t *testing.T) {
	h := newHistory(10)
	h.restore([]eventView{{Event: dropEvent("otlp_http", time.Now()), State: stateOpen}})
	h.observe([]sourcehealth.Report{collecting(sourceID)}, false, time.Now())
	assert.Len(t, h.openDrops(), 1)
	h.observe([]sourcehealth.Report{collecting(sourceID)}, true, time.Now())
	assert.Empty(t, h.openDrops())
}

// Nothing answers where the metrics usually are: not a word. Where somebody has written where they are, there is one.
func TestDrops_withoutMetricsNothingIsSaid(t *testing.T) {
	for endpoint, warnings := range map[string]int{defaultMetricsEndpoint: 0, "http://localhost:1/metrics": 1} {
		p := startPage(t, host{}, nil)
		w := newDropWatcher(newMetricsReader(endpoint, "ours"), p.components, p.history, p.settings.Logger)
		for range 3 {
			w.warn(t.Context(), assert.AnError)
		}
		assert.Equal(t, warnings, p.logs.FilterMessageSnippet("metrics_endpoint").Len())
		assert.Empty(t, get[eventsAnswer](p, pathEvents).Events)
	}
}

// The watcher ends with the page, whatever it reads.
func TestDrops_theWatcherEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newDropWatcher(newMetricsReader("http://localhost:1/metrics", "ours"), newComponents(), newHistory(10), zap.NewNop())
		w.metrics.client.Transport = hangingTransport{}
		running, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); w.run(running) }()
		pass(dropsInterval + time.Second) // it waits for an answer
		stop()
		<-done
	})
}

// hangingTransport never answers.
type hangingTransport struct{}

func (hangingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
