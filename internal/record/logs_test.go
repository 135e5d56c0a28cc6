package record

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Which attributes carry those that a SIEM looks for.
func onRecords(f *Format) pcommon.Map  { return f.Attributes }
func onResource(f *Format) pcommon.Map { return f.Resource }
func nowhere(*Format) pcommon.Map      { return pcommon.NewMap() }

// format is that of a stream of an event type.
func format(body Body, t podlog.EventType, carrier func(*Format) pcommon.Map) *Format {
	resource := pcommon.NewMap()
	resource.PutStr("service.name", "proofpoint-on-demand")
	resource.PutStr("proofpoint.cluster_id", "example_cluster")
	resource.PutStr("_source", "proofpointpod")
	resource.PutStr("_sourceName", "proofpointpod")
	resource.PutStr("_sourceCategory", "mail/gateway")
	resource.PutStr("team", "blue")
	f := &Format{
		Body:         body,
		Resource:     resource,
		Attributes:   pcommon.NewMap(),
		ScopeName:    "github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver",
		ScopeVersion: "1.2.3",
	}
	PutSIEM(carrier(f), t)
	return f
}

// The records of each golden file: clean ones, with and without `ts`, and one of each problem, as text and as bytes.
func goldenRecords() []Record {
	var records []Record
	for _, frame := range []string{
		`{"guid":"aB3dE6gH9jK2mN5pQ8sT1vW4yZ7-_xYz","ts":"2026-01-12T08:15:30.123456+0100","filter":{"durationSecs":0.25,"msgSizeBytes":48213,"routes":["a","b"],"quarantine":null,"isMsgEncrypted":false}}`,
		"{ \"subject\" : \"Grüße \\u2709\" }\n",
		"no JSON",
		"\xff\x00binary",
	} {
		records = split(podlog.Message, records, []byte(frame), false, observed)
	}
	for _, frame := range []string{
		`{"ts":"2026-01-12T08:15:31+01","data":"a lon`,
		"{\"ts\":\"2026-01-12T08:15:31+01\",\"data\":\"\xfe",
	} {
		records = split(podlog.Message, records, []byte(frame), true, observed)
	}
	return records
}

// encode spells out logs as JSON over many lines.
func encode(t *testing.T, logs plog.Logs) string {
	t.Helper()
	encoded, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, json.Indent(&text, encoded, "", "  "))
	return text.String() + "\n"
}

func TestLogs_golden(t *testing.T) {
	for name, f := range map[string]*Format{
		"text_siem_record":        format(BodyText, podlog.Message, onRecords),
		"text_siem_resource":      format(BodyText, podlog.Message, onResource),
		"text_siem_none":          format(BodyText, podlog.Message, nowhere),
		"map_siem_record_maillog": format(BodyMap, podlog.Maillog, onRecords),
		"map_siem_resource_audit": format(BodyMap, podlog.Audit, onResource),
		"map_siem_none":           format(BodyMap, podlog.Message, nowhere),
	} {
		t.Run(name, func(t *testing.T) {
			got := encode(t, f.Logs(goldenRecords()))

			path := filepath.Join("testdata", "logs", name+".json")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, string(want), got)
		})
	}
}

func TestLogs_bodyIsTheFrame(t *testing.T) {
	for _, frame := range append([]string{sample(t, "message")}, seeds...) {
		records := split(podlog.Message, nil, []byte(frame), false, observed)
		logs := format(BodyText, podlog.Message, onRecords).Logs(records).ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		require.Equal(t, len(records), logs.Len())
		for i := range records {
			body := logs.At(i).Body()
			if utf8.ValidString(records[i].Body) {
				assert.Equal(t, records[i].Body, body.Str(), frame)
			} else {
				assert.Equal(t, []byte(records[i].Body), body.Bytes().AsRaw(), frame)
			}
		}
	}
}

// A batch that was passed on belongs to others, who change it.
func TestLogs_buildsABatchAgain(t *testing.T) {
	for _, carrier := range []func(*Format) pcommon.Map{onRecords, onResource, nowhere} {
		for _, body := range []Body{BodyText, BodyMap} {
			f, records := format(body, podlog.Message, carrier), goldenRecords()
			first := f.Logs(records)
			want := encode(t, first)

			resource := first.ResourceLogs().At(0)
			resource.Resource().Attributes().Clear()
			resource.Resource().Attributes().PutStr("service.name", "another")
			for _, r := range resource.ScopeLogs().At(0).LogRecords().All() {
				if r.Body().Type() == pcommon.ValueTypeBytes {
					r.Body().Bytes().SetAt(0, 'x')
				}
				r.Body().SetStr("changed")
				for _, attribute := range r.Attributes().All() {
					attribute.SetStr("changed")
				}
			}
			require.NotEqual(t, want, encode(t, first))
			assert.Equal(t, want, encode(t, f.Logs(records)))
		}
	}
}

func TestLogs_stayValidThroughOTLP(t *testing.T) {
	f := format(BodyMap, podlog.Message, onRecords)
	var records []Record
	for _, seed := range seeds {
		records = split(podlog.Message, records, []byte(seed), false, observed)
		records = split(podlog.Message, records, []byte(seed), true, observed)
	}
	logs := f.Logs(records)
	encoded, err := (&plog.ProtoMarshaler{}).MarshalLogs(logs)
	require.NoError(t, err)
	decoded, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(encoded)
	require.NoError(t, err)
	again, err := (&plog.ProtoMarshaler{}).MarshalLogs(decoded)
	require.NoError(t, err)
	assert.Equal(t, encoded, again)
	for _, r := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		assert.True(t, utf8.ValidString(r.Body().Str()), "%q", r.Body().Str())
	}
}

func BenchmarkSplit(b *testing.B) {
	for _, name := range []string{"message", "maillog"} {
		b.Run(name, func(b *testing.B) {
			frame := []byte(sample(b, name) + "\n")
			s := Splitter{EventType: podlog.Message}
			var records []Record
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				records = s.split(records[:0], frame, false, observed)
			}
		})
	}
	b.Run("message/lines", func(b *testing.B) {
		frame := []byte(strings.Repeat(sample(b, "message")+"\n", 10))
		s := Splitter{EventType: podlog.Message}
		var records []Record
		b.SetBytes(int64(len(frame)))
		b.ReportAllocs()
		for b.Loop() {
			records = s.split(records[:0], frame, false, observed)
		}
	})
}

// BenchmarkLogs builds batches of 100 records; the metrics are for one record.
func BenchmarkLogs(b *testing.B) {
	const batch = 100
	for _, name := range []string{"message", "maillog"} {
		var records []Record
		for range batch {
			records = split(podlog.Message, records, []byte(sample(b, name)), false, observed)
		}
		for _, body := range []Body{BodyText, BodyMap} {
			for siem, carrier := range map[string]func(*Format) pcommon.Map{"record": onRecords, "resource": onResource} {
				b.Run(name+"/"+string(body)+"/"+siem, func(b *testing.B) {
					f := format(body, podlog.Message, carrier)
					b.SetBytes(int64(batch * len(records[0].Body)))
					b.ReportAllocs()
					for b.Loop() {
						f.Logs(records)
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/record")
				})
			}
		}
	}
}
