package sourcehealthextension

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The page shows sources of any kind, so it links no client of the service: of this module, the shared words alone.
func TestExtension_linksNoWebSocket(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	linked := strings.Fields(string(out))
	assert.False(t, slices.Contains(linked, "github.com/gorilla/websocket"), "a WebSocket client is linked")
	const module = "github.com/proofpointpod/otelcol/"
	var ours []string
	for _, path := range linked {
		if name, is := strings.CutPrefix(path, module); is {
			ours = append(ours, name)
		}
	}
	assert.ElementsMatch(t, []string{
		"internal/sourcehealth", "internal/storageclient", "extension/sourcehealthextension", "extension/sourcehealthextension/internal/metadata",
	}, ours)
}
