package proofpointpodreceiver

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

var update = flag.Bool("update", false, "write the golden files anew")

// siem are the attributes of a clean record of messages, by default.
func siem() map[string]any {
	return map[string]any{
		"_siemVendor": "Proofpoint", "_siemProduct": "POD", "_siemFormat": "JSON", "_siemEventID": "MESSAGE", "_siemForward": "true",
	}
}

// arrived is a record as a scenario sees it: its body, string or bytes, and its problem.
type arrived struct {
	body    any
	problem string
}

func (s *scenario) arrived(t podlog.EventType) []arrived {
	var list []arrived
	for _, r := range s.sink.records(t) {
		one := arrived{body: r.Body().AsRaw()}
		if problem, ok := r.Attributes().Get("proofpointpod.problem"); ok {
			one.problem = problem.Str()
		}
		list = append(list, one)
	}
	return list
}

func TestFrames_nothingThatArrivesIsThrownAway(t *testing.T) {
	const one, two = `{"guid":"1","ts":"2020-11-05T12:59:24.904391+0100"}`, `{"guid":"2"}`
	long := `{"guid":"3","x":"` + strings.Repeat("é", 40) // cut behind this, and in the middle of the next é
	tests := map[string]struct {
		frames []podsim.Frame
		want   []arrived
		counts map[string]float64 // of problems
	}{
		"one record":           {[]podsim.Frame{{Text: one}}, []arrived{{body: one}}, nil},
		"binary":               {[]podsim.Frame{{Text: one, Binary: true}}, []arrived{{body: one}}, nil},
		"fragments":            {[]podsim.Frame{{Text: one, Fragments: 7}}, []arrived{{body: one}}, nil},
		"a newline at the end": {[]podsim.Frame{{Text: one + "\n"}, {Text: two + "\r\n"}}, []arrived{{body: one}, {body: two}}, nil},
		"records on lines":     {[]podsim.Frame{{Text: one + "\n" + two + "\n"}}, []arrived{{body: one}, {body: two}}, nil},
		"empty frames":         {[]podsim.Frame{{}, {Text: "\n"}, {Text: two}, {Binary: true}}, []arrived{{body: two}}, nil},
		"no JSON": {
			[]podsim.Frame{{Text: "hello"}, {Text: `["a"]`}, {Text: two}},
			[]arrived{{"hello", "invalid_json"}, {`["a"]`, "invalid_json"}, {body: two}},
			map[string]float64{"event_type=message problem=invalid_json": 2},
		},
		"a line that is no JSON": {
			[]podsim.Frame{{Text: one + "\n{\n" + two}},
			[]arrived{{body: one}, {"{", "invalid_json"}, {body: two}},
			map[string]float64{"event_type=message problem=invalid_json": 1},
		},
		"no UTF-8": {
			[]podsim.Frame{{Base64: []byte("{\"a\":\"\xff\"}")}, {Base64: []byte{0, 0xfe}, Binary: true}, {Text: two}},
			[]arrived{{[]byte("{\"a\":\"\xff\"}"), "invalid_json"}, {[]byte{0, 0xfe}, "invalid_json"}, {body: two}},
			map[string]float64{"event_type=message problem=invalid_json": 2},
		},
		"too long": {
			[]podsim.Frame{{Text: long + strings.Repeat("é", 5000) + `"}`}, {Size: 300_000, Fragments: 3}, {Text: two}},
			[]arrived{{long, "truncated"}, {`{"guid":"big","ts":"2020-11-05T12:59:24.904391+0100","x":"` + strings.Repeat("x", 40), "truncated"}, {body: two}},
			map[string]float64{"event_type=message problem=truncated": 2},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			play(t, podsim.Options{}, func(s *scenario) {
				s.config.MaxRecordSize = 98
				s.service.Plan(podsim.Step{Frames: test.frames})
			}, func(s *scenario) {
				s.elapse(time.Second)
				assert.Equal(t, test.want, s.arrived(podlog.Message))
				assert.Equal(t, test.counts, s.metric("otelcol_proofpointpod_receiver_records_problem"))
				// The session goes on.
				s.service.Push(podlog.Message, []byte(`{"guid":"last"}`))
				s.elapse(time.Second)
				assert.Equal(t, `{"guid":"last"}`, s.arrived(podlog.Message)[len(test.want)].body)
				assert.Len(t, s.service.Sessions(), 1)
				assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
			})
		})
	}
}

func TestFrames_asTheServiceMaySendThem(t *testing.T) {
	tests := map[string]podsim.Step{
		"fragments":              {Fragments: 5},
		"binary":                 {Binary: true},
		"newline":                {Newline: true},
		"several in a frame":     {Group: 7},
		"more than a batch":      {Group: 250},
		"out of order":           {Shuffle: 20},
		"all of it":              {Fragments: 3, Binary: true, Newline: true, Group: 120, Shuffle: 120},
		"all of it, and a break": {Fragments: 3, Binary: true, Newline: true, Group: 50, Do: podsim.Drop, Records: 130},
	}
	for name, step := range tests {
		t.Run(name, func(t *testing.T) {
			play(t, podsim.Options{}, func(s *scenario) {
				s.service.Plan(step)
				s.service.Generate(podlog.Message, 300)
			}, func(s *scenario) {
				s.collects(podlog.Message)
				assert.Nil(t, s.metric("otelcol_proofpointpod_receiver_records_problem"))
				for _, logs := range s.sink.batches() {
					assert.LessOrEqual(t, logs.LogRecordCount(), 100)
				}
			})
		})
	}
}

func TestFrames_wholeUpToTheLimit(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.MaxRecordSize = 100_000
		s.service.Plan(podsim.Step{Frames: []podsim.Frame{{Size: 100_000}, {Size: 100_001}}})
	}, func(s *scenario) {
		s.elapse(time.Second)
		records := s.arrived(podlog.Message)
		require.Len(t, records, 2)
		assert.Empty(t, records[0].problem)
		assert.Len(t, records[0].body, 100_000)
		assert.Equal(t, "truncated", records[1].problem)
		assert.Len(t, records[1].body, 100_000)
	})
}

// example is what the scenarios of attributes send.
const example = `{"guid":"vFrXuk0FEKC9YM3lFpGOHpV8xpTiH5","ts":"2020-11-05T12:59:24.904391+0100","filter":{"qid":"34r9k2a","routes":["default_inbound"]}}`

// one waits for a single record and returns its resource and itself.
func (s *scenario) one() (map[string]any, plog.LogRecord) {
	s.until("a batch", func() bool { return len(s.sink.batches()) == 1 })
	logs := s.sink.batches()[0]
	require.Equal(s.t, 1, logs.LogRecordCount())
	resource := logs.ResourceLogs().At(0)
	return resource.Resource().Attributes().AsRaw(), resource.ScopeLogs().At(0).LogRecords().At(0)
}

func TestFrames_record(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.Name = "PoD production"
		s.config.Category = "mail/gateway"
		s.config.Fields = map[string]any{"team": "mail", "tier": 1, "critical": true}
		s.service.Push(podlog.Message, []byte(example))
	}, func(s *scenario) {
		resource, record := s.one()
		assert.Equal(t, map[string]any{
			"service.name":          "proofpoint-on-demand",
			"proofpoint.cluster_id": podsim.ClusterID,
			"_source":               "PoD production",
			"_sourceName":           "PoD production",
			"_sourceCategory":       "mail/gateway",
			"team":                  "mail",
			"tier":                  "1",
			"critical":              "true",
		}, resource)
		assert.Equal(t, siem(), record.Attributes().AsRaw())
		assert.Equal(t, example, record.Body().Str())
		assert.Equal(t, time.Date(2020, 11, 5, 11, 59, 24, 904391000, time.UTC), record.Timestamp().AsTime())
		assert.WithinDuration(t, time.Now(), record.ObservedTimestamp().AsTime(), time.Second)

		scope := s.sink.batches()[0].ResourceLogs().At(0).ScopeLogs().At(0).Scope()
		assert.Equal(t, "github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver", scope.Name())
		assert.Equal(t, "1.2.3", scope.Version())
	})
}

func TestFrames_nameIsTheComponentsWhereNoneIsWritten(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.service.Push(podlog.Message, []byte(example))
	}, func(s *scenario) {
		resource, _ := s.one()
		assert.Equal(t, s.source.settings.ID.String(), resource["_source"])
		assert.Equal(t, s.source.settings.ID.String(), resource["_sourceName"])
		assert.NotContains(t, resource, "_sourceCategory")
	})
}

func TestFrames_siemAttributesOnTheResource(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.SIEMMetadata = siemMetadataResource
		s.service.Push(podlog.Message, []byte(example))
	}, func(s *scenario) {
		resource, record := s.one()
		assert.Subset(t, resource, siem())
		assert.Zero(t, record.Attributes().Len(), "Sumo Logic wraps the body of a record with an attribute")
	})
}

func TestFrames_noSIEMAttributes(t *testing.T) {
	tests := map[string]func(*Config){
		"forward_to_siem": func(c *Config) { c.ForwardToSIEM = new(bool) },
		"fields":          func(c *Config) { c.Fields = map[string]any{"_siemForward": "false"} },
		"both, on the resource": func(c *Config) {
			c.ForwardToSIEM = new(bool)
			c.Fields = map[string]any{"_siemForward": false}
			c.SIEMMetadata = siemMetadataResource
		},
	}
	for name, set := range tests {
		t.Run(name, func(t *testing.T) {
			play(t, podsim.Options{}, func(s *scenario) {
				set(s.config)
				s.service.Push(podlog.Message, []byte(example))
			}, func(s *scenario) {
				resource, record := s.one()
				assert.Zero(t, record.Attributes().Len())
				for key := range resource {
					assert.NotContains(t, key, "_siem")
				}
			})
		})
	}
}

func TestFrames_bodyAsMap(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.Body = bodyMap
		s.service.Push(podlog.Message, []byte(example))
	}, func(s *scenario) {
		_, record := s.one()
		require.Equal(t, pcommon.ValueTypeMap, record.Body().Type())
		body, err := json.Marshal(record.Body().Map().AsRaw())
		require.NoError(t, err)
		assert.JSONEq(t, example, string(body))
		assert.Equal(t, time.Date(2020, 11, 5, 11, 59, 24, 904391000, time.UTC), record.Timestamp().AsTime())
	})
}

// The golden files show a batch of each kind, a record with a problem in it, as OTLP's JSON has it.
func TestFrames_golden(t *testing.T) {
	tests := map[string]func(*Config){
		"record":   func(*Config) {},
		"resource": func(c *Config) { c.SIEMMetadata = siemMetadataResource },
		"none":     func(c *Config) { c.ForwardToSIEM = new(bool) },
		"map":      func(c *Config) { c.Body = bodyMap },
	}
	for name, set := range tests {
		t.Run(name, func(t *testing.T) {
			play(t, podsim.Options{}, func(s *scenario) {
				s.config.Name = "PoD"
				s.config.Category = "mail/gateway"
				s.config.Fields = map[string]any{"team": "mail"}
				set(s.config)
				s.service.Push(podlog.Message, []byte(example), []byte(`{"guid":"without ts"}`), []byte("no JSON"))
			}, func(s *scenario) {
				s.elapse(time.Second)
				require.Len(t, s.sink.batches(), 1)
				s.golden("batch_"+name+".json", s.sink.batches()[0])
			})
		})
	}
}

// golden compares logs with a file, or writes it.
func (s *scenario) golden(name string, logs plog.Logs) {
	text, err := (&plog.JSONMarshaler{}).MarshalLogs(logs)
	require.NoError(s.t, err)
	var pretty bytes.Buffer
	require.NoError(s.t, json.Indent(&pretty, text, "", "  "))
	pretty.WriteByte('\n')
	path := filepath.Join("testdata", "golden", name)
	if *update {
		require.NoError(s.t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(s.t, os.WriteFile(path, pretty.Bytes(), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(s.t, err)
	assert.Equal(s.t, string(want), pretty.String())
}
