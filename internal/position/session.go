package position

import "time"

// MarkAlive notes a sign of life of the live session. quiet: there is nothing that the service has sent and the pipeline
// has not accepted, and the service has nothing more to send, so all that reached it so far is safe.
func (p *Position) MarkAlive(now time.Time, quiet bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.certainty.markAlive(now, quiet)
}

// Opened is what a handshake brought to light.
type Opened struct {
	// Gap is the gap that opened; nil: the session goes on where it is certain that nothing was missed.
	Gap *Gap
	// Reason says why, in a few words.
	Reason string
	// Pause is a pause in doubt that has become a gap; nil: there was none.
	Pause *Gap
	// Forgotten: the service has forgotten where the session before ended, and begins this one anew.
	Forgotten bool
	// Strays are small gaps around the `ts` of records that are missing, and whose `ts` is old for when they came.
	Strays []Gap
}

// SetSince changes Options.Since, when it is known what time it is at the service. It counts until the first Begin.
func (p *Position) SetSince(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.certainty.begun.IsZero() {
		p.options.Since = since
	}
}

// IsLoaded says whether storage was read, if there is any, so that all identities are known that there are.
func (p *Position) IsLoaded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.isLoadedLocked()
}

// isLoadedLocked is [Position.IsLoaded] for callers that hold the lock.
func (p *Position) isLoadedLocked() bool { return p.saves.isLoaded || !p.options.Stored }

// BeginSession notes the handshake of a live session, and opens a gap if it is not certain that nothing was missed before.
func (p *Position) BeginSession(now time.Time) Opened {
	p.mu.Lock()
	defer p.mu.Unlock()
	// A doubt that is left over from another session is not resolved by this one.
	opened := Opened{Pause: p.confirmLocked(), Strays: p.unreported.takeGaps(), Forgotten: p.certainty.isForgotten(now)}
	from, reason := p.certainty.uncertainAt(now, p.isLoadedLocked())
	if !from.IsZero() && from.Before(now) {
		opened.Gap, opened.Reason = &Gap{From: from, To: now}, reason
		p.gaps.add(*opened.Gap)
	}
	p.certainty.beginSession(now, opened.Gap != nil)
	p.saves.isStopped = false
	p.saves.changed = true
	return opened
}

// EndSession notes the end of a live session. orderly: both sides have closed, so all that the service has sent has arrived,
// and it knows. open is a time at which the service had not closed yet: from then on, it remembers the session.
func (p *Position) EndSession(orderly bool, open time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if orderly {
		p.certainty.life = open
	} else {
		p.certainty.suspectFrom(p.certainty.safe)
	}
	p.saves.changed = true
}

// MarkUnanswered notes a handshake, sent at a time, of which it is not known whether the service has opened the session. If it
// has, it may count what it wrote there as delivered.
func (p *Position) MarkUnanswered(sent time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.certainty.markUnanswered(sent)
	p.saves.changed = true
}

// MarkStopped notes that the stream has ended in order. What is not certain then is known: it is suspected already.
func (p *Position) MarkStopped() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.saves.isStopped = true
	p.saves.changed = true
}

// CaughtUp says whether the live session that began at a time has brought all that had reached the service by then.
func (p *Position) CaughtUp(begun time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.certainty.safe.Before(begun)
}

// DoubtPause notes a pause of the live session in which an archive session had its slot. Until it is known whether that
// moved the live position, the pause may become a gap, from where it is certain that nothing was missed.
func (p *Position) DoubtPause(pause Gap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pause.From = earlier(pause.From, p.certainty.safe)
	p.certainty.doubt = pause
	p.saves.changed = true
}

// TrustPause ends the doubt: the pause's records came by themselves.
func (p *Position) TrustPause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.certainty.doubt = Gap{}
	p.saves.changed = true
}

// OpenPauseGap makes the pause in doubt a gap, and returns it; nil if none is in doubt.
func (p *Position) OpenPauseGap() *Gap {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.confirmLocked()
}

func (p *Position) confirmLocked() *Gap {
	gap, ok := p.certainty.takeDoubt()
	if !ok {
		return nil
	}
	p.gaps.add(gap)
	p.saves.changed = true
	return &gap
}

// JudgeStop says what the first records have told of the time before the first session: if the stop before it was long,
// and they are no proof that nothing was missed, a gap opens. It is to be asked now and then while a session lasts.
func (p *Position) JudgeStop() Opened {
	p.mu.Lock()
	defer p.mu.Unlock()
	gap, isDecided, isFailed := p.certainty.judgeStop()
	if !isDecided {
		return Opened{}
	}
	p.saves.changed = true
	if !isFailed {
		return Opened{}
	}
	p.gaps.add(gap)
	return Opened{Gap: &gap, Reason: reasonStopped}
}
