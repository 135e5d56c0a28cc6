package retry

import (
	"context"
	"time"
)

// stoppingWait is the longest wait between two attempts while the source stops.
const stoppingWait = time.Second

// Wait waits. It returns false if ctx ends before the time is over.
func Wait(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// WaitUntilAborted waits between two attempts to deliver. A stop that comes meanwhile ends the wait, and then waits are
// short: the pipeline has until the end of the shutdown, abort, to accept. It returns false when that has come.
func WaitUntilAborted(stop, abort context.Context, wait time.Duration) bool {
	if stop.Err() != nil {
		return Wait(abort, min(wait, stoppingWait))
	}
	return Wait(stop, wait) || abort.Err() == nil
}
