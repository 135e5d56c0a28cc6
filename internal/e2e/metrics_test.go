package e2e

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// A collector that has known good and bad hours shows every metric that alerts and dashboard use, with the labels that they
// know.
func TestMetrics_areThereAsAlertsAndDashboardKnowThem(t *testing.T) {
	t.Parallel()
	token := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"exp":%d}`, time.Now().Add(time.Hour).Unix())) + ".bWFkZS11cA"
	const second = "made-up-second-token"
	s := startService(t, podsim.Options{
		Tokens: []string{token, second},
		Past:   map[podlog.EventType]int{podlog.Message: 500},
	})
	s.Plan(podsim.Step{Type: podlog.Message, Do: podsim.Drop, After: time.Second})
	metrics := reservedAddress(t)
	collector := startCollector(t, s, config(t, "health.yaml"), t.TempDir(), shippedReader(t, metrics)+fmt.Sprintf(`
extensions:
  health_check: {http: {endpoint: %s}}
  zpages: {endpoint: %s}
receivers:
  proofpointpod:
    backfill: {since: 5h, api_secret: %s}
    health_events: true
  proofpointpod/refused:
    cluster_id: %s
    api_secret: made-up-wrong-token
    supported_events: [message]
    endpoint: %s
    tls: {ca_file: %s}
exporters:
  otlp_http: {endpoint: %q}
  otlp_http/full:
    endpoint: http://localhost:1
    sending_queue: {sizer: items, queue_size: 1, batch: {sizer: items, min_size: 0}}
`, reservedAddress(t), reservedAddress(t), second, podsim.ClusterID, s.url, s.caFile, refuseOnce(t)),
		"POD_API_SECRET="+token)
	s.waitLive(podlog.Message, podlog.Maillog)
	repeated := recordOf(1, 200)
	s.Push(podlog.Message, repeated, repeated)
	s.Generate(podlog.Maillog, 10)

	metadata := readMetadata(t)
	_, recorded := alertRules(t)
	var wanted []string
	for _, query := range append(readDashboard(t).queries(), alertQueries(t)...) {
		wanted = append(wanted, metricsIn(query)...)
	}
	slices.Sort(wanted)
	wanted = slices.DeleteFunc(slices.Compact(wanted), func(name string) bool {
		return slices.Contains(recorded, name) || name == "up" // Prometheus's own
	})
	seen := map[string][]sample{}
	missing := func() []string {
		return slices.DeleteFunc(slices.Clone(wanted), func(name string) bool { return len(seen[name]) > 0 })
	}
	var page string
	eventually(t, func() bool {
		page = string(get(t, "http://"+metrics+"/metrics"))
		for _, point := range samples(page) {
			seen[point.name] = append(seen[point.name], point)
		}
		return len(missing()) == 0
	}, func() string { return fmt.Sprintf("%v are missing of\n%s", missing(), page) })

	for name, points := range seen {
		labels, found := metadata.labels(name)
		if !found {
			assert.NotContains(t, name, "proofpointpod", "not in metadata.yaml")
			continue
		}
		labels = labels[2:] // job and instance are put there by Prometheus
		for _, point := range points {
			if strings.Contains(name, "proofpointpod") {
				assert.ElementsMatch(t, labels, point.labels, name)
				continue
			}
			assert.Subset(t, point.labels, labels, name)
		}
	}

	// Each source speaks for itself.
	const prefix = metricPrefix + "proofpointpod_receiver_"
	for _, line := range []string{
		prefix + `connection_state{event_type="message",receiver="proofpointpod",state="Collecting"} 1`,
		prefix + `connection_state{event_type="message",receiver="proofpointpod/refused",state="Error"} 1`,
		prefix + `error{effect="stopped",error_type="ThirdPartyConfig",event_type="message",reason="status_401",receiver="proofpointpod/refused"} 1`,
	} {
		eventually(t, func() bool {
			page = string(get(t, "http://"+metrics+"/metrics"))
			return strings.Contains(page, line+"\n")
		}, func() string { return line + " is missing of\n" + page })
	}
	collector.stop()
	assert.NotContains(t, page, token, "the secret is shown")
}

// alertQueries are the queries of all alerts.
func alertQueries(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, r := range rules(t) {
		all = append(all, r.Expr)
	}
	return all
}

// shippedReader is the Prometheus endpoint of config/health.yaml on another port, and a pipeline of two sources.
func shippedReader(t *testing.T, address string) string {
	t.Helper()
	var shipped struct {
		Service struct {
			Telemetry struct {
				Metrics struct {
					Readers []struct {
						Pull struct {
							Exporter struct {
								Prometheus map[string]any `yaml:"prometheus"`
							} `yaml:"exporter"`
						} `yaml:"pull"`
					} `yaml:"readers"`
				} `yaml:"metrics"`
			} `yaml:"telemetry"`
		} `yaml:"service"`
	}
	readYAML(t, "config/health.yaml", &shipped)
	readers := shipped.Service.Telemetry.Metrics.Readers
	require.Len(t, readers, 1)
	reader := readers[0].Pull.Exporter.Prometheus
	assert.Equal(t, "localhost", reader["host"])
	assert.Equal(t, 8888, reader["port"])
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	reader["host"] = host
	reader["port"], err = strconv.Atoi(port)
	require.NoError(t, err)
	text, err := yaml.Marshal(map[string]any{"service": map[string]any{
		"telemetry": map[string]any{"metrics": map[string]any{"level": "normal", "readers": []any{
			map[string]any{"pull": map[string]any{"exporter": map[string]any{"prometheus": reader}}},
		}}},
		"pipelines": map[string]any{"logs": map[string]any{
			"receivers": []string{"proofpointpod", "proofpointpod/refused"},
			"exporters": []string{"otlp_http", "otlp_http/full"},
		}},
	}})
	require.NoError(t, err)
	return string(text)
}

// refuseOnce is an OTLP endpoint that refuses its first request for good.
func refuseOnce(t *testing.T) string {
	t.Helper()
	var asked atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !asked.Swap(true) {
			http.Error(w, "made up", http.StatusBadRequest)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// sample is a line of a page of metrics.
type sample struct {
	name   string
	labels []string // their names
}

// samples reads a page of metrics.
func samples(page string) []sample {
	line := regexp.MustCompile(`(?m)^(\w+)(?:\{(.*)\})? \S+$`)
	label := regexp.MustCompile(`(\w+)="[^"]*"`)
	var all []sample
	for _, match := range line.FindAllStringSubmatch(page, -1) {
		s := sample{name: match[1]}
		for _, pair := range label.FindAllStringSubmatch(match[2], -1) {
			s.labels = append(s.labels, pair[1])
		}
		all = append(all, s)
	}
	return all
}
