package position

import "time"

// A process that can neither read nor write storage for all its life leaves none of itself there. What it missed, the
// next one does not know: it finds the position of a process before, which has ended in order. That position is proof
// only if no session has happened since. Within its memory the service goes on where the last session ended, whoever's
// it was; so the proof is in the first records that come. If they reached the service right after the stored end, no
// other session has taken them, or any after them.
const (
	// trustedStop is how long a stop needs no proof. It is what a restart takes, and a process that lived no longer has
	// missed no more.
	trustedStop = time.Minute
	// witnesses is how many records are the proof. One can be late, with a `ts` from long before it reached the service.
	witnesses = 2
	// lagSample is how many records from before the end tell how late all of them come.
	lagSample = 20
)

const reasonStopped = "as a precaution, and usually nothing is missing: the collector was stopped, and too few records " +
	"came at once to show that none was missed"

// proof is what the first records of a process prove.
type proof struct {
	// end is the stored end, an orderly one; zero: none needs proof.
	end time.Time
	// lag is how late even the quickest record came at last. If all come late, those that reached the service long after
	// the end have a `ts` from right after it, too.
	lag time.Duration
	// from: if there is no proof, something may be missing from here on.
	from time.Time
	// seen are the first records of live sessions, up to witnesses, and newest the latest `ts` of them.
	seen   int
	newest time.Time
}

// record takes a record of a live session.
func (p *proof) record(ts time.Time) {
	if ts.IsZero() || p.seen == witnesses {
		return
	}
	p.seen++
	p.newest = later(p.newest, ts)
}

// given says whether no session can have happened between an orderly end and the records.
func (p *proof) given(end time.Time) bool {
	return p.seen == witnesses && !p.newest.After(end.Add(trustedStop-p.lag))
}

// Stopped says what the first records have told of the time before the first session: if the stop before it was long,
// and they are no proof that nothing was missed, a gap opens. It is to be asked now and then while a session lasts.
func (p *Position) Stopped() Opened {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.proof.end.IsZero() || p.proof.seen < witnesses && p.safe.Before(p.begun) {
		return Opened{} // nothing to prove, or not all has come
	}
	from := p.proof.from
	given := p.proof.given(p.proof.end)
	p.proof.end = time.Time{}
	p.changed = true
	p.suspect = time.Time{}
	if given {
		return Opened{}
	}
	gap := Gap{From: from, To: p.begun}
	p.gaps.add(gap)
	return Opened{Gap: &gap, Reason: reasonStopped}
}
