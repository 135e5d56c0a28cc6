package position

import (
	"time"

	"github.com/proofpointpod/otelcol/internal/servicetime"
)

// maxAhead is how far a record's `ts` may lie ahead of the service's clock. One that lies further ahead is wrong, and does
// not move the safe time.
const maxAhead = servicetime.AlarmSkew

// Reasons why a gap opens.
const (
	reasonSince   = "first start (backfill.since)"
	reasonAway    = "away for longer than the service remembers (backfill.server_memory)"
	reasonSuspect = "the last session, or the process, did not end in order, or a handshake was not answered"
	reasonToken   = "as a precaution, and usually nothing is missing: there is another token, and the service keeps a place for each"
)

// certainty is what is certain of a stream, and what is not.
//
//   - Everything that reached the service before safe is accepted, or lies in an open gap. Only a clock that is corrected,
//     or a handshake that sets it back, moves safe back.
//   - Nothing is suspect that a handshake has turned into a gap: suspect is zero after it, but while a stop needs proof.
//   - life is no later than the last moment at which a live session was open.
//
// It knows neither gaps nor identities; Position opens the gaps that it asks for. The lock of Position guards it.
type certainty struct {
	rules *Options // of Position

	safe    time.Time // zero: nothing is known yet
	suspect time.Time // from here on records may be missing, up to the next handshake; zero: none
	life    time.Time // the last sign of life of a live session
	begun   time.Time // the handshake of this process's first live session; zero: there was none yet
	token   string    // the digest of the token of the newest session; empty: not known
	doubt   Gap       // an archive pause whose records may not come by themselves; zero: none
	proof   proof     // of the stop before this process
}

// advance moves safe to the `ts` of an accepted record of a live session, which sends in order, but for the margin.
func (c *certainty) advance(ts, now time.Time) {
	c.proof.addRecord(ts)
	if ts.After(c.safe) && !ts.After(now.Add(maxAhead)) {
		c.safe = later(c.safe, earlier(ts, now))
	}
}

// markAlive takes a sign of life. If the session is quiet, everything that reached the service so far is accepted.
func (c *certainty) markAlive(now time.Time, isQuiet bool) {
	c.life = later(c.life, now)
	if isQuiet {
		c.safe = later(c.safe, now)
	}
}

// suspectFrom marks everything from a time on as suspect. A zero time changes nothing.
func (c *certainty) suspectFrom(from time.Time) {
	if !from.IsZero() {
		c.suspect = oldest(c.suspect, from)
	}
}

// markUnanswered takes a handshake that the service may have answered with a session.
func (c *certainty) markUnanswered(sent time.Time) {
	if c.safe.IsZero() {
		c.suspectFrom(sent.Add(-c.rules.ServerMemory)) // it was the first of all, or storage knows better
	} else {
		c.suspectFrom(c.safe)
	}
}

// takeDoubt ends the doubt, and reports whether there was a pause in doubt.
func (c *certainty) takeDoubt() (Gap, bool) {
	pause := c.doubt
	c.doubt = Gap{}
	return pause, pause.From.Before(pause.To)
}

// isForgotten reports whether the service has forgotten where the last session ended.
func (c *certainty) isForgotten(now time.Time) bool {
	return !c.safe.IsZero() && now.Sub(c.life) > c.trustedMemory()
}

// trustedMemory is how long after the last sign of life the service is trusted to remember: its memory, less a tenth.
func (c *certainty) trustedMemory() time.Duration {
	return c.rules.ServerMemory - c.rules.ServerMemory/10
}

// isOtherToken reports whether the last session was opened with another token than the next, by its digest. The service
// keeps a place for each token; what it sends first for one that is new to it is not known.
func (c *certainty) isOtherToken(digest string) bool {
	return digest != "" && c.rules.Token != nil && !c.rules.Token.Matches(digest)
}

// uncertainAt returns from when on something may be missing at a handshake, and why; zero: nothing is.
func (c *certainty) uncertainAt(now time.Time, isLoaded bool) (from time.Time, reason string) {
	switch from = c.suspect; {
	case c.safe.IsZero() && !c.rules.Since.IsZero() && isLoaded:
		return oldest(from, c.rules.Since), reasonSince
	case !from.IsZero():
		// It can seem to lie in the future, as each handshake sets the clock.
		return earlier(from, now.Add(-servicetime.Slack)), reasonSuspect
	case !c.safe.IsZero() && c.isOtherToken(c.token):
		return earlier(c.safe, now.Add(-servicetime.Slack)), reasonToken
	case c.isForgotten(now):
		return c.safe, reasonAway
	default:
		return time.Time{}, ""
	}
}

// uncertainBefore returns from when on something was missing at the first handshake, which came before storage answered,
// and why; zero: nothing was. What the stored position suspects is given.
func (c *certainty) uncertainBefore(stored *State, suspect time.Time) (from time.Time, reason string) {
	switch away := c.begun.Sub(stored.Life); {
	case stored.Safe.IsZero() && !c.rules.Since.IsZero():
		return oldest(suspect, c.rules.Since), reasonSince // no process has reached the service before this one
	case !suspect.IsZero():
		return earlier(suspect, c.begun.Add(-servicetime.Slack)), reasonSuspect // as in uncertainAt
	case !stored.Safe.IsZero() && c.isOtherToken(stored.Token):
		return earlier(stored.Safe, c.begun.Add(-servicetime.Slack)), reasonToken
	case away > c.trustedMemory():
		return stored.Safe, reasonAway
	case away > trustedStop && !c.proof.isGiven(stored.Life):
		return stored.Safe, reasonStopped
	default:
		return time.Time{}, ""
	}
}

// beginSession takes the handshake of a live session. hasGap says that a gap covers what was not certain before it.
func (c *certainty) beginSession(now time.Time, hasGap bool) {
	isFirst := c.begun.IsZero()
	if isFirst {
		c.begun = now
	}
	switch {
	case hasGap:
		c.safe = now // what came before is in the gap
	case c.safe.IsZero():
		c.safe = now.Add(-c.rules.ServerMemory) // what the service has kept comes now, and is not accepted yet
	default:
		c.safe = earlier(c.safe, now)
	}
	c.suspect = time.Time{}
	if !hasGap && isFirst && c.proof.isNeeded(now) {
		c.proof.from = c.safe
		c.suspect = c.safe // until it is proved
	} else {
		c.proof.end = time.Time{}
	}
	if c.rules.Token != nil {
		c.token = c.rules.Token.Digest()
	}
	c.life = now
}

// judgeStop ends the proof of the stop before this process when it is decided, and reports whether it failed: then
// everything from the returned time to the first handshake may be missing.
func (c *certainty) judgeStop() (gap Gap, isDecided, isFailed bool) {
	if c.proof.end.IsZero() || !c.proof.isFull() && c.safe.Before(c.begun) {
		return Gap{}, false, false // nothing to prove, or not all has come
	}
	isFailed = !c.proof.isGiven(c.proof.end)
	c.proof.end = time.Time{}
	c.suspect = time.Time{}
	return Gap{From: c.proof.from, To: c.begun}, true, isFailed
}

// restore takes over what an earlier process has stored, before the first session.
func (c *certainty) restore(stored *State, suspect time.Time) {
	if !c.suspect.IsZero() { // a handshake was not answered before storage answered
		from := stored.Safe
		if from.IsZero() {
			from = c.suspect
		}
		suspect = oldest(suspect, from)
	}
	c.safe, c.suspect, c.life, c.token, c.doubt = stored.Safe, suspect, stored.Life, stored.Token, Gap{}
	if stored.Clean {
		c.proof.end = stored.Life
	}
}

// correct moves all times by a correction of the clock, none to later than now. It returns when the first session began,
// before and after it.
func (c *certainty) correct(by time.Duration, now time.Time) (before, after time.Time) {
	for _, t := range []*time.Time{&c.safe, &c.suspect, &c.life, &c.doubt.From, &c.doubt.To, &c.proof.end, &c.proof.from} {
		*t = correctTime(*t, by, now)
	}
	before = c.begun
	c.begun = before.Add(by)
	return before, c.begun
}

// correctTime returns a time moved by a correction, but no later than now; zero stays zero.
func correctTime(t time.Time, by time.Duration, now time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return earlier(t.Add(by), now)
}

// oldest returns the earlier of two times, of which zero is none.
func oldest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
