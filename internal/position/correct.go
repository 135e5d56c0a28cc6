package position

import (
	"slices"
	"time"
)

// Correct notes that what was taken for the service's time from the first handshake of this process on has to be moved
// by so much: it is now. So a gap is as long as the time that has passed, however far the clock was wrong. What was
// known before that handshake is left as it is.
func (p *Position) Correct(by time.Duration, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun.IsZero() {
		return
	}
	for _, t := range []*time.Time{&p.safe, &p.suspect, &p.life, &p.accepted, &p.doubt.From, &p.doubt.To, &p.proof.end, &p.proof.from} {
		if !t.IsZero() {
			*t = earlier(t.Add(by), now)
		}
	}
	for id, e := range p.aside {
		e.Came = earlier(e.Came.Add(by), now)
		p.aside[id] = e
	}
	p.index.correct(seconds(p.begun), by)
	// What opened at the first handshake was reckoned by the time that was taken for the service's then.
	begun := p.begun
	p.begun = begun.Add(by)
	if i := slices.IndexFunc(p.gaps.open, func(gap Gap) bool { return gap.To.Equal(begun) }); i >= 0 {
		gap := p.gaps.open[i]
		p.gaps.open = slices.Delete(p.gaps.open, i, i+1)
		p.gaps.add(Gap{From: gap.From.Add(by), To: gap.To.Add(by)})
	}
	p.gaps.tidy()
	p.changed = true
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
