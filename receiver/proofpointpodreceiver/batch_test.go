package proofpointpodreceiver

import (
	"fmt"
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

// ofMission is the batch policy of the mission.
func ofMission(s *scenario) {
	s.config.Batch = BatchConfig{MaxRecords: 1000, MaxBytes: 16 << 20, Timeout: 5 * time.Minute}
	s.config.UnflushedWindow, s.sink.memory = 0, 0
}

func TestBatch_thousandRecordsOrFiveMinutes(t *testing.T) {
	play(t, podsim.Options{}, ofMission, func(s *scenario) {
		s.state("Collecting")
		s.service.Generate(podlog.Message, 1000)
		s.elapse(time.Second)
		require.Len(t, s.sink.batches(), 1, "a full batch does not wait")
		s.service.Generate(podlog.Message, 3)
		s.elapse(5*time.Minute - time.Second)
		require.Len(t, s.sink.batches(), 1)
		s.elapse(2 * time.Second)
		require.Len(t, s.sink.batches(), 2)
		assert.Equal(t, 3, s.sink.batches()[1].LogRecordCount())
	})
}

// What waits in a batch is not accepted: a kill reads it again, a stop in order delivers it.
func TestBatch_thatWaitsIsNotLost(t *testing.T) {
	for name, end := range map[string]func(*scenario){"kill": (*scenario).kill, "stop": (*scenario).shutdown} {
		t.Run(name, func(t *testing.T) {
			tenant(t, podsim.Options{}, ofMission, func(s *scenario) {
				for range 5 {
					s.traffic(3*time.Minute, time.Minute) // as quiet as a stream can be
					end(s)
					s.start()
				}
				s.fills(9)
				s.keepsThePromise(0)
			})
		})
	}
}

// No batch of several records is larger than max_bytes, in each form, and each record arrives once.
func TestBatch_isNeverTooLarge(t *testing.T) {
	numbers := `[` + strings.Repeat("1.5,", 25_000) + `0]` // larger as a map than as text
	large := func(i, size int, filling string) []byte {
		return fmt.Appendf(nil, `{"guid":"%032d","ts":"2000-01-01T00:00:00.000001+0000","x":%s,"pad":"%s"}`, i, filling, strings.Repeat("x", size))
	}
	for _, body := range []bodyFormat{bodyText, bodyMap} {
		t.Run(string(body), func(t *testing.T) {
			play(t, podsim.Options{}, func(s *scenario) {
				ofMission(s)
				s.config.Body = body
				s.config.MaxRecordSize = 15 << 20
				for i := range 200 {
					s.service.Push(podlog.Message, large(i, 0, numbers))
				}
				for i := range 20 {
					size := 100
					if i == 10 {
						size = 15<<20 - 1000
					}
					s.service.Push(podlog.Message, large(1000+i, size, "0"))
				}
			}, func(s *scenario) {
				s.until("all records", func() bool { return len(s.sink.records(podlog.Message)) == 220 })
				s.elapse(10 * time.Minute)
				require.Len(t, s.sink.records(podlog.Message), 220)
				for _, logs := range s.sink.batches() {
					if logs.LogRecordCount() > 1 {
						assert.LessOrEqual(t, (&plog.ProtoMarshaler{}).LogsSize(logs), 16<<20)
					}
				}
			})
		})
	}
}

// A record that exceeds max_record_size as a map only arrives as text, marked and counted.
func TestBatch_recordThatIsTooLargeAsAMap(t *testing.T) {
	text := `{"guid":"large","ts":"2000-01-01T00:00:00.000001+0000","list":[` + strings.Repeat("[],", 100_000) + `[]]}`
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.Body = bodyMap
		s.config.MaxRecordSize = int64(len(text)) + 1000
		s.service.Push(podlog.Message, []byte(text))
		s.service.Push(podlog.Message, []byte(`{"guid":"small"}`))
	}, func(s *scenario) {
		s.until("both", func() bool { return len(s.sink.records(podlog.Message)) == 2 })
		records := s.sink.records(podlog.Message)
		assert.Equal(t, text, records[0].Body().Str())
		problem, _ := records[0].Attributes().Get("proofpointpod.problem")
		assert.Equal(t, "too_large_for_map", problem.Str())
		assert.Equal(t, pcommon.ValueTypeMap, records[1].Body().Type())
		assert.Equal(t, 1., s.metric("otelcol_proofpointpod_receiver_records_problem")["event_type=message problem=too_large_for_map"])
	})
}
