package proofpointpodreceiver

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

var errForGood = consumererror.NewPermanent(fmt.Errorf("HTTP %d: the far end's own words", http.StatusBadRequest))

// wrongToken refuses whatever comes, and says that it always will.
func wrongToken(context.Context, plog.Logs) error { return errForGood }

// refuseForGood refuses every batch in which one of the bodies is.
func refuseForGood(poison ...string) func(context.Context, plog.Logs) error {
	return func(_ context.Context, logs plog.Logs) error {
		records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		for _, r := range records.All() {
			if slices.Contains(poison, r.Body().Str()) {
				return errForGood
			}
		}
		return nil
	}
}

// bodyOf is the text of a message that the service has produced.
func bodyOf(s *scenario, i int) string { return string(s.service.Produced(podlog.Message)[i]) }

// rejects waits until all messages but some have arrived, and these are counted as rejected and named.
func (s *scenario) rejects(poison ...string) {
	s.t.Helper()
	s.until("the rejection", func() bool {
		return s.metric(metricRefused)["event_type=message"] == float64(len(poison))
	})
	s.elapse(10 * time.Second)
	var want []string
	for _, text := range texts(s.service.Produced(podlog.Message)) {
		if !slices.Contains(poison, text) {
			want = append(want, text)
		}
	}
	assert.ElementsMatch(s.t, want, s.sink.bodies(podlog.Message), "the others arrive once")
	said := s.said()
	for _, text := range poison {
		guid, _, _ := strings.Cut(strings.SplitN(text, `"guid":"`, 2)[1], `"`)
		assert.Contains(s.t, said, guid, "a record that is lost is named")
	}
	assert.Equal(s.t, "Collecting", attr(s.host.last(), "state"))
}

func TestReject_oneRecordOfABatch(t *testing.T) {
	for name, position := range map[string]int{"first": 0, "second": 1, "amid": 567, "last": 999} {
		t.Run(name, func(t *testing.T) {
			var poison string
			play(t, podsim.Options{}, func(s *scenario) {
				s.config.Batch.MaxRecords, s.config.Batch.Timeout = 1000, 10*time.Second
				s.service.Generate(podlog.Message, 1000)
				poison = bodyOf(s, position)
				s.sink.answers(refuseForGood(poison))
			}, func(s *scenario) {
				s.elapse(30 * time.Second)
				assert.LessOrEqual(t, s.sink.offers(), 40, "halved, not offered one by one")
				// Whether a record that was refused last is refused for its own sake shows with the next one.
				s.service.Generate(podlog.Message, 1)
				s.rejects(poison)
				assert.Equal(t, []int{101}, s.handshakes(podlog.Message))
			})
		})
	}
}

func TestReject_severalRecordsOfABatch(t *testing.T) {
	var poison []string
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.Batch.MaxRecords = 1000
		s.service.Generate(podlog.Message, 400)
		for _, i := range []int{0, 1, 2, 3, 4, 5, 6, 7, 100, 150, 151, 398} {
			poison = append(poison, bodyOf(s, i))
		}
		s.sink.answers(refuseForGood(poison...))
	}, func(s *scenario) { s.rejects(poison...) })
}

// More records than can be set aside at a time.
func TestReject_manyRecords(t *testing.T) {
	var poison []string
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.Batch.MaxRecords = 1000
		s.service.Generate(podlog.Message, 900)
		for i := range 450 {
			poison = append(poison, bodyOf(s, 2*i))
		}
		s.sink.answers(refuseForGood(poison...))
	}, func(s *scenario) { s.rejects(poison...) })
}

// A record in a batch of its own, on a quiet stream: nothing shows whether it is the record or the pipeline.
func TestReject_aloneOnAQuietStream(t *testing.T) {
	play(t, podsim.Options{}, nil, func(s *scenario) {
		s.state("Collecting")
		s.service.Generate(podlog.Message, 1)
		poison := bodyOf(s, 0)
		s.sink.answers(refuseForGood(poison))
		event := s.state("Error")
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
		assert.Equal(t, "FirstPartyGeneric", attr(event, "error.type"))
		require.ErrorContains(t, event.Err(), "the far end's own words")
		s.elapse(time.Hour)
		assert.Empty(t, s.metric(metricRefused)["event_type=message"], "rejected, though nothing else was accepted")
		assert.Greater(t, s.sink.offers(), 30, "it is offered again")

		s.service.Generate(podlog.Message, 1)
		s.state("Collecting")
		s.rejects(poison)
	})
}

// Two records that are refused and come together do not hold those behind them.
func TestReject_twoAloneOnAQuietStream(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.service.Generate(podlog.Message, 2)
		s.sink.answers(refuseForGood(bodyOf(s, 0), bodyOf(s, 1)))
	}, func(s *scenario) {
		s.state("Error")
		s.service.Generate(podlog.Message, 1)
		s.rejects(bodyOf(s, 0), bodyOf(s, 1))
	})
}

func TestReject_nothingWhileTheTokenIsWrong(t *testing.T) {
	for _, size := range []int{100, 1000} {
		t.Run(fmt.Sprintf("batches of %d", size), func(t *testing.T) {
			play(t, podsim.Options{}, func(s *scenario) {
				s.config.Batch.MaxRecords = size
				s.config.RetryOnFailure.MaxElapsedTime = 0
				s.service.Generate(podlog.Message, 2500)
				s.sink.answers(wrongToken)
			}, func(s *scenario) {
				event := s.state("Error")
				assert.Equal(t, "FirstPartyGeneric", attr(event, "error.type"))
				require.ErrorContains(t, event.Err(), "the far end's own words")
				s.elapse(time.Hour)
				assert.Less(t, s.sink.offers(), 150, "a far end that refuses everything is asked once for each wait")
				assert.Equal(t, "Error", attr(s.host.last(), "state"))
				s.sink.answers(nil)
				s.collects(podlog.Message)
				assert.Zero(t, s.metric(metricRefused)["event_type=message"])
				assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
			})
		})
	}
}

// A quiet stream, whose records are each a batch, while the token is wrong.
func TestReject_nothingOfAQuietStreamWhileTheTokenIsWrong(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) { s.config.RetryOnFailure.MaxElapsedTime = 0 }, func(s *scenario) {
		s.sink.answers(wrongToken)
		for range 60 {
			s.service.Generate(podlog.Message, 1)
			s.elapse(time.Minute)
		}
		assert.Equal(t, "Error", attr(s.host.last(), "state"))
		s.sink.answers(nil)
		s.collects(podlog.Message)
		assert.Zero(t, s.metric(metricRefused)["event_type=message"])
	})
}

func TestReject_nothingWhenTheFarEndFailsForAMoment(t *testing.T) {
	for _, records := range []int{1, 2, 3, 100, 250} {
		t.Run(fmt.Sprint(records), func(t *testing.T) {
			var failures atomic.Int32
			play(t, podsim.Options{}, func(s *scenario) {
				s.service.Generate(podlog.Message, records)
				s.sink.answers(func(context.Context, plog.Logs) error {
					if failures.Add(1) <= 3 {
						return errForGood
					}
					return nil
				})
			}, func(s *scenario) {
				s.collects(podlog.Message)
				assert.Zero(t, s.metric(metricRefused)["event_type=message"])
				assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
			})
		})
	}
}

// A far end that takes requests of less than a size only.
func TestReject_nothingThatIsTooLargeTogether(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.Batch.MaxRecords = 1000
		s.service.Generate(podlog.Message, 1000)
		s.sink.answers(func(_ context.Context, logs plog.Logs) error {
			if (&plog.ProtoMarshaler{}).LogsSize(logs) > 1_000_000 {
				return errForGood
			}
			return nil
		})
	}, func(s *scenario) { s.collects(podlog.Message) })
}

// The process is killed while a record is set aside and others are delivered: it is read again, and rejected then.
func TestReject_afterAKill(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.mails(20)
		s.elapse(time.Minute)
		s.mails(1)
		poison := bodyOf(s, 20)
		s.sink.answers(refuseForGood(poison))
		s.state("Error")
		s.elapse(time.Minute) // saved
		s.kill()
		s.sink.answers(nil)
		s.start()
		s.elapse(time.Minute)
		require.Len(t, s.gaps(), 1)
		s.fills(9)
		lost, _ := s.count()
		assert.Zero(t, lost, "a record that was set aside is read again")
	})
}

// Others that came after the one that is set aside were accepted, so only its own mark in storage tells that it is missing.
func TestReject_afterAKillWithLaterRecordsAccepted(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) { s.config.UnflushedWindow, s.sink.memory = 0, 0 }, func(s *scenario) {
		s.mails(1)
		poison := bodyOf(s, 0)
		var others atomic.Bool
		s.sink.answers(func(ctx context.Context, logs plog.Logs) error {
			err := refuseForGood(poison)(ctx, logs)
			if err != nil && others.Load() {
				<-ctx.Done() // before it is rejected
			}
			others.Store(err == nil)
			return err
		})
		s.state("Error")
		s.mails(1)
		s.until("the other one", others.Load)
		s.elapse(10 * time.Second) // saved
		require.Empty(t, s.metric(metricRefused)["event_type=message"])
		s.kill()
		s.sink.answers(nil)
		s.start()
		s.elapse(time.Minute)
		s.fills(9)
		lost, repeated := s.count()
		assert.Zero(t, lost)
		assert.Zero(t, repeated)
	})
}

// A stop in order: what is still set aside is read from the archive by the next process.
func TestReject_afterAStop(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.mails(20)
		s.elapse(time.Minute)
		s.sink.answers(wrongToken)
		s.mails(1)
		s.state("Error")
		s.shutdown()
		s.sink.answers(nil)
		s.start()
		s.elapse(time.Minute)
		require.Len(t, s.gaps(), 1)
		s.fills(9)
		s.keepsThePromise(0)
	})
}

// Records of the archive are rejected on the same terms, with a token of its own and without.
func TestReject_recordOfTheArchive(t *testing.T) {
	for name, set := range map[string]func(*scenario){"one token": nil, "two tokens": withSecondToken} {
		t.Run(name, func(t *testing.T) {
			tenant(t, podsim.Options{}, set, func(s *scenario) {
				s.mails(5)
				s.elapse(time.Minute)
				s.sink.answers(func(ctx context.Context, logs plog.Logs) error {
					if len(s.service.Produced(podlog.Message)) <= 30 {
						return nil
					}
					return refuseForGood(bodyOf(s, 30))(ctx, logs) // produced while the source is away
				})
				s.away(3)
				s.fills(9)
				s.mails(3)
				s.until("the rejection", func() bool { return s.metric(metricRefused)["event_type=message"] == 1 })
				s.elapse(time.Minute)
				lost, repeated := s.count()
				assert.Equal(t, 1, lost)
				assert.Zero(t, repeated)
				assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
			})
		})
	}
}
