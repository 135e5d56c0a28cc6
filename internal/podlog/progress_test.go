package podlog

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// clocks are a monotonic and a wall clock that a test sets apart. [time.Now] in a bubble can't.
type clocks struct{ begun time.Time }

// at returns a time by the monotonic clock.
func (c clocks) at(d time.Duration) time.Time { return c.begun.Add(d) }

func newTestProgress() (clocks, *progress) {
	c := clocks{begun: time.Now()}
	p := newProgress(c.begun, c.begun)
	return c, &p
}

// asked says whether a ping was asked for since the last call.
func (p *progress) asked() bool {
	select {
	case <-p.ping:
		return true
	default:
		return false
	}
}

// A process that was stopped finds its read ended long after the deadline, be it by bytes or by that.
func TestProgress_processIsFrozenWhileItReads(t *testing.T) {
	for name, nothing := range map[string]bool{"bytes came": false, "nothing came": true} {
		t.Run(name, func(t *testing.T) {
			c, p := newTestProgress()
			p.waited(c.at(0), c.at(time.Second), c.at(time.Second), true)
			p.waited(c.at(time.Second), c.at(30*time.Second), c.at(2*time.Second), nothing)
			p.parsed(c.at(30*time.Second), c.at(30*time.Second))
			assert.Equal(t, c.at(time.Second), p.upToDate)
			assert.True(t, p.asked())

			p.waited(c.at(30*time.Second), c.at(31*time.Second), c.at(31*time.Second), true)
			assert.Equal(t, c.at(time.Second), p.upToDate, "that nothing comes proves nothing now")
			p.answered(c.at(29 * time.Second))
			assert.Equal(t, c.at(29*time.Second), p.upToDate)
			p.waited(c.at(31*time.Second), c.at(32*time.Second), c.at(32*time.Second), true)
			assert.Equal(t, c.at(29*time.Second), p.upToDate, "the ping was sent too early")
			p.answered(c.at(30 * time.Second))
			p.waited(c.at(32*time.Second), c.at(33*time.Second), c.at(33*time.Second), true)
			assert.Equal(t, c.at(33*time.Second), p.upToDate)
			assert.False(t, p.asked())
		})
	}
}

// While the machine sleeps, the monotonic clock stands still, so what was before it is longer ago than that says.
func TestProgress_machineSleeps(t *testing.T) {
	c, p := newTestProgress()
	p.waited(c.at(0), c.at(time.Second), c.at(time.Second), true)
	p.ahead -= time.Hour // as if the wall clock had gone on for an hour
	p.waited(c.at(time.Second), c.at(2*time.Second), c.at(2*time.Second), false)
	p.parsed(c.at(2*time.Second), c.at(2*time.Second))
	assert.Equal(t, c.at(time.Second-time.Hour), p.upToDate)
	assert.Equal(t, c.at(-time.Hour), p.alive)
	assert.True(t, p.asked())

	p.answered(c.at(time.Second)) // a ping from before
	assert.Equal(t, c.at(time.Second-time.Hour), p.upToDate)
	p.answered(c.at(2 * time.Second))
	assert.Equal(t, c.at(2*time.Second), p.upToDate)
	p.waited(c.at(2*time.Second), c.at(3*time.Second), c.at(3*time.Second), true)
	assert.Equal(t, c.at(3*time.Second), p.upToDate)
}

func TestProgress_wallClockIsSetBack(t *testing.T) {
	c, p := newTestProgress()
	p.waited(c.at(0), c.at(time.Second), c.at(time.Second), true)
	p.ahead += time.Hour
	p.waited(c.at(time.Second), c.at(2*time.Second), c.at(2*time.Second), true)
	assert.Equal(t, c.at(time.Second), p.upToDate)
	assert.True(t, p.asked(), "a ping tells how it is")
}

func TestProgress_wallClockIsCorrected(t *testing.T) {
	c, p := newTestProgress()
	for s := range 100 {
		p.ahead -= time.Second / 2
		p.waited(c.at(time.Duration(s)*time.Second), c.at(time.Duration(s+1)*time.Second), c.at(time.Duration(s+1)*time.Second), true)
	}
	assert.Equal(t, c.at(100*time.Second), p.upToDate)
	assert.False(t, p.asked())
}
