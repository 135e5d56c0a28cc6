package e2e

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podsim"
)

// exitCode fails where a program has left a process behind, so all of these tests hold that none is left.

// dataFolder is a folder of this user alone, whatever the umask is: the program accepts no other.
func dataFolder(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "data")
	require.NoError(t, os.Mkdir(folder, 0o700))
	return folder
}

// makeRun types a command line that is `make run`, waits until records arrive, ends it by Ctrl-C, and returns what it
// printed.
func makeRun(t *testing.T, line string, env ...string) string {
	t.Helper()
	data := dataFolder(t)
	run := typed(t, root(t), line, append(env, "POD_DATA_DIR="+data)...)
	run.waitFor(ready)
	run.waitFor(`"log records": 1000`)
	records := &recordFile{t: t, path: filepath.Join(data, "records.json")}
	records.waitCount(1000)
	_, page, _ := strings.Cut(run.out.String(), "health    http://")
	page, _, _ = strings.Cut(page, "/")
	waitState(t, page, "Collecting")

	ctrlC(run)
	assert.Contains(t, run.out.String(), "Shutdown complete.")
	assert.Contains(t, run.out.String(), "The collector has stopped.")
	return run.out.String()
}

func TestRun_endsInOrderOnSIGTERM(t *testing.T) {
	data := dataFolder(t)
	run := start(t, root(t), []string{"POD_DATA_DIR=" + data}, binary(t, "run"))
	run.waitFor("the service has accepted the handshake")
	run.stop()
	assert.Contains(t, run.out.String(), "The collector has stopped. What it collected is in "+filepath.Join(data, "records.json")+".\n")
}

func TestRun_namesTheFullFilesAsWell(t *testing.T) {
	data := dataFolder(t)
	require.NoError(t, os.WriteFile(filepath.Join(data, "records-2026-11-22T13-16-44.481-size.json"), nil, 0o600))
	run := start(t, root(t), []string{"POD_DATA_DIR=" + data}, binary(t, "run"))
	run.waitFor("the service has accepted the handshake")
	run.stop()
	assert.Contains(t, run.out.String(), filepath.Join(data, "records.json")+", and before that in "+filepath.Join(data, "records-*.json")+".\n")
}

// Who has seen it on the simulator goes on to the real service, in the same folder.
func TestRun_forgetsTheSimulator(t *testing.T) {
	env := []string{"POD_DATA_DIR=" + dataFolder(t)}
	for range 2 {
		run := start(t, root(t), env, binary(t, "run"))
		run.waitFor(`"state": "Collecting"`)
		run.stop()
		assert.NotContains(t, run.out.String(), "position read", "that of another simulator")
	}

	if runtime.GOOS == "darwin" {
		t.Skip("SSL_CERT_FILE, which makes the simulator trusted, is not heard there")
	}
	s := startService(t, podsim.Options{ClusterID: "your-cluster", Tokens: []string{"your-token"}})
	_, address := startProxy(t, s, podsim.ProxyOptions{})
	run := start(t, root(t), append(env, "POD_CLUSTER_ID=your-cluster", "POD_API_SECRET=your-token",
		"HTTPS_PROXY=http://"+address, "SSL_CERT_FILE="+s.caFile), binary(t, "run"))
	run.waitFor(`"state": "Collecting"`)
	run.stop()
	assert.NotContains(t, run.out.String(), "a stored position is not usable")
}

// Records are about mail: whatever the umask is and the folder was, they are for the user's eyes only. The mode of the
// records' file is the file exporter's choice.
func TestRun_writesForItsUserOnly(t *testing.T) {
	data := dataFolder(t)
	require.NoError(t, os.Chmod(data, 0o755))
	run := typed(t, root(t), "umask 000; exec bin/run", "POD_DATA_DIR="+data)
	run.waitFor(`"state": "Collecting"`)
	ctrlC(run)
	storage := filepath.Join(data, "podsim-storage")
	for _, path := range append(glob(t, filepath.Join(storage, "*")), storage, data) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, "%s is %v", path, info.Mode())
	}
}

// glob lists the files of a pattern, of which there has to be one.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, paths, pattern)
	return paths
}

func TestRun_refusesAFolderThatOthersCanWriteTo(t *testing.T) {
	data := dataFolder(t)
	require.NoError(t, os.Chmod(data, 0o777))
	run := start(t, root(t), []string{"POD_DATA_DIR=" + data}, binary(t, "run"))
	assert.Equal(t, 1, run.exitCode())
	assert.Contains(t, run.out.String(), "other users can write to the folder "+data)
}

func TestRun_endsWhenTheSimulatorDies(t *testing.T) {
	data := dataFolder(t)
	run := start(t, root(t), []string{"POD_DATA_DIR=" + data}, binary(t, "run"))
	run.waitFor("the service has accepted the handshake")
	text, err := os.ReadFile(filepath.Join(data, "podsim.json"))
	require.NoError(t, err)
	var simulator struct {
		PID int `json:"pid"`
	}
	require.NoError(t, json.Unmarshal(text, &simulator))
	process, err := os.FindProcess(simulator.PID)
	require.NoError(t, err)
	require.NoError(t, process.Kill())
	assert.Equal(t, 1, run.exitCode())
	assert.Contains(t, run.out.String(), "bin/podsim: signal: killed")
	assert.Contains(t, run.out.String(), "Shutdown complete.")
}

func TestRun_endsWhenTheCollectorDies(t *testing.T) {
	// The program looks for both in the folder where it is started. This collector ends at once.
	fails, err := exec.LookPath("false")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "bin"), 0o700))
	require.NoError(t, os.Symlink(fails, filepath.Join(dir, "bin", "otelcol-proofpointpod")))
	require.NoError(t, os.Symlink(binary(t, "podsim"), filepath.Join(dir, "bin", "podsim")))
	run := start(t, dir, nil, binary(t, "run"))
	assert.Equal(t, 1, run.exitCode())
	assert.Contains(t, run.out.String(), "bin/otelcol-proofpointpod: exit status 1")
}

func TestRun_wantsBothVariablesOrNone(t *testing.T) {
	run := start(t, root(t), []string{"POD_DATA_DIR=" + dataFolder(t), "POD_CLUSTER_ID=example"}, binary(t, "run"))
	assert.Equal(t, 1, run.exitCode())
	assert.Contains(t, run.out.String(), "set both for the real service, or neither for the simulator")
}

func TestRun_takesOtherPortsWhereTheUsualOnesAreTaken(t *testing.T) {
	for _, usual := range []string{"localhost:13134", "localhost:13133", "localhost:8888"} {
		if l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", usual); err == nil { // else somebody has it already
			defer func() { require.NoError(t, l.Close()) }()
		}
	}
	run := start(t, root(t), []string{"POD_DATA_DIR=" + dataFolder(t)}, binary(t, "run"))
	run.waitFor("the service has accepted the handshake")
	run.stop()
	assert.NotContains(t, run.out.String(), "http://localhost:")
}
