package position

import (
	"slices"
	"time"
)

// archiveHour is the unit in which the archive is read: the service rounds what it is asked for to whole hours.
const archiveHour = time.Hour

// Gap is a span of time in which records may have been missed: those that reached the service from From until To.
type Gap struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Window is one hour of the archive that has to be read.
type Window struct {
	Start, End time.Time
	// Due is when the archive has all that is missed of it. A record whose `ts` lies in the hour can arrive a margin
	// after the hour, and reaches the archive a delay after that; but what arrived after the gap is not missed.
	Due time.Time
}

// progress is what is known of one hour's reading.
type progress struct {
	// Done: all the archive has was read.
	Done bool `json:"done,omitempty"`
	// Most is the largest number of records that a read without an orderly end brought, repeats included; -1: there
	// was no such read.
	Most int `json:"most"`
}

// gaps are the open gaps of a stream, in order and without overlaps, and how far each of their hours has been read.
type gaps struct {
	open   []Gap
	hours  map[int64]progress // by the hour's start, in seconds since 1970
	margin time.Duration
	delay  time.Duration
	// floor is where the archive begins.
	floor time.Time
}

// add opens a gap, and merges it with those that it touches. What was read of its hours before counts no more: the new
// part of the gap may have been too young then.
func (g *gaps) add(gap Gap) {
	for start := g.first(gap); start.Before(gap.To); start = start.Add(archiveHour) {
		delete(g.hours, start.Unix())
	}
	merged := append(slices.Clone(g.open), gap)
	slices.SortFunc(merged, func(a, b Gap) int { return a.From.Compare(b.From) })
	g.open = merged[:1]
	for _, next := range merged[1:] {
		last := &g.open[len(g.open)-1]
		if next.From.After(last.To) {
			g.open = append(g.open, next)
		} else if next.To.After(last.To) {
			last.To = next.To
		}
	}
}

// first is the start of the first hour to be read for a gap. Records arrive late with an old `ts`, so it lies a margin
// before the gap, as far as the archive reaches.
func (g *gaps) first(gap Gap) time.Time {
	return later(gap.From.Add(-g.margin).Truncate(archiveHour), g.floor)
}

// windows lists the hours still to be read, the oldest first.
func (g *gaps) windows() []Window {
	var list []Window
	for _, gap := range g.open {
		for start := g.first(gap); start.Before(gap.To); start = start.Add(archiveHour) {
			if g.hours[start.Unix()].Done {
				continue
			}
			w := Window{Start: start, End: start.Add(archiveHour)}
			w.Due = earlier(w.End.Add(g.margin), gap.To).Add(g.delay)
			if n := len(list); n > 0 && list[n-1].Start.Equal(start) {
				// Two gaps share the hour; the later one ends later.
				list[n-1] = w
				continue
			}
			list = append(list, w)
		}
	}
	return list
}

// cut takes away what is older than the archive's oldest hour, and returns it.
func (g *gaps) cut(oldest time.Time) []Gap {
	g.floor = oldest
	var gone, kept []Gap
	for _, gap := range g.open {
		switch {
		case !gap.From.Before(oldest):
			kept = append(kept, gap)
		case gap.To.After(oldest):
			gone = append(gone, Gap{From: gap.From, To: oldest})
			kept = append(kept, Gap{From: oldest, To: gap.To})
		default:
			gone = append(gone, gap)
		}
	}
	g.open = kept
	return gone
}

// within says whether a record with this `ts` may belong to an open gap.
func (g *gaps) within(ts time.Time) bool {
	return slices.ContainsFunc(g.open, func(gap Gap) bool {
		return !ts.Before(gap.From.Add(-g.margin)) && !ts.After(gap.To)
	})
}

// done notes that an hour was read to its end, and returns the gaps that this closes.
func (g *gaps) done(start time.Time) []Gap {
	g.hours[start.Unix()] = progress{Done: true}
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
	for start := g.first(gap); start.Before(gap.To); start = start.Add(archiveHour) {
		if !g.hours[start.Unix()].Done {
			return false
		}
	}
	return true
}

// tidy forgets the hours of gaps that are closed.
func (g *gaps) tidy() {
	for hour := range g.hours {
		start := time.Unix(hour, 0)
		if !slices.ContainsFunc(g.open, func(gap Gap) bool {
			return !start.Before(g.first(gap)) && start.Before(gap.To)
		}) {
			delete(g.hours, hour)
		}
	}
}

// cutOff notes a read of an hour that did not end in order: records came, repeats included, fresh of them new. It says
// whether the hour counts as read all the same: when this read brought nothing new, and no fewer records than one
// before it.
func (g *gaps) cutOff(start time.Time, records, fresh int) bool {
	before, seen := g.hours[start.Unix()]
	if seen && fresh == 0 && records >= before.Most {
		return true
	}
	most := records
	if seen {
		most = max(most, before.Most)
	}
	g.hours[start.Unix()] = progress{Most: most}
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
