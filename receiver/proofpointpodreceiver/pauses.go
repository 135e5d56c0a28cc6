package proofpointpodreceiver

import (
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
	// pauseHarmless: records of the pause came by themselves, so the live position has not moved.
	pauseHarmless
	// pauseTrusted: hardly a record of the pause has come, but that was so before, and none had been missed.
	pauseTrusted
	// pauseSuspicious: hardly a record of the pause has come, but there may have been no more.
	pauseSuspicious
	// pauseHarmful: hardly a record of the pause has come, though there must have been many.
	pauseHarmful
)

const (
	// A verdict is due after so many records younger than the pause, or so long after the live session is back.
	verdictRecords = 20
	verdictAfter   = time.Minute
	// expectedForCertain is how many records with a `ts` in the first half of a pause must have come for their absence to
	// tell. absence is which share of them can have come late, and does not count.
	expectedForCertain = 10
	absence            = 0.1
	// A pause was harmless if so many records of it came by themselves, and that share of those expected. A few can be
	// late ones, whatever the service does.
	provingRecords = 3
	provingShare   = 0.25
	// verdictFor is how long harmless pauses are not watched any more, and how long there are none after a harmful one:
	// what the service does may change, and a verdict may be wrong.
	verdictFor = 6 * time.Hour
	// clearances is how many suspicious pauses have to turn out harmless, because the archive has nothing that did
	// not come by itself, for others up to twice as long to be trusted. Each is read with a pause of its own, so
	// without an end to that a quiet tenant's would never end.
	clearances = 3
	// forgetting is by how much each record makes the lag of those before it count less.
	forgetting = 0.99
	// leastPause is how long a pause counts as at least, where it is compared to others: how long it takes to open a session
	// varies.
	leastPause = time.Second
	// leastLag is how late a record can come at any time, whatever those before it did.
	leastLag = time.Minute
)

// pauses watches the live session's pauses for the archive. It belongs to the stream's goroutine.
//
// A pause counts from the beginning of the archive session to its end: what comes after that, such as an outage, tells
// nothing of what an archive session does. If the live position has not moved, every record with a `ts` in the first half of a pause comes by itself. If it has,
// none does, but for late ones: several with a `ts` so early that they should have come during the pause are evidence.
type pauses struct {
	slowest time.Duration // how far `ts` lies behind its arrival, at the most, of late

	session  time.Time    // when the live session began
	pause    position.Gap // when the archive had the slot, since the last live session; zero: it had not
	watched  position.Gap
	rate     float64 // records a second before the watched pause
	younger  int     // records since it with a `ts` in its second half, or later
	late     int     // records since it with a `ts` in its first half that may have come after it
	proving  int     // records since it with a `ts` in its first half that must have come in it
	watching bool

	suspects []suspect       // suspicious pauses that have not been read yet
	cleared  []time.Duration // how long those were that have turned out harmless

	harmlessUntil time.Time // until when pauses are harmless
	noneUntil     time.Time // until when there are none, as the last was harmful
}

// suspect is a suspicious pause. It has to be read from the archive.
type suspect struct {
	pause position.Gap
	// missed: a read of its hours has brought something new, be it of the pause or not.
	missed bool
}

// allowed says whether there may be another pause.
func (p *pauses) allowed(now time.Time) bool { return !p.watching && !now.Before(p.noneUntil) }

// slotTaken notes when an archive session had the slot, or may have had it.
func (p *pauses) slotTaken(from, to time.Time) { p.pause = position.Gap{From: from, To: to} }

// ended notes the next live session. If there was a pause that has to be watched, which begins with this, it returns the
// time that is in doubt. rate is the stream's usual number of records a second.
func (p *pauses) ended(now time.Time, rate float64) *position.Gap {
	pause := p.pause
	p.pause = position.Gap{}
	p.watching = false
	p.session = now
	if pause.From.IsZero() || now.Before(p.harmlessUntil) {
		return nil
	}
	p.watched = pause
	p.rate = rate
	p.younger, p.late, p.proving = 0, 0, 0
	p.watching = true
	return &position.Gap{From: pause.From, To: now}
}

// forget drops a pause that no live session has ended in time: the service begins anew then, whatever the archive did.
func (p *pauses) forget() { p.pause = position.Gap{} }

// read notes a read of a window, how many new records it brought, and whether the window is done with it. Windows are
// read in order, so a pause is read when the one is done in which it ends.
func (p *pauses) read(w position.Window, fresh int, done bool) {
	var left []suspect
	for _, s := range p.suspects {
		s.missed = s.missed || fresh > 0 && s.pause.From.Before(w.End) && !s.pause.To.Before(w.Start)
		switch in := !s.pause.To.Before(w.Start) && s.pause.To.Before(w.End); {
		case !in || !done:
			left = append(left, s)
		case !s.missed:
			p.cleared = append(p.cleared, s.pause.To.Sub(s.pause.From))
		}
	}
	p.suspects = left
}

// record looks at records of the live session that came at a time.
func (p *pauses) record(fresh []record.Record, now time.Time) verdict {
	for i := range fresh {
		ts := fresh[i].ServiceTime()
		if ts.IsZero() {
			continue
		}
		if !p.watching {
			if !ts.Before(p.session) { // it did not wait for the session
				p.slowest = max(now.Sub(ts), time.Duration(float64(p.slowest)*forgetting))
			}
			continue
		}
		middle := p.watched.From.Add(p.watched.To.Sub(p.watched.From) / 2)
		switch {
		case ts.Before(p.watched.From): // it tells nothing
		case !ts.Before(middle):
			p.younger++
		case ts.Add(max(p.slowest, leastLag)).Before(p.watched.To):
			p.proving++
		default:
			p.late++
		}
	}
	if p.watching && p.younger >= verdictRecords {
		return p.decide(now)
	}
	return pauseUndecided
}

// look decides when the time has come.
func (p *pauses) look(now time.Time) verdict {
	if !p.watching || now.Sub(p.session) < verdictAfter {
		return pauseUndecided
	}
	return p.decide(now)
}

func (p *pauses) decide(now time.Time) verdict {
	p.watching = false
	// The hours of a day are not alike, so what came since the pause counts, too.
	rate := min(p.rate, float64(p.younger)/max(now.Sub(p.watched.To).Seconds(), 1))
	// What comes within slowest of the beginning can have a `ts` from before it.
	certain := p.watched.To.Sub(p.watched.From)/2 - p.slowest
	expected := rate * max(certain, 0).Seconds()
	switch {
	case p.proving >= provingRecords && float64(p.proving) >= provingShare*expected:
		p.harmlessUntil = now.Add(verdictFor)
		return pauseHarmless
	case expected >= expectedForCertain && float64(p.proving+p.late) <= absence*expected:
		p.noneUntil = now.Add(verdictFor)
		p.cleared = nil
		return pauseHarmful
	case p.trusted():
		return pauseTrusted
	}
	p.suspects = append(p.suspects, suspect{pause: p.watched})
	return pauseSuspicious
}

// trusted says whether enough pauses like the watched one have turned out harmless.
func (p *pauses) trusted() bool {
	alike := 0
	for _, length := range p.cleared {
		if 2*max(length, leastPause) >= p.watched.To.Sub(p.watched.From) {
			alike++
		}
	}
	return alike >= clearances
}
