package position

import (
	"iter"
	"slices"
	"time"
)

// ChunkEntries is how many identities are stored together at the most. A save rewrites one chunk that is not full at
// the most, so this bounds what it writes again.
const ChunkEntries = 1024

// Record is what the position needs to know of a record.
type Record struct {
	// ID is the record's identity.
	ID uint64
	// FormerID is the identity that versions before this one have stored; 0: the same as ID.
	FormerID uint64
	// TS is the record's `ts`; zero if it has none.
	TS time.Time
}

// Entry is what is remembered of an accepted record. Times are in seconds since 1970, which fit until 2106.
type Entry struct {
	ID       uint64
	Accepted uint32
	TS       uint32 // 0: none
}

// Chunk is a run of entries that is stored under one key.
type Chunk struct {
	Number  uint64
	Entries []Entry
}

// index remembers identities in the order in which they were accepted, and forgets the oldest first.
type index struct {
	known  *set
	chunks []*chunk
	next   uint64 // number of the next chunk; the chunks have those before it, without a hole
	// former is the place before which entries have former identities.
	former uint64
	// horizon is the time of acceptance of the newest identity that was forgotten: every record accepted after it is
	// remembered. 0: nothing was forgotten.
	horizon uint32
	// stored is the number of the chunk before which storage may have all.
	stored uint64
	// forgotten are the numbers of chunks that storage may have, and that are to be deleted there.
	forgotten []uint64
}

// chunk is a chunk, and how much of it storage has.
type chunk struct {
	number  uint64
	entries []Entry
	// saved is how many of the entries are in storage.
	saved int
}

// place is that of the chunk's first entry.
func (c *chunk) place() uint64 { return c.number * ChunkEntries }

func newIndex() *index { return &index{known: newSet()} }

// has reports whether a record is remembered, by its identity or, while entries have them, by its former one.
func (x *index) has(r Record) bool {
	return x.known.has(r.ID) || r.FormerID != 0 && x.hasFormer() && x.known.has(formerKey(r.FormerID, tsSeconds(r.TS)))
}

// hasFormer reports whether entries with former identities are remembered.
func (x *index) hasFormer() bool {
	return len(x.chunks) > 0 && x.chunks[0].place() < x.former
}

// key is what an entry at a place is known by.
func (x *index) key(place uint64, e Entry) uint64 {
	if place < x.former {
		return formerKey(e.ID, e.TS)
	}
	return e.ID
}

// formerKey is what an Entry with a former identity is known by. Records of different `ts` can have the same former
// identity, so that takes both.
func formerKey(id uint64, ts uint32) uint64 { return id ^ uint64(ts)*0x9e3779b97f4a7c15 }

func (x *index) add(e Entry) {
	if !x.known.add(e.ID) {
		return
	}
	if len(x.chunks) == 0 || len(x.chunks[len(x.chunks)-1].entries) == ChunkEntries {
		x.chunks = append(x.chunks, &chunk{number: x.next, entries: make([]Entry, 0, ChunkEntries)})
		x.next++
	}
	last := x.chunks[len(x.chunks)-1]
	last.entries = append(last.entries, e)
}

func (x *index) size() int { return x.known.size() }

// forget drops whole chunks, the oldest first, whose entries were all accepted before a time or exceed a number.
func (x *index) forget(before uint32, limit int) {
	for len(x.chunks) > 0 {
		oldest := x.chunks[0]
		newest := oldest.entries[len(oldest.entries)-1].Accepted
		if newest >= before && x.known.size() <= limit {
			return
		}
		for i, e := range oldest.entries {
			x.known.remove(x.key(oldest.place()+uint64(i), e))
		}
		x.horizon = max(x.horizon, newest)
		if oldest.number < x.stored {
			x.forgotten = append(x.forgotten, oldest.number)
		}
		x.chunks[0] = nil // or the array behind the slice would keep it
		x.chunks = x.chunks[1:]
	}
}

// end is the place behind the newest entry. Places count all entries there ever were, so those before one stay the same
// whatever is added or forgotten.
func (x *index) end() uint64 {
	if len(x.chunks) == 0 {
		return x.next * ChunkEntries
	}
	last := x.chunks[len(x.chunks)-1]
	return last.place() + uint64(len(last.entries))
}

// entries are those that are remembered, the oldest first, each with its place.
func (x *index) entries() iter.Seq2[uint64, Entry] {
	return func(yield func(uint64, Entry) bool) {
		for _, c := range x.chunks {
			for i, e := range c.entries {
				if !yield(c.place()+uint64(i), e) {
					return
				}
			}
		}
	}
}

// unlearn drops the entries from a place on, and shows each of them.
func (x *index) unlearn(from uint64, show func(Entry)) {
	defer func() { x.former = min(x.former, from) }() // others come in their places
	for len(x.chunks) > 0 && x.end() > from {
		last := x.chunks[len(x.chunks)-1]
		kept := max(from, last.place()) - last.place()
		for i, e := range last.entries[kept:] {
			x.known.remove(x.key(last.place()+kept+uint64(i), e))
			show(e)
		}
		last.entries = last.entries[:kept]
		last.saved = -1 // what is stored is too much: it has to be written again
		if kept > 0 {
			return
		}
		x.next = last.number // the key is written over
		x.chunks = x.chunks[:len(x.chunks)-1]
	}
}

// newest is when the newest entry was accepted; without one, what was forgotten last, or nothing says.
func (x *index) newest(nothing time.Time) time.Time {
	switch {
	case len(x.chunks) > 0:
		entries := x.chunks[len(x.chunks)-1].entries
		return time.Unix(int64(entries[len(entries)-1].Accepted), 0).UTC()
	case x.horizon > 0:
		return time.Unix(int64(x.horizon), 0).UTC()
	default:
		return nothing
	}
}

// leastLag is how late the quickest of the newest entries came, of as many as n that have a `ts`; 0 if none has.
func (x *index) leastLag(n int) time.Duration {
	var least uint32
	seen := 0
	for _, c := range slices.Backward(x.chunks) {
		for _, e := range slices.Backward(c.entries) {
			if e.TS == 0 {
				continue
			}
			lag := e.Accepted - min(e.TS, e.Accepted)
			if seen == 0 || lag < least {
				least = lag
			}
			if seen++; seen == n {
				return time.Duration(least) * time.Second
			}
		}
	}
	return time.Duration(least) * time.Second
}

// newStoredIndex makes an index of what is stored, without the chunks that are broken.
func newStoredIndex(r Restored) *index {
	x := newIndex()
	x.next, x.stored = r.Next, r.Next
	x.horizon = r.Horizon
	x.former = r.Former
	for _, stored := range r.Chunks {
		c := &chunk{number: stored.Number, entries: stored.Entries, saved: len(stored.Entries)}
		for i, e := range c.entries {
			x.known.add(x.key(c.place()+uint64(i), e))
		}
		x.chunks = append(x.chunks, c)
	}
	x.former = min(x.former, x.end())
	return x
}

// unsaved returns the chunks that storage does not have as they are, the newest first.
func (x *index) unsaved() []*chunk {
	var list []*chunk
	for _, c := range slices.Backward(x.chunks) {
		if c.saved == len(c.entries) {
			if c.saved == ChunkEntries {
				break // all before it are as full, and saved
			}
			continue
		}
		list = append(list, c)
	}
	return list
}

// renumber gives all chunks new numbers, without a hole, and has those of what is stored deleted.
func (x *index) renumber(first, next uint64) {
	for number := first; number < next; number++ {
		x.forgotten = append(x.forgotten, number)
	}
	x.next = next
	former := x.former
	x.former = 0
	for _, c := range x.chunks {
		count := min(former-min(former, c.place()), uint64(len(c.entries))) // of those with former identities
		c.number, c.saved = x.next, 0
		x.next++
		if count > 0 {
			x.former = c.place() + count
		}
	}
}

// correct moves the times of acceptance from one on by so much.
func (x *index) correct(from uint32, by time.Duration) {
	for _, c := range slices.Backward(x.chunks) {
		for i := len(c.entries) - 1; i >= 0; i-- {
			e := &c.entries[i]
			if e.Accepted < from {
				return
			}
			e.Accepted = seconds(time.Unix(int64(e.Accepted), 0).Add(by))
			c.saved = min(c.saved, i) // what is stored is not true any more
		}
	}
}
