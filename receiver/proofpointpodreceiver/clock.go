package proofpointpodreceiver

import (
	"sync/atomic"
	"time"
)

const (
	// A difference between the clocks below clockSlack can come from the whole seconds of a `Date` header and the way
	// it took; one above clockAlarm is worth a warning.
	clockSlack = 2 * time.Second
	clockAlarm = time.Minute
	// One above clockUnbelievable is no time of the service's: a gap that ends by it would be longer than the archive,
	// or of centuries.
	clockUnbelievable = 30 * 24 * time.Hour
)

// clock tells the service's time, in which records and the archive count, by what the service says at handshakes, and
// between them by the time that passes: our clock may be set meanwhile, and what was certain by it would not be. That
// stands still while a machine sleeps, so until the next handshake the service's time may be later, and never earlier.
// Safe for concurrent use.
type clock struct {
	newest atomic.Pointer[clockReading] // nil: there was no handshake yet
}

// clockReading is how the clocks stood at a handshake.
type clockReading struct {
	at    time.Time     // by our clock
	ahead time.Duration // how far the service's is
	told  bool          // the service has said its time, at this handshake or one before
}

// known says whether the service has said its time, or that it does not, at a handshake.
func (c *clock) known() bool { return c.newest.Load() != nil }

// skew is how far the service's clock is ahead of ours, and whether the service has said its time.
func (c *clock) skew() (time.Duration, bool) {
	read := c.newest.Load()
	if read == nil {
		return 0, false
	}
	return read.ahead, read.told
}

// now is the service's time.
func (c *clock) now() time.Time { return c.at(time.Now()) }

// at is the service's time at a moment of our clock.
func (c *clock) at(t time.Time) time.Time {
	read := c.newest.Load()
	if read == nil {
		return t.Round(0).UTC()
	}
	return read.at.Round(0).UTC().Add(read.ahead + t.Sub(read.at))
}

// ours is what our clock shows at a moment of the service's time.
func (c *clock) ours(t time.Time) time.Time {
	ahead, _ := c.skew()
	return t.Add(-ahead)
}

// set relates the clocks by a `Date` that was read at a moment of our clock. It returns the difference if that has
// become, or changed and is still, more than a minute; else 0.
func (c *clock) set(date, at time.Time) time.Duration {
	if date.IsZero() {
		ahead, told := c.skew()
		c.newest.Store(&clockReading{at: at, ahead: ahead, told: told})
		return 0
	}
	difference := date.Sub(at.Round(0))
	if difference.Abs() < clockSlack {
		difference = 0
	}
	before := time.Duration(0)
	if old := c.newest.Swap(&clockReading{at: at, ahead: difference, told: true}); old != nil {
		before = old.ahead
	}
	if difference.Abs() > clockAlarm && (difference-before).Abs() > clockAlarm/2 {
		return difference
	}
	return 0
}
