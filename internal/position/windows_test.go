package position_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/position"
)

// gap has a gap open and nothing else.
func gap(t *testing.T, from, to time.Time) *story {
	t.Helper()
	return gapWith(t, options(), from, to)
}

func gapWith(t *testing.T, o position.Options, from, to time.Time) *story {
	t.Helper()
	o.Since = from
	s := begin(t, o)
	s.now = to
	require.NotNil(t, s.BeginSession(to).Gap)
	return s
}

// another opens another gap.
func (s *story) another(from, to time.Time) {
	s.t.Helper()
	s.MarkAlive(from, true)
	s.EndSession(false, from)
	s.now = to
	require.Equal(s.t, from, s.BeginSession(to).Gap.From)
}

func orderly() position.WindowResult {
	return position.WindowResult{Complete: true, Records: 10, Fresh: 3}
}

func TestWindows_beginAMarginBeforeTheGapAndAreDueWhenTheArchiveHasIt(t *testing.T) {
	for name, test := range map[string]struct {
		margin, delay time.Duration
		from, to      time.Time
		want          []string
	}{
		"a short gap": {time.Hour, time.Hour, at(12, 10), at(12, 20),
			[]string{"11:00 due 13:20", "12:00 due 13:20"}}, // the hour itself need not be over
		"a short gap on the hour": {time.Hour, time.Hour, at(12, 0), at(12, 20),
			[]string{"11:00 due 13:20", "12:00 due 13:20"}},
		"a gap up to the hour": {time.Hour, time.Hour, at(12, 10), at(13, 0),
			[]string{"11:00 due 14:00", "12:00 due 14:00", "13:00 due 14:00"}}, // the service's clock may be past it
		"a gap of hours": {time.Hour, time.Hour, at(12, 10), at(16, 30),
			[]string{"11:00 due 14:00", "12:00 due 15:00", "13:00 due 16:00", "14:00 due 17:00", "15:00 due 17:30", "16:00 due 17:30"}},
		"a gap over midnight": {time.Hour, time.Hour, at(23, 30), at(25, 1),
			[]string{"22:00 due +1d 01:00", "23:00 due +1d 02:00", "+1d 00:00 due +1d 02:01", "+1d 01:00 due +1d 02:01"}},
		"no margin":       {0, time.Hour, at(12, 10), at(13, 30), []string{"12:00 due 14:00", "13:00 due 14:30"}},
		"a small margin":  {20 * time.Minute, time.Hour, at(12, 10), at(12, 20), []string{"11:00 due 13:20", "12:00 due 13:20"}},
		"within the hour": {10 * time.Minute, time.Hour, at(12, 10), at(12, 20), []string{"12:00 due 13:20"}},
		"a large margin": {2 * time.Hour, time.Hour, at(12, 10), at(12, 20),
			[]string{"10:00 due 13:20", "11:00 due 13:20", "12:00 due 13:20"}},
		"no delay":     {time.Hour, 0, at(12, 10), at(12, 20), []string{"11:00 due 12:20", "12:00 due 12:20"}},
		"a long delay": {0, 5 * time.Hour, at(12, 10), at(12, 20), []string{"12:00 due 17:20"}},
		"a moment":     {0, time.Hour, at(12, 59), at(13, 0).Add(1), []string{"12:00 due 14:00", "13:00 due 14:00"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.Margin, o.ArchiveDelay = test.margin, test.delay
			assert.Equal(t, test.want, gapWith(t, o, test.from, test.to).windows())
		})
	}
}

// A message that took an hour has a `ts` of the hour before the gap, and came in it.
func TestWindows_holdALateRecord(t *testing.T) {
	s := gap(t, at(12, 10), at(12, 20))
	late := at(11, 15)
	w := s.Windows()[0]
	assert.False(t, late.Before(w.Start) || !late.Before(w.End))
	assert.True(t, s.MayBeMissing(late))
}

// The first of two gaps could be read at 13:20. But a record with a `ts` of that hour can have come in the second, and
// reaches the archive later.
func TestWindows_ofGapsThatShareHoursAreDueWithTheLast(t *testing.T) {
	s := gap(t, at(12, 10), at(12, 20))
	s.another(at(12, 40), at(12, 50))
	require.Equal(t, []string{"12:10-12:20", "12:40-12:50"}, s.gaps())
	assert.Equal(t, []string{"11:00 due 13:50", "12:00 due 13:50"}, s.windows(), "each once, in order")
	s.another(at(13, 30), at(13, 40))
	assert.Equal(t, []string{"11:00 due 13:50", "12:00 due 14:40", "13:00 due 14:40"}, s.windows())
}

func TestWindows_areReadOldestFirstAndCloseTheGapWhenAllAreDone(t *testing.T) {
	s := gap(t, at(12, 10), at(14, 20))
	for _, rest := range [][]string{{"12:00 due 15:00", "13:00 due 15:20", "14:00 due 15:20"}, {"13:00 due 15:20", "14:00 due 15:20"}, {"14:00 due 15:20"}} {
		done, closed := s.read(orderly())
		assert.True(t, done)
		assert.Empty(t, closed)
		assert.Equal(t, rest, s.windows())
		assert.Equal(t, []string{"12:10-14:20"}, s.gaps())
	}
	done, closed := s.read(orderly())
	assert.True(t, done)
	assert.Equal(t, []string{"12:10-14:20"}, closed)
	assert.Empty(t, s.gaps())
	assert.Empty(t, s.windows())
}

func TestWindows_oneCanCloseTwoGaps(t *testing.T) {
	s := gap(t, at(12, 10), at(12, 20))
	s.another(at(12, 40), at(12, 50))
	s.read(orderly())
	_, closed := s.read(orderly())
	assert.Equal(t, []string{"12:10-12:20", "12:40-12:50"}, closed)
}

func TestWindows_thatWereReadStayReadAfterARestart(t *testing.T) {
	for name, end := range map[string]func(*story){"clean": (*story).stop, "kill": func(s *story) { s.save(); s.kill() }} {
		t.Run(name, func(t *testing.T) {
			s := gap(t, at(8, 10), at(10, 20))
			s.now = at(18, 0)
			s.MarkAlive(s.now, true)
			s.read(orderly())
			s.read(orderly())
			s.close(18, 0)
			end(s)
			assert.Equal(t, []string{"09:00 due 11:20", "10:00 due 11:20"}, s.windows())
		})
	}
}

// What was recovered was in the pipeline's memory when the process was killed: its hour is read again.
func TestWindows_thatWereReadAreReadAgainIfWhatTheyBroughtMayBeLost(t *testing.T) {
	s := gap(t, at(8, 10), at(8, 50))
	s.MarkAlive(at(18, 0), true)
	s.now = at(18, 0)
	id := s.recover(at(8, 30))
	s.read(orderly())
	s.read(orderly())
	require.Empty(t, s.gaps())
	s.save()
	s.kill()
	assert.Equal(t, "18:00-18:01", s.handshake(18, 1))
	assert.False(t, s.knows(id))
	assert.Equal(t, []string{"08:30-08:30:01", "18:00-18:01"}, s.gaps())
	assert.Equal(t, []string{"07:00 due 09:30", "08:00 due 19:00"}, s.windows()[:2])
}

func TestWindows_cutOffByUsAreReadAgain(t *testing.T) {
	s := gap(t, at(12, 10), at(12, 20))
	for range 5 {
		done, closed := s.read(position.WindowResult{CutOff: true})
		assert.False(t, done)
		assert.Empty(t, closed)
	}
	s.read(position.WindowResult{CutOff: true, Complete: true})
	assert.Len(t, s.windows(), 2, "even if the service has closed, as we asked it to")
}

// Whether a drop came after the last record or before it, nothing tells but another read.
func TestWindows_droppedAreReadUntilNothingNewComes(t *testing.T) {
	for name, test := range map[string]struct {
		reads []position.WindowResult
		want  int // after how many reads the window is done; 0: not yet
	}{
		"once":                           {[]position.WindowResult{{Records: 10, Fresh: 3}}, 0},
		"once, and nothing new":          {[]position.WindowResult{{Records: 10}}, 0},
		"once, and nothing":              {[]position.WindowResult{{}}, 0},
		"twice, nothing":                 {[]position.WindowResult{{}, {}}, 2},
		"twice, nothing new":             {[]position.WindowResult{{Records: 10, Fresh: 3}, {Records: 10}}, 2},
		"twice, something new":           {[]position.WindowResult{{Records: 10, Fresh: 3}, {Records: 12, Fresh: 2}}, 0},
		"and then not":                   {[]position.WindowResult{{Records: 10, Fresh: 3}, {Records: 12, Fresh: 2}, {Records: 12}}, 3},
		"a shorter read tells nothing":   {[]position.WindowResult{{Records: 10, Fresh: 3}, {Records: 4}}, 0},
		"however often":                  {[]position.WindowResult{{Records: 10, Fresh: 3}, {Records: 4}, {Records: 4}, {Records: 9}}, 0},
		"but one as long as the longest": {[]position.WindowResult{{Records: 10, Fresh: 3}, {Records: 4}, {Records: 10}}, 3},
		"cut off between":                {[]position.WindowResult{{Records: 10, Fresh: 3}, {CutOff: true, Records: 10}, {Records: 9}}, 0},
		"cut off before":                 {[]position.WindowResult{{CutOff: true, Records: 10}, {Records: 10}}, 0},
		"in order at last":               {[]position.WindowResult{{Records: 10, Fresh: 3}, {Records: 12, Fresh: 2}, {Complete: true, Records: 1, Fresh: 1}}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			for _, restart := range []bool{false, true} {
				s := gap(t, at(12, 10), at(12, 20))
				w := s.Windows()[0]
				got := 0
				for i, read := range test.reads {
					if restart {
						s.save()
						s.stop()
					}
					if done, _, _ := s.FinishWindow(w, read); done {
						got = i + 1
					}
				}
				assert.Equal(t, test.want, got)
			}
		})
	}
}

// While an hour was read, the session beside it dropped: what was missed then may not have been in the archive.
func TestWindows_readTooEarlyForAGapThatOpenedMeanwhile(t *testing.T) {
	s := gap(t, at(12, 10), at(12, 20))
	w := s.Windows()[0]
	require.Equal(t, at(13, 20).Add(3*time.Second), w.Due, "to the second by which the clocks may differ")
	s.another(at(12, 58), at(13, 21))
	done, _, closed := s.FinishWindow(w, orderly())
	assert.False(t, done)
	assert.Empty(t, closed)
	assert.Equal(t, "11:00 due 14:00", s.windows()[0], "it is read again")
	done, _ = s.read(orderly())
	assert.True(t, done)
}

func TestWindows_readWhileAGapOpenedThatChangesNothing(t *testing.T) {
	s := gap(t, at(12, 10), at(12, 20))
	w := s.Windows()[0]
	s.another(at(15, 0), at(15, 10))
	done, _, _ := s.FinishWindow(w, orderly())
	assert.True(t, done)
}

func TestWindows_ofHoursThatWereReadAreReadAgainForANewGap(t *testing.T) {
	s := gap(t, at(12, 10), at(15, 20))
	s.read(orderly())
	s.read(orderly())
	require.Equal(t, []string{"13:00 due 16:00", "14:00 due 16:20", "15:00 due 16:20"}, s.windows())
	s.another(at(15, 25), at(15, 30))
	assert.Equal(t, []string{"13:00 due 16:00", "14:00 due 16:30", "15:00 due 16:30"}, s.windows())
	s.another(at(15, 40), at(15, 41))
	s.read(orderly())
	s.read(orderly())
	assert.Equal(t, []string{"15:00 due 16:41"}, s.windows())
	s.another(at(15, 50), at(15, 51))
	assert.Equal(t, []string{"14:00 due 16:51", "15:00 due 16:51"}, s.windows(), "14:00 was read too early")
}

func TestUnrecoverable_isToldOnceAndExactly(t *testing.T) {
	const days = 24
	s := gap(t, at(12, 10), at(15, 30))
	assert.Empty(t, s.DropUnreachable(at(12+30*days, 9).Add(-2*time.Hour)))
	require.Len(t, s.windows(), 5)

	// The hour of 11:00 lies in the margin: nothing of the gap is in it.
	assert.Empty(t, s.DropUnreachable(at(11+30*days, 30)))
	assert.Equal(t, "12:00 due 15:00", s.windows()[0], "the archive would refuse to be asked for it")
	assert.Equal(t, []string{"12:10-15:30"}, s.gaps())

	var told []string
	for now := at(12+30*days, 0); now.Before(at(14+30*days, 10)); now = now.Add(7 * time.Second) {
		for _, gone := range s.DropUnreachable(now).Gaps {
			told = append(told, text(gone))
		}
		for _, w := range s.Windows() {
			require.False(t, w.Start.Before(now.Add(-30*days*time.Hour)), "%v is asked for at %v", w.Start, now)
		}
	}
	assert.Equal(t, []string{"12:10-13:00", "13:00-14:00", "14:00-15:00"}, told)
	assert.Equal(t, []string{"15:00-15:30"}, s.gaps())
	s.save()
	s.stop()
	assert.Empty(t, s.DropUnreachable(at(14+30*days, 11)), "not after a restart either")
	done, closed := s.read(orderly())
	assert.True(t, done)
	assert.Equal(t, []string{"15:00-15:30"}, closed, "what can be had is had")
}

func TestUnrecoverable_isAllOfAGapThatNobodyRead(t *testing.T) {
	const days = 24
	s := gap(t, at(12, 10), at(15, 30))
	gone := s.DropUnreachable(at(12+90*days, 0)).Gaps
	require.Len(t, gone, 1)
	assert.Equal(t, "12:10-15:30", text(gone[0]))
	assert.Empty(t, s.gaps())
	assert.Empty(t, s.windows())
	assert.Empty(t, s.DropUnreachable(at(12+91*days, 0)))
}

func TestUnrecoverable_isNotWhatWasRead(t *testing.T) {
	const days = 24
	s := gap(t, at(12, 10), at(15, 30))
	s.read(orderly())
	s.read(orderly())
	assert.Empty(t, s.DropUnreachable(at(12+30*days, 30)), "12:00 was read")
	gone := s.DropUnreachable(at(13+30*days, 30)).Gaps
	require.Len(t, gone, 1)
	assert.Equal(t, "13:00-14:00", text(gone[0]))
}

func TestUnrecoverable_isTheBeginningOfALongOutage(t *testing.T) {
	const days = 24
	s := gap(t, at(12, 10), at(12+40*days, 15))
	gone := s.DropUnreachable(at(12+40*days, 15)).Gaps
	require.Len(t, gone, 1)
	assert.Equal(t, "12:10-+10d 13:00", text(gone[0]))
	assert.Equal(t, "+10d 13:00 due +10d 16:00", s.windows()[0])
	assert.Len(t, s.windows(), 30*days)
	assert.Empty(t, s.DropUnreachable(at(12+40*days, 16)))
}

// Nothing is asked of the archive from before its reach because of the margin.
func TestUnrecoverable_isNotTheMarginOfSince30Days(t *testing.T) {
	const days = 24
	now := at(12+30*days, 0)
	s := gap(t, at(12, 0), now)
	gone := s.DropUnreachable(now.Add(time.Second)).Gaps
	require.Len(t, gone, 1)
	assert.Equal(t, "12:00-13:00", text(gone[0]), "a second has gone by, and the service rounds to hours")
	assert.Equal(t, "13:00 due 16:00", s.windows()[0])
}
