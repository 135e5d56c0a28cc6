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

// openStrays opens the gaps of strays, which the next Opened has. Unrecoverable has those that are out of reach.
func (p *Position) openStrays(s strays) {
	var opened []Gap
	for _, hour := range slices.Sorted(maps.Keys(s.hours)) {
		opened = append(opened, s.hours[hour].gap)
		p.gaps.comesLate(hour, s.hours[hour].came)
	}
	p.gaps.add(opened...)
	p.untold.add(opened...)
	p.unreachable += s.unreachable
}

// tellStrays returns the gaps that openStrays has opened since it was called last.
func (p *Position) tellStrays() []Gap {
	untold := p.untold.open
	p.untold = gaps{}
	return untold
}
