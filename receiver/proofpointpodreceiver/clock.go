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
)

// clock tells the service's time, in which records and the archive count, by what the service says at handshakes. It
// is without monotonic part, which stands still while a machine sleeps. Safe for concurrent use.
type clock struct {
	offset atomic.Int64 // service minus ours, in nanoseconds
	heard  atomic.Bool  // set was called
	told   atomic.Bool  // with a time
}

// known says whether the service has said its time, or that it does not, at a handshake.
func (c *clock) known() bool { return c.heard.Load() }

// skew is how far the service's clock is ahead of ours, and whether the service has said its time.
func (c *clock) skew() (time.Duration, bool) { return time.Duration(c.offset.Load()), c.told.Load() }

// now is the service's time.
func (c *clock) now() time.Time { return c.at(time.Now()) }

// at is the service's time at a moment of our clock.
func (c *clock) at(t time.Time) time.Time {
	return t.Round(0).UTC().Add(time.Duration(c.offset.Load()))
}

// ours is what our clock shows at a moment of the service's time.
func (c *clock) ours(t time.Time) time.Time { return t.Add(-time.Duration(c.offset.Load())) }

// set relates the clocks by a `Date` that was read at a moment of our clock. It returns the difference if that has
// become, or changed and is still, more than a minute; else 0.
func (c *clock) set(date, read time.Time) time.Duration {
	defer c.heard.Store(true)
	if date.IsZero() {
		return 0
	}
	defer c.told.Store(true)
	difference := date.Sub(read.Round(0))
	if difference.Abs() < clockSlack {
		difference = 0
	}
	before := time.Duration(c.offset.Swap(int64(difference)))
	if difference.Abs() > clockAlarm && (difference-before).Abs() > clockAlarm/2 {
		return difference
	}
	return 0
}
