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

func newGaps(o *Options) gaps {
	return gaps{
		hours: map[int64]HourProgress{}, late: map[int64]time.Time{},
		margin: max(o.Margin, servicetime.Slack), delay: o.ArchiveDelay,
	}
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

// within reports whether a record with this `ts` may belong to an open gap.
func (g *gaps) within(ts time.Time) bool {
	return slices.ContainsFunc(g.open, func(gap Gap) bool {
		return !ts.Before(gap.From.Add(-g.margin)) && !ts.After(last(gap))
	})
}

// holds reports whether a record with this `ts` reached the service before the end of an open gap. What came later lies
// behind the safe time.
func (g *gaps) holds(ts time.Time) bool {
	return slices.ContainsFunc(g.open, func(gap Gap) bool {
		return !ts.Before(gap.From.Add(-g.margin)) && !ts.After(gap.To)
	})
}

// move moves the gap that ends at a time so that it ends at another. It is as long as before.
func (g *gaps) move(from, to time.Time) {
	if i := slices.IndexFunc(g.open, func(gap Gap) bool { return gap.To.Equal(from) }); i >= 0 {
		gap := g.open[i]
		g.open = slices.Delete(g.open, i, i+1)
		g.add(Gap{From: gap.From.Add(to.Sub(from)), To: to})
	}
	g.tidy()
}
