package position

import (
	"sync"
	"time"
)

// lifeInterval is the longest age of the stored sign of life. A quiet stream is saved no more often.
const lifeInterval = time.Minute

// Options set what a position remembers, and when gaps open.
type Options struct {
	// Token is the token of the live sessions; nil if it is not known.
	Token Token
	// Stored: there is storage, and Restore or RestoreNothing follows.
	Stored bool
	// Since is from when on the very first start reads the archive; zero: it does not.
	Since time.Time
	// ServerMemory is how long the service resumes a live session after its end.
	ServerMemory time.Duration
	// ArchiveDelay is how long a record takes to reach the archive.
	ArchiveDelay time.Duration
	// Margin is how long a record can take from its `ts` to its arrival.
	Margin time.Duration
	// Unflushed is how long an accepted record can be in the memory of a running pipeline; zero: not at all.
	Unflushed time.Duration
	// Depth is after how many batches that had to wait everything accepted before them is flushed.
	Depth int
	// Remember is how long identities are remembered, and MaxEntries how many.
	Remember   time.Duration
	MaxEntries int
}

// Token is a token of the service that can be recognised by its digest.
type Token interface {
	// Digest returns a digest to store. It reveals nothing of the token.
	Digest() string
	// Matches reports whether a digest is of this token.
	Matches(digest string) bool
}

// Position is the position of one stream. It holds the lock for its parts, and opens the gaps that they ask for. All
// methods are safe for concurrent use, and none does I/O.
type Position struct {
	options Options

	mu         sync.Mutex // guards what follows; held for computing only
	delivered  delivered
	certainty  certainty
	gaps       gaps
	unreported unreported
	saves      saves
}

// New returns the position of a stream of which nothing is known.
func New(options Options) *Position {
	p := &Position{options: options, delivered: newDelivered(&options), gaps: newGaps(&options), saves: saves{isStopped: true}}
	p.certainty.rules = &p.options
	return p
}

// Claim reports whether a record is new: neither delivered nor claimed. It claims a new record until that is accepted,
// refused or released.
func (p *Position) Claim(r Record) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delivered.claim(r)
}

// IsUnderWay reports whether a record of an open gap is claimed and not undecided. If its gap closed now, a kill would
// lose it. A record outside of the gaps is safe: the safe time does not pass it before it is accepted.
func (p *Position) IsUnderWay(r Record) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.delivered.isUnderWay(r.ID) && (r.TS.IsZero() || p.gaps.holds(r.TS))
}

// MayBeMissing reports whether a record from the archive may be missing. If identities from so far back are forgotten, its
// `ts` must lie in an open gap. Claim reports whether the record is new.
func (p *Position) MayBeMissing(ts time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return ts.IsZero() || p.delivered.isRemembered(ts) || p.gaps.within(ts)
}

// Release ends claims of records that were not delivered.
func (p *Position) Release(ids ...uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		p.delivered.release(id)
	}
}

// Accept remembers records that the pipeline has accepted or rejected, and forgets the oldest identities if there are too
// many. Records of a live session move the safe time: it sends in order, within the margin.
func (p *Position) Accept(records []Record, live bool, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range records {
		p.delivered.accept(r, now)
		if live {
			p.certainty.advance(r.TS, now)
		}
	}
	p.delivered.accepted = now
	// At once, not with the next Forget: a backlog can bring half a million in a second, and the table that has grown for
	// them would stay as large.
	p.delivered.forget(time.Time{})
	p.saves.changed = true
}

// Refuse marks records of a live session as missing: the stream gives up before the pipeline has accepted them.
func (p *Position) Refuse(records []Record, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	safe := p.certainty.safe
	from := safe
	var astray strays
	for _, r := range records {
		undecided, was := p.delivered.release(r.ID)
		switch {
		case r.TS.IsZero() && was:
			from = oldest(from, undecided.Came)
		case r.TS.IsZero():
		case r.TS.Before(safe.Add(-p.options.Margin)): // though what is not accepted came after safe, but for open gaps
			astray.add(r.TS, now)
		default:
			from = oldest(from, r.TS)
		}
	}
	p.openStraysLocked(astray)
	p.certainty.suspectFrom(from)
	p.saves.changed = true
}

// Suspend marks claimed records as undecided, so that later ones can be accepted meanwhile. Accept, Refuse and Release end
// that.
func (p *Position) Suspend(records []Record, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range records {
		if p.delivered.suspend(r, p.certainty.safe, now) {
			p.saves.changed = true
		}
	}
}

// UpdateFlow takes how the pipeline has taken what was delivered, which decides what is unflushed.
func (p *Position) UpdateFlow(now Flow) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delivered.updateFlow(now)
}

// Forget forgets the identities that are too old or too many. It keeps those that an open gap, or one that is still
// suspect, may bring again.
func (p *Position) Forget(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := now.Add(-p.options.Remember)
	needed := oldest(p.certainty.safe, p.certainty.suspect)
	if hull := p.gaps.hull(); hull != nil {
		needed = oldest(needed, hull.From)
	}
	if !needed.IsZero() {
		before = earlier(before, needed.Add(-p.options.Margin))
	}
	p.delivered.forget(before)
}

// CorrectClock moves all times since the first handshake of this process by a correction of the clock, so that a gap is as
// long as the time that has passed. Times from before that handshake stay.
func (p *Position) CorrectClock(by time.Duration, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.certainty.begun.IsZero() {
		return
	}
	before, after := p.certainty.correct(by, now)
	p.delivered.correct(before, by, now)
	p.gaps.move(before, after)
	p.saves.changed = true
}

// Stats are figures for telemetry.
type Stats struct {
	Identities int
	// Saved is the time of the newest successful save; zero: there was none.
	Saved time.Time
}

// Stats returns the figures of now.
func (p *Position) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{Identities: p.delivered.index.size(), Saved: p.saves.at}
}
