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

// Restore takes over what an earlier process has stored. Call it before the first session or, if storage could not be read
// then, later: what is stored then comes before what has happened since, and Restore returns the gap that it opens.
//
// After an end that was not orderly, what was unflushed at the last save is not remembered as delivered, and is missing from
// its oldest record on.
func (p *Position) Restore(stored Restored) Opened {
	old := newStoredIndex(stored) // takes long, so before the lock
	p.mu.Lock()
	defer p.mu.Unlock()
	lost := missing{rules: &p.options, from: stored.Suspect}
	if !stored.Clean {
		lost.unlearn(&stored, old)
	}
	for _, u := range stored.Undecided {
		lost.add(u.TS, u.Came)
	}
	if len(stored.Broken) > 0 {
		// Nothing tells which records they held, so none from before now is known to be remembered.
		old.horizon = max(old.horizon, seconds(stored.SavedAt))
		old.renumber(stored.First, stored.Next)
	}
	p.certainty.proof.lag = max(old.leastLag(lagSample)-servicetime.Slack, 0)
	p.delivered.restore(old)
	isFirst := p.certainty.begun.IsZero()
	p.gaps.restore(&stored.Gaps, isFirst)
	p.unreported.unreachable += stored.Unreachable
	p.openStraysLocked(lost.strays)
	var opened Opened
	if isFirst {
		p.certainty.restore(&stored.State, lost.from)
		p.delivered.accepted = stored.Accepted
	} else {
		opened = p.joinLocked(&stored.State, lost.from)
	}
	if stored.Doubt != nil {
		p.gaps.add(*stored.Doubt) // after the hours that were read before it
	}
	p.saves.flushed = stored.Flushed
	p.saves.beginProcess()
	return opened
}

// RestoreNothing is Restore if nothing usable is stored. A session that has begun already was the very first.
func (p *Position) RestoreNothing() Opened {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.saves.beginProcess()
	gap := Gap{From: p.options.Since, To: p.certainty.begun}
	if gap.From.IsZero() || !gap.From.Before(gap.To) {
		return Opened{}
	}
	p.gaps.add(gap)
	return Opened{Gap: &gap, Reason: reasonSince}
}

// joinLocked opens the gap that the first session would have opened, had the stored position been known.
func (p *Position) joinLocked(stored *State, suspect time.Time) Opened {
	opened := Opened{Strays: p.unreported.takeGaps()}
	from, reason := p.certainty.uncertainBefore(stored, suspect)
	if !from.IsZero() && from.Before(p.certainty.begun) {
		opened.Gap, opened.Reason = &Gap{From: from, To: p.certainty.begun}, reason
		p.gaps.add(*opened.Gap)
	}
	return opened
}

// unlearn drops from the index what a process that did not end in order had in the pipeline's memory at its last save, and
// collects it.
func (m *missing) unlearn(stored *Restored, old *index) {
	m.from = oldest(m.from, stored.Safe)
	old.unlearn(stored.Flushed, func(e Entry) {
		var ts time.Time
		if e.TS != 0 {
			ts = time.Unix(int64(e.TS), 0).UTC()
		}
		m.add(ts, time.Unix(int64(e.Accepted), 0).UTC())
	})
	if n := len(stored.Broken); n > 0 && (stored.Broken[n-1]+1)*ChunkEntries > stored.Flushed {
		// What it held and the pipeline had in its memory was accepted after all that is remembered.
		m.from = oldest(m.from, old.newest(stored.SavedAt.Add(-m.rules.ServerMemory)))
	}
}

// restore joins the gaps with those of an earlier process. What was read of their hours counts only if isFirst: no gap has
// opened yet.
func (g *gaps) restore(stored *GapState, isFirst bool) {
	g.add(stored.Open...)
	for hour, came := range stored.Late {
		g.comesLate(hour, came)
	}
	if isFirst {
		maps.Copy(g.hours, stored.Hours)
	}
}
