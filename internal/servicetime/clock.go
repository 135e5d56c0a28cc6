package servicetime

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	// A difference between the clocks below clockSlack can come from the whole seconds of a `Date` header and the way
	// it took; one above AlarmSkew is worth a warning, and two that are as close together agree.
	clockSlack = 2 * time.Second
	AlarmSkew  = time.Minute
	// clockUnbelievable is the difference from which on the `Date` of one handshake is not believed. A gap that ends by a
	// wrong one would be of hours in which nothing is missing, and miss what is.
	clockUnbelievable = time.Hour
	// One above clockImpossible is no time of the service's, but of somebody on the way who has none: it is never believed.
	clockImpossible = 30 * 24 * time.Hour
)

// Clock tells the service's time, in which records and the archive count, by what the service says at handshakes, and
// between them by the time that passes: our clock may be set meanwhile, and what was certain by it would not be. That
// stands still while a machine sleeps, so until the next handshake the service's time may be later, and never earlier.
//
// A `Date` that differs by over an hour from our clock, or by over a minute from what this clock tells, is believed when
// two handshakes in a row agree. Safe for concurrent use.
type Clock struct {
	mu     sync.Mutex // guards what follows
	newest reading
	// claim is what the newest handshake has said that was not believed, or what a process before this one has
	// believed; nil: neither.
	claim *claim

	// corrected is the sum of all corrections, in nanoseconds: how far what was reckoned by this clock from its first
	// handshake on is behind what it tells now. It changes with mu held.
	corrected atomic.Int64
}

// reading is how the clocks stood at a handshake.
type reading struct {
	at      time.Time     // by our clock; zero: there was no handshake yet
	ahead   time.Duration // how far the service's is
	told    bool          // the service has said its time, at this handshake or one before
	doubted bool          // it was the first handshake, and what the service said was not believed
}

// claim is a difference of the clocks that another handshake may confirm.
type claim struct {
	ahead time.Duration
	at    time.Time // by our clock; zero: not in this process
}

// IsKnown says whether the service has said its time, or that it does not, at a handshake. A first one that says what is not
// believed is not enough.
func (c *Clock) IsKnown() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.newest.at.IsZero() && !c.newest.doubted
}

// Skew is how far the service's clock is ahead of ours, and whether the service has said its time.
func (c *Clock) Skew() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newest.ahead, c.newest.told
}

// Correction is the sum of all corrections so far.
func (c *Clock) Correction() time.Duration { return time.Duration(c.corrected.Load()) }

// Now is the service's time.
func (c *Clock) Now() time.Time { return c.At(time.Now()) }

// At is the service's time at a moment of our clock.
func (c *Clock) At(t time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newest.tell(t)
}

// tell is the service's time at a moment of our clock.
func (r reading) tell(t time.Time) time.Time {
	if r.at.IsZero() {
		return t.Round(0).UTC()
	}
	return r.at.Round(0).UTC().Add(r.ahead + t.Sub(r.at))
}

// Local is what our clock shows at a moment of the service's time.
func (c *Clock) Local(t time.Time) time.Time {
	ahead, _ := c.Skew()
	return t.Add(-ahead)
}

// Restore takes over the difference that a process before this one has believed: one handshake that agrees is enough.
func (c *Clock) Restore(ahead time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.newest.at.IsZero() {
		c.claim = &claim{ahead: ahead}
	}
}

// Adjust relates the clocks by a `Date` that was read at a moment of our clock; zero: there was none. It returns the
// difference if that has become, or changed and is still, more than a minute; else 0. It says whether it believes the
// `Date`.
func (c *Clock) Adjust(date, at time.Time) (apart time.Duration, believed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old := c.newest
	ahead := date.Sub(at.Round(0))
	if date.IsZero() || ahead.Abs() > clockImpossible {
		c.newest = reading{at: at, ahead: old.ahead, told: old.told}
		return 0, date.IsZero()
	}
	if ahead.Abs() < clockSlack {
		ahead = 0
	}
	if !c.believes(date, at, ahead) {
		c.claim = &claim{ahead: ahead, at: at}
		c.newest = reading{at: at, ahead: old.ahead, told: old.told, doubted: old.at.IsZero()}
		return 0, false
	}
	c.claim = nil
	c.newest = reading{at: at, ahead: ahead, told: true}
	if !old.at.IsZero() && !old.explains(date, at, ahead) {
		c.corrected.Add(int64(c.newest.tell(at).Sub(old.tell(at))))
	}
	if ahead.Abs() > AlarmSkew && (ahead-old.ahead).Abs() > AlarmSkew/2 {
		return ahead, true
	}
	return 0, true
}

// believes says whether a `Date` is what our clock shows, or goes on from what the service has said before, or agrees with
// the handshake before. The caller holds the lock.
func (c *Clock) believes(date, at time.Time, ahead time.Duration) bool {
	switch {
	case ahead.Abs() < AlarmSkew:
		return true
	case c.newest.told && c.newest.explains(date, at, ahead):
		return true
	case !c.newest.told && ahead.Abs() <= clockUnbelievable:
		return true
	case c.claim == nil:
		return false
	default:
		said := reading{at: c.claim.at, ahead: c.claim.ahead}
		return said.explains(date, at, ahead)
	}
}

// explains says whether a `Date` is about what a reading before it leads to, by the time that has passed or by our clock:
// that goes on while a machine sleeps, and may be set.
func (r reading) explains(date, at time.Time, ahead time.Duration) bool {
	return (ahead-r.ahead).Abs() < AlarmSkew || !r.at.IsZero() && date.Sub(r.tell(at)).Abs() < AlarmSkew
}
