package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// manifest is the least that a user writes to have the receiver in a collector of their own, outside the repository. The
// lines for the receiver are those of README.md.
const manifest = `
dist:
  name: mycollector
  output_path: %s
%s
exporters:
  - gomod: github.com/open-telemetry/opentelemetry-collector-contrib/exporter/fileexporter v0.161.0
providers:
  - gomod: go.opentelemetry.io/collector/confmap/provider/envprovider v1.67.0
  - gomod: go.opentelemetry.io/collector/confmap/provider/fileprovider v1.67.0
`

// ownConfig is the least that such a collector needs, but for the address of the simulated service.
const ownConfig = `
receivers:
  proofpointpod:
    cluster_id: ${env:POD_CLUSTER_ID}
    api_secret: ${env:POD_API_SECRET}
    supported_events: [message]
    endpoint: %s
    tls:
      ca_file: %s
exporters:
  file:
    path: %s
service:
  telemetry:
    metrics:
      level: none
  pipelines:
    logs:
      receivers: [proofpointpod]
      exporters: [file]
`

func TestBuild_theReceiverFitsIntoACollectorOfOnesOwn(t *testing.T) {
	dir := t.TempDir()
	ocb := binary(t, filepath.Join("tools", "builder"))
	built := start(t, dir, append(os.Environ(), "GOFLAGS=-buildvcs=false", "GOWORK=off"), ocb, "--skip-strict-versioning=false",
		"--config="+file(t, "manifest.yaml", fmt.Sprintf(manifest, dir, manifestLines(t))))
	require.Zero(t, built.exitCode())

	s := startService(t, podsim.Options{})
	s.Generate(podlog.Message, 10)
	records := &recordFile{t: t, path: filepath.Join(dir, "records.json")}
	own := start(t, dir, []string{"POD_CLUSTER_ID=" + podsim.ClusterID, "POD_API_SECRET=" + podsim.Token},
		filepath.Join(dir, "mycollector"), "--config="+file(t, "own.yaml", fmt.Sprintf(ownConfig, s.url, s.caFile, records.path)))
	arrived := records.waitCount(10)
	own.stop()
	assertExactlyOnce(t, s.produced(podlog.Message), arrived)
}
