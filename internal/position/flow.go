package position

import "time"

// Flow is how the pipeline has taken what this process offered it. All of it counts from the start of the process, by a
// clock that does not jump, and only grows.
type Flow struct {
	// Elapsed is how long that is.
	Elapsed time.Duration
	// Running is how much of it no batch had to wait for the pipeline. While one waits, so may those accepted before it.
	Running time.Duration
	// Waits is how many batches had to wait, and were taken.
	Waits int
}

// mark is how much had been accepted at a moment.
type mark struct {
	end uint64 // of the index
	at  Flow
}

// Flowed notes how the pipeline has done up to now. What was accepted is out of its memory when it has been running for
// Options.Unflushed since then. A pipeline under a load that it can't bear never runs for so long: there, what was
// accepted is out when Options.Depth batches have waited and were taken after it, and Options.Unflushed has passed.
func (p *Position) Flowed(now Flow) {
	p.mu.Lock()
	defer p.mu.Unlock()
	newest := p.flushed
	if len(p.marks) > 0 {
		newest = p.marks[len(p.marks)-1].end
	}
	if end := p.index.end(); end > newest {
		p.marks = append(p.marks, mark{end: end, at: now})
	}
	for len(p.marks) > 0 && p.isOut(p.marks[0].at, now) {
		p.flushed = p.marks[0].end
		p.marks = p.marks[1:]
	}
}

func (p *Position) isOut(accepted, now Flow) bool {
	window := p.options.Unflushed
	return now.Running-accepted.Running >= window ||
		now.Waits-accepted.Waits >= p.options.Depth && now.Elapsed-accepted.Elapsed >= window
}
