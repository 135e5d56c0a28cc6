package position

import (
	"maps"
	"slices"
	"time"
)

// windows lists the hours still to be read, the oldest first.
func (g *gaps) windows() []Window {
	var list []Window
	for _, gap := range g.open {
		for start := g.first(gap); start.Before(last(gap)); start = start.Add(archiveUnit) {
			if g.hours[start.Unix()].Done {
				continue
			}
			i, found := slices.BinarySearchFunc(list, start, func(w Window, t time.Time) int { return w.Start.Compare(t) })
			if !found {
				list = slices.Insert(list, i, Window{Start: start, End: start.Add(archiveUnit)})
			}
			// An hour that gaps share is due with the last of them: what was missed there can reach the archive later.
			came := later(earlier(list[i].End.Add(g.margin), last(gap)), g.late[start.Unix()])
			list[i].Due = later(list[i].Due, came.Add(g.delay))
		}
	}
	return list
}

// isDue reports whether the hour of a window, as it was when windows listed it, has to be read still, and was due then. It
// was not if a gap that has opened since then makes it due later.
func (g *gaps) isDue(w Window) bool {
	return slices.ContainsFunc(g.windows(), func(now Window) bool {
		return now.Start.Equal(w.Start) && !now.Due.After(w.Due)
	})
}

// reread marks the hours before one as unread, within behindReach and the same gaps: an archive that is behind now may have
// been behind then.
func (g *gaps) reread(hour time.Time) {
	g.edits++
	for _, gap := range g.open {
		if !g.touches(gap, hour) {
			continue
		}
		for start := later(g.first(gap), hour.Add(-behindReach)); start.Before(hour); start = start.Add(archiveUnit) {
			delete(g.hours, start.Unix())
		}
	}
}

// last is the end of the last of the gaps that an hour is read for.
func (g *gaps) last(hour time.Time) time.Time {
	var end time.Time
	for _, gap := range g.open {
		if g.touches(gap, hour) {
			end = gap.To
		}
	}
	return end
}

// touches reports whether an hour is read for a gap.
func (g *gaps) touches(gap Gap, hour time.Time) bool {
	return !hour.Before(g.first(gap)) && hour.Before(last(gap))
}

// done marks an hour as read, and returns the gaps that this closes.
func (g *gaps) done(start time.Time) []Gap {
	g.edits++
	g.hours[start.Unix()] = HourProgress{Done: true}
	var closed, kept []Gap
	for _, gap := range g.open {
		if g.complete(gap) {
			closed = append(closed, gap)
		} else {
			kept = append(kept, gap)
		}
	}
	g.open = kept
	g.tidy()
	return closed
}

func (g *gaps) complete(gap Gap) bool {
	for start := g.first(gap); start.Before(last(gap)); start = start.Add(archiveUnit) {
		if !g.hours[start.Unix()].Done {
			return false
		}
	}
	return true
}

// tidy forgets the hours of gaps that are closed.
func (g *gaps) tidy() {
	closed := func(hour int64) bool {
		start := time.Unix(hour, 0)
		i, _ := slices.BinarySearchFunc(g.open, start, func(gap Gap, hour time.Time) int {
			if last(gap).After(hour) {
				return 1
			}
			return -1
		})
		return i == len(g.open) || !g.touches(g.open[i], start)
	}
	maps.DeleteFunc(g.hours, func(hour int64, _ HourProgress) bool { return closed(hour) })
	maps.DeleteFunc(g.late, func(hour int64, _ time.Time) bool { return closed(hour) })
}

// cutOff takes a read of an hour that did not end in order, with so many records, fresh of them new. It reports
// whether the hour counts as read all the same: when this read brought nothing new, and no fewer records than one
// before it.
func (g *gaps) cutOff(start time.Time, records, fresh int) bool {
	before, seen := g.hours[start.Unix()]
	if seen && fresh == 0 && records >= before.Most {
		return true
	}
	g.edits++
	most := records
	if seen {
		most = max(most, before.Most)
	}
	g.hours[start.Unix()] = HourProgress{Most: most}
	return false
}
