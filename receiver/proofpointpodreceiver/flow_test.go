package proofpointpodreceiver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/internal/position"
)

// fillUp has the sending queue behind the batch processor be full until the function that it returns is called: nothing
// leaves the pipeline's memory, and a batch waits until there is room.
func (s *sink) fillUp() (room func()) {
	full := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.memory = 100 * time.Hour
	s.answer = func(ctx context.Context, _ plog.Logs) error {
		select {
		case <-full:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return func() { close(full) }
}

func TestPromise_killWhileTheSendingQueueIsFull(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) { s.config.RetryOnFailure.MaxElapsedTime = 0 }, func(s *scenario) {
		s.traffic(20*time.Minute, 10*time.Second)
		s.elapse(6 * time.Minute) // all of it is on disk
		s.traffic(3*time.Minute, 10*time.Second)
		s.sink.flushBefore(5 * time.Minute)
		s.sink.fillUp()
		s.traffic(40*time.Minute, 10*time.Second)
		s.kill()
		lost, _ := s.count()
		assert.Greater(t, lost, 18, "what was in the batch processor")
		s.sink.answers(nil)
		s.start()
		s.fills(9)
		s.keepsThePromise(1)
	})
}

// A stream that has given up holds its batch in front of the full queue still; the other's records wait behind it.
func TestPromise_killAfterTheSourceHasGivenUpOnAFullQueue(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.traffic(3*time.Minute, 10*time.Second)
		s.sink.fillUp()
		s.traffic(3*time.Hour, 10*time.Minute)
		assert.Contains(t, s.said(), "gave up")
		s.kill()
		s.sink.answers(nil)
		s.start()
		s.fills(9)
		s.keepsThePromise(0)
	})
}

// What one stream has to wait for, holds the records of the others.
func TestPromise_killWhileAnotherStreamWaits(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		s.config.RetryOnFailure.MaxElapsedTime = 0
		s.config.SupportedEvents = []podlog.EventType{podlog.Message, podlog.Maillog}
	}, func(s *scenario) {
		s.traffic(time.Minute, 10*time.Second)
		s.sink.fillUp()
		s.service.Generate(podlog.Maillog, 1)
		s.elapse(time.Hour)
		s.kill()
		lost, _ := s.count()
		assert.Equal(t, 6, lost)
		s.sink.answers(nil)
		s.start()
		s.fills(9)
		s.keepsThePromise(0)
	})
}

// The collector is told to stop while the sending queue is full, and killed since it does not end: what its batch
// processor held is lost, that of the stream which has nothing to wait for as well.
func TestPromise_killedInAStopWhileTheSendingQueueIsFull(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		s.config.SupportedEvents = []podlog.EventType{podlog.Message, podlog.Maillog}
	}, func(s *scenario) {
		s.traffic(20*time.Minute, 10*time.Second)
		s.sink.flushBefore(5 * time.Minute)
		s.sink.memory = 100 * time.Hour
		release := s.blocks(anything)
		s.service.Generate(podlog.Maillog, 1)
		s.elapse(time.Minute)
		s.stops(context.Background())
		assert.Equal(t, 1, s.logged("stopped while the pipeline holds a batch: what it may have in its memory only is read again after the next start, so records can be repeated"))
		s.kill()
		release(errBackendDown)
		lost, _ := s.count()
		assert.Greater(t, lost, 20, "what was in the batch processor")
		s.start()
		s.fills(9)
		s.keepsThePromise(4)
	})
}

func TestFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlow()
		want := position.Flow{}
		passes := func(d, running time.Duration, waits int) {
			t.Helper()
			<-time.After(d)
			want.Elapsed += d
			want.Running += running
			want.Waits += waits
			assert.Equal(t, want, f.now())
		}
		passes(time.Minute, time.Minute, 0)

		f.offered()
		passes(time.Hour, 0, 0)
		f.taken()
		passes(time.Second, time.Second, 1)

		f.offered()
		passes(900*time.Millisecond, 0, 0)
		f.taken() // it has been at work
		passes(0, 900*time.Millisecond, 0)

		f.offered()
		passes(time.Minute, 0, 0)
		f.offered()
		passes(time.Minute, 0, 0)
		f.taken()
		passes(time.Minute, 0, 1)
		f.taken()
		passes(time.Minute, time.Minute, 1)

		f.offered() // for good
		passes(time.Minute, 0, 0)
		f.offered()
		f.taken()
		passes(time.Hour, 0, 1)
	})
}

// A stream that has given up on a pipeline that refuses it holds nothing there. What the other stream's records wait for
// counts all the same.
func TestPromise_killAfterAnotherStreamHasGivenUpOnARefusal(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		s.config.SupportedEvents = []podlog.EventType{podlog.Message, podlog.Maillog}
	}, func(s *scenario) {
		s.sink.answers(func(_ context.Context, logs plog.Logs) error {
			records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
			if id, _ := records.At(0).Attributes().Get("_siemEventID"); id.Str() == podlog.Maillog.EventID() {
				return errBackendDown
			}
			return nil
		})
		s.service.Generate(podlog.Maillog, 1)
		s.elapse(2 * time.Hour)
		require.Contains(t, s.said(), "gave up")
		s.sink.flushBefore(5 * time.Minute)
		s.traffic(4*time.Minute, 8*time.Second)
		s.sink.fillUp()
		s.mails(1)
		s.elapse(time.Hour)
		s.kill()
		lost, _ := s.count()
		require.Greater(t, lost, 25, "what was in the batch processor")
		s.sink.answers(nil)
		s.start()
		s.fills(9)
		s.keepsThePromise(0)
	})
}
