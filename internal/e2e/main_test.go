package e2e

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// patience is how long a test waits for a condition before it fails. It is long, because CI machines are slow; a test
// that passes never waits for it.
const patience = 90 * time.Second

// featureGate makes health_check report component status.
const featureGate = "--feature-gates=+extension.healthcheck.useComponentStatus"

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// root is the folder of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	require.NoError(t, err)
	return dir
}

// binary is the path of a built program.
func binary(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(root(t), "bin", name)
	_, err := os.Stat(path)
	require.NoError(t, err, "run `make build` first, or `make e2e`, which does both")
	return path
}

// config is the path of a configuration that we ship.
func config(t *testing.T, name string) string {
	t.Helper()
	return filepath.Join(root(t), "config", name)
}

// file writes a file that lasts as long as the test, and returns its path.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// listen listens on a port of this machine that is free.
func listen(t *testing.T) (net.Listener, error) {
	t.Helper()
	return new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
}
