package position

import (
	"maps"
	"time"

	"github.com/proofpointpod/otelcol/internal/servicetime"
)

// Restored is what storage held.
type Restored struct {
	State
	SavedAt time.Time
	Gaps    GapState
	// Chunks are in the order of their numbers, and belong to the position from now on.
	Chunks []Chunk
	// Broken are the numbers of those that were broken, or not there: what they held may come again.
	Broken []uint64
}

// Restore takes over what was stored. It is to be called before the first session; if storage could not be read then, it
// may be called later, and what is stored joins, and comes before, what has happened since. It returns the gap that this
// opens if a session has begun already.
//
// After an end that was not clean, what was in the pipeline's memory at the last save may be lost: it is not remembered
// as delivered, and missing from its oldest record on.
func (p *Position) Restore(stored Restored) Opened {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := newStoredIndex(stored)
	suspect, astray := stored.Suspect, strays{}
	if !stored.Clean {
		suspect, astray = p.unlearn(&stored, old)
	}
	suspect = p.suspectAside(stored.Undecided, suspect, &astray)
	if len(stored.Broken) > 0 {
		// Nothing tells which records they held, so none from before now is known to be remembered.
		old.horizon = max(old.horizon, seconds(stored.SavedAt))
		old.renumber(stored.First, stored.Next)
	}

	p.proof.lag = max(old.leastLag(lagSample)-servicetime.Slack, 0)
	p.savedFlushed = stored.Flushed
	p.append(old)
	p.gaps.add(stored.Gaps.Open...)
	if stored.Doubt != nil {
		defer p.gaps.add(*stored.Doubt) // after the hours that were read before it
	}
	for hour, came := range stored.Gaps.Late {
		p.gaps.comesLate(hour, came)
	}
	p.unreachable += stored.Unreachable
	var opened Opened
	first := p.begun.IsZero()
	if first {
		maps.Copy(p.gaps.hours, stored.Gaps.Hours)
	}
	p.openStrays(astray)
	if first {
		if !p.suspect.IsZero() { // a handshake was not answered meanwhile
			from := stored.Safe
			if from.IsZero() {
				from = p.suspect
			}
			suspect = oldest(suspect, from)
		}
		p.head = head{safe: stored.Safe, suspect: suspect, life: stored.Life, accepted: stored.Accepted, token: stored.Token}
		if stored.Clean {
			p.proof.end = stored.Life
		}
	} else {
		opened = p.joinLate(&stored.State, suspect)
	}
	p.clean = false
	p.loaded = true
	p.changed = true
	return opened
}

// RestoreNothing notes that nothing is stored to go on from. If a session has begun already, it was the first of all.
func (p *Position) RestoreNothing() Opened {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loaded = true
	p.clean = false
	p.changed = true
	if since := p.options.Since; !since.IsZero() && since.Before(p.begun) {
		gap := Gap{From: since, To: p.begun}
		p.gaps.add(gap)
		return Opened{Gap: &gap, Reason: reasonSince}
	}
	return Opened{}
}

// unlearn drops from the index what a process that did not end in order had in the pipeline's memory at its last save. It
// returns from when on something of that may be missing, and the strays among it.
func (p *Position) unlearn(stored *Restored, old *index) (suspect time.Time, astray strays) {
	suspect, astray = oldest(stored.Suspect, stored.Safe), strays{}
	old.unlearn(stored.Flushed, func(e Entry) {
		var ts time.Time
		if e.TS != 0 {
			ts = time.Unix(int64(e.TS), 0).UTC()
		}
		suspect = p.missing(ts, time.Unix(int64(e.Accepted), 0).UTC(), suspect, &astray)
	})
	if n := len(stored.Broken); n > 0 && (stored.Broken[n-1]+1)*ChunkEntries > stored.Flushed {
		// What it held and the pipeline had in its memory was accepted after all that is remembered.
		suspect = oldest(suspect, old.newest(stored.SavedAt.Add(-p.options.ServerMemory)))
	}
	return suspect, astray
}

// append puts what this process has accepted so far behind what is stored, and with it the places up to which that is out
// of the pipeline's memory.
func (p *Position) append(stored *index) {
	recent, flushed, marks := p.index, p.flushed, p.marks
	p.index = stored
	p.index.horizon = max(stored.horizon, recent.horizon)
	p.flushed = stored.end() // by processes that have ended
	for place, e := range recent.entries() {
		for ; len(marks) > 0 && marks[0].end <= place; marks = marks[1:] {
			marks[0].end = p.index.end()
		}
		p.index.add(e)
		if place < flushed {
			p.flushed = p.index.end()
		}
	}
	for i := range marks {
		marks[i].end = p.index.end()
	}
}

// joinLate opens the gap that the first session would have opened, had the stored position been known.
func (p *Position) joinLate(stored *State, suspect time.Time) Opened {
	from, reason := suspect, reasonSuspect
	switch {
	case stored.Safe.IsZero() && !p.options.Since.IsZero():
		from, reason = oldest(from, p.options.Since), reasonSince // no process has reached the service before this one
	case !from.IsZero():
		from = earlier(from, p.begun.Add(-servicetime.Slack)) // as in Begin
	case !stored.Safe.IsZero() && p.anotherToken(stored.Token):
		from, reason = earlier(stored.Safe, p.begun.Add(-servicetime.Slack)), reasonToken
	case p.begun.Sub(stored.Life) > p.patience():
		from, reason = stored.Safe, reasonAway
	case p.begun.Sub(stored.Life) > trustedStop && !p.proof.given(stored.Life):
		from, reason = stored.Safe, reasonStopped
	}
	opened := Opened{Strays: p.tellStrays()}
	if !from.IsZero() && from.Before(p.begun) {
		opened.Gap, opened.Reason = &Gap{From: from, To: p.begun}, reason
		p.gaps.add(*opened.Gap)
	}
	return opened
}

func oldest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
