package position

import "time"

// A process that can neither read nor write storage all its life leaves no trace there. The next process does not know
// what it missed: it finds the position of an earlier process that ended in order. That position is valid only if no
// session has happened since. Within its memory the service continues where the last session ended, whoever opened it. So
// the first records are the proof: if they reached the service right after the stored end, no other session has received
// them or any later ones.
const (
	// trustedStop is how long a stop needs no proof. A restart takes that long, and a process that lived no longer has
	// missed no more.
	trustedStop = time.Minute
	// witnesses is how many records are the proof. One can be late, with a `ts` from long before it reached the service.
	witnesses = 2
	// lagSample is how many of the newest identities show how late records arrive.
	lagSample = 20
)

const reasonStopped = "as a precaution, and usually nothing is missing: the collector was stopped, and too few records " +
	"came at once to show that none was missed"

// proof is what the first records of this process prove of the stop before it.
type proof struct {
	end  time.Time     // of the process before, an orderly one; zero: no end needs proof
	lag  time.Duration // how late even the quickest of its last records arrived
	from time.Time     // without proof, records may be missing from here on

	count  int       // of the first records of live sessions, up to witnesses
	newest time.Time // their latest `ts`
}

// addRecord takes a record of a live session.
func (p *proof) addRecord(ts time.Time) {
	if ts.IsZero() || p.isFull() {
		return
	}
	p.count++
	p.newest = later(p.newest, ts)
}

// isFull reports whether all records of the proof have come.
func (p *proof) isFull() bool { return p.count == witnesses }

// isNeeded reports whether the stop needs proof if a session begins now.
func (p *proof) isNeeded(now time.Time) bool { return !p.end.IsZero() && now.Sub(p.end) > trustedStop }

// isGiven reports whether no session can have happened between an orderly end and the records. If all records arrive
// late, those that reached the service long after the end have a `ts` from right after it, too: so lag counts.
func (p *proof) isGiven(end time.Time) bool {
	return p.isFull() && !p.newest.After(end.Add(trustedStop-p.lag))
}
