package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/podsim"
)

// ready is what a collector prints when all its components have started.
const ready = "Everything is ready."

// aim writes a configuration that aims another one at the simulated service, and returns its path. What differs from what
// users run is where the service is, ports, and waits that are too long for a test.
func aim(t *testing.T, s *service) string {
	t.Helper()
	return file(t, "aim.yaml", fmt.Sprintf(`
extensions:
  source_health:
    http:
      endpoint: %s
receivers:
  proofpointpod:
    endpoint: %s
    tls:
      ca_file: %s
    batch:
      timeout: 500ms
    retry_on_failure:
      initial_interval: 100ms
      max_interval: 1s
processors:
  batch:
    timeout: 500ms
service:
  telemetry:
    metrics:
      level: none
`, reservedAddress(t), s.url, s.caFile))
}

// startCollector starts the built collector with a configuration that we ship, aimed at the simulated service; extra is
// YAML that comes on top of it.
func startCollector(t *testing.T, s *service, configFile, dataDir, extra string, env ...string) *process {
	t.Helper()
	args := []string{
		"--config=" + configFile,
		"--config=" + aim(t, s),
		featureGate,
	}
	if extra != "" {
		args = append(args, "--config="+file(t, "extra.yaml", extra))
	}
	env = append([]string{
		"POD_CLUSTER_ID=" + podsim.ClusterID,
		"POD_API_SECRET=" + podsim.Token,
		"POD_DATA_DIR=" + dataDir,
	}, env...)
	p := start(t, t.TempDir(), env, binary(t, "otelcol-proofpointpod"), args...)
	t.Cleanup(func() { assert.NotContains(t, p.out.String(), podsim.Token, "the secret was printed") })
	p.waitReady()
	return p
}
