package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// sink is a second collector, as a backend: it takes OTLP over HTTP, with the limits that an OTLP receiver has by itself,
// and writes what it gets to a file. It can be stopped and started again; the file goes on.
type sink struct {
	*process
	t        *testing.T
	endpoint string
	config   string
	records  *recordFile
}

func startSink(t *testing.T) *sink {
	t.Helper()
	path := filepath.Join(t.TempDir(), "records.json")
	address := reservedAddress(t)
	s := &sink{t: t, endpoint: "http://" + address, records: &recordFile{t: t, path: path}}
	s.config = file(t, "sink.yaml", fmt.Sprintf(`
receivers:
  otlp:
    protocols:
      http:
        endpoint: %s
exporters:
  file:
    path: %s
    append: true
    flush_interval: 100ms
service:
  telemetry:
    metrics:
      level: none
  pipelines:
    logs:
      receivers: [otlp]
      exporters: [file]
`, address, path))
	s.start()
	return s
}

// start starts the sink, the first time or after stop.
func (s *sink) start() {
	s.t.Helper()
	s.process = start(s.t, s.t.TempDir(), nil, binary(s.t, "otelcol-proofpointpod"), "--config="+s.config)
	s.waitReady()
}

// received is a log record as it arrived.
type received struct {
	resource map[string]any
	record   plog.LogRecord
}

// recordFile is what a file exporter writes: each line the OTLP JSON of one plog.Logs.
type recordFile struct {
	t      *testing.T
	path   string
	offset int64
	all    []received
}

// read returns everything that was written so far, in the lines that are complete.
func (f *recordFile) read() []received {
	f.t.Helper()
	in, err := os.Open(f.path)
	if os.IsNotExist(err) {
		return f.all
	}
	require.NoError(f.t, err)
	defer func() { require.NoError(f.t, in.Close()) }()
	_, err = in.Seek(f.offset, io.SeekStart)
	require.NoError(f.t, err)
	text, err := io.ReadAll(in)
	require.NoError(f.t, err)
	text = text[:bytes.LastIndexByte(text, '\n')+1]
	f.offset += int64(len(text))
	for line := range bytes.Lines(text) {
		logs, err := new(plog.JSONUnmarshaler).UnmarshalLogs(line)
		require.NoError(f.t, err)
		f.all = append(f.all, flatten(logs)...)
	}
	return f.all
}

// flatten lists the records of a plog.Logs.
func flatten(logs plog.Logs) []received {
	var all []received
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				all = append(all, received{resource: resource.Resource().Attributes().AsRaw(), record: record})
			}
		}
	}
	return all
}

// waitCount waits until there are n records, or more.
func (f *recordFile) waitCount(n int) []received {
	f.t.Helper()
	eventually(f.t, func() bool { return len(f.read()) >= n },
		func() string { return fmt.Sprintf("%d of %d records arrived", len(f.all), n) })
	return f.all
}

// eventually asks again and again, for what can only be asked for: files and pages.
func eventually(t *testing.T, cond func() bool, state func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !cond() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			require.FailNow(t, "waited in vain", state())
		}
	}
}

// assertExactlyOnce checks that what arrived is what was sent: every record, byte for byte, once, in whatever order.
func assertExactlyOnce(t *testing.T, sent []string, arrived []received) {
	t.Helper()
	missing := make(map[string]int, len(sent))
	for _, record := range sent {
		missing[record]++
	}
	var strange, repeated int
	for _, r := range arrived {
		body := text(r.record.Body())
		switch n, known := missing[body]; {
		case !known:
			strange++
		case n == 0:
			repeated++
		default:
			missing[body]--
		}
	}
	maps.DeleteFunc(missing, func(_ string, n int) bool { return n == 0 })
	assert.Empty(t, slices.Collect(maps.Values(missing)), "records are missing")
	assert.Zero(t, repeated, "records came twice")
	assert.Zero(t, strange, "records are not as they were sent")
	if t.Failed() && len(missing) > 0 {
		t.Logf("one that is missing: %s", slices.Sorted(maps.Keys(missing))[0])
	}
}

// text is the body as bytes, whichever way it is held.
func text(body pcommon.Value) string {
	if body.Type() == pcommon.ValueTypeBytes {
		return string(body.Bytes().AsRaw())
	}
	return body.Str()
}
