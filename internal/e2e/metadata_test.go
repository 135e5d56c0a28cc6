package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// metricPrefix is what the collector's Prometheus endpoint puts before a name of metadata.yaml. As config/health.yaml has
// it, it appends nothing.
const metricPrefix = "otelcol_"

// collectorMetrics are the labels of those metrics of the collector itself that alerts and dashboard use, and of `up`,
// which is Prometheus's own. TestMetrics_areThereAsAlertsAndDashboardKnowThem finds each but `up` on a real page.
func collectorMetrics() map[string][]string {
	return map[string][]string{
		"up":                              nil,
		"otelcol_exporter_queue_capacity": {"exporter", "data_type"},
		"otelcol_exporter_queue_size":     {"exporter", "data_type"},
		"otelcol_exporter_send_failed_log_records":     {"exporter"},
		"otelcol_exporter_enqueue_failed_log_records":  {"exporter"},
		"otelcol_exporter_sent_log_records":            {"exporter"},
		"otelcol_process_cpu_seconds":                  nil,
		"otelcol_process_memory_rss":                   nil,
		"otelcol_processor_batch_metadata_cardinality": {"processor"},
		"otelcol_receiver_accepted_log_records":        {"receiver", "transport"},
	}
}

// telemetryOf is what metadata.yaml says of metrics.
type telemetryOf struct {
	Attributes map[string]struct {
		Enum []string `yaml:"enum"`
	} `yaml:"attributes"`
	Telemetry struct {
		Metrics map[string]struct {
			Attributes []string `yaml:"attributes"`
		} `yaml:"metrics"`
	} `yaml:"telemetry"`
}

func readMetadata(t *testing.T) *telemetryOf {
	t.Helper()
	m := new(telemetryOf)
	readYAML(t, "metadata.yaml", m)
	require.NotEmpty(t, m.Telemetry.Metrics)
	return m
}

// ours are the names of our metrics, as Prometheus reads them.
func (m *telemetryOf) ours() []string {
	var names []string
	for name := range m.Telemetry.Metrics {
		names = append(names, metricPrefix+name)
	}
	slices.Sort(names)
	return names
}

// labels are those that a metric has in Prometheus; false: there is no such metric.
func (m *telemetryOf) labels(metric string) ([]string, bool) {
	labels, found := collectorMetrics()[metric]
	if !found {
		for name, of := range m.Telemetry.Metrics {
			if metricPrefix+name == metric {
				labels, found = of.Attributes, true
			}
		}
	}
	return append([]string{"job", "instance"}, labels...), found
}

// readYAML reads a file of the repository.
func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), path))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, into), path)
}
