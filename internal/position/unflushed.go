package position

import "time"

// Flow is how the pipeline has taken what this process delivered. All of it counts from the start of the process, by a
// clock that does not jump, and only grows.
type Flow struct {
	// Elapsed is how long ago the process has started.
	Elapsed time.Duration
	// Running is how much of it no batch had to wait for the pipeline. While one waits, so may those accepted before it.
	Running time.Duration
	// Waits is how many batches had to wait and were accepted.
	Waits int
}

// unflushed knows which accepted records may be in the pipeline's memory only: those from the place flushed on. That
// place never moves back. The places of marks lie beyond it, in order.
type unflushed struct {
	window time.Duration // zero: the pipeline holds nothing in its memory
	depth  int

	flushed uint64
	marks   []mark
}

// mark is how much had been accepted at a moment.
type mark struct {
	end uint64 // the place behind the newest entry
	at  Flow
}

// update moves flushed to what has left the pipeline's memory by now. end is the place behind the newest entry.
func (u *unflushed) update(now Flow, end uint64) {
	newest := u.flushed
	if len(u.marks) > 0 {
		newest = u.marks[len(u.marks)-1].end
	}
	if end > newest {
		u.marks = append(u.marks, mark{end: end, at: now})
	}
	for len(u.marks) > 0 && u.isFlushed(u.marks[0].at, now) {
		u.flushed = u.marks[0].end
		u.marks = u.marks[1:]
	}
}

// isFlushed reports whether what was accepted at a moment is out of the pipeline's memory: the pipeline has been running
// for the window since. A pipeline under a load that it cannot bear never does; there, depth batches have waited and were
// accepted since, and the window has passed.
func (u *unflushed) isFlushed(accepted, now Flow) bool {
	return now.Running-accepted.Running >= u.window ||
		now.Waits-accepted.Waits >= u.depth && now.Elapsed-accepted.Elapsed >= u.window
}
