package proofpointpodreceiver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/record"
)

const pausesLose = "an archive session moves the position of the live session"

// slowly has a pause for an hour of the archive take a minute or two, if there is a record a minute.
func slowly(s *scenario) { s.dial = s.paced(150, 100*time.Millisecond) }

func TestPauses_loseNothingIfTheLivePositionStaysWhereItIs(t *testing.T) {
	tenant(t, podsim.Options{}, slowly, func(s *scenario) {
		s.away(3)
		s.traffic(10*time.Minute, 3*time.Second) // and the pauses are over
		s.fills(6)
		s.keepsThePromise(0)
		assert.Nil(t, s.host.reported("second token"))
		assert.Len(t, s.suspected(), 1, "only one pause was too short to tell")
	})
}

func TestPauses_moveTheLivePositionBack(t *testing.T) {
	tenant(t, podsim.Options{ArchiveMovesLive: true}, slowly, func(s *scenario) {
		s.away(3)
		s.traffic(6*time.Hour, time.Minute)
		s.fills(9)
		s.keepsThePromise(0)
		assert.Nil(t, s.host.reported("second token"), "what was sent again was recognised")
	})
}

func TestPauses_loseRecordsOnABusyTenant(t *testing.T) {
	tenant(t, podsim.Options{ArchiveSkipsLive: true}, slowly, func(s *scenario) {
		s.state("Collecting")
		s.traffic(20*time.Minute, 3*time.Second)
		s.shutdown()
		s.traffic(3*time.Hour, time.Minute)
		s.start()
		s.until("the pauses to be found out", func() bool {
			s.mails(1)
			s.elapse(3 * time.Second)
			return s.host.reported(pausesLose) != nil
		})
		event := s.host.reported(pausesLose)
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
		assert.Equal(t, "Collecting", attr(event, "state"))
		require.ErrorContains(t, event.Err(), "backfill.api_secret")
		assert.NotEmpty(t, s.gaps())

		read := strings.Count(s.kinds(), "A")
		s.traffic(3*time.Hour, time.Minute)
		assert.Equal(t, read, strings.Count(s.kinds(), "A"), "filling goes on")
		assert.Equal(t, componentstatus.StatusRecoverableError, s.host.last().Status())
		lost, _ := s.count()
		assert.Positive(t, lost)

		s.shutdown()
		withSecondToken(s)
		s.start()
		s.withTraffic(12)
		s.keepsThePromise(0)
		assert.Equal(t, componentstatus.StatusOK, s.host.last().Status())
	})
}

// A record that took longer than the pause comes by itself whatever the service does.
func TestPauses_aLateRecordAfterEachProvesNothing(t *testing.T) {
	tenant(t, podsim.Options{ArchiveSkipsLive: true}, slowly, func(s *scenario) {
		s.state("Collecting")
		s.traffic(20*time.Minute, 3*time.Second)
		s.shutdown()
		s.traffic(3*time.Hour, time.Minute)
		s.start()
		lives := 0
		s.until("the pauses to be found out", func() bool {
			s.mails(1)
			s.elapse(3 * time.Second)
			if now := strings.Count(s.kinds(), "AL"); now > lives {
				lives = now
				sessions := s.service.Sessions()
				archive := sessions[len(sessions)-2]
				s.sent++
				s.service.Push(podlog.Message, mail(s.sent, archive.Started.Add(archive.Ended.Sub(archive.Started)/5), 0))
			}
			return s.host.reported(pausesLose) != nil
		})
		assert.Positive(t, lives)
	})
}

// On a quiet tenant there is not enough to tell from. Each pause is then a gap, which costs one more pause an hour later;
// nothing is lost.
func TestPauses_loseRecordsOnAQuietTenant(t *testing.T) {
	tenant(t, podsim.Options{ArchiveSkipsLive: true}, slowly, func(s *scenario) {
		s.away(2)
		s.traffic(8*time.Hour, 50*time.Second)
		s.shutdown()
		withSecondToken(s)
		s.start()
		s.withTraffic(12)
		s.keepsThePromise(0)
	})
}

// An hour of an archive that drops its sessions is read until a read brings nothing new. What counts is what all of them
// have brought.
func TestPauses_loseRecordsOnAQuietTenantWhoseArchiveDropsSessions(t *testing.T) {
	tenant(t, podsim.Options{ArchiveSkipsLive: true, ArchiveDrops: true}, slowly, func(s *scenario) {
		s.away(2)
		s.traffic(12*time.Hour, 50*time.Second)
		s.shutdown()
		withSecondToken(s)
		s.start()
		s.withTraffic(14)
		s.keepsThePromise(0)
	})
}

func TestPauses_endOnATenantWithoutRecords(t *testing.T) {
	tenant(t, podsim.Options{}, slowly, func(s *scenario) {
		s.state("Collecting")
		s.mails(3)
		s.elapse(time.Minute)
		s.service.DropAll(podsim.Drop)
		s.elapse(12 * time.Hour)
		assert.Empty(t, s.gaps())
		s.keepsThePromise(0)
	})
}

// watched is a pause of two minutes, from noon on, on a tenant with a record a second.
func watched() *pauses {
	p := &pauses{}
	p.pausedFor(pauseNoon(), 2*time.Minute, 1)
	return p
}

// pausedFor lets the archive have the slot for some time, and the live session begin at its end.
func (p *pauses) pausedFor(from time.Time, d time.Duration, rate float64) *position.Gap {
	p.slotTaken(from, from.Add(d))
	return p.ended(from.Add(d), rate)
}

func pauseNoon() time.Time { return time.Date(2026, 1, 12, 12, 0, 0, 0, time.UTC) }

// came lets records come when the pause is over, whose `ts` lie so many seconds after its beginning.
func (p *pauses) came(seconds ...int) verdict {
	var records []record.Record
	for _, s := range seconds {
		ts := pauseNoon().Add(time.Duration(s) * time.Second)
		records = append(records, record.Record{Timestamp: pcommon.NewTimestampFromTime(ts)})
	}
	return p.record(records, pauseNoon().Add(2*time.Minute+time.Second))
}

// upTo are the seconds from one to another.
func upTo(from, to int) (list []int) {
	for s := from; s < to; s++ {
		list = append(list, s)
	}
	return list
}

func TestPauses_verdict(t *testing.T) {
	for name, test := range map[string]struct {
		came []int
		want verdict
	}{
		"all came":                     {upTo(0, 130), pauseHarmless},
		"half of them":                 {append(upTo(0, 30), upTo(60, 130)...), pauseHarmless},
		"none of the first half":       {upTo(60, 130), pauseHarmful},
		"one of the first half":        {append(upTo(30, 31), upTo(60, 130)...), pauseHarmful},
		"five of the first half":       {append(upTo(30, 35), upTo(60, 130)...), pauseHarmful},
		"ten, which may be late":       {append(upTo(30, 40), upTo(60, 130)...), pauseSuspicious},
		"nothing":                      {nil, pauseUndecided},
		"too few since to tell by now": {upTo(0, 70), pauseUndecided},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, watched().came(test.came...))
		})
	}
}

func TestPauses_areAskedAboutAgainAfterHours(t *testing.T) {
	p := watched()
	require.Equal(t, pauseHarmless, p.came(upTo(0, 130)...))
	again := func(after time.Duration) *position.Gap {
		return p.pausedFor(pauseNoon().Add(after), time.Minute, 1)
	}
	assert.Nil(t, again(5*time.Hour), "it is known that they are harmless")
	assert.NotNil(t, again(6*time.Hour+5*time.Minute))
}

// A pause has turned out harmless if no read of any of its hours has brought something new.
func TestPauses_areClearedByAllReadsOfAllTheirHours(t *testing.T) {
	type read struct {
		hour  int
		fresh int
		done  bool
	}
	for name, test := range map[string]struct {
		reads []read
		want  bool
	}{
		"nothing new":                 {[]read{{12, 0, true}, {13, 0, true}}, true},
		"new in another hour":         {[]read{{11, 1, true}, {14, 1, true}, {12, 0, true}, {13, 0, true}}, true},
		"new in the first hour":       {[]read{{12, 1, true}, {13, 0, true}}, false},
		"new in the last hour":        {[]read{{12, 0, true}, {13, 1, true}}, false},
		"new in a read that was cut":  {[]read{{12, 0, true}, {13, 1, false}, {13, 0, true}}, false},
		"the last hour is being read": {[]read{{12, 0, true}, {13, 0, false}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := &pauses{}
			p.pausedFor(pauseNoon().Add(55*time.Minute), 10*time.Minute, 0)
			require.Equal(t, pauseSuspicious, p.look(pauseNoon().Add(67*time.Minute)))
			for _, r := range test.reads {
				start := pauseNoon().Add(time.Duration(r.hour-12) * time.Hour)
				p.read(position.Window{Start: start, End: start.Add(time.Hour)}, r.fresh, r.done)
			}
			assert.Equal(t, test.want, len(p.cleared) == 1)
		})
	}
}

// After many records that came at once, a record can be a minute late all the same.
func TestPauses_takeAMinuteForPossible(t *testing.T) {
	p := &pauses{}
	p.ended(pauseNoon().Add(-time.Hour), 1)
	for range 1000 {
		p.record([]record.Record{{Timestamp: pcommon.NewTimestampFromTime(pauseNoon().Add(-time.Minute))}}, pauseNoon().Add(-time.Minute))
	}
	p.pausedFor(pauseNoon(), 90*time.Second, 1)
	came := []record.Record{}
	for second := 30; second < 45; second++ { // a minute before the end of the pause, and later
		came = append(came, record.Record{Timestamp: pcommon.NewTimestampFromTime(pauseNoon().Add(time.Duration(second) * time.Second))})
	}
	p.record(came, pauseNoon().Add(91*time.Second))
	assert.Equal(t, pauseSuspicious, p.look(pauseNoon().Add(3*time.Minute)))
}

// suspected lists the pauses that were made a gap.
func (s *scenario) suspected() []string {
	var list []string
	for _, entry := range s.logs.All() {
		if entry.Message == "gap opened: while the archive was read, records may have been missed" {
			list = append(list, fmt.Sprint(entry.ContextMap()))
		}
	}
	return list
}

// A pause is over when the archive's session is. What comes after it tells nothing of what that does.
func TestPauses_countOnlyWhileTheArchiveHasTheSlot(t *testing.T) {
	p := &pauses{}
	p.slotTaken(pauseNoon(), pauseNoon().Add(10*time.Second))
	back := pauseNoon().Add(40 * time.Minute)
	doubt := p.ended(back, 1)
	assert.Equal(t, &position.Gap{From: pauseNoon(), To: back}, doubt, "all of it is in doubt")
	require.Equal(t, pauseUndecided, p.look(back.Add(59*time.Second)), "the records of the outage have a minute to come")
	assert.Equal(t, pauseSuspicious, p.came(upTo(10, 40*60)...), "what came in the outage does not show that nothing is missing")
}

func TestPauses_areNoneWithoutAnArchiveSession(t *testing.T) {
	p := &pauses{}
	assert.Nil(t, p.ended(pauseNoon().Add(2*time.Hour), 1))
	assert.True(t, p.allowed(pauseNoon().Add(2*time.Hour)))

	p.slotTaken(pauseNoon().Add(3*time.Hour), pauseNoon().Add(3*time.Hour+time.Minute))
	p.forget()
	assert.Nil(t, p.ended(pauseNoon().Add(5*time.Hour), 1), "the service has begun anew")
}

// A verdict may be wrong, and what the service does may change.
func TestPauses_areTriedAgainAfterHoursIfTheyHaveLostRecords(t *testing.T) {
	p := watched()
	require.Equal(t, pauseHarmful, p.came(upTo(60, 130)...))
	judged := pauseNoon().Add(2*time.Minute + time.Second)
	assert.False(t, p.allowed(judged.Add(6*time.Hour-time.Second)))
	assert.True(t, p.allowed(judged.Add(6*time.Hour)))
}

func TestPauses_verdictIsTakenBackWhenALaterPauseIsHarmless(t *testing.T) {
	tenant(t, podsim.Options{}, func(s *scenario) {
		slowly(s)
		s.config.RetryOnFailure.MaxElapsedTime = 0
	}, func(s *scenario) {
		s.state("Collecting")
		stream := s.source.streams[0].stream
		stream.pauses.noneUntil = time.Now().Add(verdictFor)
		stream.judge(pauseHarmful)
		over := s.outage()
		s.traffic(3*time.Hour, time.Minute)
		over()
		s.traffic(verdictFor-3*time.Hour-time.Minute, time.Minute)
		require.NotNil(t, s.host.reported(pausesLose))
		assert.Equal(t, componentstatus.StatusRecoverableError, s.host.last().Status())
		assert.NotContains(t, s.kinds(), "A", "there is no pause")

		s.traffic(20*time.Minute, 3*time.Second)
		assert.Equal(t, 1, s.logged("an archive session does not move the position of the live session any more: gaps are filled again"))
		assert.Equal(t, componentstatus.StatusOK, s.host.last().Status())
		s.fills(9)
		s.keepsThePromise(0)
	})
}

// The token expires while a session lives, and that is noticed at the handshake of a pause. There is another after hours.
func TestPauses_inWhichTheTokenExpires(t *testing.T) {
	const renewed = podsim.Token + "-renewed"
	extension := bearing(podsim.Token)
	tenant(t, podsim.Options{}, func(s *scenario) {
		s.auth(extension)
		s.host.extensions[storageID] = s.storage
	}, func(s *scenario) {
		s.traffic(30*time.Minute, 10*time.Second)
		s.service.DropAll(podsim.Drop)
		s.traffic(time.Minute, 10*time.Second)
		require.Len(t, s.gaps(), 1)
		s.service.RejectTokens(podsim.Token)
		s.until("a pause", func() bool {
			s.mails(1)
			s.elapse(10 * time.Second)
			return s.service.Live(podlog.Message) == 0
		})
		s.traffic(10*time.Hour, 10*time.Second)
		assert.Contains(t, s.handshakes(podlog.Message), 401)
		s.service.AcceptTokens(renewed)
		extension.set("Bearer "+renewed, nil)
		s.traffic(10*time.Minute, 10*time.Second)
		assert.Nil(t, s.host.reported(pausesLose))
		s.fills(36)
		s.keepsThePromise(0)
		assert.Equal(t, componentstatus.StatusOK, s.host.last().Status())
	})
}

// An outage begins in a pause for the archive: no session with that is opened, or one is, and the live one is not any
// more. It is no fault of the pause.
func TestPauses_thatAnOutageFollowsOnTellNothing(t *testing.T) {
	for name, test := range map[string]struct {
		opened bool // an archive session is
		away   time.Duration
	}{
		"no archive session, for hours":        {false, 10 * time.Hour},
		"no archive session, for half an hour": {false, 30 * time.Minute},
		"an archive session, for hours":        {true, 10 * time.Hour},
		"an archive session, for half an hour": {true, 30 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			tenant(t, podsim.Options{}, func(s *scenario) { s.config.RetryOnFailure.MaxElapsedTime = 0 }, func(s *scenario) {
				s.state("Collecting")
				s.traffic(30*time.Minute, 3*time.Second)
				s.service.DropAll(podsim.Drop)
				s.traffic(time.Minute, 3*time.Second)
				require.Len(t, s.gaps(), 1)
				refuse := podsim.Step{Do: podsim.Refuse, Status: 503, Times: -1}
				if test.opened {
					s.service.Plan(podsim.Step{}, refuse)
				} else {
					s.service.Plan(refuse)
				}
				s.until("a pause", func() bool {
					s.mails(1)
					s.elapse(3 * time.Second)
					return s.service.Live(podlog.Message) == 0
				})
				s.traffic(test.away, 3*time.Second)
				s.service.ClearPlan()
				s.traffic(10*time.Minute, 3*time.Second)
				assert.Nil(t, s.host.reported(pausesLose))
				s.fills(36)
				s.keepsThePromise(0)
				assert.Equal(t, componentstatus.StatusOK, s.host.last().Status())
			})
		})
	}
}
