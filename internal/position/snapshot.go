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
	saved    []int    // how many entries of each storage had before
}

// saves knows what storage has of the position. Nothing is saved before isLoaded: that would write over what is stored.
type saves struct {
	isLoaded bool
	// changed: there is something new to save, besides a sign of life.
	changed bool
	// isStopped: the process has ended in order, so what it accepted is not in memory any more. From Restore on it has
	// not, which has to be saved before it accepts anything.
	isStopped bool
	at        time.Time // of the newest successful save
	flushed   uint64    // State.Flushed as it was saved
	gapEdits  uint64    // gaps.edits as it was saved
}

// beginProcess notes that storage was read, and that there is a process again.
func (s *saves) beginProcess() {
	s.isLoaded = true
	s.isStopped = false
	s.changed = true
}

// NeedsSave reports whether there is anything to save.
func (p *Position) NeedsSave(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// After a kill, what was unflushed at the last save is read again. So a quiet stream is saved until nothing is.
	return p.saves.isLoaded && (p.saves.changed || p.delivered.flushed > p.saves.flushed || now.Sub(p.saves.at) >= lifeInterval)
}

// Snapshot returns what a save has to store. Call Saved or SaveFailed before the next Snapshot.
func (p *Position) Snapshot() *Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &Snapshot{State: p.stateLocked(), gapEdits: p.gaps.edits}
	if p.gaps.edits != p.saves.gapEdits {
		s.Gaps = p.gaps.state()
	}
	p.delivered.index.snapshot(s)
	p.saves.changed = false
	return s
}

// Saved takes the success of a save.
func (p *Position) Saved(s *Snapshot, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delivered.index.markSaved(s)
	p.saves.at = now
	p.saves.flushed = s.State.Flushed
	p.saves.gapEdits = s.gapEdits
}

// SaveFailed takes the failure of a save.
func (p *Position) SaveFailed(s *Snapshot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delivered.index.markUnsaved(s)
	p.saves.changed = true
}

// stateLocked is the small part of a position.
func (p *Position) stateLocked() State {
	s := State{
		Safe: p.certainty.safe, Suspect: p.certainty.suspect, Life: p.certainty.life, Token: p.certainty.token,
		Accepted: p.delivered.accepted, Flushed: p.delivered.flushedPlace(),
		Clean: p.saves.isStopped, Hull: p.gaps.hull(), Unreachable: p.unreported.unreachable,
	}
	if doubt := p.certainty.doubt; doubt.From.Before(doubt.To) {
		s.Doubt = &doubt
	}
	for _, r := range p.delivered.undecided {
		s.Undecided = append(s.Undecided, r)
	}
	p.delivered.index.describe(&s)
	return s
}

// snapshot adds what storage does not have of the index.
func (x *index) snapshot(s *Snapshot) {
	s.Forgotten = slices.Clone(x.forgotten)
	s.chunks = x.unsaved()
	for _, c := range s.chunks {
		s.Chunks = append(s.Chunks, Chunk{Number: c.number, Entries: slices.Clone(c.entries)})
		s.saved = append(s.saved, c.saved)
		c.saved = len(c.entries) // a correction meanwhile lowers it
	}
	x.stored = x.next // even a save that fails may have written them
}

// markSaved notes that a snapshot is stored.
func (x *index) markSaved(s *Snapshot) { x.forgotten = x.forgotten[len(s.Forgotten):] }

// markUnsaved notes that a snapshot is not stored.
func (*index) markUnsaved(s *Snapshot) {
	for i, c := range s.chunks {
		c.saved = min(c.saved, s.saved[i])
	}
}

// describe adds which identities the index has.
func (x *index) describe(s *State) {
	s.First, s.Next, s.Horizon, s.Former = x.next, x.next, x.horizon, x.former
	if len(x.chunks) > 0 {
		s.First = x.chunks[0].number
	}
}

// state is what is known of the gaps.
func (g *gaps) state() *GapState {
	return &GapState{Open: slices.Clone(g.open), Hours: maps.Clone(g.hours), Late: maps.Clone(g.late)}
}
