package position_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/position"
)

// inFirstVersion makes the storage one of version 1, whose records were known by other identities.
func (s *story) inFirstVersion() {
	s.t.Helper()
	var head map[string]any
	require.NoError(s.t, json.Unmarshal(s.disk.data["position"], &head))
	head["version"] = 1
	delete(head, "former")
	data, err := json.Marshal(head)
	require.NoError(s.t, err)
	s.disk.data["position"] = data
}

// updated is a stream whose storage a version before has written: n records, all accepted at one minute past noon, the
// first of them with the identity 1. The process of that version has ended in order, and one of this version has started.
func updated(t *testing.T, n int) *story {
	t.Helper()
	s := begin(t, options())
	s.handshake(12, 0)
	s.seen(n, at(12, 1))
	s.close(12, 2)
	s.MarkStopped()
	s.save()
	s.inFirstVersion()
	s.owner.FormerIDs = true
	s.start()
	s.nextID += 1 << 32 // this version's identities are others
	return s
}

// remembers says whether a record is remembered that had a former identity, and comes again under another.
func (s *story) remembers(former uint64, ts time.Time) bool {
	r := position.Record{ID: former + 1<<40, FormerID: former, TS: ts}
	if !s.Claim(r) {
		return true
	}
	s.Release(r.ID)
	return false
}

// remembered is how many records are remembered of those with the first n former identities.
func (s *story) remembered(n int) int {
	count := 0
	for former := range n {
		if s.remembers(uint64(former+1), at(12, 1)) {
			count++
		}
	}
	return count
}

func TestFormer_recordIsKnownByItsFormerIdentityAndItsTime(t *testing.T) {
	s := updated(t, 1500)
	for range 2 {
		assert.Equal(t, 1500, s.remembered(1600))
		assert.True(t, s.remembers(7, at(12, 1).Add(time.Second-1)), "its time is stored to the second")
		assert.False(t, s.remembers(7, at(12, 1).Add(time.Second)), "another record of the same name")
		assert.False(t, s.remembers(7, time.Time{}))
		assert.False(t, s.knows(7), "that is no identity of this version")
		s.stop()
	}
}

func TestFormer_recordWithoutATime(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	id := s.acceptLate(time.Time{}, at(12, 1))
	s.close(12, 2)
	s.MarkStopped()
	s.save()
	s.inFirstVersion()
	s.owner.FormerIDs = true
	s.start()
	assert.True(t, s.remembers(id, time.Time{}))
	assert.False(t, s.remembers(id, at(12, 1)))
}

func TestFormer_whatComesAfterTheUpdateIsKnownByItsIdentity(t *testing.T) {
	s := updated(t, 1500)
	s.handshake(12, 3)
	ids := s.seen(1500, at(12, 4))
	s.close(12, 5)
	for range 2 {
		assert.Equal(t, 1500, s.remembered(1600))
		assert.Equal(t, 1500, s.known(ids))
		assert.False(t, s.remembers(ids[0], at(12, 4)), "no former identity is looked for among this version's")
		assert.Equal(t, 3000, s.Stats().Identities)
		s.stop()
	}
}

func TestFormer_isForgotten(t *testing.T) {
	s := updated(t, 1500)
	s.handshake(12, 3)
	ids := s.seen(1500, at(12, 4))
	s.MarkAlive(at(40, 0), true)
	s.Forget(at(36, 2))
	assert.Equal(t, 1500-1024, s.remembered(1500), "chunk by chunk")
	assert.Equal(t, len(ids), s.known(ids))
	s.Forget(at(36, 5).Add(time.Second))
	assert.Zero(t, s.remembered(1500))
	assert.LessOrEqual(t, s.Stats().Identities, 1024)
}

// What was in the pipeline's memory is forgotten, and others come in its place.
func TestFormer_killedBeforeTheUpdate(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.seen(1100, at(12, 1))
	s.flows(at(12, 10))
	s.seen(1100, at(12, 11))
	s.now = at(12, 11)
	s.save()
	s.inFirstVersion()
	s.owner.FormerIDs = true
	s.start()
	assert.Equal(t, 1100, s.remembered(2200))
	assert.Equal(t, 1100, s.Stats().Identities)
	s.nextID += 1 << 32
	s.handshake(12, 12)
	ids := s.seen(1100, at(12, 13))
	s.close(12, 14)
	for range 2 {
		assert.Equal(t, 1100, s.remembered(2200))
		assert.Equal(t, 1100, s.known(ids))
		s.stop()
	}
}

func TestFormer_chunkIsBroken(t *testing.T) {
	for name, broken := range map[string]string{"the first": "seen.0", "one in the middle": "seen.1", "the last": "seen.2"} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options())
			s.handshake(12, 0)
			s.seen(1024*2+100, at(12, 1))
			s.close(12, 2)
			s.MarkStopped()
			s.save()
			s.inFirstVersion()
			s.disk.data[broken][3] ^= 1
			want := 1024*2 + 100 - (len(s.disk.data[broken])-4)/16
			s.owner.FormerIDs = true
			s.start()
			require.Error(t, s.loaded.Unusable)
			s.nextID += 1 << 32
			s.handshake(12, 3)
			ids := s.seen(2000, at(12, 4))
			s.close(12, 5)
			for range 2 {
				assert.Equal(t, want, s.remembered(2200))
				assert.Equal(t, 2000, s.known(ids))
				s.stop()
			}
		})
	}
}

func TestFormer_storageAnswersLate(t *testing.T) {
	s := updated(t, 1500)
	s.Position = position.New(s.options)
	s.inFirstVersion()
	s.handshake(12, 3)
	ids := s.seen(1500, at(12, 4))
	assert.Zero(t, s.remembered(1500))
	s.load()
	s.close(12, 5)
	for range 2 {
		assert.Equal(t, 1500, s.remembered(1600))
		assert.Equal(t, 1500, s.known(ids))
		s.stop()
	}
}

func TestFormer_streamsWhoseIdentitiesAreAsTheyWereAreReadAsTheyAre(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	ids := s.seen(1500, at(12, 1))
	s.close(12, 2)
	s.MarkStopped()
	s.save()
	before := s.disk.copy()
	s.inFirstVersion()
	s.start()
	require.NoError(t, s.loaded.Unusable)
	assert.Equal(t, len(ids), s.known(ids))
	for _, key := range before.keys() {
		assert.Equal(t, before.data[key], s.disk.data[key])
	}
}
