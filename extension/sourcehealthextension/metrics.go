package sourcehealthextension

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

const (
	defaultMetricsEndpoint = "http://localhost:8888/metrics"
	// metricsWait is how long reading the collector's metrics may take.
	metricsWait = 5 * time.Second
	// maxMetrics bounds the bytes that are read, and maxMetricsLine one line.
	maxMetrics     = 16 << 20
	maxMetricsLine = 64 << 10
)

// The metrics that tell of records behind the receiver. Names can end in _total.
const (
	metricTarget        = "target_info"
	metricSendFailed    = "otelcol_exporter_send_failed_log_records"
	metricEnqueueFailed = "otelcol_exporter_enqueue_failed_log_records"
	metricQueue         = "otelcol_exporter_queue_capacity"
)

// exporterCounts is what the collector's metrics say of one exporter since the collector's start, or reload.
type exporterCounts struct {
	sendFailed    int // records
	enqueueFailed int // records
	hasQueue      bool
}

// metricsReader reads the collector's own metrics where they are exposed for Prometheus. A component has no other way to
// them: it is given a meter provider that only writes.
type metricsReader struct {
	endpoint string
	instance string // service.instance.id of this collector
	client   *http.Client
}

func newMetricsReader(endpoint, instance string) *metricsReader {
	return &metricsReader{endpoint: endpoint, instance: instance, client: &http.Client{
		Timeout:       metricsWait,
		Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: maxMetricsLine},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// errOther is the answer where another collector's metrics are, or none.
var errOther = errors.New("these are not the metrics of this collector")

// read returns the counts by the exporter's ID.
func (m *metricsReader) read(ctx context.Context) (map[string]exporterCounts, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.endpoint, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/plain;version=0.0.4")
	answer, err := m.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("HTTP status %s", answer.Status)
	}
	return m.parse(answer.Body)
}

// parse reads only the lines that matter, so that a long page costs little.
func (m *metricsReader) parse(page io.Reader) (map[string]exporterCounts, error) {
	var wanted bytes.Buffer
	lines := bufio.NewScanner(io.LimitReader(page, maxMetrics))
	lines.Buffer(nil, maxMetricsLine)
	for lines.Scan() {
		for _, name := range []string{metricTarget, metricSendFailed, metricEnqueueFailed, metricQueue} {
			if bytes.HasPrefix(lines.Bytes(), []byte(name)) {
				wanted.Write(lines.Bytes())
				wanted.WriteByte('\n')
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(&wanted)
	if err != nil {
		return nil, err
	}
	counts, isOurs := map[string]exporterCounts{}, false
	for name, family := range families {
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			value := int(metric.GetUntyped().GetValue())
			of := counts[labels["exporter"]]
			switch strings.TrimSuffix(name, "_total") {
			case metricTarget:
				isOurs = isOurs || labels["service_instance_id"] == m.instance
				continue
			case metricSendFailed:
				of.sendFailed += value
			case metricEnqueueFailed:
				of.enqueueFailed += value
			case metricQueue:
				of.hasQueue = of.hasQueue || labels["data_type"] == "logs"
			}
			counts[labels["exporter"]] = of
		}
	}
	if !isOurs {
		return nil, errOther
	}
	return counts, nil
}
