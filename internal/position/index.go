package position

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"slices"
	"time"
)

const (
	// chunkEntries is how many identities are stored under one key. A save rewrites one chunk that is not full at the
	// most, so this bounds what it writes again: 16 KiB.
	chunkEntries = 1024
	// entrySize is the size of an entry in storage: identity, time of acceptance, `ts`.
	entrySize = 8 + 4 + 4
)

// Seen is what the position needs to know of a record.
type Seen struct {
	// ID is the record's identity.
	ID uint64
	// FormerID is the identity that versions before this one have stored; 0: the same as ID.
	FormerID uint64
	// TS is the record's `ts`; zero if it has none.
	TS time.Time
}

// entry is what is remembered of an accepted record. Times are in seconds since 1970, which fit until 2106.
type entry struct {
	id       uint64
	accepted uint32
	ts       uint32 // 0: none
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

// chunk is a run of entries that is stored under one key.
type chunk struct {
	number  uint64
	entries []entry
	// saved is how many of the entries are in storage.
	saved int
}

// place is that of the chunk's first entry.
func (c *chunk) place() uint64 { return c.number * chunkEntries }

func newIndex() *index { return &index{known: newSet()} }

// has says whether a record is remembered, by its identity or, while entries have them, by its former one.
func (x *index) has(r Seen) bool {
	return x.known.has(r.ID) || r.FormerID != 0 && x.hasFormer() && x.known.has(formerKey(r.FormerID, tsSeconds(r.TS)))
}

// hasFormer says whether entries with former identities are remembered.
func (x *index) hasFormer() bool {
	return len(x.chunks) > 0 && x.chunks[0].place() < x.former
}

// key is what an entry at a place is known by.
func (x *index) key(place uint64, e entry) uint64 {
	if place < x.former {
		return formerKey(e.id, e.ts)
	}
	return e.id
}

// formerKey is what an entry with a former identity is known by. Records of different `ts` can have the same former
// identity, so that takes both.
func formerKey(id uint64, ts uint32) uint64 { return id ^ uint64(ts)*0x9e3779b97f4a7c15 }

func (x *index) add(e entry) {
	if !x.known.add(e.id) {
		return
	}
	if len(x.chunks) == 0 || len(x.chunks[len(x.chunks)-1].entries) == chunkEntries {
		x.chunks = append(x.chunks, &chunk{number: x.next, entries: make([]entry, 0, chunkEntries)})
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
		newest := oldest.entries[len(oldest.entries)-1].accepted
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
		return x.next * chunkEntries
	}
	last := x.chunks[len(x.chunks)-1]
	return last.place() + uint64(len(last.entries))
}

// entries are those that are remembered, the oldest first, each with its place.
func (x *index) entries() iter.Seq2[uint64, entry] {
	return func(yield func(uint64, entry) bool) {
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
func (x *index) unlearn(from uint64, show func(entry)) {
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
		return time.Unix(int64(entries[len(entries)-1].accepted), 0).UTC()
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
			if e.ts == 0 {
				continue
			}
			lag := e.accepted - min(e.ts, e.accepted)
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

var errChunk = errors.New("not a chunk of identities")

// encode writes the chunk's entries and a checksum.
func (c *chunk) encode() []byte {
	data := make([]byte, 0, len(c.entries)*entrySize+4)
	for _, e := range c.entries {
		data = binary.LittleEndian.AppendUint64(data, e.id)
		data = binary.LittleEndian.AppendUint32(data, e.accepted)
		data = binary.LittleEndian.AppendUint32(data, e.ts)
	}
	return binary.LittleEndian.AppendUint32(data, crc32.ChecksumIEEE(data))
}

func decodeChunk(number uint64, data []byte) (*chunk, error) {
	if len(data) < entrySize+4 || (len(data)-4)%entrySize != 0 || len(data) > chunkEntries*entrySize+4 {
		return nil, fmt.Errorf("%w: %d bytes", errChunk, len(data))
	}
	body := data[:len(data)-4]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(data[len(body):]) {
		return nil, fmt.Errorf("%w: wrong checksum", errChunk)
	}
	c := &chunk{number: number, entries: make([]entry, 0, chunkEntries)}
	for ; len(body) > 0; body = body[entrySize:] {
		c.entries = append(c.entries, entry{
			id:       binary.LittleEndian.Uint64(body),
			accepted: binary.LittleEndian.Uint32(body[8:]),
			ts:       binary.LittleEndian.Uint32(body[12:]),
		})
	}
	c.saved = len(c.entries)
	return c, nil
}

// load takes a stored chunk; chunks come in the order of their numbers.
func (x *index) load(c *chunk) {
	for i, e := range c.entries {
		x.known.add(x.key(c.place()+uint64(i), e))
	}
	x.chunks = append(x.chunks, c)
}

// renumber gives all chunks new numbers, without a hole, and has those of what is stored deleted.
func (x *index) renumber(stored *storedHead) {
	for number := stored.First; number < stored.Next; number++ {
		x.forgotten = append(x.forgotten, number)
	}
	x.next = stored.Next
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
