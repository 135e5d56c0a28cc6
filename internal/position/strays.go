package position

import (
	"maps"
	"slices"
	"time"

	"github.com/proofpointpod/otelcol/internal/servicetime"
)

// strayLength is how much of the time around the `ts` of a stray is a gap. An identity's is known to whole seconds.
const strayLength = time.Second

// strays are records that are missing, and whose `ts` lies too far back for when they came: those of the archive, and
// those with a wrong `ts`. They are looked for where their `ts` says, and open no gap from there to now. There is one
// gap for each hour that has any.
type strays struct {
	hours map[int64]stray // by the hour's start, in seconds since 1970
	// unreachable is how many lie further back than the archive reaches.
	unreachable int
}

type stray struct {
	gap Gap
	// came is until when the newest of them may have reached the service.
	came time.Time
}

// add takes a record with this `ts`, which has come by a time.
func (s *strays) add(ts, came time.Time) {
	if ts.Before(came.Add(-servicetime.ArchiveReach)) {
		s.unreachable++
		return
	}
	if s.hours == nil {
		s.hours = map[int64]stray{}
	}
	hour := ts.Truncate(archiveUnit).Unix()
	found, ok := s.hours[hour]
	if !ok {
		found.gap.From = ts
	}
	found.gap.From = earlier(found.gap.From, ts)
	found.gap.To = later(found.gap.To, ts.Add(strayLength))
	found.came = later(found.came, came)
	s.hours[hour] = found
}

// missing collects records that are missing.
type missing struct {
	rules *Options
	// from is from when on something is missing; zero: nothing is, but strays.
	from   time.Time
	strays strays
}

// add takes a record that came at a time. Its `ts` may lie too far back for that: then it is a stray.
func (m *missing) add(ts, came time.Time) {
	switch {
	case ts.IsZero():
		m.from = oldest(m.from, came)
	case ts.Before(came.Add(-m.rules.ServerMemory - m.rules.Margin)):
		m.strays.add(ts, came)
	default:
		m.from = oldest(m.from, earlier(ts, came))
	}
}

// unreported is what nobody has asked for yet. Strays come to light where nothing is reported.
type unreported struct {
	strays gaps // those that were opened for strays
	// unreachable is how many records are missing from further back than the archive reaches.
	unreachable int
}

// takeGaps returns the gaps that were opened for strays since it was called last.
func (u *unreported) takeGaps() []Gap {
	open := u.strays.open
	u.strays = gaps{}
	return open
}

// takeUnreachable returns how many records were found out of reach since it was called last.
func (u *unreported) takeUnreachable() int {
	count := u.unreachable
	u.unreachable = 0
	return count
}

// openStraysLocked opens the gaps of strays.
func (p *Position) openStraysLocked(s strays) {
	var opened []Gap
	for _, hour := range slices.Sorted(maps.Keys(s.hours)) {
		opened = append(opened, s.hours[hour].gap)
		p.gaps.comesLate(hour, s.hours[hour].came)
	}
	p.gaps.add(opened...)
	p.unreported.strays.add(opened...)
	p.unreported.unreachable += s.unreachable
}
