package position

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/proofpointpod/otelcol/internal/servicetime"
)

// maxGaps is how many gaps are kept. Where there are more, those that are closest to each other become one.
const maxGaps = 1000

// archiveUnit is the unit in which the archive is read: the service rounds what it is asked for to whole hours.
const archiveUnit = time.Hour

// Gap is a span of time in which records may have been missed: those that reached the service from From until To.
type Gap struct {
	From, To time.Time
}

// Window is one hour of the archive that has to be read.
type Window struct {
	Start, End time.Time
	// Due is when the archive has all that is missed of it. A record whose `ts` lies in the hour can arrive a margin
	// after the hour, and reaches the archive a delay after that; but what arrived after the gap is not missed.
	Due time.Time
}

// HourProgress is what is known of one hour's reading.
type HourProgress struct {
	// Done: all the archive has was read.
	Done bool
	// Most is the largest number of records that a read without an orderly end brought, repeats included.
	Most int
}

// gaps are the open gaps of a stream, in order and without overlaps, and how far each of their hours has been read.
type gaps struct {
	open  []Gap
	hours map[int64]HourProgress // by the hour's start, in seconds since 1970
	// late says of an hour until when what is missed of it may have reached the service, if that is longer than usual.
	late   map[int64]time.Time
	margin time.Duration
	delay  time.Duration
	// edits is how often any of the above has changed.
	edits uint64
}

// add opens gaps, and merges them with those that they touch. What was read of their hours before counts no more: the new
// part of a gap may have been too young then.
func (g *gaps) add(opened ...Gap) {
	if len(opened) == 0 {
		return
	}
	g.edits++
	for _, gap := range opened {
		for start := g.first(gap); start.Before(last(gap)); start = start.Add(archiveUnit) {
			delete(g.hours, start.Unix())
		}
	}
	merged := slices.Concat(g.open, opened)
	slices.SortFunc(merged, func(a, b Gap) int { return a.From.Compare(b.From) })
	g.open = merged[:1]
	for _, next := range merged[1:] {
		open := &g.open[len(g.open)-1]
		if next.From.After(open.To) {
			g.open = append(g.open, next)
		} else if next.To.After(open.To) {
			open.To = next.To
		}
	}
	g.limit()
}

// limit merges the gaps that are closest to each other, so that there are no more than maxGaps.
func (g *gaps) limit() {
	excess := len(g.open) - maxGaps
	if excess <= 0 {
		return
	}
	between := make([]int, len(g.open)-1) // the numbers of the gaps, without the last
	for i := range between {
		between[i] = i
	}
	distance := func(i int) time.Duration { return g.open[i+1].From.Sub(g.open[i].To) }
	slices.SortStableFunc(between, func(a, b int) int { return cmp.Compare(distance(a), distance(b)) })
	merges := make([]bool, len(g.open)) // with the next
	for _, i := range between[:excess] {
		merges[i] = true
	}
	merged := g.open[:1]
	for i, next := range g.open[1:] {
		if merges[i] {
			merged[len(merged)-1].To = next.To
		} else {
			merged = append(merged, next)
		}
	}
	g.open = merged
}

// comesLate notes that what is missed of an hour may have reached the service until a time.
func (g *gaps) comesLate(hour int64, until time.Time) {
	g.late[hour] = later(g.late[hour], until)
	g.edits++
}

// hull is from the beginning of the first gap to the end of the last; nil: none is open.
func (g *gaps) hull() *Gap {
	if len(g.open) == 0 {
		return nil
	}
	return &Gap{From: g.open[0].From, To: g.open[len(g.open)-1].To}
}

// first is the start of the first hour to be read for a gap. Records arrive late with an old `ts`, so it lies a margin
// before the gap.
func (g *gaps) first(gap Gap) time.Time { return gap.From.Add(-g.margin).Truncate(archiveUnit) }

// last is when the last record of a gap can have come.
func last(gap Gap) time.Time { return gap.To.Add(servicetime.Slack) }

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

// isDue says whether the hour of a window, as it was when windows listed it, has to be read still, and was due then. It
// was not if a gap that has opened since then makes it due later.
func (g *gaps) isDue(w Window) bool {
	return slices.ContainsFunc(g.windows(), func(now Window) bool {
		return now.Start.Equal(w.Start) && !now.Due.After(w.Due)
	})
}

// cut gives up the hours that do not begin after a time, since the archive refuses to be asked for what is older, and
// returns the parts of gaps that lie in those of them that were not read.
func (g *gaps) cut(oldest time.Time) []Gap {
	reach := oldest.Truncate(archiveUnit).Add(archiveUnit)
	if len(g.open) == 0 || !g.first(g.open[0]).Before(reach) {
		return nil // as nearly always, and this is asked every second
	}
	g.edits++
	var gone, kept []Gap
	given := map[int64]HourProgress{}
	for _, gap := range g.open {
		for start := g.first(gap); start.Before(reach) && start.Before(last(gap)); start = start.Add(archiveUnit) {
			if g.hours[start.Unix()].Done {
				continue
			}
			given[start.Unix()] = HourProgress{Done: true}
			part := Gap{From: later(gap.From, start), To: earlier(gap.To, start.Add(archiveUnit))}
			switch n := len(gone); {
			case !part.From.Before(part.To): // in the margin
			case n > 0 && gone[n-1].To.Equal(part.From):
				gone[n-1].To = part.To
			default:
				gone = append(gone, part)
			}
		}
	}
	maps.Copy(g.hours, given)
	for _, gap := range g.open {
		gap.From = later(gap.From, reach)
		if gap.From.Before(gap.To) && !g.complete(gap) {
			kept = append(kept, gap)
		}
	}
	g.open = kept
	g.tidy()
	return gone
}

// reread has the hours before one be read again, as far as they belong to the same gaps and were read not long ago: an
// archive that lags now may have lagged then.
func (g *gaps) reread(hour time.Time) {
	g.edits++
	for _, gap := range g.open {
		if !g.touches(gap, hour) {
			continue
		}
		for start := later(g.first(gap), hour.Add(-lagReach)); start.Before(hour); start = start.Add(archiveUnit) {
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

// touches says whether an hour is read for a gap.
func (g *gaps) touches(gap Gap, hour time.Time) bool {
	return !hour.Before(g.first(gap)) && hour.Before(last(gap))
}

// within says whether a record with this `ts` may belong to an open gap.
func (g *gaps) within(ts time.Time) bool {
	return slices.ContainsFunc(g.open, func(gap Gap) bool {
		return !ts.Before(gap.From.Add(-g.margin)) && !ts.After(last(gap))
	})
}

// done notes that an hour was read to its end, and returns the gaps that this closes.
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

// cutOff notes a read of an hour that did not end in order: records came, repeats included, fresh of them new. It says
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

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
