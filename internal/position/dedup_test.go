package position_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/position"
)

func TestClaim_aRecordIsNewOnce(t *testing.T) {
	s := begin(t, options())
	assert.True(t, s.Claim(position.Record{ID: 7}))
	assert.False(t, s.Claim(position.Record{ID: 7}), "it is on its way")
	s.Release(7, 8)
	assert.True(t, s.Claim(position.Record{ID: 7}), "it was not handed on")
	s.Accept([]position.Record{{ID: 7, TS: noon()}}, true, noon())
	assert.False(t, s.Claim(position.Record{ID: 7}), "it was delivered")
	s.Release(7)
	assert.False(t, s.Claim(position.Record{ID: 7}), "and stays so")
}

func TestClaim_zeroIsAnIdentityLikeAnyOther(t *testing.T) {
	s := begin(t, options())
	assert.True(t, s.Claim(position.Record{ID: 0}))
	s.Accept([]position.Record{{ID: 0, TS: noon()}}, true, noon())
	s.now = noon()
	s.MarkAlive(at(12, 30), true)
	s.stop()
	assert.False(t, s.Claim(position.Record{ID: 0}))
}

// seen makes records that the pipeline accepts at a time.
func (s *story) seen(count int, now time.Time) (ids []uint64) {
	s.t.Helper()
	records := make([]position.Record, count)
	for i := range records {
		records[i] = s.claim(now)
		ids = append(ids, records[i].ID)
	}
	s.now = now
	s.Accept(records, true, now)
	s.flows(now)
	return ids
}

// known counts those that are remembered.
func (s *story) known(ids []uint64) (n int) {
	for _, id := range ids {
		if s.knows(id) {
			n++
		}
	}
	return n
}

func TestForget_byAge(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	old := s.seen(2048, at(12, 1))
	young := s.seen(1, at(12, 2))
	s.MarkAlive(at(50, 0), true)
	s.Forget(at(36, 0))
	assert.Equal(t, len(old), s.known(old), "not yet a day old")
	s.Forget(at(36, 1).Add(time.Second))
	assert.Zero(t, s.known(old), "more than a day old")
	assert.Equal(t, 1, s.known(young))
	assert.Equal(t, 1, s.Stats().Identities)
	s.Forget(at(36, 3))
	assert.Zero(t, s.Stats().Identities)
}

// A backlog brings very many before the next Forget.
func TestAccepted_forgetsWhatIsTooMuchAtOnce(t *testing.T) {
	o := options()
	o.MaxEntries = 10_000
	s := begin(t, o)
	s.handshake(12, 0)
	var all []uint64
	for i := range 50 {
		all = append(all, s.seen(1000, at(12, i))...)
		n := s.Stats().Identities
		require.LessOrEqual(t, n, 10_000)
		require.GreaterOrEqual(t, n, min(len(all), 10_000-1023), "and not many fewer")
		require.Equal(t, n, s.known(all[len(all)-n:]), "the newest")
		require.Zero(t, s.known(all[:len(all)-n]))
		s.save()
	}
	s.close(12, 50)
	s.stop()
	assert.Equal(t, s.Stats().Identities, s.known(all))
	assert.Len(t, s.disk.data, 1+(s.Stats().Identities+1023)/1024, "what is forgotten is gone from storage")
}

// What an open gap may bring again is remembered, however old it is.
func TestForget_notWhatAGapMayBring(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	before := s.seen(1024, at(12, 1))
	margin := s.seen(1024, at(13, 30))
	s.another(at(14, 0), at(14, 10))
	s.MarkAlive(at(90, 0), true)
	s.Forget(at(90, 0))
	assert.Zero(t, s.known(before))
	assert.Equal(t, len(margin), s.known(margin))
	s.read(orderly())
	s.read(orderly())
	require.Empty(t, s.gaps())
	s.Forget(at(90, 0))
	assert.Zero(t, s.known(margin))
}

func TestMissed_isEverythingAsLongAsNothingIsForgotten(t *testing.T) {
	s := gap(t, at(12, 10), at(12, 20))
	for _, ts := range []time.Time{at(1, 0), at(12, 15), at(20, 0), {}} {
		assert.True(t, s.MayBeMissing(ts), ts)
	}
}

// Where identities are forgotten, only its `ts` tells whether a record of the archive was missed.
func TestMissed_isWhatLiesInAGapWhereIdentitiesAreForgotten(t *testing.T) {
	for name, again := range map[string]func(*story){"at once": func(*story) {}, "after a restart": (*story).stop} {
		t.Run(name, func(t *testing.T) {
			o := options()
			o.MaxEntries = 1024
			s := begin(t, o)
			s.handshake(12, 0)
			s.another(at(13, 10), at(13, 20))
			s.another(at(15, 10), at(15, 20))
			s.seen(1024, at(18, 0))
			s.seen(1024, at(18, 30))
			s.Forget(at(19, 0))
			require.Equal(t, 1024, s.Stats().Identities)
			s.close(19, 0)
			again(s)
			for _, test := range []struct {
				ts   time.Time
				want bool
			}{
				{at(12, 9), false},
				{at(12, 10), true}, // a margin before the gap
				{at(13, 20), true},
				{at(13, 21), false},
				{at(14, 9), false},
				{at(14, 10), true},
				{at(15, 20), true},
				{at(16, 0), false},
				{at(18, 0), false}, // accepted and forgotten
				{at(18, 1), true},  // later than all that is forgotten: if it was accepted, it is remembered
				{at(30, 0), true},
				{time.Time{}, true},
			} {
				assert.Equal(t, test.want, s.MayBeMissing(test.ts), clock(test.ts))
			}
		})
	}
}

func TestStats(t *testing.T) {
	s := begin(t, options())
	assert.Equal(t, position.Stats{Saved: noon()}, s.Stats())
	s.handshake(12, 0)
	s.seen(3, at(12, 1))
	assert.Equal(t, position.Stats{Identities: 3, Saved: noon()}, s.Stats())
	s.save()
	assert.Equal(t, position.Stats{Identities: 3, Saved: at(12, 1)}, s.Stats())
}
