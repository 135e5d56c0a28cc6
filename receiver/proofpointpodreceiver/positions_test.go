package proofpointpodreceiver

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

func TestPromise_dropWithinTheServicesMemory(t *testing.T) {
	readings(t, podsim.Options{}, func(s *scenario) {
		s.service.Plan(podsim.Step{Do: podsim.Drop, Records: 150, Lose: 30})
	}, func(s *scenario) {
		s.state("Collecting")
		s.mails(200)
		s.traffic(10*time.Minute, 20*time.Second)
		lost, _ := s.count()
		assert.Equal(t, s.resumesAfterWritten(), lost > 0, "%d lost before the fill", lost)
		require.Len(s.t, s.gaps(), 1)
		s.fills(9)
		s.keepsThePromise(0)
	})
}

// resumesAfterWritten says which reading of the service is played.
func (s *scenario) resumesAfterWritten() bool { return s.resume == podsim.ResumeAfterWritten }

func TestPromise_dropsAgainAndAgain(t *testing.T) {
	readings(t, podsim.Options{}, func(s *scenario) {
		s.service.Plan(podsim.Step{Do: podsim.Drop, Records: 25, Lose: 5, Times: 12})
	}, func(s *scenario) {
		for range 40 {
			s.mails(10)
			s.elapse(45 * time.Second)
		}
		s.service.ClearPlan()
		s.fills(9)
		s.keepsThePromise(0)
	})
}

// A gateway that loses the service behind it closes for both, whatever the service took for written.
func TestPromise_closedForTrouble(t *testing.T) {
	readings(t, podsim.Options{}, func(s *scenario) {
		s.service.Plan(podsim.Step{Do: podsim.Close, Code: 1011, Records: 25, Lose: 5, Times: 2})
	}, func(s *scenario) {
		for range 10 {
			s.mails(10)
			s.elapse(45 * time.Second)
		}
		s.fills(9)
		s.keepsThePromise(0)
	})
}

func TestPosition_aCloseThatIsNoNormalOneOpensAGap(t *testing.T) {
	for code, open := range map[int]int{
		1000: 0, 1005: 0, 1001: 1, 1008: 1, 1011: 1, 1012: 1, 1013: 1, 1014: 1, 4000: 1,
	} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			tenant(t, podsim.Options{}, func(s *scenario) {
				s.service.Plan(podsim.Step{Do: podsim.Close, Code: code, Records: 25})
			}, func(s *scenario) {
				s.mails(30)
				s.elapse(2 * time.Minute)
				require.Len(s.t, s.service.Sessions(), 2)
				assert.Len(s.t, s.gaps(), open)
			})
		})
	}
}

// outage ends what sessions there are, and has the service refuse all others until the function that it returns is
// called.
func (s *scenario) outage() (over func()) {
	s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: 503, Times: -1})
	s.service.DropAll(podsim.Drop)
	return s.service.ClearPlan
}

func TestPromise_outageLongerThanTheServicesMemory(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) { s.config.RetryOnFailure.MaxElapsedTime = 0 }, func(s *scenario) {
		s.traffic(time.Minute, 10*time.Second)
		over := s.outage()
		s.traffic(3*time.Hour, time.Minute)
		over()
		s.elapse(2 * time.Minute)
		lost, _ := s.count()
		assert.Greater(t, lost, 60, "the service remembers longer than was played")
		s.fills(12)
		s.keepsThePromise(0)
	})
}

func TestPromise_stoppedForLongerThanTheServicesMemory(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.traffic(time.Minute, 10*time.Second)
		s.shutdown()
		s.traffic(5*time.Hour, time.Minute)
		s.start()
		s.elapse(time.Minute)
		require.Len(t, s.gaps(), 1)
		s.fills(15)
		s.keepsThePromise(0)
	})
}

func TestPromise_stopAndStart(t *testing.T) {
	tenant(t, podsim.Options{CloseTail: 3}, nil, func(s *scenario) {
		for range 5 {
			s.traffic(time.Minute, 10*time.Second)
			s.mails(20)
			s.shutdown()
			s.traffic(10*time.Minute, time.Minute)
			s.start()
		}
		s.elapse(time.Minute)
		assert.Empty(t, s.gaps(), "a stop in order opens none")
		s.keepsThePromise(0)
		for _, h := range s.service.Handshakes() {
			assert.False(t, h.Query.Has("sinceTime"), "the archive was asked")
		}
	})
}

func TestPromise_anotherToken(t *testing.T) {
	for name, test := range map[string]struct{ startsNow, late bool }{
		"it begins with the last hour":                      {},
		"it begins with what comes from now on":             {startsNow: true},
		"it begins with that, and the storage answers late": {startsNow: true, late: true},
	} {
		t.Run(name, func(t *testing.T) {
			tenant(t, podsim.Options{StartsNow: test.startsNow}, nil, func(s *scenario) {
				s.traffic(5*time.Minute, 10*time.Second)
				s.shutdown()
				s.mails(20)
				s.service.AcceptTokens(secondToken)
				s.config.APISecret = secondToken
				release := func() {}
				if test.late {
					release = s.storage.holds()
				}
				s.start()
				s.traffic(time.Minute, 10*time.Second)
				release()
				s.traffic(time.Minute, 10*time.Second)
				assert.Contains(t, s.said(), "there is another token")
				s.fills(6)
				s.keepsThePromise(0)

				s.shutdown()
				s.start()
				s.traffic(time.Minute, 10*time.Second)
				assert.NotContains(t, s.said(), "there is another token")
			})
		})
	}
}

func TestPromise_killWithRecordsInThePipelinesMemory(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.traffic(20*time.Minute, 10*time.Second)
		s.kill()
		lost, _ := s.count()
		require.Equal(t, 30, lost, "what was in the pipeline's memory")
		s.traffic(5*time.Minute, 10*time.Second)
		s.start()
		s.traffic(time.Minute, 10*time.Second)
		s.fills(9)
		s.keepsThePromise(4) // accepted in the half minute by which the window is longer than the pipeline's memory
	})
}

func TestPromise_killWithADurableQueue(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		s.config.UnflushedWindow = 0
		s.sink.memory = 0
	}, func(s *scenario) {
		s.traffic(20*time.Minute, 10*time.Second)
		s.mails(5)
		s.elapse(200 * time.Millisecond) // accepted, and not saved
		s.kill()
		s.traffic(5*time.Minute, 10*time.Second)
		s.start()
		s.fills(9)
		s.keepsThePromise(6) // accepted since the last save
	})
}

// What a source has accepted in its first second must not be taken for written down by the pipeline, only because the
// process before it has ended in order.
func TestPromise_killRightAfterTheStart(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.traffic(10*time.Minute, 10*time.Second)
		s.restart()
		s.mails(20)
		s.elapse(300 * time.Millisecond)
		s.kill()
		lost, _ := s.count()
		require.GreaterOrEqual(t, lost, 20)
		s.start()
		s.fills(9)
		s.keepsThePromise(1)
	})
}

// One record with a `ts` of three days ago is no reason to read three days of the archive.
func TestPromise_killWithARecordOfAWrongTime(t *testing.T) {
	tenant(t, podsim.Options{}, withSecondToken, func(s *scenario) {
		s.traffic(10*time.Minute, 10*time.Second)
		s.sent++
		s.service.Push(podlog.Message, mail(s.sent, time.Now().Add(-72*time.Hour), 0))
		s.traffic(time.Minute, 10*time.Second)
		s.kill()
		s.start()
		s.elapse(time.Minute)
		require.Len(t, s.gaps(), 2)
		assert.Equal(t, time.Second, s.gaps()[0].To.Sub(s.gaps()[0].From))
		assert.Equal(t, 1, s.logged("gap opened: records that are old for when they came may have been missed, and are read from the archive"))
		s.fills(9)
		s.keepsThePromise(4)
		assert.Len(t, s.archiveHours(101), 4, "two for each gap")
	})
}

func TestPromise_killsInARow(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		for range 8 {
			s.traffic(3*time.Minute, 10*time.Second)
			s.kill()
			s.start()
		}
		s.fills(9)
		s.keepsThePromise(8 * 20)
	})
}

func TestPromise_backendRefusesForAWhile(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.traffic(time.Minute, 10*time.Second)
		s.sink.answers(refuse)
		s.traffic(40*time.Minute, 10*time.Second)
		s.sink.answers(nil)
		s.elapse(2 * time.Minute)
		s.fills(9)
		s.keepsThePromise(0)
	})
}

func TestPromise_backendRefusesForLongerAndTheSourceIsRestarted(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.traffic(time.Minute, 10*time.Second)
		s.sink.answers(refuse)
		s.traffic(2*time.Hour, time.Minute)
		assert.Contains(t, s.said(), "gave up")
		s.shutdown()
		s.sink.answers(nil)
		s.traffic(time.Hour, time.Minute)
		s.start()
		s.fills(12)
		s.keepsThePromise(0)
	})
}

func TestPromise_stopWhileTheBackendRefuses(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.traffic(20*time.Minute, 10*time.Second)
		s.sink.answers(refuse)
		s.traffic(time.Minute, 10*time.Second)
		s.shutdown()
		s.sink.answers(nil)
		s.elapse(time.Minute)
		s.start()
		s.elapse(time.Minute)
		require.Len(t, s.gaps(), 1, "the drain was cut off")
		s.fills(9)
		s.keepsThePromise(0)
	})
}

func TestPromise_storageLost(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.traffic(2*time.Hour, time.Minute)
		s.shutdown()
		s.storage.wipe()
		s.traffic(10*time.Minute, time.Minute)
		s.start()
		s.elapse(time.Minute)
		s.keepsThePromise(0)
	})
}

// What the service has kept comes in a session that breaks off at once, and nothing is known of what came before.
func TestPromise_storageLostAndADropAtOnce(t *testing.T) {
	readings(t, podsim.Options{}, func(s *scenario) { s.config.Backfill.Margin = time.Minute }, func(s *scenario) {
		s.traffic(110*time.Minute, time.Minute)
		s.shutdown()
		s.storage.wipe()
		s.traffic(12*time.Minute, time.Minute) // over the turn of an hour
		s.service.Plan(podsim.Step{Do: podsim.Drop, Records: 8, Lose: 8})
		s.start()
		s.fills(9)
		lost, _ := s.count()
		assert.Zero(t, lost)
	})
}

func TestPromise_storageLostAndSinceAppliesAgain(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) { s.config.Backfill.Since = "3h" }, func(s *scenario) {
		s.traffic(5*time.Hour, 10*time.Minute)
		s.shutdown()
		s.storage.wipe()
		s.traffic(90*time.Minute, 10*time.Minute) // longer than the service remembers
		s.start()
		s.elapse(time.Minute)
		require.Len(t, s.gaps(), 1)
		assert.Equal(t, 3*time.Hour, s.gaps()[0].To.Sub(s.gaps()[0].From).Round(time.Second))
		s.fills(9)
		lost, repeated := s.count()
		assert.Zero(t, lost)
		assert.Positive(t, repeated, "what was delivered is not known any more")
		assert.LessOrEqual(t, repeated, 4*6, "since, and the margin")
	})
}

// Somebody removes or replaces the storage's directory while the source runs. What is written from then on tells where
// the stream stands; only identities from before are not known to the next process.
func TestPromise_storageReplacedWhileTheSourceRuns(t *testing.T) {
	for name, ends := range map[string]func(*scenario){"stopped": (*scenario).shutdown, "killed": (*scenario).kill} {
		t.Run(name, func(t *testing.T) {
			tenant(t, podsim.Options{}, nil, func(s *scenario) {
				s.mails(3000)
				s.traffic(3*time.Hour, time.Minute)
				s.storage.wipe()
				s.traffic(20*time.Minute, 10*time.Second)
				ends(s)
				s.traffic(10*time.Minute, time.Minute)
				s.start()
				s.elapse(time.Minute)
				assert.Contains(t, s.said(), "stored chunks of identities are broken or gone")
				s.fills(9)
				s.keepsThePromise(4) // accepted in the half minute by which the window is longer than the pipeline's memory
			})
		})
	}
}

func TestPromise_storageCorrupt(t *testing.T) {
	for _, prefix := range []string{"position", "seen."} {
		t.Run(prefix, func(t *testing.T) {
			tenant(t, podsim.Options{}, nil, func(s *scenario) {
				s.traffic(2*time.Hour, time.Minute)
				s.shutdown()
				s.storage.garble(prefix)
				s.traffic(10*time.Minute, time.Minute)
				s.start()
				s.elapse(time.Minute)
				assert.Contains(t, s.said(), "a stored position is not usable")
				s.fills(9)
				s.keepsThePromise(0)
			})
		})
	}
}

func TestPosition_quietTenantOpensNoGap(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		s.config.Dedup.Window = 4 * time.Hour // which is over before the session ends
	}, func(s *scenario) {
		s.mails(5)
		s.elapse(5 * time.Hour)
		s.service.DropAll(podsim.Close)
		s.elapse(2 * time.Hour)
		s.shutdown()
		s.elapse(50 * time.Second)
		s.start()
		s.elapse(time.Minute)
		s.mails(5)
		s.elapse(time.Minute)
		assert.Empty(t, s.gaps())
		s.keepsThePromise(0)
		for _, h := range s.service.Handshakes() {
			assert.False(t, h.Query.Has("sinceTime"), "the archive was asked")
		}
	})
}

// On a quiet tenant, nothing shows that no other process has collected during a longer stop, so the archive is asked.
func TestPosition_quietTenantThatWasStoppedForLonger(t *testing.T) {
	tenant(t, podsim.Options{}, withSecondToken, func(s *scenario) {
		s.mails(5)
		s.elapse(2 * time.Hour)
		s.shutdown()
		s.elapse(10 * time.Minute)
		s.mails(1)
		s.elapse(10 * time.Minute)
		s.start()
		s.elapse(5 * time.Minute)
		require.Len(t, s.gaps(), 1)
		assert.Contains(t, s.said(), "usually nothing is missing")
		s.fills(3)
		s.keepsThePromise(0)
	})
}

func TestPosition_since(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		s.config.Backfill.Since = "6h"
		s.traffic(10*time.Hour, 10*time.Minute)
	}, func(s *scenario) {
		s.elapse(time.Minute)
		require.Len(t, s.gaps(), 1)
		assert.Equal(t, 6*time.Hour, s.gaps()[0].To.Sub(s.gaps()[0].From).Round(time.Second))
		s.fills(9)
		lost, repeated := s.count()
		assert.InDelta(t, 3*6, lost, 6, "what is older than asked for, and not in the margin")
		assert.Zero(t, repeated)

		s.restart()
		s.elapse(time.Minute)
		assert.Empty(t, s.gaps(), "it is for the first start only")
	})
}

func TestPosition_whatIsOlderThanTheArchiveIsToldOnce(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.mails(10)
		s.elapse(5 * time.Minute)
		s.shutdown()
		s.traffic(32*24*time.Hour, 3*time.Hour)
		s.start()
		s.elapse(5 * time.Second)
		const interval = "2000-01-01T00:04:00Z to 2000-01-03T01:00:00Z" // sure by a sign of life; whole hours of the archive
		event := s.host.reported("may be lost")
		require.NotNil(t, event)
		require.ErrorContains(t, event.Err(), interval)
		assert.Equal(t, "ThirdPartyGeneric", attr(event, "error.type"))
		assert.Equal(t, "Collecting", attr(event, "state"))
		assert.Equal(t, componentstatus.StatusOK, s.host.last().Status(), "it is told, and does not last")
		assert.Equal(t, 1, s.logged("gap unrecoverable"))
		assert.Equal(t, map[string]float64{"event_type=message": 1}, s.metric("otelcol_proofpointpod_receiver_gaps_unrecoverable"))
		require.Len(t, s.gaps(), 1, "the rest can be had")
		assert.Equal(t, time.Date(2000, 1, 3, 1, 0, 0, 0, time.UTC), s.gaps()[0].From)

		s.restart()
		s.elapse(10 * time.Minute)
		assert.Zero(t, s.logged("gap unrecoverable"), "it was told already")
	})
}
