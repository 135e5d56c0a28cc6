package e2e

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The output of a program that start started is complete, and its exit code known, when nobody is left who could write
// to it. So these tests also see that no process is left.

func TestMakeRun_showsRecordsArriveAndEndsWithCtrlC(t *testing.T) {
	data := t.TempDir()
	run := start(t, root(t), []string{"POD_DATA_DIR=" + data}, "make", "run")
	run.waitFor("the collector runs on a simulator")
	run.waitFor(ready)
	run.waitFor(`"log records": 1000`)
	records := &recordFile{t: t, path: filepath.Join(data, "records.json")}
	records.waitCount(1000)
	eventually(t, func() bool {
		return receiverStatus(t, get(t, "http://localhost:13133/status?verbose")).Attributes.State == "Collecting"
	}, func() string { return string(get(t, "http://localhost:13133/status?verbose")) })

	require.NoError(t, syscall.Kill(-run.cmd.Process.Pid, syscall.SIGINT), "what Ctrl-C does")
	run.exitCode() // that of make, which Ctrl-C interrupts, too
	assert.Contains(t, run.out.String(), "Shutdown complete.")
	assert.Contains(t, run.out.String(), "The collector has stopped.")
}

func TestRun_endsInOrderOnSIGTERM(t *testing.T) {
	run := start(t, root(t), []string{"POD_DATA_DIR=" + t.TempDir()}, binary(t, "run"))
	run.waitFor("session opened")
	run.stop()
	assert.Contains(t, run.out.String(), "The collector has stopped.")
}

func TestRun_endsWhenTheSimulatorDies(t *testing.T) {
	data := t.TempDir()
	run := start(t, root(t), []string{"POD_DATA_DIR=" + data}, binary(t, "run"))
	run.waitFor("session opened")
	text, err := os.ReadFile(filepath.Join(data, "podsim.json"))
	require.NoError(t, err)
	var simulator struct {
		PID int `json:"pid"`
	}
	require.NoError(t, json.Unmarshal(text, &simulator))
	require.NoError(t, syscall.Kill(simulator.PID, syscall.SIGKILL))
	assert.Equal(t, 1, run.exitCode())
	assert.Contains(t, run.out.String(), "bin/podsim: signal: killed")
	assert.Contains(t, run.out.String(), "Shutdown complete.")
}

func TestRun_endsWhenTheCollectorDies(t *testing.T) {
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "localhost:13133")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	run := start(t, root(t), []string{"POD_DATA_DIR=" + t.TempDir()}, binary(t, "run"))
	assert.Equal(t, 1, run.exitCode())
	assert.Contains(t, run.out.String(), "address already in use")
	assert.Contains(t, run.out.String(), "bin/otelcol-proofpointpod: exit status 1")
}

func TestRun_wantsBothVariablesOrNone(t *testing.T) {
	run := start(t, root(t), []string{"POD_DATA_DIR=" + t.TempDir(), "POD_CLUSTER_ID=example"}, binary(t, "run"))
	assert.Equal(t, 1, run.exitCode())
	assert.Contains(t, run.out.String(), "set both for the real service, or neither for the simulator")
}
