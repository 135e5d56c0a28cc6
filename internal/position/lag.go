package position

import "time"

const (
	// minMissing is how many records that arrived live have to be missing from the archive's end to show that it is behind.
	// One or two can be missing there, or have a wrong `ts`.
	minMissing = 3
	// orderSlack is how much newer they have to be than the archive's newest record: it is not in the order of `ts`.
	orderSlack = time.Minute
	// reachBeyond is how far beyond a gap the archive has to reach for the gap to be complete there.
	reachBeyond = 5 * time.Minute
	// behindReach is how far back an archive that is behind now may have been behind when it was read.
	behindReach = 6 * time.Hour
)

// isArchiveBehindLocked reports whether the archive is behind in an hour window, if its newest record there has this `ts`;
// zero if there was none. It is if several newer records of the hour, not from long after the gap, arrived live.
func (p *Position) isArchiveBehindLocked(w Window, newest time.Time) bool {
	from := later(newest.Add(orderSlack), w.Start)
	until := earlier(w.End, p.gaps.last(w.Start).Add(reachBeyond))
	return p.delivered.countArrived(seconds(from), seconds(until)) >= minMissing
}

// countArrived counts the records with a `ts` in an interval that were accepted before its end: what was accepted later
// may have reached the service later, or have come from the archive itself.
func (d *delivered) countArrived(from, until uint32) int {
	count := 0
	for _, e := range d.index.entries() {
		if from <= e.TS && e.TS < until && e.Accepted < until {
			count++
		}
	}
	return count
}
