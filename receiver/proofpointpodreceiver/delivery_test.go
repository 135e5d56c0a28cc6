package proofpointpodreceiver

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

var errBackendDown = errors.New("the backend is down")

func refuse(context.Context, plog.Logs) error { return errBackendDown }

func TestDelivery_batchOfHundredRecords(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) { s.service.Generate(podlog.Message, 250) }, func(s *scenario) {
		s.collects(podlog.Message)
		var sizes []int
		for _, logs := range s.sink.batches() {
			sizes = append(sizes, logs.LogRecordCount())
		}
		assert.Equal(t, []int{100, 100, 50}, sizes)
	})
}

func TestDelivery_batchOfOneMebibyte(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		for i := range 10 {
			s.service.Push(podlog.Message, []byte(`{"n":`+strconv.Itoa(i)+`,"pad":"`+strings.Repeat("x", 300<<10)+`"}`))
		}
	}, func(s *scenario) {
		s.collects(podlog.Message)
		var sizes []int
		for _, logs := range s.sink.batches() {
			sizes = append(sizes, logs.LogRecordCount())
		}
		assert.Equal(t, []int{3, 3, 3, 1}, sizes, "a batch is larger than a mebibyte")
	})
}

func TestDelivery_batchOfWhatCameWithin100ms(t *testing.T) {
	play(t, podsim.Options{}, nil, func(s *scenario) {
		s.state("Collecting")
		s.service.Generate(podlog.Message, 1)
		s.elapse(60 * time.Millisecond)
		s.service.Generate(podlog.Message, 1)
		s.elapse(39 * time.Millisecond)
		assert.Empty(t, s.sink.batches(), "handed on before 100 ms")
		s.elapse(2 * time.Millisecond)
		require.Len(s.t, s.sink.batches(), 1, "not handed on after 100 ms")
		assert.Equal(t, 2, s.sink.batches()[0].LogRecordCount())
	})
}

// Behind a batch that took long, what was read with it still waits for others: batches would be small when there is the
// least use for that.
func TestDelivery_batchWaitsForOthersHoweverLongAgoItWasRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHotPath(t, podlog.Maillog, nil)
		require.NoError(t, h.stream.Frame(h.frame, time.Now().Add(-time.Minute), false))
		assert.Equal(t, time.Now().Add(100*time.Millisecond), h.stream.Due())
	})
}

func TestDelivery_sameBatchAgainUntilAccepted(t *testing.T) {
	var first plog.Logs
	play(t, podsim.Options{}, func(s *scenario) {
		s.service.Generate(podlog.Message, 500)
		s.sink.answers(func(_ context.Context, logs plog.Logs) error {
			if first == (plog.Logs{}) {
				first = plog.NewLogs()
				logs.CopyTo(first)
			}
			// Whoever refuses a batch may have changed it before.
			logs.ResourceLogs().RemoveIf(func(plog.ResourceLogs) bool { return true })
			return errBackendDown
		})
	}, func(s *scenario) {
		event := s.state("Error")
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
		assert.Equal(t, "FirstPartyGeneric", attr(event, "error.type"))
		assert.Equal(t, "FirstPartyGenericError", attr(event, "health_event"))
		require.ErrorContains(s.t, event.Err(), errBackendDown.Error())

		s.elapse(80 * time.Minute)
		assert.Equal(t, []int{101}, s.handshakes(podlog.Message), "a session was opened while a batch was held")
		assert.Equal(t, 1, s.service.Live(podlog.Message), "the session died because nobody looked")
		assert.Greater(t, s.service.Sessions()[0].Pings, 30, "no pings while nothing is read")
		assert.Greater(t, s.sink.offers(), 80, "at least one attempt a minute")

		s.sink.answers(nil)
		s.collects(podlog.Message)
		accepted := s.sink.batches()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		refused := first.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		require.Equal(s.t, refused.Len(), accepted.Len())
		for i := range refused.Len() {
			assert.Equal(t, refused.At(i).Body().Str(), accepted.At(i).Body().Str())
			assert.Equal(t, refused.At(i).Attributes().AsRaw(), accepted.At(i).Attributes().AsRaw())
		}
		assert.Equal(t, []string{"Initialized", "Authenticated", "Collecting", "Error", "Collecting"}, s.host.states())
	})
}

func TestDelivery_readsNothingWhileABatchIsHeld(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.sink.answers(refuse)
		s.service.Generate(podlog.Message, 5000)
	}, func(s *scenario) {
		s.state("Error")
		s.elapse(time.Minute)
		written := len(s.service.Written(podlog.Message))
		s.elapse(30 * time.Minute)
		assert.Len(t, s.service.Written(podlog.Message), written, "the socket was read")
		assert.Less(t, written, 1000, "more was read than a batch and the buffers hold")
		s.sink.answers(nil)
		s.collects(podlog.Message)
		require.Len(t, s.service.Sessions(), 1, "a session that nobody reads is not dead")
		assert.Zero(t, s.service.Sessions()[0].Ended)
	})
}

func TestDelivery_blockedPipelineCountsAsRefusingAfter30s(t *testing.T) {
	release := make(chan struct{})
	play(t, podsim.Options{}, func(s *scenario) {
		release = make(chan struct{}) // of the bubble
		s.service.Generate(podlog.Message, 300)
		s.sink.answers(func(context.Context, plog.Logs) error { <-release; return nil })
	}, func(s *scenario) {
		s.elapse(29 * time.Second)
		assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
		s.elapse(2 * time.Second)
		event := s.host.last()
		assert.Equal(t, "Error", attr(event, "state"))
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
		assert.Equal(t, "FirstPartyGeneric", attr(event, "error.type"))

		s.elapse(time.Hour)
		assert.Equal(t, 1, s.sink.offers(), "the batch may still be accepted: offered again, it could arrive twice")
		assert.Equal(t, 1, s.service.Live(podlog.Message))
		assert.Equal(t, []int{101}, s.handshakes(podlog.Message))
		close(release)
		s.collects(podlog.Message)
		s.state("Collecting")
	})
}

func TestDelivery_givesUpAfter90Minutes(t *testing.T) {
	block := func(ctx context.Context, _ plog.Logs) error { <-ctx.Done(); return ctx.Err() }
	for name, answer := range map[string]func(context.Context, plog.Logs) error{"refusing": refuse, "blocking": block} {
		t.Run(name, func(t *testing.T) {
			play(t, podsim.Options{}, func(s *scenario) {
				s.service.Generate(podlog.Message, 300)
				s.sink.answers(answer)
			}, func(s *scenario) {
				s.elapse(89 * time.Minute)
				assert.Equal(t, componentstatus.StatusRecoverableError, s.host.last().Status())
				s.elapse(2 * time.Minute)
				event := s.host.last()
				assert.Equal(t, componentstatus.StatusPermanentError, event.Status())
				assert.Equal(t, "FirstPartyGeneric", attr(event, "error.type"))
				require.ErrorContains(s.t, event.Err(), "It gave up after 1h30m0s")
				require.ErrorContains(s.t, event.Err(), "reload the collector")
				s.until("the slot is free", func() bool { return s.service.Live(podlog.Message) == 0 })
				offers := s.sink.offers()
				s.elapse(3 * time.Hour)
				assert.Equal(t, offers, s.sink.offers())
				assert.Equal(t, []int{101}, s.handshakes(podlog.Message))
			})
		})
	}
}

func TestDelivery_clockOfThePipelineEndsWhenABatchIsAccepted(t *testing.T) {
	play(t, podsim.Options{Rate: map[podlog.EventType]float64{podlog.Message: 0.1}}, nil, func(s *scenario) {
		for range 3 {
			s.sink.answers(refuse)
			s.state("Error")
			s.elapse(80 * time.Minute)
			s.sink.answers(nil)
			s.state("Collecting")
		}
		assert.Equal(t, []int{101}, s.handshakes(podlog.Message))
	})
}

func TestDelivery_heldBatchComesBeforeTheNextSession(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.service.Plan(podsim.Step{Do: podsim.Drop, Records: 150})
		s.service.Generate(podlog.Message, 300)
		s.sink.answers(refuse)
	}, func(s *scenario) {
		s.state("Error")
		s.elapse(10 * time.Minute)
		assert.Equal(t, []int{101}, s.handshakes(podlog.Message), "a session was opened while a batch was held")
		s.sink.answers(nil)
		s.collects(podlog.Message)
		assert.Equal(t, texts(s.service.Produced(podlog.Message)), s.sink.bodies(podlog.Message))
	})
}

func TestDelivery_retriesSwitchedOffQuitsAtTheFirstRefusal(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.RetryOnFailure.Enabled = false
		s.service.Generate(podlog.Message, 10)
		s.sink.answers(refuse)
	}, func(s *scenario) {
		event := s.state("Error")
		assert.Equal(t, componentstatus.StatusPermanentError, event.Status())
		require.ErrorContains(s.t, event.Err(), "retry_on_failure.enabled")
		assert.Equal(t, 1, s.sink.offers())
	})
}
