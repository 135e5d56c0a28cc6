package position

import "time"

// MarkAlive takes a sign of life of the live session. quiet means that the service has nothing more to send and the
// pipeline has accepted everything, so that the safe time moves to now.
func (p *Position) MarkAlive(now time.Time, quiet bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.certainty.markAlive(now, quiet)
}

// Opened lists the gaps that a call has opened.
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

// SetSince changes Options.Since. It has an effect until the first BeginSession.
func (p *Position) SetSince(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.certainty.begun.IsZero() {
		p.options.Since = since
	}
}

// IsLoaded reports whether all stored identities are known: storage was read, or there is none.
func (p *Position) IsLoaded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.isLoadedLocked()
}

// isLoadedLocked is [Position.IsLoaded] for callers that hold the lock.
func (p *Position) isLoadedLocked() bool { return p.saves.isLoaded || !p.options.Stored }

// BeginSession takes the handshake of a live session, and opens a gap if records may be missing before it.
func (p *Position) BeginSession(now time.Time) Opened {
	p.mu.Lock()
	defer p.mu.Unlock()
	// This session cannot resolve a doubt of an earlier one.
	opened := Opened{Pause: p.openPauseGapLocked(), Strays: p.unreported.takeGaps(), Forgotten: p.certainty.isForgotten(now)}
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

// EndSession takes the end of a live session. orderly means that both sides have closed: everything that the service sent
// has arrived. open is a time at which the service had not closed yet; its memory of the session begins then.
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

// MarkUnanswered takes a handshake, sent at a time, that the service may have answered with a session. It may count what it
// wrote there as delivered.
func (p *Position) MarkUnanswered(sent time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.certainty.markUnanswered(sent)
	p.saves.changed = true
}

// MarkStopped takes the orderly end of the stream. What is not certain is suspect already.
func (p *Position) MarkStopped() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.saves.isStopped = true
	p.saves.changed = true
}

// CaughtUp reports whether the live session that began at a time has delivered what the service had then.
func (p *Position) CaughtUp(begun time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.certainty.safe.Before(begun)
}

// DoubtPause marks an archive pause as in doubt. Until TrustPause, it may become a gap that begins at the safe time.
func (p *Position) DoubtPause(pause Gap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pause.From = earlier(pause.From, p.certainty.safe)
	p.certainty.doubt = pause
	p.saves.changed = true
}

// TrustPause ends the doubt: the live session has brought the records of the pause.
func (p *Position) TrustPause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.certainty.doubt = Gap{}
	p.saves.changed = true
}

// OpenPauseGap makes the pause in doubt a gap and returns it; nil if none is in doubt.
func (p *Position) OpenPauseGap() *Gap {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.openPauseGapLocked()
}

// openPauseGapLocked is [Position.OpenPauseGap] for callers that hold the lock.
func (p *Position) openPauseGapLocked() *Gap {
	gap, ok := p.certainty.takeDoubt()
	if !ok {
		return nil
	}
	p.gaps.add(gap)
	p.saves.changed = true
	return &gap
}

// JudgeStop opens a gap if the stop before this process was long and the first records are no proof that nothing was
// missed. Call it now and then while a session is open.
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
