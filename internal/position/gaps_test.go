package position_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/position"
)

func TestPosition_firstStart(t *testing.T) {
	s := begin(t, options())
	assert.False(t, s.loaded.Found)
	assert.Empty(t, s.handshake(12, 1), "what was before is nobody's business")
	assert.Empty(t, s.gaps())
}

func TestPosition_firstStartReadsBack(t *testing.T) {
	o := options()
	o.Since = at(6, 30)
	s := begin(t, o)
	assert.Equal(t, "06:30-12:01", s.handshake(12, 1))
	assert.Equal(t, []string{"06:30-12:01"}, s.gaps())
	s.accept(12, 2)
	s.close(12, 3)
	assert.Empty(t, s.handshake(12, 4), "once")
	s.stop()
	assert.Empty(t, s.handshake(12, 5), "and not after a restart")
	assert.Equal(t, []string{"06:30-12:01"}, s.gaps())
}

// A first session brings what the service has kept, which may be much. When it breaks off, nobody knows of what.
func TestPosition_firstSessionThatDropsAtOnce(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.drop()
	assert.Equal(t, "11:00-12:01", s.handshake(12, 1), "the service keeps an hour")
	s.acceptLate(at(11, 30), at(12, 2))
	s.drop()
	assert.Equal(t, "12:01-12:03", s.handshake(12, 3), "the rest is in the gap")
}

func TestPosition_firstSessionThatDropsWhileItBringsWhatWasKept(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.acceptLate(at(11, 20), at(12, 0))
	s.acceptLate(at(11, 30), at(12, 1))
	assert.False(t, s.CaughtUp(at(12, 0)))
	s.drop()
	assert.Equal(t, "11:30-12:02", s.handshake(12, 2))
}

// The clock is set anew at each handshake, and can go back a little.
func TestPosition_dropOpensAGapEvenIfTheClockGoesBack(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.MarkAlive(at(12, 30).Add(2*time.Second), true)
	s.drop()
	assert.Equal(t, "12:29:58-12:30:01", clockBack(s))
	s.MarkAlive(at(13, 0), true)
	s.drop()
	s.now = at(12, 40) // much
	require.NotNil(t, s.BeginSession(s.now).Gap)
	s.accept(12, 50)
	s.drop()
	assert.Equal(t, "12:50-12:51", s.handshake(12, 51), "what was safe in the future counts no more")
}

// clockBack has a handshake a second before what was safe.
func clockBack(s *story) string {
	s.now = at(12, 30).Add(time.Second)
	return text(*s.BeginSession(s.now).Gap)
}

// The first start is the first that reaches the service, however the ones before it ended.
func TestPosition_firstStartReadsBackEvenIfTheServiceWasNotReachedAtFirst(t *testing.T) {
	for name, end := range map[string]func(*story){"stopped": (*story).stop, "killed": (*story).kill} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Since = at(6, 30)
			s := begin(t, o)
			s.now = at(12, 30)
			end(s)
			assert.Equal(t, "06:30-13:00", s.handshake(13, 0))
		})
	}
}

// Until storage answers, it may have a position, and then it is not the first start.
func TestPosition_firstStartReadsBackWhenStorageAnswersLate(t *testing.T) {
	for name, test := range map[string]struct {
		before func(*story)
		gaps   []string
	}{
		"nothing is stored":              {func(s *story) { s.disk = newMemory() }, []string{"06:30-12:30"}},
		"no process reached the service": {func(*story) {}, []string{"06:30-12:30"}},
		"not the first":                  {func(s *story) { s.handshake(12, 20); s.close(12, 21); s.MarkStopped(); s.save() }, nil},
		"what is stored is unusable":     {func(s *story) { s.disk.data["position"] = []byte("?") }, []string{"06:30-12:30"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Stored = true
			s := begin(t, o)
			test.before(s)
			s.Position = position.New(o)
			s.SetSince(at(6, 30))
			assert.False(t, s.IsLoaded())
			assert.Empty(t, s.handshake(12, 30))
			s.acceptLate(at(12, 21), at(12, 30))
			s.acceptLate(at(12, 21), at(12, 30))
			s.close(12, 40)
			s.SetSince(at(6, 40))
			assert.Empty(t, s.handshake(12, 40))
			s.load()
			assert.True(t, s.IsLoaded())
			assert.Equal(t, test.gaps, s.gaps())
			assert.Equal(t, test.gaps != nil, s.loaded.Opened.Gap != nil)
		})
	}
}

func TestPosition_dropOpensAGap(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 10)
	s.claim(at(12, 11)) // was read, but the pipeline has not accepted it
	s.drop()
	assert.Empty(t, s.gaps(), "nobody knows how long it becomes")
	assert.Equal(t, "12:10-12:12", s.handshake(12, 12), "what came after the last that is safe may be missing")
	s.close(12, 13)
	assert.Empty(t, s.handshake(12, 14), "the next session knows where it is")
	assert.Equal(t, []string{"12:10-12:12"}, s.gaps())
}

func TestPosition_dropThatLastsOpensOneGap(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 10)
	s.drop()
	assert.Equal(t, "12:10-18:00", s.handshake(18, 0))
}

func TestPosition_orderlyEndIsNoGapWhileTheServiceRemembers(t *testing.T) {
	for name, between := range map[string]func(*story){
		"in one process":       func(*story) {},
		"over a clean restart": (*story).stop,
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options())
			s.handshake(12, 0)
			s.accept(12, 10)
			s.close(12, 20)
			between(s)
			assert.Empty(t, s.handshake(13, 14), "an hour, less a tenth, after the last sign of life")
			s.close(13, 15)
			between(s)
			assert.Equal(t, "12:10-14:10", s.handshake(14, 10), "the service has forgotten")
		})
	}
}

// A quiet tenant's records are far apart, but its session lives: that is no outage.
func TestPosition_quietTenantOpensNoGap(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 1)
	for now := at(12, 2); now.Before(at(20, 0)); now = now.Add(time.Minute) {
		s.MarkAlive(now, true)
		s.now = now
		if s.NeedsSave(now) {
			s.save()
		}
	}
	s.close(20, 0)
	s.stop()
	assert.Empty(t, s.handshake(20, 50))
	assert.Empty(t, s.gaps())
}

func TestPosition_signsOfLifeKeepTheGapOfADropShort(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 1)
	s.MarkAlive(at(14, 0), true)
	s.MarkAlive(at(13, 0), true) // told late
	s.MarkAlive(at(14, 5), false)
	s.drop()
	assert.Equal(t, "14:00-14:10", s.handshake(14, 10), "from the last moment when nothing was on its way")
}

func TestPosition_isNotSafeBeforeThePipelineAccepts(t *testing.T) {
	for name, play := range map[string]func(*story){
		"a record that is on its way":  func(s *story) { s.claim(at(12, 30)) },
		"a record that was taken back": func(s *story) { s.Release(s.claim(at(12, 30)).ID) },
		"a sign of life":               func(s *story) { s.MarkAlive(at(12, 30), false) },
		"a record of the archive":      func(s *story) { s.now = at(12, 30); s.recover(at(12, 30)) },
		"a late record":                func(s *story) { s.acceptLate(at(11, 0), at(12, 30)) },
		"a record without ts":          func(s *story) { s.acceptLate(time.Time{}, at(12, 30)) },
		"a record from the future":     func(s *story) { s.acceptLate(at(99, 0), at(12, 30)) },
		"a save":                       func(s *story) { s.now = at(12, 30); s.save() },
		"a window of the archive": func(s *story) {
			s.FinishWindow(position.Window{Start: at(12, 0), End: at(13, 0)}, position.WindowResult{Complete: true})
		},
		"a pause that is in doubt":        func(s *story) { s.DoubtPause(position.Gap{From: at(12, 20), To: at(12, 30)}); s.TrustPause() },
		"an hour in which nothing is due": func(s *story) { s.Forget(at(12, 30)); s.DropUnreachable(at(12, 30)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options())
			s.handshake(12, 0)
			s.accept(12, 10)
			play(s)
			assert.False(t, s.CaughtUp(at(12, 11)))
			s.drop()
			assert.Equal(t, "12:10-13:00", s.handshake(13, 0))
		})
	}
}

// A `ts` a little ahead of our clock is the clocks' difference.
func TestPosition_recordALittleAheadOfTheClockIsSafeUpToNow(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.acceptLate(at(12, 10).Add(2*time.Second), at(12, 10))
	s.drop()
	assert.Equal(t, "12:10-12:11", s.handshake(12, 11))
}

func TestPosition_catchesUp(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 5)
	s.close(12, 10)
	s.handshake(12, 40)
	assert.False(t, s.CaughtUp(at(12, 40)), "what came to the service since 12:05 is on its way")
	s.acceptLate(at(12, 20), at(12, 41))
	assert.False(t, s.CaughtUp(at(12, 40)))
	s.acceptLate(at(12, 40), at(12, 42))
	assert.True(t, s.CaughtUp(at(12, 40)))

	s.close(12, 45)
	s.handshake(12, 50)
	s.MarkAlive(at(12, 51), true)
	assert.True(t, s.CaughtUp(at(12, 50)), "nothing has come")
}

func TestPosition_killIsAGapFromWhatThePipelineStillHad(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	flushed := s.accept(12, 5)
	justInMemory := s.acceptLate(at(12, 9), at(12, 9).Add(31*time.Second))
	inMemory := s.accept(12, 14)
	late := s.acceptLate(at(11, 45), at(12, 14))
	s.now = at(12, 15)
	s.save()
	unsaved := s.accept(12, 16)

	s.kill()

	assert.False(t, s.loaded.IsOrderly)
	assert.True(t, s.knows(flushed), "it was out of the pipeline's memory")
	assert.False(t, s.knows(justInMemory), "unflushed_window before the save, to the second")
	assert.False(t, s.knows(inMemory), "it may be lost, so it counts as never delivered")
	assert.False(t, s.knows(late))
	assert.False(t, s.knows(unsaved))
	assert.Equal(t, "11:45-12:20", s.handshake(12, 20), "from the oldest that may be lost")
	assert.True(t, s.MayBeMissing(at(11, 45)))
}

// A record without a `ts` came no later than it was accepted.
func TestPosition_killLosesARecordWithoutTime(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 1)
	id := s.acceptLate(time.Time{}, at(12, 12))
	s.accept(12, 14)
	s.now = at(12, 15)
	s.save()
	s.kill()
	assert.Equal(t, "12:12-12:20", s.handshake(12, 20))
	assert.False(t, s.knows(id))
}

func TestPosition_killOfAQuietStream(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	id := s.accept(12, 1)
	s.MarkAlive(at(13, 0), true)
	s.now = at(13, 0)
	s.save()
	s.kill()
	assert.True(t, s.knows(id))
	assert.Equal(t, "13:00-13:01", s.handshake(13, 1))
}

func TestPosition_killWithADurableQueue(t *testing.T) {
	o := options()
	o.Unflushed = 0
	s := begin(t, o)
	s.handshake(12, 0)
	id := s.accept(12, 14)
	s.now = at(12, 15)
	s.save()
	s.kill()
	assert.False(t, s.loaded.IsOrderly)
	assert.True(t, s.knows(id), "what was accepted is on disk")
	assert.Equal(t, "12:14-12:20", s.handshake(12, 20))
}

// What the process accepted before it saved anything must not pass for delivered, nor its session for one that ended
// in order.
func TestPosition_killBeforeTheFirstSave(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	before := s.accept(12, 10)
	s.close(12, 20)
	s.stop()
	s.handshake(12, 21)
	s.accept(12, 22)
	s.kill()
	assert.False(t, s.loaded.IsOrderly)
	assert.Equal(t, "12:10-12:23", s.handshake(12, 23))
	assert.True(t, s.knows(before), "the process that accepted it has ended in order")
}

func TestPosition_killAfterKill(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 10)
	s.now = at(12, 11)
	s.save()
	s.kill()
	s.now = at(12, 30)
	s.kill()
	s.now = at(12, 50)
	s.save()
	s.kill()
	assert.Equal(t, "12:10-13:00", s.handshake(13, 0), "what the first has left open stays open")
}

func TestPosition_cleanStopIsNoGap(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	id := s.accept(12, 10)
	s.close(12, 11)
	s.stop()
	assert.True(t, s.loaded.Found)
	assert.True(t, s.loaded.IsOrderly)
	assert.NoError(t, s.loaded.Unusable)
	assert.Empty(t, s.handshake(12, 12))
	assert.True(t, s.knows(id))
}

// The stream ended in order, but its last session did not: the peer went away, or the deadline came.
func TestPosition_stopWithADrainThatWasCutOff(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	id := s.accept(12, 10)
	s.drop()
	s.stop()
	assert.True(t, s.loaded.IsOrderly)
	assert.True(t, s.knows(id), "the pipeline has flushed")
	assert.Equal(t, "12:10-12:12", s.handshake(12, 12))
}

func TestPosition_quittingWithABatchIsAGap(t *testing.T) {
	for name, between := range map[string]func(*story){
		"and another session":   func(*story) {},
		"and a restart":         (*story).stop,
		"and a kill after that": func(s *story) { s.save(); s.kill() },
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Unflushed = 0
			s := begin(t, o)
			s.handshake(12, 0)
			s.accept(12, 10)
			batch := []position.Record{s.claim(at(12, 11)), s.claim(at(12, 3)), s.claim(time.Time{})}
			s.Refuse(batch, at(12, 12))
			s.now = at(12, 12)
			s.EndSession(true, s.now) // the session itself ends in order
			between(s)
			for _, r := range batch {
				assert.False(t, s.knows(r.ID), "the archive's copy counts as new")
			}
			assert.Equal(t, "12:03-12:40", s.handshake(12, 40), "from the oldest of the batch")
		})
	}
}

func TestPosition_refusedForGoodIsDealtWith(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	r := s.claim(at(12, 10))
	s.Accept([]position.Record{r}, true, at(12, 10))
	assert.True(t, s.knows(r.ID))
}

func TestPosition_gapsThatTouchAreOne(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.MarkAlive(at(20, 0), true) // or the gaps would begin earlier
	gap := func(fromHour, fromMinute, toHour, toMinute int) {
		s.DoubtPause(position.Gap{From: at(fromHour, fromMinute), To: at(toHour, toMinute)})
		assert.NotNil(t, s.OpenPauseGap())
	}
	gap(12, 0, 13, 0)
	gap(9, 0, 10, 0)
	gap(15, 0, 16, 0)
	assert.Equal(t, []string{"09:00-10:00", "12:00-13:00", "15:00-16:00"}, s.gaps())
	gap(13, 0, 14, 0)
	assert.Equal(t, []string{"09:00-10:00", "12:00-14:00", "15:00-16:00"}, s.gaps(), "one begins where the other ends")
	gap(12, 30, 12, 40)
	assert.Equal(t, []string{"09:00-10:00", "12:00-14:00", "15:00-16:00"}, s.gaps(), "one lies in the other")
	gap(8, 0, 9, 30)
	assert.Equal(t, []string{"08:00-10:00", "12:00-14:00", "15:00-16:00"}, s.gaps(), "they overlap")
	gap(10, 30, 15, 30)
	assert.Equal(t, []string{"08:00-10:00", "10:30-16:00"}, s.gaps(), "one joins two")
	gap(7, 0, 17, 0)
	assert.Equal(t, []string{"07:00-17:00"}, s.gaps(), "one covers all")
}

func TestPosition_gapsSurviveEveryEnd(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 0)
	s.drop()
	s.handshake(12, 30)
	s.accept(12, 31)
	s.save()
	s.stop()
	assert.Equal(t, []string{"12:00-12:30"}, s.gaps(), "a clean stop")
	s.kill()
	assert.Equal(t, []string{"12:00-12:30"}, s.gaps(), "a kill")
	s.handshake(18, 0)
	assert.Equal(t, "12:00-12:30", s.gaps()[0], "and another gap")
}

func TestPosition_pauseInDoubt(t *testing.T) {
	pause := position.Gap{From: at(12, 10), To: at(12, 20)}
	paused := func(t *testing.T) *story {
		t.Helper()
		s := begin(t, options())
		s.handshake(12, 0)
		s.accept(12, 9)
		s.close(12, 10)
		require.Empty(t, s.handshake(12, 20))
		s.DoubtPause(pause)
		assert.Empty(t, s.gaps(), "not yet")
		return s
	}
	t.Run("its records came by themselves", func(t *testing.T) {
		s := paused(t)
		s.TrustPause()
		assert.Nil(t, s.OpenPauseGap())
		assert.Empty(t, s.gaps())
		s.close(12, 30)
		s.stop()
		assert.Empty(t, s.handshake(12, 31))
		assert.Empty(t, s.gaps())
	})
	t.Run("its records did not come", func(t *testing.T) {
		s := paused(t)
		gap := s.OpenPauseGap()
		require.NotNil(t, gap)
		assert.Equal(t, "12:09-12:20", text(*gap), "from where it is certain that nothing was missed")
		assert.Equal(t, []string{"12:09-12:20"}, s.gaps())
		assert.Nil(t, s.OpenPauseGap(), "once")
	})
	for name, end := range map[string]func(*story){
		"the session dropped before it was known": func(s *story) { s.drop() },
		"the session closed before it was known":  func(s *story) { s.close(12, 21) },
		"stopped before it was known":             func(s *story) { s.close(12, 21); s.stop() },
		"killed before it was known":              func(s *story) { s.save(); s.kill() },
	} {
		t.Run(name, func(t *testing.T) {
			s := paused(t)
			end(s)
			s.handshake(12, 30)
			require.NotEmpty(t, s.gaps())
			assert.False(t, s.Gaps()[0].From.After(pause.From), s.gaps())
			assert.False(t, s.Gaps()[0].To.Before(pause.To), s.gaps())
		})
	}
	t.Run("none", func(t *testing.T) {
		s := begin(t, options())
		s.handshake(12, 10)
		s.accept(12, 10)
		s.DoubtPause(position.Gap{From: at(12, 10), To: at(12, 10)})
		assert.Nil(t, s.OpenPauseGap())
	})
}

func TestPosition_gapOfNothingIsNone(t *testing.T) {
	o := options()
	o.Since = at(12, 30)
	s := begin(t, o)
	assert.Empty(t, s.handshake(12, 30), "since is now, or the clock has been set back")
}
