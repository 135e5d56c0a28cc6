package position

import (
	"time"

	"github.com/proofpointpod/otelcol/internal/servicetime"
)

// Unreachable is what may be missing and is older than the archive reaches.
type Unreachable struct {
	Gaps []Gap
	// Records counts strays whose `ts` was older already when they arrived.
	Records int
}

// DropUnreachable drops the gaps that the archive no longer has, and returns them.
func (p *Position) DropUnreachable(now time.Time) Unreachable {
	p.mu.Lock()
	defer p.mu.Unlock()
	gone := Unreachable{Gaps: p.gaps.cut(now.Add(-servicetime.ArchiveReach)), Records: p.unreported.takeUnreachable()}
	p.saves.changed = p.saves.changed || len(gone.Gaps) > 0 || gone.Records > 0
	return gone
}

// Windows returns the hour windows that are still to be read, the oldest first.
func (p *Position) Windows() []Window {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gaps.windows()
}

// Gaps returns the open gaps, the oldest first.
func (p *Position) Gaps() []Gap {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Gap(nil), p.gaps.open...)
}

// WindowResult is how the reading of a window ended.
type WindowResult struct {
	// Complete: the archive session ended in order. CutOff: the receiver ended it. Otherwise the service or the network did.
	Complete, CutOff bool
	// Records counts all that arrived, with duplicates; Fresh counts the new ones.
	Records, Fresh int
	// Newest is the latest `ts` that arrived; zero: none.
	Newest time.Time
	// Patient: the hour may be read again if the archive is behind.
	Patient bool
}

// FinishWindow takes the result of reading an hour window. It returns whether the window is done, whether the archive is
// behind, and which gaps this closed. A window has to be read again if its session did not end in order and brought
// something new, if it was early for a gap that has opened meanwhile, or if the archive is behind.
func (p *Position) FinishWindow(w Window, read WindowResult) (done, isBehind bool, closed []Gap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.saves.changed = true
	switch {
	case read.CutOff, !p.gaps.isDue(w):
		return false, false, nil // what was left is not known
	case read.Complete:
		done = true
	default:
		done = p.gaps.cutOff(w.Start, read.Records, read.Fresh)
	}
	switch {
	case !done:
	case read.Patient && p.isArchiveBehindLocked(w, read.Newest):
		p.gaps.reread(w.Start)
		return false, true, nil
	default:
		closed = p.gaps.done(w.Start)
	}
	return done, false, closed
}
