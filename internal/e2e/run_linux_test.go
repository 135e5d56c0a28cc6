package e2e

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRun_leavesNobodyBehindWhenKilled(t *testing.T) {
	run := start(t, root(t), []string{"POD_DATA_DIR=" + dataFolder(t)}, binary(t, "run"))
	run.waitFor("the service has accepted the handshake")
	run.signal(os.Kill)
	assert.Equal(t, -1, run.exitCode())
	assert.Contains(t, run.out.String(), "Shutdown complete.", "the collector was told, and drained")
}
