package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// stopReading has the collector read nothing, in each of the ways that there are. What it returns lets it go on.
func stopReading() map[string]func(*rig) (goOn func()) {
	return map[string]func(*rig) func(){
		"refused": func(r *rig) func() {
			r.far.answer(http.StatusServiceUnavailable)
			r.waitSaid(held, 1)
			return func() { r.far.answer(http.StatusOK) }
		},
		"blocked": func(r *rig) func() {
			r.far.choke()
			eventually(r.t, func() bool { return r.far.choking() > 0 }, func() string { return "no request came" })
			return r.far.letGo
		},
		"frozen": func(r *rig) func() {
			r.collector.signal(sigStop)
			return func() { r.collector.signal(sigContinue) }
		},
	}
}

// withShortMemoryAndNothingBetween gives a rig a service that forgets soon, and a pipeline that refuses when the backend
// does.
func withShortMemoryAndNothingBetween(o *rigOptions) {
	refusing("5m")(o)
	withShortMemory(o)
}

// The service closes in order, and the collector reads that when the service has forgotten the session.
func TestPromise_closeReadLaterThanTheServiceRemembers(t *testing.T) {
	for name, stopReading := range stopReading() {
		t.Run(name, func(t *testing.T) {
			play(t, withShortMemoryAndNothingBetween, func(r *rig) {
				r.collect()
				r.waitArrivedSome()
				goOn := stopReading(r)
				r.DropAll(podsim.Close)
				r.waitOutOfMemory()
				goOn()
				r.waitSaid(opened, 1)
				assert.Positive(r.t, r.assertKept().recovered)
			})
		})
	}
}

// The collector reads the close in time, but then the service cannot be reached.
func TestPromise_closeReadLateAndTheServiceIsAwayAfterIt(t *testing.T) {
	for name, stopReading := range stopReading() {
		t.Run(name, func(t *testing.T) {
			play(t, withShortMemoryAndNothingBetween, func(r *rig) {
				r.collect()
				r.waitArrivedSome()
				goOn := stopReading(r)
				r.Plan(podsim.Step{Do: podsim.Refuse, Status: http.StatusServiceUnavailable, Times: -1})
				r.DropAll(podsim.Close)
				r.waitPassed(shortMemory/2 + 2*time.Second)
				goOn()
				r.waitPassed(shortMemory/2 + 2*time.Second)
				r.ClearPlan()
				r.waitSaid(opened, 1)
				assert.Positive(r.t, r.assertKept().recovered)
			})
		})
	}
}

// waitPassed waits for some time, in which the service has records.
func (r *rig) waitPassed(d time.Duration) {
	r.t.Helper()
	since := time.Now()
	r.waitFor(func() bool { return time.Since(since) > d })
}

// An outage begins while the live session pauses for the archive, and lasts for longer than the service remembers.
func TestPromise_outageBeginsInAPause(t *testing.T) {
	play(t, withShortMemory, func(r *rig) {
		r.Plan(
			podsim.Step{Do: podsim.Drop, Records: 100},
			podsim.Step{Do: podsim.Serve},
			podsim.Step{Do: podsim.Refuse, Status: http.StatusServiceUnavailable, Times: -1},
		)
		r.collect()
		r.waitSaid(opened, 1)
		r.waitFor(func() bool { return len(r.Sessions()) == 2 && r.Live(podlog.Message) == 0 })
		r.waitPassed(3 * shortMemory)
		r.ClearPlan()
		r.waitSaid(opened, 2)
		assert.Positive(r.t, r.assertKept().recovered)
		assert.NotContains(r.t, r.collector.out.String(), "moves the position of the live session")
	})
}
