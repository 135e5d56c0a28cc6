package proofpointpodreceiver

import (
	"runtime"
	"sync"
	"time"

	"github.com/proofpointpod/otelcol/internal/position"
)

// atWork is how long a batch may take in a pipeline that is at work. One that takes longer has to wait.
const atWork = time.Second

// pipelineDepth is after how many batches that had to wait all that was accepted before them has left the batch
// processor: each was taken because that had room again. Before its batch, it has room for so many as there are CPUs.
func pipelineDepth() int { return runtime.NumCPU() + 2 }

// flow measures how the pipeline takes what a source offers. All streams of the source share it, since what one of them
// has to wait for holds the records of the others, too. Safe for concurrent use.
type flow struct {
	began time.Time

	mu      sync.Mutex
	held    int       // batches that are offered and not yet taken
	since   time.Time // when the pipeline last took one, or was last offered one while it held none
	running time.Duration
	waits   int
}

func newFlow() *flow {
	now := time.Now()
	return &flow{began: now, since: now}
}

// offered notes a batch that the pipeline has to take.
func (f *flow) offered() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if f.held == 0 {
		f.running += now.Sub(f.since)
		f.since = now
	}
	f.held++
}

// taken notes that the pipeline has accepted a batch, or refused it for good. For one that it has not answered when the
// stream gives up, this may never be called: it may wait for ever.
func (f *flow) taken() {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if took := now.Sub(f.since); took < atWork {
		f.running += took
	} else {
		f.waits++
	}
	f.since = now
	f.held--
}

// withdrawn notes that a batch is not offered any more, though the pipeline has not taken it: the stream gives up, and the
// pipeline does not hold the batch.
func (f *flow) withdrawn() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since = time.Now() // the time that the batch waited counts as none in which the pipeline was at work
	f.held--
}

// now is how the pipeline has done so far.
func (f *flow) now() position.Flow {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	running := f.running
	if f.held == 0 {
		running += now.Sub(f.since)
	}
	return position.Flow{Elapsed: now.Sub(f.began), Running: running, Waits: f.waits}
}
