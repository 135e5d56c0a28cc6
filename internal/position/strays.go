package position

import (
	"maps"
	"slices"
	"time"
)

// strayLength is how much of the time around the `ts` of a stray is a gap. An identity's is known to whole seconds.
const strayLength = time.Second

// strays are records that are missing, and whose `ts` lies too far back for when they came: those of the archive, and
// those with a wrong `ts`. They are looked for where their `ts` says, and open no gap from there to now. There is one
// gap for each hour that has any.
type strays map[int64]stray // by the hour's start, in seconds since 1970

type stray struct {
	gap Gap
	// came is until when the newest of them may have reached the service.
	came time.Time
}

// add takes a record with this `ts`, which has come by a time.
func (s strays) add(ts, came time.Time) {
	hour := ts.Truncate(archiveUnit).Unix()
	found, ok := s[hour]
	if !ok {
		found.gap.From = ts
	}
	found.gap.From = earlier(found.gap.From, ts)
	found.gap.To = later(found.gap.To, ts.Add(strayLength))
	found.came = later(found.came, came)
	s[hour] = found
}

// openStrays opens the gaps of strays. The next Opened tells of them.
func (p *Position) openStrays(s strays) {
	for _, hour := range slices.Sorted(maps.Keys(s)) {
		p.gaps.add(s[hour].gap)
		p.gaps.late[hour] = later(p.gaps.late[hour], s[hour].came)
		p.untold = append(p.untold, s[hour].gap)
	}
}

// tellStrays returns the gaps that openStrays has opened since it was called last.
func (p *Position) tellStrays() []Gap {
	untold := p.untold
	p.untold = nil
	return untold
}
