package proofpointpodreceiver

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/internal/record"
)

// acceptsOnly accepts so many batches and refuses the others.
func acceptsOnly(batches int) func(context.Context, plog.Logs) error {
	return func(ctx context.Context, logs plog.Logs) error {
		if batches == 0 {
			return refuse(ctx, logs)
		}
		batches--
		return nil
	}
}

// The pipeline refuses the second batch of a frame. What comes behind that in the frame is missing, too, also a record
// with a `ts` of three days ago, and a known one is not.
func TestPromise_sourceGivesUpAmidAFrame(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		withSecondToken(s)
		s.config.RetryOnFailure.Enabled = false
		s.config.UnflushedWindow, s.sink.memory = 0, 0
		s.service.Plan(podsim.Step{Group: 350})
	}, func(s *scenario) {
		s.traffic(time.Minute, 10*time.Second)
		s.sink.answers(acceptsOnly(1))
		frame := make([][]byte, 350)
		for i := range frame {
			s.sent++
			ts := time.Now().Add(-time.Duration(i) * time.Millisecond)
			if i == 330 {
				ts = ts.Add(-72 * time.Hour)
			}
			frame[i] = mail(s.sent, ts, 0)
		}
		s.service.Push(podlog.Message, frame...)
		s.state("Error")
		assert.Equal(t, 1, s.logged("records that were read are not handed on: they are read from the archive after the next start"))
		assert.Equal(t, map[string]float64{"event_type=message": 250}, s.metric(metricRefused))
		s.sink.answers(nil)
		s.config.RetryOnFailure.Enabled = true
		s.restart()
		s.elapse(time.Minute)
		require.Len(t, s.gaps(), 2)
		assert.Equal(t, time.Second, s.gaps()[0].To.Sub(s.gaps()[0].From))
		s.fills(9)
		s.keepsThePromise(0)
	})
}

// A frame of many records never takes memory for more than a batch of them.
func TestHotPath_longFrameIsDeliveredAsItIsSplit(t *testing.T) {
	const count = 100*batchRecords + 1
	for name, line := range map[string]string{"objects": `{"guid":"%d"}`, "lines": "junk %d", "blank between": "{\"guid\":\"%d\"}\n\n "} {
		t.Run(name, func(t *testing.T) {
			h := newHotPath(t, podlog.Message, nil)
			in := h.stream.intake
			var frame strings.Builder
			for i := range count {
				fmt.Fprintf(&frame, line+"\n", i)
			}
			frame.WriteString("{}\n{}")
			most := 0
			in.look = func([]record.Record, time.Time) { most = max(most, cap(in.batch.records)) }
			require.NoError(t, h.stream.Frame([]byte(frame.String()), time.Now(), false))
			require.NoError(t, in.flush())
			assert.Equal(t, count+1, in.fresh, "a repeated one is known")
			assert.LessOrEqual(t, most, 2*batchRecords)
			assert.False(t, in.splitter.More())
		})
	}
}
