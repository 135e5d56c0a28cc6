package position_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/position"
)

// manyGaps is how many gaps are kept.
const manyGaps = 1000

// dropping is a stream whose session drops every twenty minutes, each time for a minute, so often; then it lives on for
// a minute.
func dropping(t *testing.T, times int) *story {
	t.Helper()
	s := begin(t, options())
	s.handshake(12, 0)
	for i := range times {
		s.accept(12, 20*i+10)
		s.MarkAlive(at(12, 20*i+19), true)
		s.drop()
		s.handshake(12, 20*i+20)
	}
	s.MarkAlive(at(12, 20*times+1), true)
	return s
}

func TestGaps_asManyAsAreKeptStayAsTheyAre(t *testing.T) {
	s := dropping(t, manyGaps)
	require.Len(t, s.Gaps(), manyGaps)
	for i, gap := range s.Gaps() {
		assert.Equal(t, position.Gap{From: at(12, 20*i+19), To: at(12, 20*i+20)}, gap)
	}
}

func TestGaps_theClosestBecomeOneWhereTheyAreTooMany(t *testing.T) {
	s := dropping(t, manyGaps)
	before := s.Gaps()
	// Another two, the second a minute after the first.
	minute := 20 * manyGaps
	for _, next := range []int{minute + 20, minute + 22} {
		s.MarkAlive(at(12, next-1), true)
		s.drop()
		s.handshake(12, next)
	}
	gaps := s.Gaps()
	require.Len(t, gaps, manyGaps)
	assert.Equal(t, position.Gap{From: at(12, minute+19), To: at(12, minute+22)}, gaps[manyGaps-1], "the closest")
	assert.Equal(t, position.Gap{From: before[0].From, To: before[1].To}, gaps[0], "of those as far apart, the oldest")
	for _, gap := range before {
		assert.True(t, s.MayBeMissing(gap.From))
		covered := false
		for _, open := range gaps {
			covered = covered || !gap.From.Before(open.From) && !gap.To.After(open.To)
		}
		assert.True(t, covered, "%s is forgotten", text(gap))
	}
}

func TestSave_writesGapsOnlyWhenTheyHaveChanged(t *testing.T) {
	s := dropping(t, manyGaps)
	s.save()
	require.Greater(t, s.disk.wrote, 50*manyGaps)
	s.seen(1, s.now)
	s.save()
	assert.LessOrEqual(t, s.disk.wrote, headLimit+1024*16+4)

	for name, change := range map[string]func(){
		"another gap":      func() { s.another(at(12, 20*manyGaps+100), at(12, 20*manyGaps+101)) },
		"an hour was read": func() { s.read(orderly()) },
		"an hour was cut":  func() { s.read(position.WindowResult{Records: 7, Fresh: 1}) },
		"one is too old":   func() { s.DropUnreachable(at(24+30*24, 0)) },
	} {
		stored := string(s.disk.data["gaps"])
		change()
		s.save()
		assert.NotEqual(t, stored, string(s.disk.data["gaps"]), name)
	}
}

func TestSave_thatFailsWritesTheGapsWithTheNext(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.another(at(12, 10), at(12, 20))
	s.disk.fail = errDisk
	require.Error(t, s.trySave())
	s.disk.fail = nil
	s.save()
	s.close(12, 21)
	s.stop()
	assert.Equal(t, []string{"12:10-12:20"}, s.gaps())
}

// Chunks that were never stored need not be removed there: without storage, their numbers would only grow in number.
func TestSave_removesNothingThatWasNeverStored(t *testing.T) {
	o := options()
	o.MaxEntries = 1024
	s := begin(t, o)
	s.handshake(12, 0)
	s.seen(1024*20, at(12, 1))
	s.save()
	assert.Zero(t, s.disk.deleted)
	s.seen(1024*20, at(12, 2))
	s.save()
	assert.Equal(t, 1, s.disk.deleted)
	assert.Len(t, s.disk.keys(), 1)
}

func TestLoad_gapsThatAreBrokenAreReadAsOne(t *testing.T) {
	for name, harm := range map[string]func(*memory){
		"gone":    func(m *memory) { delete(m.data, "gaps") },
		"garbage": func(m *memory) { m.data["gaps"] = []byte("garbage") },
		"cut":     func(m *memory) { m.data["gaps"] = m.data["gaps"][:20] },
		"empty":   func(m *memory) { m.data["gaps"] = []byte("{}") },
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options())
			s.handshake(9, 0)
			s.another(at(9, 10), at(9, 20))
			s.another(at(10, 10), at(10, 20))
			id := s.accept(10, 30)
			s.close(10, 31)
			s.MarkStopped()
			s.save()
			harm(s.disk)
			s.start()
			require.ErrorContains(t, s.loaded.Unusable, "the stored gaps are broken or gone")
			assert.True(t, s.loaded.Found)
			assert.Equal(t, []string{"09:10-10:20"}, s.gaps(), "what may be missing, and more")
			assert.True(t, s.knows(id))
			s.handshake(10, 32)
			s.close(10, 33)
			s.stop()
			require.NoError(t, s.loaded.Unusable, "told once")
			assert.Equal(t, []string{"09:10-10:20"}, s.gaps())
		})
	}
}

func TestLoad_gapsOfTheFirstVersion(t *testing.T) {
	s := begin(t, options())
	s.handshake(9, 0)
	s.another(at(9, 10), at(9, 20))
	s.read(orderly())
	windows := s.windows()
	s.close(9, 21)
	s.MarkStopped()
	s.save()
	var head, gaps map[string]any
	require.NoError(t, json.Unmarshal(s.disk.data["position"], &head))
	require.NoError(t, json.Unmarshal(s.disk.data["gaps"], &gaps))
	head["version"], head["gaps"], head["hours"] = 1, gaps["gaps"], gaps["hours"]
	delete(head, "hull")
	delete(s.disk.data, "gaps")
	s.disk.data["position"], _ = json.Marshal(head)
	for range 2 {
		s.start()
		require.NoError(t, s.loaded.Unusable)
		assert.Equal(t, []string{"09:10-09:20"}, s.gaps())
		assert.Equal(t, windows, s.windows())
	}
}

// A stream that reads nothing from the archive drops again and again, for two months.
func TestForget_gapsThatAreNeverReadLetIdentitiesAge(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	for day := range 60 {
		s.seen(1024, at(12+24*day, 0))
		s.MarkAlive(at(13+24*day, 0), true)
		s.now = at(13+24*day, 0)
		s.drop()
		s.handshake(13+24*day, 1)
		s.DropUnreachable(s.now)
		s.Forget(s.now)
	}
	assert.LessOrEqual(t, len(s.Gaps()), 31)
	assert.LessOrEqual(t, s.Stats().Identities, 33*1024)
	assert.Greater(t, s.Stats().Identities, 29*1024, "what lies in an open gap may still be read")
}
