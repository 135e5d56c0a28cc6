package position

import "time"

// Undecided is a record that the pipeline rejected, by itself or with its batch, and may accept yet. Others are accepted
// meanwhile, so safe moves on past it; a process that finds it in storage looks for it where its `ts` says.
type Undecided struct {
	ID uint64
	TS time.Time
	// Came is when it was set aside, or, without a `ts`, from when on it may have reached the service.
	Came time.Time
}

// SetAside notes records that are neither accepted nor rejected, while others that came later may be accepted. They stay
// claimed. [Position.Accepted], [Position.Refused] and [Position.Release] end that.
func (p *Position) SetAside(records []Seen, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range records {
		if _, known := p.aside[r.ID]; known {
			continue
		}
		came := now
		if r.TS.IsZero() && !p.safe.IsZero() {
			came = earlier(p.safe, now)
		}
		p.aside[r.ID] = Undecided{ID: r.ID, TS: r.TS, Came: came}
		p.changed = true
	}
}

// suspectAside returns from when on something is missing if the records that a process had set aside are, and adds those
// with an old `ts` to astray.
func (p *Position) suspectAside(stored []Undecided, suspect time.Time, astray *strays) time.Time {
	for _, e := range stored {
		suspect = p.missing(e.TS, e.Came, suspect, astray)
	}
	return suspect
}

// missing notes a record that is missing, which came at a time: from when on something is missing then, or, for a `ts`
// that lies too far back for when it came, a stray.
func (p *Position) missing(ts, came, suspect time.Time, astray *strays) time.Time {
	switch {
	case ts.IsZero():
		return oldest(suspect, came)
	case ts.Before(came.Add(-p.options.ServerMemory - p.options.Margin)):
		astray.add(ts, came)
		return suspect
	default:
		return oldest(suspect, earlier(ts, came))
	}
}
