package position

import (
	"time"

	"github.com/proofpointpod/otelcol/internal/servicetime"
)

// Unrecoverable is what may be missing, and is older than the archive reaches.
type Unrecoverable struct {
	Gaps []Gap
	// Records are single ones, with a `ts` that was older when they came.
	Records int
}

// DropUnreachable drops the gaps that the archive no longer has, and returns them.
func (p *Position) DropUnreachable(now time.Time) Unrecoverable {
	p.mu.Lock()
	defer p.mu.Unlock()
	gone := Unrecoverable{Gaps: p.gaps.cut(now.Add(-servicetime.ArchiveReach)), Records: p.unreported.takeUnreachable()}
	p.saves.changed = p.saves.changed || len(gone.Gaps) > 0 || gone.Records > 0
	return gone
}

// Windows lists the hours of the archive still to be read, the oldest first.
func (p *Position) Windows() []Window {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gaps.windows()
}

// Gaps lists the open gaps, the oldest first.
func (p *Position) Gaps() []Gap {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Gap(nil), p.gaps.open...)
}

// WindowResult is how the reading of a window ended.
type WindowResult struct {
	// Complete: the archive's session ended in order. Otherwise CutOff by us, or by the service or the way to it.
	Complete, CutOff bool
	// Records came, repeats included; Fresh of them were new.
	Records, Fresh int
	// Newest is the latest `ts` that came; zero: none.
	Newest time.Time
	// Patient: the hour may be read again later if the archive lags. Otherwise it has to do as it is.
	Patient bool
}

// FinishWindow notes that an hour was read. A read that the service did not end in order has to be followed by another,
// as it may have been cut off, until one brings nothing new; and so has one that was early for a gap that has opened
// meanwhile, and one of an archive that lags. It says whether the hour is done, or that the archive lags, and which gaps
// this closed.
func (p *Position) FinishWindow(w Window, read WindowResult) (done, lags bool, closed []Gap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.saves.changed = true
	switch {
	case read.CutOff, !p.gaps.isDue(w):
		return false, false, nil // how far it would have gone is not known
	case read.Complete:
		done = true
	default:
		done = p.gaps.cutOff(w.Start, read.Records, read.Fresh)
	}
	switch {
	case !done:
	case read.Patient && p.lagsLocked(w, read.Newest):
		p.gaps.reread(w.Start)
		return false, true, nil
	default:
		closed = p.gaps.done(w.Start)
	}
	return done, false, closed
}
