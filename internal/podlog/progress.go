package podlog

import (
	"encoding/binary"
	"time"
)

// behindAfter is how late reading may be and still count as up to date.
const behindAfter = time.Second

// progress says up to which time all that the service sent has been read. Only the reading goroutine uses it.
//
// Bytes wait for a late reader: in this machine, in a proxy, and, when their buffers are full, at the service. They can
// wait for hours, and a close frame waits behind them. So the time at which they are read is the time at which they were
// sent only for a reader that keeps up. Without that, only a pong is proof: it follows on all that the service sent
// before, and names the ping of ours that it answers.
type progress struct {
	// upToDate: the service had not closed the session then, and all that it had sent has been read.
	upToDate time.Time
	// alive is the last time of which a byte from the service proves the same. A local timeout does not: nothing comes
	// over a broken path, either.
	alive time.Time
	// lag is the time in which nobody read, less the time in which a read waited for bytes.
	lag time.Duration
	// behind is since when reading has been behind; zero: it is up to date.
	behind time.Time
	// ahead is how far the wall clock has gone ahead of the monotonic clock since begun.
	begun time.Time
	ahead time.Duration
	// woke is when it last did so at once, as after a sleep of the machine; zero: it has not.
	woke time.Time
	// ping asks the writing goroutine for a ping.
	ping chan struct{}
}

func newProgress(begun, opened time.Time) progress {
	return progress{upToDate: opened, alive: opened, begun: begun, ping: make(chan struct{}, 1)}
}

// parsed notes that no close frame is among the bytes that were read at a time: somebody wants to read on.
func (p *progress) parsed(read, now time.Time) {
	if p.behind.IsZero() {
		p.upToDate, p.alive = latest(p.upToDate, read), latest(p.alive, read)
	}
	p.worked(now.Sub(read), now)
}

// worked notes that nobody read for some time.
func (p *progress) worked(d time.Duration, now time.Time) {
	if p.lag += d; p.lag > behindAfter {
		p.fallBehind(now)
	}
}

// waited notes a wait for bytes, which ends at a deadline if none come.
func (p *progress) waited(since, now, deadline time.Time, nothing bool) {
	p.lag = max(0, p.lag-now.Sub(since))
	// A process that is frozen returns late. While the whole machine sleeps, only the wall clock goes on.
	slept := p.slept(now)
	if slept > 0 { // times of before are longer ago than the monotonic clock says
		p.upToDate, p.alive = p.upToDate.Add(-slept), p.alive.Add(-slept)
		p.woke = now
	}
	switch {
	case slept != 0 || now.Sub(deadline) > behindAfter:
		p.fallBehind(now)
	case nothing && p.behind.IsZero():
		p.upToDate = latest(p.upToDate, deadline)
	}
}

// slept returns by how much the wall clock has gone ahead of the monotonic clock since the last call, or fallen back; 0
// if that is no more than a correction of the clock.
func (p *progress) slept(now time.Time) time.Duration {
	ahead := now.Round(0).Sub(p.begun.Round(0)) - now.Sub(p.begun)
	slept := ahead - p.ahead
	p.ahead = ahead
	if slept.Abs() <= behindAfter {
		return 0
	}
	return slept
}

// fallBehind notes that bytes may have been waiting for the reader, and asks for a ping. Reading is up to date again when
// that is answered, or a later one.
func (p *progress) fallBehind(now time.Time) {
	p.lag = 0
	p.behind = now
	select {
	case p.ping <- struct{}{}:
	default: // it is asked for already
	}
}

// answered notes a pong that answers the ping of a time.
func (p *progress) answered(pinged time.Time) {
	if pinged.Before(p.woke) {
		return // how long ago that was is not known
	}
	p.upToDate, p.alive = latest(p.upToDate, pinged), latest(p.alive, pinged)
	if !pinged.Before(p.behind) {
		p.behind = time.Time{}
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// pingContent is the content of a ping that is sent so long after the connection was made. A pong repeats it.
func pingContent(sent time.Duration) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(sent))
}

// pingSent is the reverse of pingContent. ok: the content is that of a ping which was sent no later than newest.
func pingSent(content []byte, newest time.Duration) (sent time.Duration, ok bool) {
	if len(content) != 8 {
		return 0, false
	}
	sent = time.Duration(binary.BigEndian.Uint64(content))
	return sent, 0 < sent && sent <= newest
}
