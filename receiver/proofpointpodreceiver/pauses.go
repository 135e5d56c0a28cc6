package proofpointpodreceiver

import (
	"slices"
	"time"

	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/record"
)

// verdict is what the first records after a pause tell of the question whether an archive session moves the position
// of the live session. The service's document leaves it open.
type verdict int

const (
	// pauseUndecided: nothing new.
	pauseUndecided verdict = iota
	// pauseHarmless: a record of the pause came by itself, so the live position has not moved.
	pauseHarmless
	// pauseTrusted: no record of the pause has come, but that was so before, and none had been missed.
	pauseTrusted
	// pauseSuspicious: no record of the pause has come, but there may have been none.
	pauseSuspicious
	// pauseHarmful: no record of the pause has come, though there must have been some.
	pauseHarmful
)

const (
	// A verdict is due after so many records younger than the pause, or so long after it.
	verdictRecords = 20
	verdictAfter   = time.Minute
	// expectedForCertain is how many records the first half of a pause should have had for their absence to tell.
	expectedForCertain = 5
	// clearances is how many suspicious pauses have to turn out harmless, because the archive has nothing that did
	// not come by itself, for others to be trusted. Each is read with a pause of its own, so without an end to that a
	// quiet tenant's would never end.
	clearances = 3
)

// pauses watches the live session's pauses for the archive. It belongs to the stream's goroutine.
type pauses struct {
	// lag is how far `ts` lies behind the clock in this stream.
	lag func() time.Duration

	from     time.Time // the pause that is on; zero: none
	watched  position.Gap
	expected float64 // records in the first half of the watched pause
	younger  int     // records since it that are no evidence of harmlessness
	watching bool

	suspects []position.Gap // suspicious pauses that have not been read yet
	cleared  int            // how many have turned out harmless

	harmless, harmful bool
}

// allowed says whether there may be another pause.
func (p *pauses) allowed() bool { return !p.harmful && !p.watching }

// begun notes the beginning of a pause.
func (p *pauses) begun(now time.Time) { p.from = now }

// ended notes the next live session. It returns the pause if it has to be watched, which begins with this. rate is
// the stream's usual number of records a second.
func (p *pauses) ended(now time.Time, rate float64) *position.Gap {
	p.watching = false
	if p.from.IsZero() || p.harmless {
		p.from = time.Time{}
		return nil
	}
	p.watched = position.Gap{From: p.from, To: now}
	p.expected = rate * now.Sub(p.from).Seconds() / 2
	p.younger = 0
	p.watching = true
	p.from = time.Time{}
	return &p.watched
}

// read notes that a window was read to its end, and how many new records it brought.
func (p *pauses) read(w position.Window, fresh int) {
	p.suspects = slices.DeleteFunc(p.suspects, func(pause position.Gap) bool {
		in := !pause.To.Before(w.Start) && pause.To.Before(w.End)
		if in && fresh == 0 {
			p.cleared++
		}
		return in
	})
}

// record looks at records of the live session.
func (p *pauses) record(fresh []record.Record) verdict {
	if !p.watching {
		return pauseUndecided
	}
	begin := p.watched.From.Add(-p.lag())
	middle := begin.Add(p.watched.To.Sub(p.watched.From) / 2)
	for i := range fresh {
		switch ts := serviceTime(&fresh[i]); {
		case ts.IsZero() || ts.Before(begin): // a late one, which tells nothing
		case ts.Before(middle):
			p.watching = false
			p.harmless = true
			return pauseHarmless
		default:
			p.younger++
		}
	}
	if p.younger >= verdictRecords {
		return p.decide()
	}
	return pauseUndecided
}

// look decides when the time has come.
func (p *pauses) look(now time.Time) verdict {
	if !p.watching || now.Sub(p.watched.To) < verdictAfter {
		return pauseUndecided
	}
	return p.decide()
}

func (p *pauses) decide() verdict {
	p.watching = false
	if p.younger > 0 && p.expected >= expectedForCertain {
		p.harmful = true
		return pauseHarmful
	}
	if p.cleared >= clearances {
		return pauseTrusted
	}
	p.suspects = append(p.suspects, p.watched)
	return pauseSuspicious
}
