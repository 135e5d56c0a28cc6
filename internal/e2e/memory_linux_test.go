package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// memoryAsked is what docs/operating.md asks for.
const memoryAsked = 768 << 20

// peak is the most resident memory that the program has had so far.
func (p *process) peak() int {
	p.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	require.NoError(p.t, err)
	_, rest, found := strings.Cut(string(status), "VmHWM:")
	require.True(p.t, found)
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	require.NoError(p.t, err)
	return kib << 10
}

// lastRecord comes after the frames of a test.
const lastRecord = `{"guid":"the last one"}`

// sinkhole is a backend that accepts requests and keeps nothing.
type sinkhole struct {
	requests atomic.Int64
	last     atomic.Bool // the last record has come
}

func (s *sinkhole) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.requests.Add(1)
	if bytes.Contains(body, []byte("the last one")) {
		s.last.Store(true)
	}
}

// fill makes a frame of lines, as many as fit into a size.
func fill(size int, line func(i int) string) []byte {
	var frame bytes.Buffer
	for i := 0; ; i++ {
		next := line(i)
		if frame.Len()+len(next) > size {
			return frame.Bytes()
		}
		frame.WriteString(next)
	}
}

// The collector keeps to the memory that the documents ask for, whatever the service puts into the longest frame of the
// default configuration.
func TestMemory_frameOfManyRecords(t *testing.T) {
	const size = 64 << 20
	frames := map[string][]byte{
		"empty objects": fill(size, func(int) string { return "{}\n" }),
		"small objects": fill(size, func(i int) string { return fmt.Sprintf(`{"guid":"%d","pad":"%064d"}`+"\n", i, i) }),
		"lines of junk": append([]byte("{}\n"), fill(size-3, func(i int) string { return fmt.Sprintf("%099d\n", i) })...),
	}
	bodies := map[string]string{"empty objects": "text", "small objects": "map", "lines of junk": "map"}
	for name, frame := range frames {
		t.Run(name, func(t *testing.T) {
			s := startService(t, podsim.Options{EventTypes: []podlog.EventType{podlog.Message}})
			s.Plan(podsim.Step{Frames: []podsim.Frame{{Base64: frame}, {Text: lastRecord}}})
			backend := &sinkhole{}
			server := httptest.NewServer(backend)
			defer server.Close()
			collector := startCollector(t, s, config(t, "otlp.yaml"), t.TempDir(), fmt.Sprintf(`
receivers: {proofpointpod: {supported_events: [message], body: %s, max_record_size: %d}}
exporters: {otlp_http: {compression: none}}
`, bodies[name], size), "OTLP_ENDPOINT="+server.URL)
			eventually(t, backend.last.Load, func() string { return fmt.Sprintf("%d requests", backend.requests.Load()) })
			t.Logf("%d MiB at the most, %d requests", collector.peak()>>20, backend.requests.Load())
			assert.Less(t, collector.peak(), memoryAsked)
			collector.stop()
		})
	}
}
