package position

import (
	"maps"
	"slices"
	"time"
)

// State is the small part of a position, which every save stores.
type State struct {
	// Safe: what reached the service before is accepted, or lies in an open gap. Zero: nothing is known yet.
	Safe time.Time
	// Suspect: from here on something may be missing, up to the next handshake. Zero: nothing is suspected.
	Suspect time.Time
	// Life is the last sign of life of a live session.
	Life time.Time
	// Accepted is when the pipeline last accepted a record.
	Accepted time.Time
	// Clean: the process has ended in order, so that what it accepted is not in memory any more.
	Clean bool
	// Token is the digest of the token of the newest session; empty: not known.
	Token string
	// Doubt is a pause of the live session of which it is not known whether its records come by themselves.
	Doubt *Gap
	// Undecided are records that are neither accepted nor rejected.
	Undecided []Undecided
	// Hull is from the beginning of the first gap to the end of the last; nil: none is open.
	Hull *Gap
	// Unreachable is how many records are missing from further back than the archive reaches, and were not reported.
	Unreachable int
	// Flushed is the place up to which accepted records are out of the pipeline's memory.
	Flushed uint64
	// First and Next: there are the chunks of identities from First on and before Next.
	First, Next uint64
	// Horizon is the time of acceptance of the newest identity that was forgotten.
	Horizon uint32
	// Former is the place before which entries have former identities.
	Former uint64
}

// GapState is what is known of the gaps.
type GapState struct {
	Open  []Gap
	Hours map[int64]HourProgress // by the hour's start, in seconds since 1970
	// Late says of an hour until when what is missed of it may have reached the service, if that is longer than usual.
	Late map[int64]time.Time
}

// Snapshot is what a save has to store. It shares no memory with the position.
type Snapshot struct {
	State State
	// Gaps is nil if the last save has stored them as they are.
	Gaps *GapState
	// Chunks are those that the last save has not stored as they are.
	Chunks []Chunk
	// Forgotten are the numbers of chunks that storage may have, and that are to be deleted there.
	Forgotten []uint64

	gapEdits uint64
	chunks   []*chunk // those of Chunks
}

// NeedsSave says whether there is anything to save.
func (p *Position) NeedsSave(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// What was in the pipeline's memory at the newest save is read again if the process is killed. So a stream that has
	// become quiet is saved on until that is none of it.
	return p.loaded && (p.changed || p.flushed > p.savedFlushed || now.Sub(p.saved) >= lifeInterval)
}

// Snapshot returns what a save has to store, and takes it for saved unless SaveFailed is called. Saved or SaveFailed
// has to be called before the next Snapshot.
func (p *Position) Snapshot() *Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &Snapshot{State: p.state(), Forgotten: slices.Clone(p.index.forgotten), gapEdits: p.gaps.edits, chunks: p.index.unsaved()}
	if p.gaps.edits != p.savedGaps {
		s.Gaps = &GapState{Open: slices.Clone(p.gaps.open), Hours: maps.Clone(p.gaps.hours), Late: maps.Clone(p.gaps.late)}
	}
	for _, c := range s.chunks {
		s.Chunks = append(s.Chunks, Chunk{Number: c.number, Entries: slices.Clone(c.entries)})
	}
	p.index.stored = p.index.next
	p.changed = false
	return s
}

// Saved notes that a snapshot is stored, as of a time.
func (p *Position) Saved(s *Snapshot, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, c := range s.chunks {
		c.saved = len(s.Chunks[i].Entries)
	}
	p.index.forgotten = p.index.forgotten[len(s.Forgotten):]
	p.saved = now
	p.savedFlushed = s.State.Flushed
	p.savedGaps = s.gapEdits
}

// SaveFailed notes that a snapshot is not stored.
func (p *Position) SaveFailed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed = true
}

// state is the small part of a position. The caller holds the lock.
func (p *Position) state() State {
	s := State{
		Safe: p.safe, Suspect: p.suspect, Life: p.life, Accepted: p.accepted, Clean: p.clean, Flushed: p.flushed, Token: p.token,
		Hull: p.gaps.hull(), Unreachable: p.unreachable,
		First: p.index.next, Next: p.index.next, Horizon: p.index.horizon, Former: p.index.former,
	}
	if p.options.Unflushed == 0 {
		s.Flushed = p.index.end()
	}
	if p.doubt.From.Before(p.doubt.To) {
		doubt := p.doubt
		s.Doubt = &doubt
	}
	for _, r := range p.aside {
		s.Undecided = append(s.Undecided, r)
	}
	if len(p.index.chunks) > 0 {
		s.First = p.index.chunks[0].number
	}
	return s
}
