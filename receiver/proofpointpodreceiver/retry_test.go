package proofpointpodreceiver

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// opened lists when the handshakes of an event type came.
func (s *scenario) opened(t podlog.EventType) []time.Time {
	var list []time.Time
	for _, h := range s.service.Handshakes() {
		if h.Type == t {
			list = append(list, h.Time)
		}
	}
	return list
}

// waits lists the times between the handshakes of an event type.
func (s *scenario) waits(t podlog.EventType) []time.Duration {
	var list []time.Duration
	opened := s.opened(t)
	for i := 1; i < len(opened); i++ {
		list = append(list, opened[i].Sub(opened[i-1]))
	}
	return list
}

// refusing is a step that answers with status for ever.
func refusing(status int) podsim.Step {
	return podsim.Step{Do: podsim.Refuse, Status: status, Times: -1}
}

func TestRetry_waitsGrowUpToTheLongestAndVary(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.service.Plan(refusing(502))
	}, func(s *scenario) {
		s.elapse(time.Hour)
		waits := s.waits(podlog.Message)
		require.Greater(t, len(waits), 60)
		for i, least := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second} {
			assert.GreaterOrEqual(t, waits[i], least)
			assert.LessOrEqual(t, waits[i], 3*least)
		}
		for _, wait := range waits[6:] {
			assert.GreaterOrEqual(t, wait, 20*time.Second)
			assert.LessOrEqual(t, wait, time.Minute, "longer than max_interval")
		}
		slices.Sort(waits)
		assert.Greater(t, len(slices.Compact(waits)), 50, "the waits are all the same")
	})
}

func TestRetry_after(t *testing.T) {
	inAMinute := func(now time.Time) string { return now.Add(time.Minute).UTC().Format(http.TimeFormat) }
	tests := map[string]struct {
		header      func(now time.Time) string
		least, most time.Duration
	}{
		"seconds":            {func(time.Time) string { return "120" }, 2 * time.Minute, 133 * time.Second},
		"a date":             {inAMinute, time.Minute, 67 * time.Second},
		"more than we grant": {func(time.Time) string { return "86400" }, 10 * time.Minute, 11*time.Minute + time.Second},
		"nothing sensible":   {func(time.Time) string { return "soon" }, 500 * time.Millisecond, 1500 * time.Millisecond},
		"a date in the past": {func(now time.Time) string { return inAMinute(now.Add(-time.Hour)) }, 500 * time.Millisecond, 1500 * time.Millisecond},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			play(t, podsim.Options{}, func(s *scenario) {
				s.service.Plan(podsim.Step{
					Do: podsim.Refuse, Status: 503, Headers: map[string]string{"Retry-After": test.header(time.Now())},
				})
			}, func(s *scenario) {
				s.state("Collecting")
				wait := s.waits(podlog.Message)[0]
				assert.GreaterOrEqual(t, wait, test.least)
				assert.LessOrEqual(t, wait, test.most)
			})
		})
	}
}

func TestRetry_givesUpAfter90MinutesAndSaysWhy(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.service.Plan(refusing(502))
	}, func(s *scenario) {
		deadline := time.Now().Add(90 * time.Minute)
		s.elapse(90*time.Minute - time.Second)
		assert.Equal(t, componentstatus.StatusRecoverableError, s.host.last().Status())
		waiting := s.logs.FilterMessage("not collecting; trying again").All()
		assert.Equal(t, deadline, waiting[len(waiting)-1].ContextMap()["gives_up_at"], "the log says for how long")
		s.elapse(2 * time.Second)
		event := s.host.last()
		assert.Equal(t, componentstatus.StatusPermanentError, event.Status())
		assert.Equal(t, "ThirdPartyGeneric", attr(event, "error.type"))
		assert.EqualValues(t, 502, attr(event, "http.response.status_code"))
		assert.ErrorContains(t, event.Err(), "HTTP 502")
		assert.ErrorContains(t, event.Err(), "It gave up after 1h30m0s (retry_on_failure.max_elapsed_time)")
		assert.ErrorContains(t, event.Err(), "reload the collector")

		tried := s.opened(podlog.Message)
		assert.Equal(t, 90*time.Minute, tried[len(tried)-1].Sub(tried[0]), "there is a last attempt at the deadline")
		s.elapse(24 * time.Hour)
		assert.Len(t, s.opened(podlog.Message), len(tried), "it was tried again")
	})
}

func TestRetry_neverGivesUpWithoutALimit(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.RetryOnFailure.MaxElapsedTime = 0
		s.config.RetryOnFailure.MaxInterval = 3 * time.Hour
		s.service.Plan(refusing(502))
	}, func(s *scenario) {
		s.elapse(24 * time.Hour)
		assert.Equal(t, componentstatus.StatusRecoverableError, s.host.last().Status())
		assert.Nil(t, attr(s.host.last(), "retry.deadline"))
		s.service.ClearPlan()
		s.elapse(3 * time.Hour)
		assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
	})
}

func TestRetry_switchedOffQuitsAtTheFirstFailure(t *testing.T) {
	tests := map[string]podsim.Step{
		"handshake": {Do: podsim.Refuse, Status: 502},
		"drop":      {Do: podsim.Drop, Records: 10},
	}
	for name, step := range tests {
		t.Run(name, func(t *testing.T) {
			play(t, podsim.Options{}, func(s *scenario) {
				s.config.RetryOnFailure.Enabled = false
				s.service.Plan(step)
				s.service.Generate(podlog.Message, step.Records)
			}, func(s *scenario) {
				event := s.state("Error")
				assert.Equal(t, componentstatus.StatusPermanentError, event.Status())
				assert.ErrorContains(t, event.Err(), "retry_on_failure.enabled")
				s.elapse(time.Hour)
				assert.Len(t, s.service.Handshakes(), 1)
				assert.Len(t, s.sink.bodies(podlog.Message), step.Records, "what had arrived is handed on")
			})
		})
	}
}

// flap has a service, which may tell records, drop each session when it is as old as given.
func flap(t *testing.T, age, limit time.Duration, rate float64, story func(*scenario)) {
	t.Helper()
	options := podsim.Options{SlotHold: -1, Rate: map[podlog.EventType]float64{podlog.Message: rate}}
	play(t, options, func(s *scenario) {
		s.config.RetryOnFailure.MaxElapsedTime = limit
		s.service.Plan(podsim.Step{Do: podsim.Drop, After: age, Times: -1})
	}, story)
}

func TestRetry_clockGoesOnThroughSessionsThatDieYoung(t *testing.T) {
	flap(t, 29*time.Second, 90*time.Minute, 0, func(s *scenario) {
		s.elapse(95 * time.Minute)
		event := s.host.last()
		assert.Equal(t, componentstatus.StatusPermanentError, event.Status())
		assert.ErrorContains(t, event.Err(), "It gave up after 1h30m0s")
		waits := s.waits(podlog.Message)
		assert.Greater(t, waits[len(waits)-2], 45*time.Second, "such a session does not shorten the waits")
	})
}

func TestRetry_clockEndsWhenASessionHasLived30s(t *testing.T) {
	flap(t, 31*time.Second, 5*time.Minute, 0, func(s *scenario) {
		s.elapse(15 * time.Minute)
		assert.NotEqual(t, componentstatus.StatusPermanentError, s.host.last().Status())
		for _, wait := range s.waits(podlog.Message) {
			assert.Less(t, wait, 33*time.Second, "the waits begin anew")
		}
	})
}

func TestRetry_clockEndsWhenARecordArrives(t *testing.T) {
	flap(t, 5*time.Second, 2*time.Minute, 1, func(s *scenario) {
		s.elapse(5 * time.Minute)
		assert.NotEqual(t, componentstatus.StatusPermanentError, s.host.last().Status())
		for _, wait := range s.waits(podlog.Message) {
			assert.Less(t, wait, 7*time.Second, "the waits begin anew")
		}
	})
}

func TestRetry_patientWhileAnotherSessionUsesTheToken(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: 409, Times: 20})
	}, func(s *scenario) {
		event := s.state("Error")
		assert.ErrorContains(t, event.Err(), "another session uses this token")
		assert.ErrorContains(t, event.Err(), "Exceeded maximum number of sessions per token")
		s.service.Generate(podlog.Message, 10)
		s.collects(podlog.Message)
	})
}

// A session that dies without a close frame holds its slot for a while.
func TestRetry_waitsForItsOwnOldSlot(t *testing.T) {
	play(t, podsim.Options{SlotHold: 2 * time.Minute}, func(s *scenario) {
		s.service.Generate(podlog.Message, 30)
		s.service.Plan(podsim.Step{Do: podsim.Drop, Records: 10})
	}, func(s *scenario) {
		s.collects(podlog.Message)
		assert.Contains(t, s.handshakes(podlog.Message), 409)
	})
}

func TestRetry_everyEndOfASession(t *testing.T) {
	ends := map[string]podsim.Step{"FIN": {Do: podsim.Drop, Records: 60, Times: 2}}
	for _, code := range []int{1000, 1001, 1005, 1011, 1012, 1013} {
		ends[strconv.Itoa(code)] = podsim.Step{Do: podsim.Close, Code: code, Records: 60, Times: 2}
	}
	for name, end := range ends {
		for _, resume := range []podsim.Resume{podsim.ResumeAfterWritten, podsim.ResumeAfterReceived} {
			t.Run(fmt.Sprintf("%s, resume %d", name, resume), func(t *testing.T) {
				play(t, podsim.Options{Resume: resume}, func(s *scenario) {
					s.service.Generate(podlog.Message, 150)
					s.service.Plan(end)
				}, func(s *scenario) {
					s.collects(podlog.Message)
					assert.Contains(t, s.host.states(), "Error", "nobody was told")
					assert.Equal(t, componentstatus.StatusOK, s.host.last().Status())
				})
			})
		}
	}
}

// What is under way at a reset is lost to both ends, so it comes when nothing is.
func TestRetry_reset(t *testing.T) {
	play(t, podsim.Options{}, nil, func(s *scenario) {
		for range 3 {
			s.service.Generate(podlog.Message, 60)
			s.collects(podlog.Message)
			s.service.DropAll(podsim.Reset)
			s.state("Error")
		}
		s.state("Collecting")
	})
}

func TestRetry_streamsDoNotComeBackInLockstep(t *testing.T) {
	busy := map[string]string{"Retry-After": "60"}
	tests := map[string][]podsim.Step{
		"drop":        nil,
		"refused":     {{Do: podsim.Refuse, Status: 502, Times: 8}},
		"Retry-After": {{Do: podsim.Refuse, Status: 503, Headers: busy, Times: 4}},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			play(t, podsim.Options{SlotHold: -1}, func(s *scenario) {
				s.config.SupportedEvents = []podlog.EventType{podlog.Message, podlog.Maillog}
				s.config.RetryOnFailure.RandomizationFactor = 0
			}, func(s *scenario) {
				s.state("Collecting")
				s.service.Plan(steps...)
				s.service.DropAll(podsim.Drop)
				s.elapse(10 * time.Minute)
				require.Empty(t, s.service.PlanLeft())
				message, maillog := s.opened(podlog.Message)[1:], s.opened(podlog.Maillog)[1:]
				require.NotEmpty(t, message)
				require.NotEmpty(t, maillog)
				for _, at := range message {
					assert.NotContains(t, maillog, at)
				}
			})
		})
	}
}

func TestRetry_givesUpOnOneStreamOnly(t *testing.T) {
	play(t, podsim.Options{Rate: map[podlog.EventType]float64{podlog.Maillog: 0.01}}, func(s *scenario) {
		s.config.SupportedEvents = []podlog.EventType{podlog.Message, podlog.Maillog}
		step := refusing(503)
		step.Type = podlog.Message
		s.service.Plan(step)
	}, func(s *scenario) {
		s.elapse(2 * time.Hour)
		event := s.host.last()
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status(), "a stream still collects")
		assert.ErrorContains(t, event.Err(), "message: ")
		assert.ErrorContains(t, event.Err(), "It gave up after")
		s.service.Generate(podlog.Maillog, 10)
		s.collects(podlog.Maillog)
	})
}

// Some services take the handshake, say in a text frame what is wrong, and close: that is no record, and no recovery.
func TestRetry_clockGoesOnWhereTheServiceTellsAnErrorInAFrame(t *testing.T) {
	for name, frames := range map[string][]podsim.Frame{
		"in JSON": {{Text: `{"error":"token has expired","requestId":"1"}`}},
		"in text": {{Text: "internal server error"}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, podsim.Options{SlotHold: -1}, func(s *scenario) {
				s.config.RetryOnFailure.MaxElapsedTime = 10 * time.Minute
				s.service.Plan(podsim.Step{Do: podsim.Close, Code: 1008, Frames: frames, Times: -1})
			}, func(s *scenario) {
				s.elapse(9 * time.Minute)
				assert.Less(t, len(s.opened(podlog.Message)), 25, "the service is asked again and again")
				s.elapse(2 * time.Minute)
				assert.Equal(t, componentstatus.StatusPermanentError, s.host.last().Status())
				assert.ErrorContains(t, s.host.last().Err(), "It gave up after 10m0s")
				assert.Len(t, s.sink.bodies(podlog.Message), 1, "it is handed on all the same, once")
			})
		})
	}
}

// A session that does not go further than what it has sent before brings records all the same.
func TestRetry_repeatedRecordEndsTheOutage(t *testing.T) {
	play(t, podsim.Options{SlotHold: -1}, func(s *scenario) {
		s.config.RetryOnFailure.MaxElapsedTime = 10 * time.Minute
		same := podsim.Frame{Text: `{"guid":"a","ts":"2026-01-01T00:00:00.000000+0000"}`}
		s.service.Plan(podsim.Step{Do: podsim.Drop, After: 20 * time.Second, Frames: []podsim.Frame{same}, Times: -1})
	}, func(s *scenario) {
		s.elapse(time.Hour)
		assert.NotEqual(t, componentstatus.StatusPermanentError, s.host.last().Status())
		assert.Len(t, s.sink.bodies(podlog.Message), 1)
	})
}

// Should the service change the form of `ts`, records are records all the same.
func TestRetry_clockEndsWhenManyRecordsWithoutATimeArrive(t *testing.T) {
	play(t, podsim.Options{SlotHold: -1}, func(s *scenario) {
		s.config.RetryOnFailure.MaxElapsedTime = 2 * time.Minute
		for i := range 300 {
			var frames []podsim.Frame
			for j := range 10 {
				frames = append(frames, podsim.Frame{Text: fmt.Sprintf(`{"guid":"%d-%d","ts":1767225600}`, i, j)})
			}
			s.service.Plan(podsim.Step{Do: podsim.Drop, Frames: frames})
		}
	}, func(s *scenario) {
		s.elapse(4 * time.Minute)
		assert.NotEqual(t, componentstatus.StatusPermanentError, s.host.last().Status())
		for _, wait := range s.waits(podlog.Message) {
			assert.Less(t, wait, 2*time.Second, "the waits begin anew")
		}
	})
}
