package position_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/positionstore"
)

// headLimit is what a head without gaps has at the most, in bytes.
const headLimit = 1024

// keys lists the keys of the chunks.
func (m *memory) keys() (chunks []string) {
	for key := range m.data {
		if strings.HasPrefix(key, "seen.") {
			chunks = append(chunks, key)
		}
	}
	slices.Sort(chunks)
	return chunks
}

func TestSave_isReadBack(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	ids := s.seen(5000, at(12, 1))
	s.another(at(13, 0), at(13, 10))
	s.close(13, 11)
	s.stop()
	assert.Equal(t, len(ids), s.known(ids))
	assert.Equal(t, 5000, s.Stats().Identities)
	assert.Equal(t, []string{"13:00-13:10"}, s.gaps())
	assert.Empty(t, s.handshake(13, 12))
	before := s.disk.copy()
	s.stop()
	for _, key := range before.keys() {
		assert.Equal(t, before.data[key], s.disk.data[key], "what was read is as it was written")
	}
}

// The stored form is a promise to later versions.
func TestSave_storedForm(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 1)
	s.acceptLate(time.Time{}, at(12, 2))
	s.another(at(12, 10), at(12, 20))
	s.DoubtPause(position.Gap{From: at(12, 15), To: at(12, 21)})
	s.FinishWindow(s.Windows()[0], orderly())
	s.FinishWindow(s.Windows()[0], position.WindowResult{Records: 9, Fresh: 1})
	s.save()

	assert.JSONEq(t, `{
		"version": 2, "cluster": "example_cluster", "stream": "message",
		"saved_at": "2026-01-12T12:20:00Z", "safe": "2026-01-12T12:20:00Z", "life": "2026-01-12T12:20:00Z",
		"accepted": "2026-01-12T12:02:00Z", "clean": false, "flushed": 2,
		"doubt": {"from": "2026-01-12T12:15:00Z", "to": "2026-01-12T12:21:00Z"},
		"hull": {"from": "2026-01-12T12:10:00Z", "to": "2026-01-12T12:20:00Z"},
		"first_chunk": 0, "next_chunk": 1
	}`, string(s.disk.data["position"]))
	assert.JSONEq(t, `{
		"gaps": [{"from": "2026-01-12T12:10:00Z", "to": "2026-01-12T12:20:00Z"}],
		"hours": {"1768215600": {"done": true, "most": 0}, "1768219200": {"most": 9}}
	}`, string(s.disk.data["gaps"]))
	assert.Equal(t, []byte{
		1, 0, 0, 0, 0, 0, 0, 0 /* accepted */, 0x7c, 0xe2, 0x64, 0x69 /* ts */, 0x7c, 0xe2, 0x64, 0x69,
		2, 0, 0, 0, 0, 0, 0, 0 /* accepted */, 0xb8, 0xe2, 0x64, 0x69 /* ts */, 0, 0, 0, 0,
	}, s.disk.data["seen.0"][:32])
	assert.Len(t, s.disk.data["seen.0"], 36, "and a checksum")
}

// What a save writes does not grow with what is remembered.
func TestSave_writesWhatIsNew(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.seen(50_000, at(12, 1))
	s.save()
	assert.Greater(t, s.disk.wrote, 50_000*16)
	for range 1100 {
		s.seen(1, at(12, 2))
		s.save()
		require.LessOrEqual(t, s.disk.wrote, headLimit+1024*16+4, "one chunk")
		require.Zero(t, s.disk.deleted)
	}
	s.seen(10_000, at(12, 3))
	s.save()
	assert.LessOrEqual(t, s.disk.wrote, headLimit+11*(1024*16+4))
	s.save()
	assert.LessOrEqual(t, s.disk.wrote, headLimit, "nothing is new but the head")
}

func TestSave_thatFailsIsMadeUpForByTheNext(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	ids := s.seen(1500, at(12, 1))
	before := s.disk.copy()

	s.disk.fail = errDisk
	for range 3 {
		err := s.store().Save(t.Context(), s.Position, at(12, 2))
		require.ErrorIs(t, err, errDisk)
		assert.Contains(t, err.Error(), "save the position")
		assert.True(t, s.NeedsSave(at(12, 2)))
		ids = append(ids, s.seen(1500, at(12, 2))...)
	}
	assert.Equal(t, before.data, s.disk.data)
	assert.Equal(t, noon(), s.Stats().Saved)
	s.disk.fail = nil
	s.save()
	assert.False(t, s.NeedsSave(at(12, 2)))
	s.close(12, 3)
	s.stop()
	assert.Equal(t, len(ids), s.known(ids))
}

func TestSave_thatFailsStillForgetsLater(t *testing.T) {
	o := options()
	o.MaxEntries = 2 * 1024
	s := begin(t, o)
	s.handshake(12, 0)
	s.seen(2*1024, at(12, 1))
	s.save()
	require.Equal(t, []string{"seen.0", "seen.1"}, s.disk.keys())
	s.seen(1024, at(12, 2))
	s.disk.fail = errDisk
	require.Error(t, s.trySave())
	s.disk.fail = nil
	s.save()
	assert.Equal(t, []string{"seen.1", "seen.2"}, s.disk.keys())
}

// The batch is on disk, but the answer was lost.
func TestSave_thatFailsThoughItSucceeded(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	ids := s.seen(1500, at(12, 1))
	s.save()
	wrote := s.disk.copy()
	ids = append(ids, s.seen(1500, at(12, 2))...)
	s.disk.fail = errDisk
	require.Error(t, s.trySave())
	s.disk.fail = nil
	ids = append(ids, s.seen(10, at(12, 3))...)
	s.save()
	s.close(12, 4)
	assert.NotEqual(t, wrote.data, s.disk.data)
	s.stop()
	assert.Equal(t, len(ids), s.known(ids))
}

// The stream goes on while storage is slow: nothing of what comes in the middle of a save is lost to the next.
func TestSave_whileRecordsAreAccepted(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	const streams, rounds = 4, 50
	claimed := make([][]uint64, streams)
	stop := make(chan struct{})
	var saver, accepting sync.WaitGroup
	saver.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if s.NeedsSave(at(12, 1)) {
				assert.NoError(t, s.store().Save(t.Context(), s.Position, at(12, 1)))
			}
			s.Forget(at(12, 1))
			s.Stats()
		}
	})
	for i := range streams {
		accepting.Go(func() {
			for round := range rounds {
				records := make([]position.Record, 100)
				for j := range records {
					id := uint64(i)<<32 | uint64(round*100+j+1)
					if !assert.True(t, s.Claim(position.Record{ID: id})) {
						return
					}
					records[j] = position.Record{ID: id, TS: at(12, 1)}
					claimed[i] = append(claimed[i], id)
				}
				s.Accept(records, i%2 == 0, at(12, 1))
				s.MarkAlive(at(12, 1), false)
				s.Windows()
				s.Gaps()
			}
		})
	}
	accepting.Wait()
	close(stop)
	saver.Wait()
	s.now = at(12, 2)
	s.EndSession(true, s.now)
	s.stop()
	for _, ids := range claimed {
		assert.Equal(t, streams*rounds*100/streams, s.known(ids))
	}
}

func TestSave_inTheMiddleOfWhichARecordIsAccepted(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	var ids []uint64
	s.disk.during = func() { ids = append(ids, s.seen(700, at(12, 1))...) }
	for range 10 {
		s.save()
		assert.True(t, s.NeedsSave(s.now), "what came in the middle is not saved")
	}
	s.disk.during = nil
	s.save()
	s.close(12, 2)
	s.stop()
	assert.Equal(t, 7000, s.known(ids))
}

func TestNeedsSave(t *testing.T) {
	s := &story{t: t, options: options(), owner: owner(), disk: newMemory(), now: noon()}
	s.Position = position.New(s.options)
	assert.False(t, s.NeedsSave(noon()), "not before it is loaded: that would write over what is stored")
	s.load()
	assert.True(t, s.NeedsSave(noon()))
	s.save()
	assert.False(t, s.NeedsSave(at(12, 0)))

	s.BeginSession(noon())
	for name, change := range map[string]func(){
		"a handshake":       func() { s.BeginSession(noon()) },
		"a record":          func() { s.seen(1, noon()) },
		"a refusal":         func() { s.Refuse([]position.Record{s.claim(noon())}, noon()) },
		"a drop":            func() { s.EndSession(false, noon()) },
		"a close":           func() { s.EndSession(true, noon()) },
		"a doubt":           func() { s.DoubtPause(position.Gap{From: noon(), To: at(12, 1)}) },
		"a doubt confirmed": func() { s.DoubtPause(position.Gap{From: noon(), To: at(12, 1)}); s.save(); s.OpenPauseGap() },
		"a doubt dispelled": func() { s.DoubtPause(position.Gap{From: noon(), To: at(12, 1)}); s.save(); s.TrustPause() },
		"the end":           func() { s.MarkStopped() },
	} {
		s.now = noon()
		s.save()
		require.False(t, s.NeedsSave(noon()), name)
		change()
		assert.True(t, s.NeedsSave(noon()), name)
	}

	s.seen(1, at(12, 0))
	s.flows(at(12, 0))
	s.now = at(12, 5)
	s.save()
	s.flows(at(12, 5).Add(time.Second))
	assert.False(t, s.NeedsSave(at(12, 5).Add(time.Second)))
	s.flows(at(12, 5).Add(30 * time.Second))
	assert.True(t, s.NeedsSave(at(12, 5).Add(30*time.Second)), "what was accepted at noon would be read again after a kill")
	s.now = at(12, 6)
	s.save()
	s.MarkAlive(at(12, 7).Add(-time.Second), true)
	assert.False(t, s.NeedsSave(at(12, 7).Add(-time.Second)), "a sign of life can wait")
	assert.True(t, s.NeedsSave(at(12, 7)), "for a minute")
}

func TestLoad_storageThatFails(t *testing.T) {
	p := position.New(options())
	disk := newMemory()
	disk.fail = errDisk
	_, err := positionstore.New(disk, owner()).Load(t.Context(), p)
	require.ErrorIs(t, err, errDisk)
	assert.EqualError(t, err, "read the position: no space left on device")
	assert.False(t, p.NeedsSave(at(99, 0)))
}

// Storage answers only after sessions have begun. What it brings comes before what they brought.
func TestLoad_late(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(*story) // how the process before ended
		gap  string
		knew bool // the last record of the process before
	}{
		"after a clean end":              {func(s *story) { s.close(12, 59); s.MarkStopped(); s.save() }, "", true},
		"after a clean end, a while ago": {func(s *story) { s.close(12, 58); s.MarkStopped(); s.save() }, "12:00-13:00", true},
		"after a clean end, long ago":    {func(s *story) { s.close(12, 1); s.MarkStopped(); s.save() }, "12:00-13:00", true},
		"after a kill":                   {func(s *story) { s.save() }, "12:00-13:00", false},
		"after a drop, and a clean stop": {func(s *story) { s.drop(); s.MarkStopped(); s.save() }, "12:00-13:00", true},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options())
			s.handshake(11, 50)
			delivered := s.accept(12, 0)
			test.end(s)

			s.Position = position.New(s.options)
			assert.Empty(t, s.handshake(13, 0), "nothing is known yet")
			s.nextID += 1000
			recent := s.accept(13, 1)
			s.Accept([]position.Record{{ID: delivered, TS: at(12, 0)}}, true, at(13, 1)) // repeated: it was not known
			other := s.claim(at(13, 2))
			s.now = at(13, 3)
			s.load()

			found := ""
			if s.loaded.Opened.Gap != nil {
				found = text(*s.loaded.Opened.Gap)
				assert.NotEmpty(t, s.loaded.Opened.Reason)
			}
			assert.Equal(t, test.gap, found)
			assert.True(t, s.knows(recent))
			assert.True(t, s.knows(delivered))
			assert.True(t, s.knows(other.ID), "it is on its way still")
			s.save()
			s.close(13, 4)
			s.stop()
			assert.True(t, s.knows(recent))
			assert.True(t, s.knows(delivered))
			if test.gap == "" {
				assert.Empty(t, s.gaps())
			} else {
				assert.Equal(t, []string{test.gap}, s.gaps())
			}
		})
	}
}

func TestLoad_lateKeepsOldGapsAndDoubts(t *testing.T) {
	s := begin(t, options())
	s.handshake(9, 0)
	s.another(at(9, 10), at(9, 20))
	s.MarkAlive(at(10, 0), true)
	s.DoubtPause(position.Gap{From: at(10, 0), To: at(10, 10)})
	s.close(12, 0)
	s.MarkStopped()
	s.save()
	s.Position = position.New(s.options)
	s.handshake(12, 1)
	s.another(at(12, 40), at(12, 41))
	s.load()
	assert.Equal(t, []string{"09:10-09:20", "10:00-10:10", "12:40-12:41"}, s.gaps())
}

func TestLoad_lateForgetsNothingThatHappenedMeanwhile(t *testing.T) {
	o := options()
	o.MaxEntries = 2048
	s := begin(t, o)
	s.handshake(11, 50)
	old := s.seen(10, at(12, 0))
	s.close(12, 29)
	s.MarkStopped()
	s.save()
	s.Position = position.New(s.options)
	s.handshake(12, 30)
	s.seen(4096, at(12, 31))
	s.seen(1024, at(12, 40))
	s.Forget(at(12, 40)) // all but the newest are too many
	s.load()
	assert.Equal(t, len(old), s.known(old))
	assert.False(t, s.MayBeMissing(at(12, 30)), "identities from so far back are forgotten")
	assert.True(t, s.MayBeMissing(at(12, 32)))
}

// What this process has accepted is out of the pipeline's memory as soon as if storage had answered at once.
func TestLoad_lateKeepsWhatIsOutOfThePipelinesMemory(t *testing.T) {
	for name, test := range map[string]struct {
		minute, out int // when the process is killed, and how many of its records are out by then
	}{
		"before storage answered": {8, 1},
		"of some":                 {10, 2},
		"of all":                  {13, 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options())
			s.handshake(11, 50)
			s.seen(100, at(11, 55))
			s.close(12, 0)
			s.MarkStopped()
			s.save()
			s.Position = position.New(s.options)
			s.handshake(12, 0)
			ids := []uint64{s.accept(12, 1), s.accept(12, 4), s.accept(12, 7)}
			s.load()
			s.flowing(12, test.minute, time.Duration(test.minute)*time.Minute, 0)
			s.killed()
			for i, id := range ids {
				assert.Equal(t, i < test.out, s.knows(id), "record %d", i+1)
			}
		})
	}
}

func TestLoad_setsAsideWhatIsNotUsable(t *testing.T) {
	stored := func(change func(map[string]any)) []byte {
		var head map[string]any
		s := begin(t, options())
		s.handshake(12, 0)
		s.accept(12, 1)
		s.save()
		require.NoError(t, json.Unmarshal(s.disk.data["position"], &head))
		change(head)
		data, err := json.Marshal(head)
		require.NoError(t, err)
		return data
	}
	for name, test := range map[string]struct {
		head []byte
		want string
	}{
		"no JSON":         {[]byte("\x00\xff"), "not a position"},
		"nothing":         {[]byte{}, "not a position"},
		"half of it":      {stored(func(map[string]any) {})[:100], "not a position"},
		"newer":           {stored(func(h map[string]any) { h["version"] = 3 }), "version 3, not 2"},
		"of no version":   {[]byte(`{}`), "version 0, not 2"},
		"another cluster": {stored(func(h map[string]any) { h["cluster"] = "other" }), `it is of cluster "other", stream "message"`},
		"another stream":  {stored(func(h map[string]any) { h["stream"] = "maillog" }), `it is of cluster "example_cluster", stream "maillog"`},
		"chunks backward": {stored(func(h map[string]any) { h["first_chunk"] = 9 }), "its chunks make no sense"},
		"chunks for ever": {stored(func(h map[string]any) { h["next_chunk"] = 1 << 40 }), "its chunks make no sense"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &story{t: t, options: options(), owner: owner(), disk: newMemory(), now: noon()}
			s.disk.data["position"] = test.head
			s.start()
			require.Error(t, s.loaded.Unusable)
			assert.False(t, s.loaded.Found)
			assert.Contains(t, s.loaded.Unusable.Error(), test.want)
			var aside []string
			for key, value := range s.disk.data {
				if strings.HasPrefix(key, "position.aside.") {
					aside = append(aside, key)
					assert.True(t, bytes.Equal(test.head, value), "as it was")
				}
			}
			require.Len(t, aside, 1)
			assert.Contains(t, s.loaded.Unusable.Error(), aside[0], "the user is told where")
			assert.Empty(t, s.handshake(12, 5), "collection goes on as at a first start")
			id := s.accept(12, 6)
			s.close(12, 7)
			s.stop()
			require.NoError(t, s.loaded.Unusable)
			assert.True(t, s.knows(id))
		})
	}
}

func TestLoad_setsAsideOnlyIfItCan(t *testing.T) {
	disk := newMemory()
	disk.data["position"] = []byte("?")
	calls := 0
	disk.during = func() {
		if calls++; calls == 2 {
			disk.fail = errDisk
		}
	}
	p := position.New(options())
	_, err := positionstore.New(disk, owner()).Load(t.Context(), p)
	require.ErrorIs(t, err, errDisk)
	assert.False(t, p.NeedsSave(at(99, 0)), "or a save would write over it")
	assert.Equal(t, []byte("?"), disk.data["position"])
}

func TestLoad_leavesOutChunksThatAreBroken(t *testing.T) {
	for name, harm := range map[string]func(*memory){
		"gone":         func(m *memory) { delete(m.data, "seen.1") },
		"empty":        func(m *memory) { m.data["seen.1"] = []byte{} },
		"cut":          func(m *memory) { m.data["seen.1"] = m.data["seen.1"][:1000] },
		"cut by one":   func(m *memory) { m.data["seen.1"] = m.data["seen.1"][:len(m.data["seen.1"])-16] },
		"a bit":        func(m *memory) { m.data["seen.1"][777] ^= 4 },
		"the checksum": func(m *memory) { d := m.data["seen.1"]; d[len(d)-1] ^= 1 },
		"too long":     func(m *memory) { m.data["seen.1"] = make([]byte, 1025*16+4) },
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options())
			s.handshake(12, 0)
			ids := s.seen(1024*3+100, at(12, 1))
			young := s.seen(1, at(12, 20))
			s.now = at(12, 21)
			s.save()
			s.disk = s.disk.copy()
			harm(s.disk)

			s.kill()
			require.Error(t, s.loaded.Unusable)
			assert.Contains(t, s.loaded.Unusable.Error(), "1 of 4 stored chunks")
			assert.True(t, s.loaded.Found)
			assert.Equal(t, 1024, s.known(ids[:1024]))
			assert.Zero(t, s.known(ids[1024:2048]))
			assert.Equal(t, 1024+100, s.known(ids[2048:]))
			assert.Zero(t, s.known(young), "what may have been in the pipeline's memory is forgotten still")
			assert.Equal(t, "12:20-12:30", s.handshake(12, 30))
			assert.False(t, s.MayBeMissing(at(11, 0)), "nobody knows what was forgotten, so only the gap counts")
			assert.True(t, s.MayBeMissing(at(11, 21)))

			again := s.seen(2000, at(12, 31))
			s.close(12, 32)
			s.stop()
			require.NoError(t, s.loaded.Unusable, "told once")
			assert.Equal(t, 1024, s.known(ids[:1024]))
			assert.Zero(t, s.known(ids[1024:2048]))
			assert.Equal(t, 1124, s.known(ids[2048:]))
			assert.Equal(t, 2000, s.known(again))
			assert.Equal(t, 1024+1124+2000, s.Stats().Identities)
			assert.NotContains(t, s.disk.data, "seen.1", "its place is empty")
		})
	}
}

// All was accepted shortly before the kill, so all is forgotten; what comes then must not go where a broken chunk was.
func TestLoad_leavesOutABrokenChunkAndForgetsTheRest(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.seen(1024*3, at(12, 1))
	s.save()
	s.disk.data["seen.1"][0] ^= 1
	s.kill()
	require.Error(t, s.loaded.Unusable)
	require.Zero(t, s.Stats().Identities)
	s.handshake(12, 2)
	ids := s.seen(1024*5+7, at(12, 3))
	s.save()
	s.close(12, 4)
	s.stop()
	require.NoError(t, s.loaded.Unusable)
	assert.Equal(t, len(ids), s.known(ids))
}

// Nobody knows any more what was in the pipeline's memory, but that it was accepted after all that is remembered.
func TestLoad_looksForWhatABrokenChunkHeldWhenTheProcessWasKilled(t *testing.T) {
	s := begin(t, options())
	lives := func(from int) {
		s.handshake(12, from)
		s.seen(1024, at(12, from+1))
		s.seen(100, at(12, from+10))
		s.MarkAlive(at(12, from+12), true)
		s.now = at(12, from+12)
		s.save()
	}
	breaks := func(chunks ...string) {
		for _, key := range chunks {
			require.Contains(t, s.disk.data, key)
			s.disk.data[key] = nil
		}
		s.kill()
		require.Error(t, s.loaded.Unusable)
	}
	lives(0)
	breaks("seen.1")
	assert.Equal(t, "12:01-12:13", s.handshake(12, 13))

	s = begin(t, options())
	lives(0)
	breaks("seen.0", "seen.1")
	assert.Equal(t, "11:12-12:13", s.handshake(12, 13), "as much as the service remembers")
}

// As many records come as have been forgotten, so that the chunk is as long as the stored one, which is another.
func TestLoad_writesWhatComesInTheRoomOfWhatItForgets(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	old := s.seen(100, at(12, 0))
	s.seen(50, at(12, 30))
	s.save()
	s.Position = position.New(s.options)
	s.load()
	require.Equal(t, len(old), s.Stats().Identities)
	s.handshake(12, 31)
	ids := s.seen(50, at(12, 32)) // before anything is saved
	s.save()
	s.close(12, 33)
	s.stop()
	assert.Equal(t, len(old), s.known(old))
	assert.Equal(t, len(ids), s.known(ids))
}

// Killed again and again, the storage does not grow.
func TestLoad_writesOverWhatItForgets(t *testing.T) {
	s := begin(t, options())
	for i := range 20 {
		s.handshake(12, i)
		s.seen(1024*2+i, at(12, i))
		s.save()
		s.kill()
	}
	s.handshake(13, 0)
	ids := s.seen(1024*10, at(13, 0))
	s.close(13, 1)
	s.stop()
	assert.Equal(t, len(ids), s.known(ids))
	assert.Len(t, s.disk.keys(), (s.Stats().Identities+1023)/1024)
}

func TestLoad_foreignChunksDoNoHarm(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.seen(1024*4, at(12, 1))
	s.close(12, 2)
	s.MarkStopped()
	s.save()
	s.owner.Cluster = "other"
	s.start()
	require.Error(t, s.loaded.Unusable)
	s.handshake(12, 3)
	s.nextID = 1 << 20
	ids := s.seen(10, at(12, 3))
	s.close(12, 4)
	s.stop()
	assert.Equal(t, 10, s.Stats().Identities)
	assert.Equal(t, 10, s.known(ids))
}
