package podsim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"
)

// archiveReach is how far back the archive goes.
const archiveReach = 30 * 24 * time.Hour

// span is the part of the archive that a session asks for: from is in it, to is not. Both are whole hours.
type span struct{ from, to time.Time }

// parseSpan reads the time parameters. It is nil without any: the session is live.
func (s *Service) parseSpan(query url.Values, now time.Time) (*span, error) {
	if s.opts.IgnoreTimes || !query.Has("sinceTime") && !query.Has("toTime") {
		return nil, nil
	}
	from, to := now.Add(-archiveReach), now
	if query.Has("sinceTime") {
		t, err := parseTime(query.Get("sinceTime"))
		if err != nil {
			return nil, fmt.Errorf("sinceTime: %w", err)
		}
		from = t
	}
	if query.Has("toTime") {
		t, err := parseTime(query.Get("toTime"))
		if err != nil {
			return nil, fmt.Errorf("toTime: %w", err)
		}
		to = t
	}
	switch {
	case !from.Before(to):
		return nil, errors.New("sinceTime is not before toTime")
	case from.Before(now.Add(-archiveReach)):
		return nil, errors.New("sinceTime is more than 30 days ago")
	case s.opts.RefuseFuture && to.After(now):
		return nil, errors.New("toTime is in the future")
	case s.opts.IgnoreRecentSince && !query.Has("toTime") && from.After(now.Add(-time.Hour)):
		return nil, nil
	}
	hours := span{from: from.Truncate(time.Hour), to: to.Truncate(time.Hour)}
	if hours.to.Before(to) {
		hours.to = hours.to.Add(time.Hour)
	}
	return &hours, nil
}

// parseTime reads ISO 8601 with an offset, which is `Z`, `-0000` or `-00:00`; fractions of a second may be absent.
func parseTime(text string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07:00"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not ISO 8601 with an offset", text)
}

// archived lists what the archive tells of a span: only what has been there for ArchiveDelay, nearly in order, and
// some of it twice. Call it with mu held.
func (s *Service) archived(log *recordLog, p span, now time.Time) *archive {
	if ready := now.Add(-s.opts.ArchiveDelay); p.to.After(ready) {
		p.to = ready
	}
	a := &archive{end: log.since(p.to)}
	start := log.since(p.from)
	if start >= a.end {
		return a
	}
	entries, _ := log.from(start, int(a.end-start))
	random := rand.New(rand.NewPCG(s.opts.Seed, uint64(start)))
	for _, e := range entries {
		a.entries = append(a.entries, e)
		if random.Float64() < s.opts.ArchiveRepeats {
			a.entries = append(a.entries, e)
		}
	}
	// Neighbours change places, so that repeats are not always side by side.
	for i := range a.entries {
		j := min(i+random.IntN(4), len(a.entries)-1)
		a.entries[i], a.entries[j] = a.entries[j], a.entries[i]
	}
	return a
}

// archive is what an archive session has left to tell. One goroutine uses it: the session's writer.
type archive struct {
	entries []entry
	end     int64 // sequence number after the span
}
