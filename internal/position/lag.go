package position

import "time"

const (
	// overdue records that came live, and of which the archive tells nothing newer, show that it lags. One or two can be
	// missing there, or have a `ts` that is wrong.
	overdue = 3
	// tellSlack is how much newer than all that the archive tells they have to be: it does not tell in the order of `ts`.
	tellSlack = time.Minute
	// tellAfter is how long after a gap the archive has to have told for the gap to be all there.
	tellAfter = 5 * time.Minute
	// lagReach is how far back an archive that lags now may have lagged when it was asked.
	lagReach = 6 * time.Hour
)

// lagsLocked says whether the archive can't have told all that is missing of an hour, if the newest that it told has this
// `ts`, zero if it told nothing: live sessions have brought several records since, from the hour and not from long after
// the gap.
func (p *Position) lagsLocked(w Window, newest time.Time) bool {
	from := later(newest.Add(tellSlack), w.Start)
	until := earlier(w.End, p.gaps.last(w.Start).Add(tellAfter))
	return p.delivered.countArrived(seconds(from), seconds(until)) >= overdue
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
