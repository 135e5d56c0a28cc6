package proofpointpodreceiver

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

const (
	isHeld           = "a batch is held until the pipeline accepts it; nothing is read meanwhile"
	acceptedAfterAll = "the pipeline accepted a batch after its timeout"
)

// blocks has the pipeline hold what it is offered, if which says so, until the function that it returns is called with
// its answer.
func (s *scenario) blocks(which func(plog.Logs) bool) (answer func(error)) {
	released := make(chan struct{})
	var err error
	s.sink.answers(func(_ context.Context, logs plog.Logs) error {
		if !which(logs) {
			return nil
		}
		<-released
		return err
	})
	return func(with error) {
		err = with
		close(released)
		s.sink.answers(nil)
	}
}

func anything(plog.Logs) bool { return true }

// isOld says whether a batch begins with a record that is over two hours old.
func isOld(logs plog.Logs) bool { return refuseOld(nil, logs) != nil } //nolint:staticcheck // it needs no context

// lateAnswers plays a scenario in which the pipeline's answer, which comes late, is to accept, and another one in which
// it is to refuse.
func lateAnswers(t *testing.T, set func(*scenario), story func(s *scenario, answer error)) {
	t.Helper()
	for name, answer := range map[string]error{"accepts late": nil, "refuses late": errBackendDown} {
		t.Run(name, func(t *testing.T) {
			tenant(t, podsim.Options{}, set, func(s *scenario) { story(s, answer) })
		})
	}
}

func TestDelivery_pipelineAnswersAfterTheSourceGaveUp(t *testing.T) {
	lateAnswers(t, nil, func(s *scenario, answer error) {
		s.traffic(time.Minute, 10*time.Second)
		release := s.blocks(anything)
		s.mails(250)
		s.elapse(2 * time.Hour)
		require.Contains(t, s.said(), "gave up")
		release(answer)
		s.elapse(2 * time.Second)
		assert.Equal(t, answer == nil, s.logged(acceptedAfterAll) == 1)
		s.restart()
		s.fills(9)
		s.keepsThePromise(0)
	})
}

func TestDelivery_pipelineAnswersWhileTheSourceThatGaveUpIsShutDown(t *testing.T) {
	lateAnswers(t, nil, func(s *scenario, answer error) {
		s.traffic(time.Minute, 10*time.Second)
		release := s.blocks(anything)
		s.mails(250)
		s.elapse(2 * time.Hour)
		time.AfterFunc(5*time.Second, func() { release(answer) })
		assert.Equal(t, 5*time.Second, s.stops(context.Background()).Round(time.Second))
		s.start()
		s.fills(9)
		s.keepsThePromise(0)
	})
}

// longestPause is how long the live session was away for the archive, at the most.
func (s *scenario) longestPause() time.Duration {
	var longest time.Duration
	sessions := s.service.Sessions()
	for i := range sessions[:len(sessions)-1] {
		if sessions[i].Archive {
			longest = max(longest, sessions[i+1].Started.Sub(sessions[i].Started))
		}
	}
	return longest
}

func TestPauses_endInTimeThoughTheServiceGoesOnAfterOurCloseFrame(t *testing.T) {
	tenant(t, podsim.Options{CloseTail: 1 << 30}, func(s *scenario) {
		pause := 8 * time.Minute
		s.config.Backfill.MaxPause = &pause
		s.dial = s.paced(60, time.Second) // an hour takes fifty minutes
	}, func(s *scenario) {
		s.away(2)
		s.traffic(3*time.Hour, time.Minute)
		assert.Contains(t, s.kinds(), "ALAL")
		assert.Greater(t, s.longestPause(), 29*time.Minute)
		assert.Less(t, s.longestPause(), 31*time.Minute, "half of what the service remembers, and a little")
		require.NotNil(t, s.host.reported("second token"), s.said())

		s.shutdown()
		withSecondToken(s)
		s.start()
		s.withTraffic(24)
		s.keepsThePromise(0)
	})
}

func TestPauses_endInTimeThoughThePipelineRefusesWhatTheArchiveBrings(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.sink.answers(refuseOld)
		s.away(5)
		s.traffic(3*time.Hour, time.Minute)
		assert.Contains(t, s.kinds(), "ALAL")
		assert.Less(t, s.longestPause(), 11*time.Minute)
		assert.NotContains(t, s.said(), "gave up", "the live session's records are accepted")
		s.sink.answers(nil)
		s.withTraffic(12)
		s.keepsThePromise(0)
	})
}

func TestPauses_endInTimeThoughThePipelineHoldsWhatTheArchiveBrings(t *testing.T) {
	lateAnswers(t, nil, func(s *scenario, answer error) {
		release := s.blocks(isOld)
		s.away(5)
		s.until("a batch to be held", func() bool { return s.logged(isHeld) > 0 })
		s.elapse(time.Hour)
		assert.Equal(t, 1, s.service.Live(podlog.Message))
		assert.Less(t, s.longestPause(), 11*time.Minute)
		kinds := s.kinds()
		assert.Equal(t, byte('L'), kinds[len(kinds)-1], "no more is read: what is held would pass for delivered")
		s.mails(10) // they wait for the pipeline, too
		s.elapse(time.Minute)
		release(answer)
		s.elapse(time.Minute)
		assert.Equal(t, answer == nil, s.logged(acceptedAfterAll) == 1)
		s.withTraffic(12)
		s.keepsThePromise(0)
	})
}

func TestDelivery_recoversWhileTheArchiveIsRead(t *testing.T) {
	tenant(t, podsim.Options{ArchiveStays: true}, nil, func(s *scenario) {
		s.sink.answers(refuseOld)
		s.away(5)
		s.until("the archive's batch to be refused", func() bool { return attr(s.host.last(), "state") == "Error" })
		require.True(t, strings.HasSuffix(s.kinds(), "A"), "the live session is paused")
		s.sink.answers(nil)
		s.elapse(10 * time.Second)
		require.True(t, strings.HasSuffix(s.kinds(), "A"), "the live session is still paused")
		assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
	})
}
