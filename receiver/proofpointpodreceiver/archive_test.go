package proofpointpodreceiver

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// oneTokenAndTwo plays a scenario with one token and with a second one for the archive.
func oneTokenAndTwo(t *testing.T, options podsim.Options, story func(*scenario)) {
	t.Helper()
	for name, set := range map[string]func(*scenario){"one token": nil, "second token": withSecondToken} {
		t.Run(name, func(t *testing.T) { tenant(t, options, set, story) })
	}
}

func TestArchive_repeatsRecordsAndSendsThemOutOfOrder(t *testing.T) {
	oneTokenAndTwo(t, podsim.Options{ArchiveRepeats: 0.6}, func(s *scenario) {
		s.away(5)
		s.withTraffic(15)
		s.keepsThePromise(0)
		assert.Positive(t, s.metric("otelcol_proofpointpod_receiver_records_duplicate")["event_type=message session=archive"])
	})
}

// A bare drop at the end can't be told from one midway, so every hour is read twice.
func TestArchive_neverEndsByAClose(t *testing.T) {
	oneTokenAndTwo(t, podsim.Options{ArchiveDrops: true, ArchiveRepeats: 0.2}, func(s *scenario) {
		s.away(3)
		s.fills(12)
		s.keepsThePromise(0)
		times := map[string]int{}
		for _, hour := range s.archiveHours(101) {
			times[hour[:5]]++
		}
		for hour, n := range times {
			assert.GreaterOrEqual(t, n, 2, "the hour %s", hour)
		}
	})
}

func TestArchive_endsMidway(t *testing.T) {
	for name, ends := range map[string][]podsim.Step{
		"by a drop":              {{Do: podsim.Drop, Records: 20}, {Do: podsim.Drop, Records: 30}, {Do: podsim.Drop, Records: 10}, {Do: podsim.Drop, Records: 40}},
		"by a reset":             {{Do: podsim.Reset, Records: 20}, {Do: podsim.Reset, Records: 10}, {Do: podsim.Reset, Records: 40}},
		"by freezing":            {{Do: podsim.Freeze, Records: 20}, {Do: podsim.Freeze, Records: 10}},
		"after nothing":          {{Do: podsim.Drop}},
		"by a close for trouble": {{Do: podsim.Close, Code: 1011, Records: 20}, {Do: podsim.Close, Code: 1012, Records: 30}},
	} {
		t.Run(name, func(t *testing.T) {
			tenant(t, podsim.Options{}, withSecondToken, func(s *scenario) {
				s.state("Collecting")
				s.traffic(time.Minute, 10*time.Second)
				s.shutdown()
				s.traffic(3*time.Hour, time.Minute)
				s.service.Plan(append([]podsim.Step{{}}, ends...)...) // the first is for the live session
				s.start()
				s.fills(3)
				s.keepsThePromise(0)
				assert.Empty(t, s.service.PlanLeft())
			})
		})
	}
}

func TestArchive_refuses(t *testing.T) {
	for name, refusals := range map[string]podsim.Step{
		"its slot is taken":  {Do: podsim.Refuse, Status: 409, Times: 5},
		"a bad gateway":      {Do: podsim.Refuse, Status: 502, Times: 5},
		"no answer":          {Do: podsim.Hang, Times: 2},
		"a connection reset": {Do: podsim.Abort, Times: 5},
		"a bad request":      {Do: podsim.Refuse, Status: 400, Times: 4},
	} {
		t.Run(name, func(t *testing.T) {
			tenant(t, podsim.Options{}, withSecondToken, func(s *scenario) {
				s.state("Collecting")
				s.shutdown()
				s.traffic(3*time.Hour, time.Minute)
				s.service.Plan(podsim.Step{}, refusals)
				s.start()
				s.elapse(time.Second)
				s.fills(3)
				s.keepsThePromise(0)
				assert.Empty(t, s.service.PlanLeft())
				event := s.host.reported("the archive can't be read")
				require.NotNil(t, event)
				assert.Equal(t, "Collecting", attr(event, "state"), "live goes on")
				assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
				assert.Equal(t, componentstatus.StatusOK, s.host.last().Status(), "it is over")
			})
		})
	}
}

func TestArchive_refusesTheSecondToken(t *testing.T) {
	for _, status := range []int{401, 403} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			tenant(t, podsim.Options{}, withSecondToken, func(s *scenario) {
				s.state("Collecting")
				s.shutdown()
				s.traffic(3*time.Hour, time.Minute)
				s.service.Plan(podsim.Step{}, podsim.Step{Do: podsim.Refuse, Status: status, Times: -1})
				s.start()
				s.traffic(5*time.Hour, time.Minute)
				assert.Len(t, s.archiveHours(status), 1, "it is not tried again")
				event := s.host.last()
				assert.Equal(t, "ThirdPartyConfig", attr(event, "error.type"))
				assert.Equal(t, "Collecting", attr(event, "state"), "live goes on")
				assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
				require.ErrorContains(t, event.Err(), "the service refuses the token in backfill.api_secret: check")
				require.ErrorContains(t, event.Err(), "correct backfill.api_secret")
				require.NotEmpty(t, s.gaps())

				s.service.ClearPlan()
				s.restart()
				s.fills(3)
				s.keepsThePromise(0)
				assert.Equal(t, componentstatus.StatusOK, s.host.last().Status())
			})
		})
	}
}

func TestArchive_oneFailureIsNoAlarm(t *testing.T) {
	tenant(t, podsim.Options{}, withSecondToken, func(s *scenario) {
		s.state("Collecting")
		s.shutdown()
		s.traffic(3*time.Hour, time.Minute)
		s.service.Plan(podsim.Step{}, podsim.Step{Do: podsim.Refuse, Status: 409})
		s.start()
		s.fills(3)
		assert.Nil(t, s.host.reported("archive"))
	})
}

// With the one token, a refused archive session must give the slot back to the live one.
func TestArchive_refusesWithOneToken(t *testing.T) {
	tenant(t, podsim.Options{}, nil, func(s *scenario) {
		s.state("Collecting")
		s.shutdown()
		s.traffic(3*time.Hour, time.Minute)
		live := podsim.Step{}
		s.service.Plan(live,
			podsim.Step{Do: podsim.Refuse, Status: 502}, live,
			podsim.Step{Do: podsim.Drop, Records: 10}, live,
			podsim.Step{Do: podsim.Refuse, Status: 409}, live,
			podsim.Step{Do: podsim.Drop, Records: 30}, live,
		)
		s.start()
		s.withTraffic(12)
		s.keepsThePromise(0)
		assert.Empty(t, s.service.PlanLeft())
		assert.NotContains(t, s.kinds(), "AA")
	})
}

// Where there is no archive for an event type, say, the live session must not be ended every minute to ask for it.
func TestArchive_refusesForGoodWithOneToken(t *testing.T) {
	for _, status := range []int{400, 503} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			readings(t, podsim.Options{ArchiveRefuses: status}, nil, func(s *scenario) {
				s.misses(30 * time.Minute)
				s.traffic(10*time.Hour, time.Minute)
				assert.Less(s.t, len(s.service.Sessions()), 35)
				assert.Greater(s.t, len(s.archiveHours(status)), 15, "it is asked all the same, now and then")
				require.ErrorContains(s.t, s.host.last().Err(), "the archive can't be read, gaps stay open")
				assert.NotContains(s.t, s.host.last().Err().Error(), "cluster_id", "live sessions are open with it")
			})
		})
	}
}

func TestArchive_refusesTimesInTheFuture(t *testing.T) {
	oneTokenAndTwo(t, podsim.Options{RefuseFuture: true, IgnoreRecentSince: true}, func(s *scenario) {
		s.away(4)
		s.withTraffic(12)
		s.keepsThePromise(0)
		assert.Empty(t, s.archiveHours(400))
	})
}

func TestArchive_liveDropsWhileItIsRead(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		withSecondToken(s)
		s.dial = s.paced(200, 100*time.Millisecond)
	}, func(s *scenario) {
		s.away(3)
		for i := range 20 {
			s.service.DropAll(podsim.Drop)
			s.traffic(time.Duration(60+7*i)*time.Second, 10*time.Second)
		}
		s.withTraffic(12)
		s.keepsThePromise(0)
		assert.Greater(t, strings.Count(s.kinds(), "L"), 10)
	})
}

// On a bad day the archive is hours behind. It ends its sessions in order all the same, and has said nothing of what was
// missed; but nor of what came live before and since.
func TestArchive_isFurtherBehindThanUsual(t *testing.T) {
	for name, misses := range map[string]func(*scenario){
		"records in an hour":               func(s *scenario) { s.misses(30 * time.Minute) },
		"records at the turn of an hour":   func(s *scenario) { s.misses(59*time.Minute + 50*time.Second) },
		"hours of which nothing came live": func(s *scenario) { s.away(4) },
	} {
		t.Run(name, func(t *testing.T) {
			oneTokenAndTwo(t, podsim.Options{ArchiveDelay: 3 * time.Hour}, func(s *scenario) {
				misses(s)
				s.withTraffic(20)
				s.keepsThePromise(0)
				assert.Positive(s.t, s.logged("the archive lags: of this hour it does not tell yet what has come live; it is read again later"))
			})
		})
	}
}

// misses has traffic for a while, and then a drop at which the service takes for sent what is not.
func (s *scenario) misses(after time.Duration) {
	s.state("Collecting")
	s.traffic(after, 20*time.Second)
	s.service.Plan(podsim.Step{Do: podsim.Drop, Records: 1, Lose: 5})
	s.service.DropAll(podsim.Drop)
	synctest.Wait() // or the session that ends would bring some of them
	s.mails(6)
}

// An archive that is as late as it may be is asked once for each hour.
func TestArchive_isNoFurtherBehindThanUsual(t *testing.T) {
	oneTokenAndTwo(t, podsim.Options{ArchiveDelay: 55 * time.Minute}, func(s *scenario) {
		s.misses(30 * time.Minute)
		s.withTraffic(9)
		s.keepsThePromise(0)
		assert.Zero(s.t, s.logged("the archive lags: of this hour it does not tell yet what has come live; it is read again later"))
	})
}

// A session that breaks off has not told all: that it has told nothing new of late says nothing of the archive.
func TestArchive_breaksOffBeforeItTellsAnythingNew(t *testing.T) {
	oneTokenAndTwo(t, podsim.Options{}, func(s *scenario) {
		s.misses(90 * time.Minute)
		s.traffic(10*time.Minute, 20*time.Second)
		s.service.Plan(podsim.Step{Do: podsim.Drop, Records: 10})
		s.withTraffic(9)
		assert.Empty(s.t, s.service.PlanLeft())
		s.keepsThePromise(0)
		assert.Zero(s.t, s.logged("the archive lags: of this hour it does not tell yet what has come live; it is read again later"))
	})
}

// An archive that leaves its session open when it has told all has ended it all the same, if nothing comes.
func TestArchive_leavesItsSessionsOpen(t *testing.T) {
	oneTokenAndTwo(t, podsim.Options{ArchiveStays: true}, func(s *scenario) {
		s.misses(30 * time.Minute)
		s.withTraffic(9)
		s.keepsThePromise(0)
		assert.Nil(s.t, s.host.reported("second token"))
	})
}

// A service that takes no notice of the times that it is asked for closes no gap by the records of now.
func TestArchive_isTheLiveStream(t *testing.T) {
	readings(t, podsim.Options{IgnoreTimes: true}, withSecondToken, func(s *scenario) {
		s.misses(30 * time.Minute)
		s.traffic(5*time.Hour, 20*time.Second)
		_, repeated := s.count()
		assert.Zero(s.t, repeated)
		assert.NotEmpty(s.t, s.gaps(), "it was never read")
		event := s.host.last()
		require.ErrorContains(s.t, event.Err(), "the service does not tell the hour of the archive that it was asked for")
		assert.Equal(s.t, "Collecting", attr(event, "state"))
		assert.Less(s.t, len(s.service.Sessions()), 20, "the service is asked again and again")
	})
}

// Some services open the session, say in a frame what is wrong, and close it in order. That is not the hour.
func TestArchive_tellsAnErrorInAFrame(t *testing.T) {
	readings(t, podsim.Options{}, withSecondToken, func(s *scenario) {
		s.misses(time.Second) // too few records come live to show that the archive has not told them
		s.elapse(time.Minute)
		s.service.Plan(podsim.Step{Do: podsim.Close, Times: 3, Frames: []podsim.Frame{{Text: `{"error":"try again later"}`}}})
		s.fills(9)
		assert.Empty(s.t, s.service.PlanLeft())
		assert.Subset(s.t, s.sink.bodies(podlog.Message), texts(s.service.Produced(podlog.Message)))
	})
}
