package proofpointpodreceiver

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// bodiesOf lists the texts of the records that the pipeline is offered.
func bodiesOf(logs plog.Logs) []string {
	var list []string
	for _, r := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		list = append(list, r.Body().Str())
	}
	return list
}

// The process is killed while a batch is halved that spans hours: a part of it is accepted, and records before that part
// are not.
func TestAside_killWhileABatchIsHalved(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		ofMission(s)
		s.config.RetryOnFailure.MaxElapsedTime = 0
	}, func(s *scenario) {
		s.mails(1)
		s.elapse(10 * time.Minute)
		s.sink.answers(refuse)
		s.traffic(5*time.Hour, time.Minute)
		first, last := bodyOf(s, 10), bodyOf(s, s.sent-1)
		s.sink.answers(func(ctx context.Context, logs plog.Logs) error {
			bodies := bodiesOf(logs)
			switch {
			case slices.Equal(bodies, []string{last}):
				<-ctx.Done()
				return ctx.Err()
			case slices.Contains(bodies, first), slices.Contains(bodies, last):
				return errForGood
			default:
				return nil
			}
		})
		s.elapse(10 * time.Minute) // saved
		lost, _ := s.count()
		require.Equal(t, 2, lost, "the rest is accepted")
		s.kill()
		s.sink.answers(nil)
		s.start()
		s.fills(12)
		s.keepsThePromise(0)
	})
}

// The pipeline blocks on a record that was set aside, until the live session has to go on, and accepts it then.
func TestAside_acceptedLateArrivesOnce(t *testing.T) {
	tenant(t, podsim.Options{ArchiveStays: true}, nil, func(s *scenario) {
		release := make(chan struct{})
		var offered atomic.Int32
		s.sink.answers(func(_ context.Context, logs plog.Logs) error {
			bodies := bodiesOf(logs)
			if len(s.service.Produced(podlog.Message)) <= 30 || !slices.Contains(bodies, bodyOf(s, 30)) {
				return nil
			}
			if len(bodies) > 1 {
				return errForGood
			}
			if offered.Add(1) == 1 {
				return errForGood
			}
			<-release
			return nil
		})
		s.away(3)
		s.until("the record to be held", func() bool { return offered.Load() == 2 })
		require.True(t, strings.HasSuffix(s.kinds(), "A"), "the live session is paused")
		s.elapse(20 * time.Minute)
		require.True(t, strings.HasSuffix(s.kinds(), "L"), "the live session goes on")
		close(release)
		s.elapse(time.Minute)
		assert.Equal(t, 1, s.logged(acceptedAfterAll))
		_, repeated := s.count()
		assert.Zero(t, repeated)
	})
}

// The pipeline accepts late what it held, and nothing else comes: that ends its outage.
func TestDelivery_lateAcceptanceEndsTheOutage(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		release := s.blocks(isOld)
		s.mails(1)
		s.elapse(time.Minute)
		s.shutdown()
		s.mails(1)
		s.elapse(4 * time.Hour)
		s.start()
		s.until("the batch to be held", func() bool { return s.logged(isHeld) > 0 })
		s.elapse(30 * time.Minute)
		require.Equal(t, "Error", attr(s.host.last(), "state"))
		release(nil)
		s.elapse(5 * time.Minute)
		assert.Equal(t, 1, s.logged(acceptedAfterAll))
		assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
		s.elapse(2 * time.Hour)
		s.sink.answers(refuse)
		s.mails(1)
		s.elapse(time.Minute)
		assert.NotContains(t, s.said(), "gave up", "this is another outage")
		s.sink.answers(nil)
		s.fills(9)
		s.keepsThePromise(0)
	})
}

// The stream gives up on a record that is set aside, while others wait in a batch.
func TestAside_streamGivesUpWhileABatchWaits(t *testing.T) {
	tenant(t, podsim.Options{}, ofMission, func(s *scenario) {
		s.mails(1)
		s.elapse(10 * time.Minute)
		s.sink.answers(wrongToken)
		s.mails(1)
		s.until("the record to be set aside", func() bool { return attr(s.host.last(), "state") == "Error" })
		s.elapse(88 * time.Minute)
		s.service.Push(podlog.Message, mail(s.sent+1, time.Now().Add(-50*time.Hour), 0)) // comes late
		s.sent++
		s.elapse(4 * time.Minute)
		require.Contains(t, s.said(), "gave up")
		assert.Equal(t, 2., s.metric(metricRefused)["event_type=message"])
		s.shutdown()
		s.sink.answers(nil)
		s.start()
		s.fills(9)
		s.keepsThePromise(0)
	})
}

// The pipeline refuses most records of a batch, but not all: one that it accepts is found, however many records there are.
func TestAside_findsARecordThatIsAccepted(t *testing.T) {
	for _, records := range []int{100, 617, 1000} {
		t.Run(strconv.Itoa(records), func(t *testing.T) {
			play(t, podsim.Options{}, func(s *scenario) {
				ofMission(s)
				s.config.Batch.Timeout = time.Second
				s.service.Generate(podlog.Message, records)
				var poison []string
				for i := range records {
					if i < 30 || i%10 != 3 {
						poison = append(poison, bodyOf(s, i))
					}
				}
				s.sink.answers(refuseForGood(poison...))
			}, func(s *scenario) {
				s.elapse(80 * time.Minute)
				assert.NotEmpty(t, s.sink.batches())
			})
		})
	}
}

// Records that the pipeline refuses come faster than those that are set aside are due.
func TestAside_rejectsWhileOthersAreSetAside(t *testing.T) {
	for name, apart := range map[string]time.Duration{"in one batch": 0, "in a batch of their own": 250 * time.Millisecond} {
		t.Run(name, func(t *testing.T) { rejectsWhileOthersAreSetAside(t, apart) })
	}
}

func rejectsWhileOthersAreSetAside(t *testing.T, apart time.Duration) {
	t.Helper()
	play(t, podsim.Options{}, nil, func(s *scenario) {
		s.state("Collecting")
		s.sink.answers(func(_ context.Context, logs plog.Logs) error {
			for _, body := range bodiesOf(logs) {
				if strings.Contains(body, `"x":"poison"`) {
					return errForGood
				}
			}
			return nil
		})
		for i := range 80 {
			s.service.Push(podlog.Message, fmt.Appendf(nil, `{"guid":"p%d","x":"poison"}`, i))
			s.elapse(apart)
			s.service.Push(podlog.Message, fmt.Appendf(nil, `{"guid":"%d"}`, i))
			s.elapse(500*time.Millisecond - apart)
		}
		assert.Greater(t, s.metric(metricRefused)["event_type=message"], 60.)
	})
}

// Records that came live wait for the pipeline while the second token reads their hours from the archive: the gap stays open
// until they are accepted.
func TestFill_gapStaysOpenWhileItsRecordsWaitForThePipeline(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		withSecondToken(s)
		ofMission(s)
		s.config.Backfill.Margin = time.Minute
		s.config.RetryOnFailure.MaxElapsedTime = 0
	}, func(s *scenario) {
		s.traffic(10*time.Minute, 10*time.Second)
		s.elapse(10 * time.Minute)
		over := s.outage()
		s.traffic(50*time.Minute, time.Minute) // the service keeps them
		s.sink.answers(refuse)
		over()
		s.elapse(5 * time.Hour)
		s.kill()
		s.sink.answers(nil)
		s.start()
		s.fills(12)
		s.keepsThePromise(0)
	})
}
