package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// unit is the systemd unit of docs/operating.md, its only block.
func unit(t *testing.T) string {
	t.Helper()
	all := fenced(t, "docs/operating.md")
	require.Len(t, all, 1, "no test knows the others")
	require.Equal(t, "ini", all[0].language)
	return all[0].text
}

// settings are the values of a key in a unit, in order.
func settings(unit, key string) []string {
	var values []string
	for line := range strings.Lines(unit) {
		if value, found := strings.CutPrefix(strings.TrimSuffix(line, "\n"), key+"="); found {
			values = append(values, value)
		}
	}
	return values
}

// The files are where the unit has them, but for the folder; the service is the simulated one.
func TestOperating_theUnitCollects(t *testing.T) {
	s := startService(t, podsim.Options{})
	b := startBackend(t)
	dir := t.TempDir()
	text := unit(t)
	for _, path := range []string{"/usr/local/bin/", "/etc/proofpointpod/", "/var/lib/proofpointpod"} {
		text = with(t, text, path, dir+path)
		require.NoError(t, os.MkdirAll(filepath.Join(dir, path), 0o700))
	}
	require.NoError(t, os.Symlink(binary(t, "otelcol-proofpointpod"), filepath.Join(dir, "usr/local/bin/otelcol-proofpointpod")))
	shipped, err := os.ReadFile(filepath.Join(root(t), "config", "otlp.yaml"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "etc/proofpointpod/otlp.yaml"), shipped, 0o600))
	require.NoError(t, os.WriteFile(settings(text, "EnvironmentFile")[0], nil, 0o600))

	command := settings(text, "ExecStart")[0] + " --config " + aim(t, s)
	env := append(settings(text, "Environment"),
		"POD_CLUSTER_ID="+podsim.ClusterID, "POD_API_SECRET="+podsim.Token, "OTLP_ENDPOINT="+b.URL)
	// systemd starts it in /, without a shell.
	collector := start(t, "/", env, strings.Fields(command)[0], strings.Fields(command)[1:]...)
	s.Generate(podlog.Message, 10)
	b.waitCount(10)
	collector.waitReady()
	assert.FileExists(t, filepath.Join(dir, "var/lib/proofpointpod/storage/receiver_proofpointpod__message"))

	require.Equal(t, "/bin/kill -HUP $MAINPID", settings(text, "ExecReload")[0])
	require.NoError(t, collector.cmd.Process.Signal(syscall.SIGHUP))
	collector.waitFor("position read")
	s.Generate(podlog.Message, 10)
	_, arrived := b.waitCount(20)
	collector.stop()
	assertExactlyOnce(t, s.produced(podlog.Message), arrived)
}
