package servicetime

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// ArchiveReach is how far back the archive of the service goes.
	ArchiveReach = 30 * 24 * time.Hour
	// Slack is how far a time of a [Clock] can be from the service's: a `Date` has whole seconds, and a skew below noSkew
	// counts as none.
	Slack = noSkew + time.Second
	// AlarmSkew is the skew from which on a warning is due. Two times that are closer together agree.
	AlarmSkew = time.Minute

	// A skew below noSkew can come from the whole seconds of a `Date` and from its way.
	noSkew = 2 * time.Second
	// A skew above doubtedSkew counts only when two handshakes agree. A gap that ends by a wrong `Date` would cover hours
	// in which nothing is missing, and leave out those in which something is.
	doubtedSkew = time.Hour
	// A skew above maxSkew never counts: by such a clock the archive would have nothing. It comes from a proxy without a
	// clock.
	maxSkew = ArchiveReach
)

// Clock returns the service's time, by the `Date` of each handshake. Between handshakes it adds the time that passes by the
// monotonic clock: this machine's clock may be set meanwhile, and that would move what was certain. The monotonic clock
// stands still while a machine sleeps, so until the next handshake the service's time may be later, and never earlier.
//
// A `Date` that differs by over an hour from this machine's clock, or by over a minute from this Clock, counts when two
// handshakes in a row agree. The zero value is ready; it returns this machine's time. Safe for concurrent use.
type Clock struct {
	mu     sync.Mutex // guards what follows
	newest reading
	// claim is what the newest handshake said, if that does not count yet, or the skew of the process before this one;
	// nil: neither.
	claim *claim

	// corrected is the sum of all corrections in nanoseconds. It changes with mu held.
	corrected atomic.Int64
}

// reading is how the clocks stood at a handshake.
type reading struct {
	at        time.Time // by this machine's clock; zero: there was no handshake yet
	skew      time.Duration
	hasDate   bool // the service has said its time, at this handshake or an earlier one
	isDoubted bool // it was the first handshake, and its `Date` does not count
}

// claim is a skew that another handshake may confirm.
type claim struct {
	skew time.Duration
	at   time.Time // by this machine's clock; zero: not in this process
}

// IsKnown returns whether the service's time is settled: a handshake had a `Date` that counts, or none at all. A first `Date` that does not count settles nothing.
func (c *Clock) IsKnown() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.newest.at.IsZero() && !c.newest.isDoubted
}

// Skew returns by how much the service's clock is ahead of this machine's, and whether the service has said its time.
func (c *Clock) Skew() (skew time.Duration, hasDate bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newest.skew, c.newest.hasDate
}

// Correction returns the sum of all corrections so far. Times that were read from the clock when it was less are earlier
// than they should be by the difference.
func (c *Clock) Correction() time.Duration { return time.Duration(c.corrected.Load()) }

// Now returns the service's time.
func (c *Clock) Now() time.Time { return c.At(time.Now()) }

// At returns the service's time at a moment of this machine's clock.
func (c *Clock) At(t time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newest.timeAt(t)
}

// timeAt returns the service's time at a moment of this machine's clock.
func (r reading) timeAt(t time.Time) time.Time {
	if r.at.IsZero() {
		return t.Round(0).UTC()
	}
	return r.at.Round(0).UTC().Add(r.skew + t.Sub(r.at))
}

// Local returns what this machine's clock shows at a moment of the service's time.
func (c *Clock) Local(t time.Time) time.Time {
	skew, _ := c.Skew()
	return t.Add(-skew)
}

// Restore takes over the skew of the process before this one: one handshake that agrees with it is enough. It has no effect
// after the first handshake.
func (c *Clock) Restore(skew time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.newest.at.IsZero() {
		c.claim = &claim{skew: skew}
	}
}

// Adjust sets the clock by a `Date` that was read at a moment of this machine's clock; zero: the answer had none. It returns
// whether the `Date` counts, and the skew if a warning is due: it has become, or has changed and still is, more than
// AlarmSkew. Otherwise the skew is 0.
func (c *Clock) Adjust(date, at time.Time) (alarming time.Duration, counts bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.newest
	skew := date.Sub(at.Round(0))
	if date.IsZero() || skew.Abs() > maxSkew {
		c.newest = reading{at: at, skew: old.skew, hasDate: old.hasDate}
		return 0, date.IsZero()
	}
	if skew.Abs() < noSkew {
		skew = 0
	}
	if !c.acceptsLocked(date, at, skew) {
		c.claim = &claim{skew: skew, at: at}
		c.newest = reading{at: at, skew: old.skew, hasDate: old.hasDate, isDoubted: old.at.IsZero()}
		return 0, false
	}
	c.claim = nil
	c.newest = reading{at: at, skew: skew, hasDate: true}
	if !old.at.IsZero() && !old.agrees(date, at, skew) {
		c.corrected.Add(int64(c.newest.timeAt(at).Sub(old.timeAt(at))))
	}
	if skew.Abs() > AlarmSkew && (skew-old.skew).Abs() > AlarmSkew/2 {
		return skew, true
	}
	return 0, true
}

// acceptsLocked returns whether a `Date` counts: it agrees with this machine's clock, with an earlier handshake that
// counts, or with the handshake before. The caller holds the lock.
func (c *Clock) acceptsLocked(date, at time.Time, skew time.Duration) bool {
	switch {
	case skew.Abs() < AlarmSkew:
		return true
	case c.newest.hasDate && c.newest.agrees(date, at, skew):
		return true
	case !c.newest.hasDate && skew.Abs() <= doubtedSkew:
		return true
	case c.claim == nil:
		return false
	default:
		claimed := reading{at: c.claim.at, skew: c.claim.skew}
		return claimed.agrees(date, at, skew)
	}
}

// agrees returns whether a `Date` is about what an earlier reading leads to: by the time that has passed, or by this
// machine's clock. That one goes on while a machine sleeps, but may be set.
func (r reading) agrees(date, at time.Time, skew time.Duration) bool {
	return (skew-r.skew).Abs() < AlarmSkew || !r.at.IsZero() && date.Sub(r.timeAt(at)).Abs() < AlarmSkew
}
