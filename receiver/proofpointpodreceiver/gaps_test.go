package proofpointpodreceiver

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/status"
)

const metricUnrecoverable = "otelcol_proofpointpod_receiver_gaps_unrecoverable"

func switchedOff(s *scenario) { s.config.Backfill.Enabled = false }

func TestGaps_areGivenUpWhereTheArchiveIsNotRead(t *testing.T) {
	tenant(t, podsim.Options{}, switchedOff, func(s *scenario) {
		s.away(3)
		require.Len(t, s.gaps(), 1)
		began := s.gaps()[0].From
		s.shutdown()
		s.elapse(30*24*time.Hour - 6*time.Hour)
		s.start()
		s.elapse(time.Minute)
		require.Equal(t, began, s.gaps()[0].From, "30 days have not passed")
		require.Zero(t, s.logged("gap unrecoverable"))
		s.elapse(7 * time.Hour)
		assert.Greater(t, s.gaps()[0].From.Sub(began), time.Hour)
		assert.Positive(t, s.logged("gap unrecoverable"))
		assert.NotNil(t, s.host.reported("may be lost"))
		assert.Positive(t, s.metric(metricUnrecoverable)["event_type=message"])
	})
}

func TestGaps_areReadWhenTheArchiveIsReadLater(t *testing.T) {
	tenant(t, podsim.Options{}, switchedOff, func(s *scenario) {
		s.away(3)
		s.traffic(48*time.Hour, time.Minute)
		require.Len(t, s.gaps(), 1)
		s.shutdown()
		s.config.Backfill.Enabled = true
		s.start()
		s.fills(6)
		s.keepsThePromise(0)
	})
}

// A position that an earlier version has kept can have thousands, of records with a wrong time.
func TestGaps_manyThatAreTooOldAreReportedAsOne(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.elapse(time.Minute)
		where := s.source.streams[0].stream.position
		var old []position.Record
		for i := range 40 {
			old = append(old, position.Record{ID: uint64(i), TS: time.Now().Add(-29*24*time.Hour - time.Duration(i)*20*time.Minute)})
		}
		old = append(old, position.Record{ID: 1000, TS: time.Now().Add(-40 * 24 * time.Hour)}, position.Record{ID: 1001, TS: time.Now().Add(-50 * 24 * time.Hour)})
		where.Refuse(old, time.Now())
		s.elapse(time.Second)
		assert.Equal(t, 1, s.logged("gap unrecoverable"), "the records that were never in reach")
		assert.Contains(t, s.said(), "2 records may be lost")
		s.shutdown()
		s.elapse(3 * 24 * time.Hour)
		s.start()
		s.elapse(time.Minute)
		assert.Equal(t, 1, s.logged("gap unrecoverable"))
		assert.Contains(t, s.said(), "in 14 intervals between")
		assert.InDelta(t, 15, s.metric(metricUnrecoverable)["event_type=message"], 0)
	})
}

// The stream, its filler and its keeper report at once. What is reported last has to be how it is then.
func TestGaps_theNewestIsReportedLast(t *testing.T) {
	source := status.NewSource([]podlog.EventType{podlog.Message}, func(*componentstatus.Event) {})
	stream := source.Stream(podlog.Message)
	where := position.New(position.Options{ServerMemory: time.Hour, MaxEntries: 1024})
	gaps := &gapReporter{position: where, health: stream}
	now := time.Now()
	where.BeginSession(now)
	opens := func() {
		where.DoubtPause(position.Gap{From: now.Add(-time.Minute), To: now})
		where.OpenPauseGap()
		gaps.show()
	}
	closes := func() {
		for _, w := range where.Windows() {
			where.FinishWindow(w, position.WindowResult{Complete: true})
		}
		gaps.show()
	}
	for range 10_000 {
		var all sync.WaitGroup
		for range 4 {
			all.Go(opens)
			all.Go(closes)
		}
		all.Wait()
		require.Equal(t, len(where.Gaps()), source.Report().Streams[0].Gaps.Open)
	}
}
