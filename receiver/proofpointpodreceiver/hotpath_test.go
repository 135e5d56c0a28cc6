package proofpointpodreceiver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/servicetime"
	"github.com/proofpointpod/otelcol/internal/status"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/metadata"
)

// batchRecords is how many records fill a batch of the default configuration.
const batchRecords = 100

// hotPath is what a record passes from the frame it came in to the consumer, without a connection and with a consumer
// that does nothing. Reading a frame allocates nothing; a test of the client holds that.
type hotPath struct {
	tb     testing.TB
	stream *stream
	frame  []byte
	name   []byte // the part of frame in which the records differ
	count  int
}

// newHotPath makes the stream of a source with the default configuration, but for what change does.
func newHotPath(tb testing.TB, t podlog.EventType, change func(*Config)) *hotPath {
	tb.Helper()
	config := createDefaultConfig().(*Config)
	config.ClusterID, config.APISecret, config.SupportedEvents = "example_cluster", "not a token", []podlog.EventType{t}
	if change != nil {
		change(config)
	}
	created, err := NewFactory().CreateLogs(tb.Context(), receivertest.NewNopSettings(metadata.Type), config, consumertest.NewNop())
	require.NoError(tb, err)
	s := created.(*source)
	s.health = status.NewSource(config.SupportedEvents, func(*componentstatus.Event) {})
	set := &streamSettings{source: s, clock: &servicetime.Clock{}, flow: newFlow(), stop: context.Background(), abort: context.Background()}
	parts, err := newStream(set, t, componenttest.NewNopHost())
	require.NoError(tb, err)
	parts.stream.intake.delivery.open()
	tb.Cleanup(parts.stream.intake.delivery.close)

	sample, err := os.ReadFile(filepath.Join("..", "..", "internal", "record", "testdata", string(t)+".json"))
	require.NoError(tb, err)
	h := &hotPath{tb: tb, stream: parts.stream, frame: bytes.TrimSpace(sample)}
	key := []byte(`"guid":"`)
	if t == podlog.Maillog {
		key = []byte(`"id":"`)
	}
	require.Equal(tb, 1, bytes.Count(h.frame, key))
	at := bytes.Index(h.frame, key) + len(key)
	h.name = h.frame[at : at+12]
	return h
}

// read has so many records of their own names read and handed on.
func (h *hotPath) read(records int) {
	for range records {
		h.count++
		for i, n := len(h.name)-1, h.count; i >= 0; i, n = i-1, n/10 {
			h.name[i] = byte('0' + n%10)
		}
		if err := h.stream.Frame(h.frame, time.Now(), false); err != nil {
			h.tb.Fatal(err)
		}
	}
}

// cost is what a record allocates, in the mean of many.
func (h *hotPath) cost() (allocations, size float64) {
	h.tb.Helper()
	const records = 2_000
	h.read(records)
	require.Equal(h.tb, h.count, h.stream.intake.fresh, "records were taken for repeats")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	h.read(records)
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / records, float64(after.TotalAlloc-before.TotalAlloc) / records
}

// A text is a log record, its body, and the memory that texts share; each attribute on the record is one more, and so is
// their list.
func TestHotPath_textAllocatesLittle(t *testing.T) {
	for _, eventType := range []podlog.EventType{podlog.Message, podlog.Maillog} {
		for carrier, most := range map[siemMetadata]struct{ allocations, besideTheBody float64 }{
			siemMetadataResource: {3, 700},
			siemMetadataRecord:   {9, 1000},
		} {
			t.Run(fmt.Sprint(eventType, ", attributes on the ", carrier), func(t *testing.T) {
				h := newHotPath(t, eventType, func(c *Config) { c.SIEMMetadata = carrier })
				allocations, size := h.cost()
				besideTheBody := size - float64(len(h.frame))
				t.Logf("%.2f allocations, the body and %.0f bytes", allocations, besideTheBody)
				assert.LessOrEqual(t, allocations, most.allocations)
				assert.LessOrEqual(t, besideTheBody, most.besideTheBody)
			})
		}
	}
}

// A JSON value is one allocation, and an object or array, which are few, three.
func TestHotPath_mapsAllocateLittle(t *testing.T) {
	for _, eventType := range []podlog.EventType{podlog.Message, podlog.Maillog} {
		t.Run(string(eventType), func(t *testing.T) {
			h := newHotPath(t, eventType, func(c *Config) { c.Body, c.SIEMMetadata = bodyMap, siemMetadataResource })
			allocations, size := h.cost()
			var value any
			require.NoError(t, json.Unmarshal(h.frame, &value))
			perNode, times := allocations/float64(nodes(value)), size/float64(len(h.frame))
			t.Logf("%.2f allocations a node, %.2f times the record", perNode, times)
			assert.LessOrEqual(t, perNode, 1.8)
			assert.LessOrEqual(t, times, 4.5)
		})
	}
}

// nodes counts the values in a JSON value, itself included.
func nodes(value any) int {
	count := 1
	switch value := value.(type) {
	case map[string]any:
		for _, v := range value {
			count += nodes(v)
		}
	case []any:
		for _, v := range value {
			count += nodes(v)
		}
	}
	return count
}

// BenchmarkHotPath is what a record costs behind the connection.
func BenchmarkHotPath(b *testing.B) {
	for _, eventType := range []podlog.EventType{podlog.Message, podlog.Maillog} {
		for _, kind := range []bodyFormat{bodyText, bodyMap} {
			b.Run(string(eventType)+"/"+string(kind), func(b *testing.B) {
				h := newHotPath(b, eventType, func(c *Config) { c.Body = kind })
				b.SetBytes(int64(len(h.frame)))
				b.ReportAllocs()
				for b.Loop() {
					h.read(1)
				}
			})
		}
	}
}

// heap is the memory that is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestHotPath_keepsItsMemoryBetweenBatchesAndGivesBackThatOfLargeOnes(t *testing.T) {
	for _, kind := range []bodyFormat{bodyText, bodyMap} {
		t.Run(string(kind), func(t *testing.T) {
			h := newHotPath(t, podlog.Message, func(c *Config) { c.Body = kind })
			in := h.stream.intake
			h.read(batchRecords)
			usual := &in.batch.records[:1][0]
			h.read(batchRecords)
			assert.Same(t, usual, &in.batch.records[:1][0], "made anew for each batch")
			before := heap()

			var lines bytes.Buffer
			for i := range 50 * batchRecords {
				fmt.Fprintf(&lines, "{\"guid\":\"%d\",\"ts\":\"2026-01-12T08:15:30+0100\"}\n", i)
			}
			require.NoError(t, h.stream.Frame(lines.Bytes(), time.Now(), false))
			require.Empty(t, in.batch.records)
			assert.LessOrEqual(t, cap(in.batch.records), 2*batchRecords)

			text := []byte(`"what a list of a large record holds, often",`)
			huge := append([]byte(`{"guid":"huge","list":[`), bytes.Repeat(text, 16<<20/len(text))...)
			require.NoError(t, h.stream.Frame(append(huge, `""]}`...), time.Now(), false))
			require.Empty(t, in.batch.records, "it is a batch by itself")
			h.read(batchRecords)
			assert.Less(t, heap(), before+1<<20)
		})
	}
}
