package proofpointpodreceiver

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

const clocksDiffer = "this machine's clock and the service's differ by more than a minute: check this machine's time synchronisation. Nothing is lost by it, as gaps are reckoned by the service's"

const notBelieved = "the Date of the service's answer is not believed until another handshake agrees: it is far from this machine's clock and from the answers before; correct that clock, or the clock of the proxy in between"

func TestClock_differsByHours(t *testing.T) {
	for name, skew := range map[string]time.Duration{"ahead": 5 * time.Hour, "behind": -5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			oneTokenAndTwo(t, podsim.Options{ClockSkew: skew}, func(s *scenario) {
				s.away(4)
				assert.Equal(t, 1, s.logged(clocksDiffer))
				require.Len(t, s.gaps(), 1)
				assert.WithinDuration(t, time.Now().Add(skew-time.Minute), s.gaps()[0].To, 2*time.Second, "by the service's clock")
				assert.Equal(t, 4, int(s.gaps()[0].To.Sub(s.gaps()[0].From).Hours()))
				s.withTraffic(15)
				s.keepsThePromise(0)
				assert.Empty(t, s.archiveHours(400))
				assert.Equal(t, 1, s.logged(clocksDiffer), "once")

				s.kill()
				s.traffic(5*time.Minute, 10*time.Second)
				s.start()
				s.withTraffic(15)
				s.keepsThePromise(6)
			})
		})
	}
}

// A process that never reached the service has not learned its clock.
func TestClock_differsAndAKillComesBeforeTheFirstSession(t *testing.T) {
	for name, skew := range map[string]time.Duration{"ahead": 5 * time.Hour, "behind": -5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			tenant(t, podsim.Options{ClockSkew: skew}, withSecondToken, func(s *scenario) {
				s.traffic(time.Hour, time.Minute)
				s.kill()
				over := s.outage()
				s.start()
				s.traffic(10*time.Minute, time.Minute)
				s.kill()
				over()
				s.start()
				s.traffic(time.Minute, time.Minute)
				s.fills(5)
				s.keepsThePromise(2)
			})
		})
	}
}

func TestClock_differsAtTheFirstStart(t *testing.T) {
	for name, skew := range map[string]time.Duration{"ahead": 5 * time.Hour, "behind": -5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			tenant(t, podsim.Options{ClockSkew: skew}, func(s *scenario) {
				withSecondToken(s)
				s.config.Backfill.Since = "3h"
				s.traffic(3*time.Hour, time.Minute)
			}, func(s *scenario) {
				s.elapse(10 * time.Second)
				require.Len(t, s.gaps(), 1)
				assert.Equal(t, 3*time.Hour, s.gaps()[0].To.Sub(s.gaps()[0].From).Round(time.Minute))
				s.fills(3)
				s.keepsThePromise(0)
			})
		})
	}
}

// The answer that opens a session may have its `Date` from a proxy without a clock. It must not make a gap of decades.
func TestClock_ofSomebodyWhoHasNone(t *testing.T) {
	for _, date := range []string{"Thu, 01 Jan 1970 00:00:00 GMT", "Wed, 01 Dec 1999 00:00:00 GMT", "Wed, 02 Feb 2000 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		t.Run(date, func(t *testing.T) {
			tenant(t, podsim.Options{}, withSecondToken, func(s *scenario) {
				s.traffic(time.Minute, 10*time.Second)
				s.service.Plan(podsim.Step{Headers: map[string]string{"Date": date}, Times: 3})
				for range 4 {
					s.service.DropAll(podsim.Drop)
					s.traffic(time.Minute, 10*time.Second)
				}
				assert.Equal(s.t, 3, s.logged(notBelieved))
				require.NotEmpty(s.t, s.gaps())
				for _, gap := range s.gaps() {
					assert.Less(s.t, gap.To.Sub(gap.From), time.Minute)
				}
				s.withTraffic(5)
				s.keepsThePromise(0)
			})
		})
	}
}

// The clock is one for all streams. A quiet one has caught up with what there was when its session began, whatever another
// stream's handshake has told of the time since.
func TestClock_setByAnotherStreamKeepsNoneFromTheArchive(t *testing.T) {
	play(t, podsim.Options{SlotHold: -1}, func(s *scenario) {
		s.streams(podlog.Message, podlog.Maillog)
		s.config.Storage = &storageID
		s.config.Backfill.ArchiveDelay = 5 * time.Second
	}, func(s *scenario) {
		s.service.Generate(podlog.Message, 10)
		s.collects(podlog.Message)
		s.service.Drop(podlog.Message, podsim.Drop)
		s.until("the gap", func() bool { return len(s.gaps()) == 1 })
		ahead := time.Now().Add(10 * time.Second).UTC().Format(http.TimeFormat)
		s.service.Plan(podsim.Step{Type: podlog.Maillog, Headers: map[string]string{"Date": ahead}, Times: -1})
		s.service.Drop(podlog.Maillog, podsim.Drop)
		s.elapse(30 * time.Second) // no ping, and so no sign of life, comes before two minutes
		assert.True(t, slices.ContainsFunc(s.service.Handshakes(), func(h podsim.Handshake) bool {
			return h.Type == podlog.Message && h.Query.Has("sinceTime")
		}), "the archive was not read")
	})
}

// dated is a handshake's answer with a Date that is wrong by so much.
func dated(by time.Duration) podsim.Step {
	return podsim.Step{Headers: map[string]string{"Date": time.Now().Add(by).UTC().Format(http.TimeFormat)}}
}

// Gaps are as long as the time that has passed, whatever one answer says.
func TestClock_oneAnswerIsWrong(t *testing.T) {
	for _, by := range []time.Duration{700 * time.Hour, 2 * time.Hour, 40 * time.Minute, -40 * time.Minute, -2 * time.Hour, -700 * time.Hour} {
		t.Run("while it runs, "+by.String(), func(t *testing.T) {
			tenant(t, podsim.Options{}, withSecondToken, func(s *scenario) {
				s.traffic(time.Minute, 10*time.Second)
				s.service.Plan(podsim.Step{Do: podsim.Drop, Records: 5, Lose: 3}, dated(by))
				for range 4 {
					s.service.DropAll(podsim.Drop)
					s.traffic(time.Minute, 10*time.Second)
				}
				assert.Equal(s.t, 1, s.logged(notBelieved))
				s.boundedGaps(10 * time.Minute)
				s.withTraffic(5)
				s.keepsThePromise(0)
			})
		})
	}
	for _, by := range []time.Duration{700 * time.Hour, 2 * time.Hour, -2 * time.Hour, -700 * time.Hour} {
		t.Run("after a kill, "+by.String(), func(t *testing.T) {
			tenant(t, podsim.Options{}, withSecondToken, func(s *scenario) {
				s.traffic(time.Minute, 10*time.Second)
				s.kill()
				s.traffic(time.Minute, 10*time.Second)
				s.service.Plan(dated(by))
				s.start()
				s.traffic(time.Minute, 10*time.Second)
				assert.Equal(s.t, 1, s.logged(notBelieved))
				s.boundedGaps(10 * time.Minute)
				s.withTraffic(5)
				s.keepsThePromise(6)
			})
		})
	}
}

// boundedGaps checks that there are gaps, that none lies in the future, and that they are no longer than so much.
func (s *scenario) boundedGaps(most time.Duration) {
	s.t.Helper()
	require.NotEmpty(s.t, s.gaps())
	for _, gap := range s.gaps() {
		assert.LessOrEqual(s.t, gap.To.Sub(gap.From), most)
		assert.False(s.t, gap.To.After(time.Now().Add(s.skew)), "in the future")
		assert.WithinDuration(s.t, time.Now().Add(s.skew), gap.To, most)
	}
}

// A difference of hours is believed at the second handshake, and nothing that was reckoned before it lasts.
func TestClock_twoHandshakesAgree(t *testing.T) {
	for _, skew := range []time.Duration{700 * time.Hour, 2 * time.Hour, -2 * time.Hour, -700 * time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			tenant(t, podsim.Options{ClockSkew: skew}, withSecondToken, func(s *scenario) {
				s.traffic(time.Minute, 10*time.Second)
				assert.Equal(s.t, 1, s.logged(notBelieved))
				assert.Equal(s.t, 1, s.logged(clocksDiffer))
				assert.Equal(s.t, []int{101, 101}, s.handshakes(podlog.Message))
				s.service.Plan(podsim.Step{Do: podsim.Drop, Records: 5, Lose: 3})
				s.service.DropAll(podsim.Drop)
				s.traffic(2*time.Minute, 10*time.Second)
				s.boundedGaps(10 * time.Minute)
				s.withTraffic(5)
				s.keepsThePromise(0)

				s.kill()
				s.traffic(2*time.Hour, time.Minute)
				s.start()
				s.traffic(time.Minute, 10*time.Second)
				assert.Zero(s.t, s.logged(notBelieved), "the difference is stored")
				s.boundedGaps(3 * time.Hour)
				s.withTraffic(8)
				s.keepsThePromise(6)
			})
		})
	}
}

// The handshakes of two streams can agree, too. What either has reckoned by then, it corrects.
func TestClock_handshakesOfTwoStreamsAgree(t *testing.T) {
	for _, skew := range []time.Duration{5 * time.Hour, -5 * time.Hour} {
		t.Run(skew.String(), func(t *testing.T) {
			tenant(t, podsim.Options{ClockSkew: skew}, func(s *scenario) {
				withSecondToken(s)
				s.config.SupportedEvents = []podlog.EventType{podlog.Message, podlog.Maillog}
			}, func(s *scenario) {
				s.traffic(time.Minute, 10*time.Second)
				s.service.Plan(podsim.Step{Type: podlog.Message, Do: podsim.Drop, Records: 5, Lose: 3})
				s.service.Drop(podlog.Message, podsim.Drop)
				s.traffic(2*time.Minute, 10*time.Second)
				s.boundedGaps(10 * time.Minute)
				s.withTraffic(5)
				s.keepsThePromise(0)
			})
		})
	}
}

// Two answers that agree are believed, and one that agrees with this machine is, at once.
func TestClock_wrongForTwoHandshakesAndThenRight(t *testing.T) {
	tenant(t, podsim.Options{}, withSecondToken, func(s *scenario) {
		s.traffic(time.Minute, 10*time.Second)
		s.service.Plan(dated(3*time.Hour), dated(3*time.Hour))
		for range 5 {
			s.service.DropAll(podsim.Drop)
			s.traffic(time.Minute, 10*time.Second)
		}
		for _, gap := range s.gaps() {
			assert.Less(s.t, gap.To.Sub(gap.From), 10*time.Minute)
		}
		assert.Equal(s.t, map[string]float64{"": 0}, s.metric(metricClockSkew))
		s.traffic(time.Minute, 10*time.Second)
		s.keepsThePromise(0)
	})
}
