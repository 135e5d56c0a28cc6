package position_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/position"
)

// A `ts` from days ago must not open a gap from there to now.
func TestStrays_killOpensASmallGapForAWrongTime(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 1)
	id := s.acceptLate(at(-60, 20), at(12, 2))
	slow := s.acceptLate(at(10, 30), at(12, 3))
	s.killed()

	assert.False(t, s.knows(id))
	assert.False(t, s.knows(slow))
	s.now = at(12, 10)
	opened := s.BeginSession(s.now)
	require.NotNil(t, opened.Gap)
	assert.Equal(t, "10:30-12:10", text(*opened.Gap), "an hour and a half is possible")
	require.Len(t, opened.Strays, 1)
	assert.Equal(t, "-3d 12:20--3d 12:20:01", text(opened.Strays[0]))
	assert.Equal(t, []string{"-3d 12:20--3d 12:20:01", "10:30-12:10"}, s.gaps())
	assert.Equal(t, "-3d 12:00 due 13:02", s.windows()[1], "its hour is long over, but it has come only now")
	assert.True(t, s.MayBeMissing(at(-60, 20)))

	s.drop()
	assert.Empty(t, s.BeginSession(at(12, 11)).Strays, "told once")
	s.stop()
	assert.Equal(t, "-3d 12:00 due 13:02", s.windows()[1], "and kept")
	s.now = at(18, 0)
	for len(s.Windows()) > 0 {
		s.read(orderly())
	}
	assert.Empty(t, s.gaps())
	s.save()
	assert.JSONEq(t, `{}`, string(s.disk.data["gaps"]), "nothing is left of it")
}

func TestStrays_ofAnHourAreOneGap(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 0)
	for _, minute := range []int{30, 10, 20, 80} {
		s.acceptLate(at(5, minute), at(12, 2))
	}
	s.killed()
	s.handshake(12, 10)
	assert.Equal(t, []string{"05:10-05:30:01", "06:20-06:20:01", "12:00-12:10"}, s.gaps())
}

// A batch that the pipeline never took can have been held for hours, so what its times tell is told by what was safe.
func TestStrays_quittingOpensASmallGapForAWrongTime(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 10)
	batch := []position.Record{s.claim(at(12, 12)), s.claim(at(11, 15)), s.claim(at(-60, 20))}
	s.Refuse(batch, at(20, 0))
	s.close(20, 0)
	s.stop()
	assert.Equal(t, "11:15-20:01", s.handshake(20, 1))
	assert.Equal(t, []string{"-3d 12:20--3d 12:20:01", "11:15-20:01"}, s.gaps())
	assert.Equal(t, "-3d 12:00 due 21:00", s.windows()[1])
}

func TestStrays_storageAnswersLate(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 0)
	s.acceptLate(at(5, 0), at(12, 2))
	require.NoError(t, s.trySave())
	s.Position = position.New(s.options)
	s.handshake(12, 30)
	s.load()
	require.Len(t, s.loaded.Opened.Strays, 1)
	assert.Equal(t, []string{"05:00-05:00:01", "12:00-12:30"}, s.gaps())
}

// The archive has no record whose `ts` is in 1999, whenever it came.
func TestStrays_outOfReachAreUnrecoverable(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 0)
	for year := range 30 {
		s.acceptLate(time.Date(1970+year, 12, 31, 23, 0, 0, 0, time.UTC), at(12, 2))
	}
	s.killed()
	s.handshake(12, 10)
	assert.Equal(t, []string{"12:00-12:10"}, s.gaps())
	s.save()
	s.close(12, 11)
	s.stop() // before it was reported
	assert.Equal(t, position.Unreachable{Records: 30}, s.DropUnreachable(s.now))
	assert.Equal(t, position.Unreachable{}, s.DropUnreachable(s.now), "once")
	s.stop()
	assert.Equal(t, position.Unreachable{}, s.DropUnreachable(s.now))
}

// The records of a long frame are refused in portions.
func TestStrays_refusedInPortionsAreOneGapForEachHour(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 10)
	for i := range 100 {
		s.Refuse([]position.Record{s.claim(at(1, 30).Add(time.Duration(i) * time.Millisecond)), s.claim(at(3, 30))}, at(12, 20))
	}
	s.close(12, 20)
	s.now = at(12, 21)
	assert.Len(t, s.BeginSession(s.now).Strays, 2)
	assert.Equal(t, []string{"01:30-01:30:01.099", "03:30-03:30:01", "12:10-12:21"}, s.gaps())
}

func TestStrays_outOfReachOfAStreamThatQuits(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 10)
	s.Refuse([]position.Record{s.claim(at(-31*24, 0)), s.claim(at(-29*24, 0))}, at(12, 20))
	s.close(12, 20)
	s.stop()
	assert.Equal(t, position.Unreachable{Records: 1}, s.DropUnreachable(s.now))
	require.Len(t, s.Gaps(), 1)
}

// Opening a gap for each of them, one after the other, took minutes.
func TestStrays_manyAreOpenedAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		apart       time.Duration
		unreachable int
		gaps        int
	}{
		"over years":         {time.Hour, 50_000 - 714, 715},
		"within the archive": {50 * time.Second, 0, 700},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options())
			s.handshake(12, 0)
			records := make([]position.Record, 50_000)
			for i := range records {
				records[i] = position.Record{ID: uint64(i + 1), TS: at(6, 0).Add(-time.Duration(i) * test.apart)}
			}
			s.now = at(12, 1)
			s.Accept(records, true, s.now)
			s.save()
			began := time.Now()
			s.kill()
			s.handshake(12, 2)
			gone := s.DropUnreachable(s.now)
			assert.Equal(t, position.Unreachable{Records: test.unreachable}, gone)
			assert.InDelta(t, test.gaps, len(s.Gaps()), 10)
			assert.Less(t, time.Since(began), 10*time.Second)
		})
	}
}
