package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

func TestConfigHealth_tellsTheStateOfEachStream(t *testing.T) {
	// The licence is for message only: the maillog stream is refused with 401.
	s := startService(t, podsim.Options{EventTypes: []podlog.EventType{podlog.Message}})
	health, zpages, metrics := reservedAddress(t), reservedAddress(t), reservedAddress(t)
	collector := startCollector(t, s, config(t, "health.yaml"), t.TempDir(), onPorts(health, zpages, metrics))
	s.waitLive(podlog.Message)

	page := func() []byte { return get(t, "http://"+health+"/status?verbose") }
	eventually(t, func() bool {
		streams := receiverStatus(t, page()).Attributes.Streams
		return streams["message"].State == "Collecting" && streams["maillog"].State == "Error"
	}, func() string { return string(page()) })
	status := receiverStatus(t, page())
	t.Logf("the health page: %s", page())
	assert.Equal(t, "StatusRecoverableError", status.Status, "one stream that is refused does not stop the other")
	assert.Contains(t, status.Error, "401")
	assert.Equal(t, "Error", status.Attributes.State)
	assert.Equal(t, "ThirdPartyConfig", status.Attributes.ErrorType)
	assert.Equal(t, "ThirdPartyConfigError", status.Attributes.HealthEvent)

	assert.Contains(t, string(get(t, "http://"+zpages+"/debug/pipelinez")), "proofpointpod")
	s.Generate(podlog.Message, 5)
	s.waitWritten(podlog.Message)
	const counter = `otelcol_proofpointpod_receiver_records_received`
	eventually(t, func() bool {
		_, line, _ := strings.Cut(string(get(t, "http://"+metrics+"/metrics")), "\n"+counter)
		line, _, _ = strings.Cut(line, "\n")
		return strings.HasSuffix(line, " 5")
	}, func() string { return string(get(t, "http://"+metrics+"/metrics")) })
	collector.stop()
}

// onPorts moves the pages of a collector to ports that are free.
func onPorts(health, zpages, metrics string) string {
	return fmt.Sprintf(`
extensions:
  health_check:
    http:
      endpoint: %s
  zpages:
    endpoint: %s
`, health, zpages) + metricsOn(metrics)
}

// metricsOn is the part of a configuration by which a collector serves its metrics at an address.
func metricsOn(address string) string {
	host, port, _ := net.SplitHostPort(address)
	return fmt.Sprintf(`
service:
  telemetry:
    metrics:
      level: normal
      readers:
        - pull:
            exporter:
              prometheus:
                host: %s
                port: %s
`, host, port)
}

// componentStatus is what the health page tells of a component; the receiver adds the attributes.
type componentStatus struct {
	Status     string `json:"status"`
	Error      string `json:"error"`
	Attributes struct {
		State       string `json:"state"`
		ErrorType   string `json:"error.type"`
		HealthEvent string `json:"health_event"`
		Streams     map[string]struct {
			State string `json:"state"`
		} `json:"streams"`
	} `json:"attributes"`
	Components map[string]componentStatus `json:"components"`
}

// receiverStatus is the part of the health page that our receiver speaks for.
func receiverStatus(t *testing.T, page []byte) componentStatus {
	t.Helper()
	var all componentStatus
	require.NoError(t, json.Unmarshal(page, &all), "the health page is %s", page)
	return all.Components["pipeline:logs"].Components["receiver:proofpointpod"]
}

// get reads a page, whatever its status is.
func get(t *testing.T, url string) []byte {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return text
}
