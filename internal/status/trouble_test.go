package status_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
	"github.com/proofpointpod/otelcol/internal/status"
)

func diskFull() sourcehealth.Fault { return status.StorageFails(errors.New("no space left on device")) }

func TestStream_continuesWhileDegraded(t *testing.T) {
	watch(t, both(), func(s *source) {
		stream := s.Stream(podlog.Message)
		stream.SetState(sourcehealth.Collecting)
		s.Stream(podlog.Maillog).SetState(sourcehealth.Collecting)
		stream.SetDegraded(diskFull())

		event := s.last(4)
		assert.Equal(s.t, componentstatus.StatusRecoverableError, event.Status())
		require.ErrorContains(s.t, event.Err(), "message: the position is not saved: no space left on device")
		assert.Equal(s.t, sourcehealth.Collecting, stream.State())
		assert.Equal(s.t, map[string]any{
			"state":        "Collecting",
			"error.type":   "FirstPartyGeneric",
			"health_event": "FirstPartyGenericError",
			"streams": map[string]any{
				"message": map[string]any{
					"state":        "Collecting",
					"error.type":   "FirstPartyGeneric",
					"health_event": "FirstPartyGenericError",
					"error":        diskFull().Text(),
				},
				"maillog": map[string]any{"state": "Collecting"},
			},
		}, attributes(event), "the source is as its stream that is worst off")

		stream.ClearDegraded(sourcehealth.Storage)
		event = s.last(5)
		assert.Equal(s.t, componentstatus.StatusOK, event.Status())
		assert.Len(s.t, attributes(event), 2, "nothing of it is left")
	})
}

func TestStream_troublesAreReportedOnChangeOnly(t *testing.T) {
	watch(t, message(), func(s *source) {
		stream := s.Stream(podlog.Message)
		stream.ClearDegraded(sourcehealth.Storage)
		s.last(1)
		stream.SetDegraded(diskFull())
		stream.SetDegraded(status.StorageFails(errors.New("the same, in other words")))
		s.last(2)
		stream.SetDegraded(status.SecondTokenNeeded("a"))
		s.last(3)
		stream.SetDegraded(status.BackfillFails(dropped()))
		s.last(4)
		stream.SetDegraded(status.BackfillFails(refused()))
		event := s.last(5)
		assert.ErrorContains(s.t, event.Err(), "in other words", "the newest words for it")
		assert.ErrorContains(s.t, event.Err(), "the archive can't be read, gaps stay open: the service refuses the token")
		stream.ClearDegraded(sourcehealth.Storage)
		event = s.last(6)
		assert.NotContains(s.t, event.Err().Error(), "in other words")
		stream.ClearDegraded(sourcehealth.Storage)
		s.last(6)
		stream.ClearDegraded(sourcehealth.Backfill)
		assert.Equal(s.t, componentstatus.StatusOK, s.last(7).Status())
	})
}

// What keeps the stream from collecting is the fault that counts, but the trouble beside it is told.
func TestStream_failsWithATrouble(t *testing.T) {
	watch(t, message(), func(s *source) {
		stream := s.Stream(podlog.Message)
		stream.SetDegraded(diskFull())
		stream.SetRetrying(dropped(), 2, time.Time{})
		event := s.last(3)
		assert.Equal(s.t, "ThirdPartyGeneric", attributes(event)["error.type"])
		assert.Equal(s.t, int64(2), attributes(event)["retry.attempt"])
		require.ErrorContains(s.t, event.Err(), "message: the connection ended"+retriedForEver+"; the position is not saved")

		stream.SetState(sourcehealth.Collecting)
		event = s.last(4)
		assert.Equal(s.t, "FirstPartyGeneric", attributes(event)["error.type"], "the trouble is still there")
		assert.NotContains(s.t, attributes(event), "retry.attempt")

		stream.SetStopped(refused(), 1)
		assert.Equal(s.t, componentstatus.StatusPermanentError, s.last(5).Status())
	})
}

func TestStream_showsOpenGaps(t *testing.T) {
	watch(t, both(), func(s *source) {
		from := time.Date(2026, 1, 12, 12, 10, 0, 5, time.FixedZone("", 3600))
		stream := s.Stream(podlog.Message)
		stream.SetGaps(0, time.Time{}, true)
		s.last(1)
		stream.SetGaps(2, from, true)
		event := s.last(2)
		assert.Equal(s.t, componentstatus.StatusOK, event.Status(), "a gap is no error: it is being filled")
		assert.Equal(s.t, map[string]any{
			"state": "Initialized", "gaps.open": int64(2), "gaps.oldest": "2026-01-12T11:10:00Z",
		}, attributes(event)["streams"].(map[string]any)["message"])
		stream.SetGaps(2, from, true)
		s.last(2)
		stream.SetGaps(2, from.Add(time.Hour), true)
		s.last(3)
		stream.SetRetrying(dropped(), 1, time.Time{})
		event = s.last(4)
		assert.Equal(s.t, int64(2), attributes(event)["gaps.open"], "they are still open")
		stream.SetGaps(0, time.Time{}, true)
		assert.NotContains(s.t, attributes(s.last(5)), "gaps.open")
	})
}

func TestStream_reportsALossOnce(t *testing.T) {
	gone := func(hour int) sourcehealth.Fault {
		from := time.Date(2026, 1, 12, hour, 10, 0, 0, time.UTC)
		return status.GapUnrecoverable(from, from.Add(time.Hour))
	}
	for name, test := range map[string]struct {
		before func(*status.Stream)
		status componentstatus.Status // after it was told
	}{
		"while all is well":   {func(stream *status.Stream) { stream.SetState(sourcehealth.Collecting) }, componentstatus.StatusOK},
		"in another trouble":  {func(stream *status.Stream) { stream.SetDegraded(status.SecondTokenNeeded("a")) }, componentstatus.StatusRecoverableError},
		"in storage trouble":  {func(stream *status.Stream) { stream.SetDegraded(diskFull()) }, componentstatus.StatusRecoverableError},
		"while it fails":      {func(stream *status.Stream) { stream.SetRetrying(dropped(), 1, time.Time{}) }, componentstatus.StatusRecoverableError},
		"after it has failed": {func(stream *status.Stream) { stream.SetStopped(refused(), 1) }, componentstatus.StatusPermanentError},
	} {
		t.Run(name, func(t *testing.T) {
			watch(t, message(), func(s *source) {
				stream := s.Stream(podlog.Message)
				test.before(stream)
				s.last(2)
				stream.ReportLoss(gone(12))
				stream.ReportLoss(gone(13)) // at once, and yet each is told
				s.last(6)
				for i, hour := range map[int]int{2: 12, 4: 13} {
					text := fmt.Sprintf("from 2026-01-12T%d:10:00Z to 2026-01-12T%d:10:00Z", hour, hour+1)
					assert.ErrorContains(s.t, s.events()[i].Err(), text)
					if after := s.events()[i+1].Err(); after != nil {
						assert.NotContains(s.t, after.Error(), text, "and is over")
					}
				}
				assert.Equal(s.t, test.status, s.events()[5].Status())
			})
		})
	}
}

func TestStream_reportsNothingOnceItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watcher
		s := status.NewSource(message(), w.report)
		s.ReportInitialized()
		s.Stop()
		stream := s.Stream(podlog.Message)
		stream.SetDegraded(diskFull())
		stream.ClearDegraded(sourcehealth.Storage)
		stream.SetGaps(3, time.Now(), true)
		stream.ReportLoss(diskFull())
		synctest.Wait()
		<-s.Done()
		assert.Len(t, w.events(), 1)
	})
}

func TestFault_ofPositions(t *testing.T) {
	assert.Equal(t, sourcehealth.FirstPartyGeneric, diskFull().Type)
	assert.Equal(t, "storage_fails", diskFull().Label)

	needed := status.SecondTokenNeeded("the archive's hour can't be read within 30m0s")
	assert.Equal(t, sourcehealth.ThirdPartyConfig, needed.Type)
	assert.False(t, needed.NewTokenHelps, "a new first token does not")
	assert.Contains(t, needed.Message, "backfill.api_secret")

	fills := status.BackfillFails(refused())
	assert.Equal(t, sourcehealth.ThirdPartyConfig, fills.Type)
	assert.Equal(t, "backfill_status_401", fills.Label, "another fault than that of the live session")
	assert.Equal(t, 401, fills.Status)
	assert.Equal(t, "It is retried", fills.Outlook, "whatever becomes of a live session")

	gone := status.GapUnrecoverable(time.Date(2026, 1, 12, 12, 10, 0, 0, time.UTC), time.Date(2026, 1, 12, 13, 0, 0, 0, time.UTC))
	assert.Equal(t, sourcehealth.ThirdPartyGeneric, gone.Type)
	assert.Contains(t, gone.Message, "30 days")
}

func TestStream_listsActiveFaults(t *testing.T) {
	watch(t, message(), func(s *source) {
		stream := s.Stream(podlog.Message)
		stream.SetState(sourcehealth.Collecting)
		assert.Empty(s.t, stream.ActiveFaults())
		stream.SetDegraded(diskFull())
		degraded := status.ActiveFault{Fault: diskFull(), Effect: status.Degraded}
		assert.Equal(s.t, []status.ActiveFault{degraded}, stream.ActiveFaults())
		stream.SetRetrying(dropped(), 1, time.Time{})
		assert.Equal(s.t, []status.ActiveFault{{Fault: dropped(), Effect: status.Retrying}, degraded}, stream.ActiveFaults())
		stream.SetStopped(refused(), 1)
		assert.Equal(s.t, []status.ActiveFault{{Fault: refused(), Effect: status.Stopped}, degraded}, stream.ActiveFaults())
	})
}
