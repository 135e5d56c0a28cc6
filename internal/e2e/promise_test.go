package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// The tests in this file and in promise_backend_test.go are the rows of the promise in the README, with real processes
// and real kills. Time is scaled: the service remembers for a minute or seconds instead of an hour, and its archive lags
// by seconds. The archive's hours are hours all the same, whatever the minute is.

const (
	opened  = "gap opened"
	quitted = "not collecting any more"
)

// Sessions end without a close frame, and records that the service took for written never arrive.
func TestPromise_dropAndReconnect(t *testing.T) {
	play(t, nil, func(r *rig) {
		r.Plan(
			podsim.Step{Do: podsim.Drop, Records: 150, Lose: 20},
			podsim.Step{Do: podsim.Drop, Records: 100, Lose: 10},
		)
		r.Generate(podlog.Message, 500)
		r.collect()
		r.waitSaid(opened, 2)
		sessions := r.Sessions()
		require.Equal(r.t, []int{20, 10}, []int{sessions[0].Lost, sessions[1].Lost})
		f := r.assertKept()
		if r.resumesAfterWritten() {
			assert.GreaterOrEqual(r.t, f.recovered, 30., "what was lost comes from the archive")
			assert.Less(r.t, f.recovered, 30.+40, "and no more than came while it was read")
		} else {
			assert.Zero(r.t, f.recovered, "all of it came by itself")
		}
	})
}

// The service cannot be reached for longer than it remembers, while the collector runs.
func TestPromise_outageLongerThanTheServiceRemembers(t *testing.T) {
	play(t, withShortMemory, func(r *rig) {
		r.collect()
		r.waitArrivedSome()
		r.Plan(podsim.Step{Do: podsim.Refuse, Status: http.StatusServiceUnavailable, Times: -1})
		r.DropAll(podsim.Drop)
		r.waitOutOfMemory()
		r.ClearPlan()
		r.waitSaid(opened, 1)
		assert.Positive(r.t, r.assertKept().recovered)
	})
}

// The collector is stopped in order, and started only when the service has forgotten where it was.
func TestPromise_stoppedForLongerThanTheServiceRemembers(t *testing.T) {
	play(t, withShortMemory, func(r *rig) {
		r.collect()
		r.waitArrivedSome()
		r.stop()
		r.waitOutOfMemory()
		r.collect()
		r.waitSaid(opened, 1)
		assert.Positive(r.t, r.assertKept().recovered)
	})
}

// withShortMemory gives a rig's service a memory that a test can exceed.
func withShortMemory(o *rigOptions) { o.service.Memory = shortMemory }

// waitArrivedSome waits until records flow.
func (r *rig) waitArrivedSome() {
	r.t.Helper()
	r.waitProduced(60)
	r.waitArrived()
}

// waitOutOfMemory waits until the service has had records for so long that it does not remember where it was. Some that
// it has had since then it will not tell by itself.
func (r *rig) waitOutOfMemory() {
	r.t.Helper()
	since := time.Now()
	r.waitFor(func() bool { return time.Since(since) > r.rigOptions.service.Memory+2*time.Second })
}

// A clean stop and start, and a reload: the service goes on where it was, and nothing has to be read again.
func TestPromise_restartAndReload(t *testing.T) {
	playBoth(t, nil, func(r *rig) {
		r.collect()
		for range 2 {
			r.waitArrivedSome()
			r.stop()
			assert.Zero(r.t, r.said(opened))
			r.waitProduced(20)
			r.collect()
		}
		for range 2 {
			r.waitProduced(50)
			r.reload()
		}
		assert.Zero(r.t, r.said(opened))
		assert.Zero(r.t, r.assertKept().windows)
	})
}

// The backend goes away and comes back, the collector runs on, or is restarted or reloaded meanwhile. What an exact
// pipeline has not accepted by then is read from the archive.
func TestPromise_backendDownAndUp(t *testing.T) {
	playBoth(t, nil, func(r *rig) {
		r.collect()
		for _, meanwhile := range []func(){
			func() { r.waitProduced(50) },
			func() { r.stop(); r.waitProduced(20); r.collect() },
			r.reload,
		} {
			r.waitArrivedSome()
			r.far.answer(http.StatusServiceUnavailable)
			r.waitProduced(50)
			r.waitSaid("Exporting failed. Will retry", 1)
			meanwhile()
			r.far.answer(http.StatusOK)
		}
		if !r.exact() {
			assert.Zero(r.t, r.said(opened))
		}
		f := r.assertKept()
		if !r.exact() {
			assert.Zero(r.t, f.windows)
		}
	})
}

// The collector is killed while records wait in a batch: the receiver's, which has not accepted them, or the batch
// processor's, of which the position says that they were accepted. They are read again from the archive; what is sent
// twice was accepted within unflushed_window before a kill.
func TestPromise_killWithRecordsInABatch(t *testing.T) {
	playBoth(t, nil, func(r *rig) {
		r.collect()
		for range 2 {
			// More than a kill may repeat, so that too wide a bound shows.
			r.waitProduced(int(40 * (unflushed + unsaved).Seconds()))
			// What arrives now was all that the batch had. It holds what comes after that for its timeout, and the position is
			// saved meanwhile.
			r.waitArrived()
			r.waitProduced(int(40 * (batch - time.Second).Seconds()))
			r.waitWritten(podlog.Message)
			r.kill()
			require.Positive(r.t, r.far.missing(r.sent()), "nothing was in memory when it was killed")
			r.collect()
			r.waitSaid(opened, 1)
		}
		assert.Positive(r.t, r.assertKept().recovered)
	})
}

// A kill in the first second of a process, before the position is due to be saved for the first time.
func TestPromise_killRightAfterTheStart(t *testing.T) {
	playBoth(t, nil, func(r *rig) {
		r.collect()
		r.waitArrivedSome()
		r.stop()
		r.Generate(podlog.Message, 100)
		r.collect()
		r.waitWritten(podlog.Message)
		r.kill()
		require.Positive(r.t, r.far.missing(r.sent()))
		r.collect()
		r.waitSaid(opened, 1)
		assert.Positive(r.t, r.assertKept().recovered)
	})
}

// A stream has long been quiet when the collector is killed: what it had accepted is known to be out of memory.
func TestPromise_killOfAQuietStream(t *testing.T) {
	playBoth(t, func(o *rigOptions) {
		o.service.EventTypes = []podlog.EventType{podlog.Message, podlog.Maillog}
		o.service.Rate = map[podlog.EventType]float64{podlog.Maillog: 20}
	}, func(r *rig) {
		r.collect()
		r.Generate(podlog.Message, 50)
		r.waitArrived()
		r.waitProduced(int(20 * (unflushed + unsaved).Seconds()))
		r.kill()
		r.collect()
		r.waitSaid(opened, 2)
		r.assertKept()
	})
}

// The archive sends records twice and out of order, drops its sessions, one of them midway.
func TestPromise_archiveRepeatsAndBreaksOff(t *testing.T) {
	play(t, func(o *rigOptions) {
		// Without pauses. Each would be a gap in the same hour as everything, since the archive lags by seconds here, and
		// where its sessions are dropped, that hour would be read without an end.
		o.secondToken()
		o.service.ArchiveRepeats = 0.3
		o.service.ArchiveDrops = true
	}, func(r *rig) {
		r.Plan(
			podsim.Step{Do: podsim.Drop, Records: 150, Lose: 60},
			podsim.Step{Do: podsim.Serve},
			podsim.Step{Do: podsim.Drop, Records: 170}, // of an archive session, amid what was lost
		)
		r.Generate(podlog.Message, 300)
		r.collect()
		r.waitSaid(opened, 1)
		f := r.assertKept()
		sessions := r.Sessions()
		require.GreaterOrEqual(r.t, len(sessions), 3)
		assert.True(r.t, sessions[2].Archive)
		assert.Equal(r.t, 170, sessions[2].Records)
		if r.resumesAfterWritten() {
			assert.EqualValues(r.t, 60, f.recovered)
			assert.GreaterOrEqual(r.t, f.windows, 3., "two reads brought something new, and then one has to bring nothing")
		} else {
			assert.GreaterOrEqual(r.t, f.windows, 2., "a read that was not ended in order is not enough")
		}
	})
}

// The hour turns while the service cannot be reached, by its own clock, which is ahead of ours: the gap lies in two of the
// archive's hours.
func TestPromise_gapOverTheTurnOfAnHour(t *testing.T) {
	play(t, func(o *rigOptions) {
		soon := time.Now().Add(15 * time.Second)
		o.service.ClockSkew = soon.Truncate(time.Hour).Add(time.Hour).Sub(soon)
	}, func(r *rig) {
		skew := r.rigOptions.service.ClockSkew
		turn := time.Now().Add(skew).Truncate(time.Hour).Add(time.Hour - skew) // by our clock
		r.Plan(
			podsim.Step{Do: podsim.Drop, Records: 100, Lose: 20},
			podsim.Step{Do: podsim.Refuse, Status: http.StatusServiceUnavailable, Times: -1},
		)
		r.Generate(podlog.Message, 150)
		r.collect()
		r.waitSaid("503", 1)
		require.True(r.t, time.Now().Before(turn), "this machine is too slow")
		r.waitFor(func() bool { return time.Since(turn) > 3*time.Second })
		r.ClearPlan()
		r.waitSaid(opened, 1)
		f := r.assertKept()
		assert.GreaterOrEqual(r.t, f.windows, 2.)
		if r.resumesAfterWritten() {
			assert.EqualValues(r.t, 20, f.recovered)
		}
	})
}

// With a second token, the live session stays while the archive is read.
func TestPromise_secondToken(t *testing.T) {
	play(t, (*rigOptions).secondToken, func(r *rig) {
		r.Plan(podsim.Step{Do: podsim.Drop, Records: 150, Lose: 40})
		r.Generate(podlog.Message, 300)
		r.collect()
		r.waitSaid(opened, 1)
		f := r.assertKept()
		if r.resumesAfterWritten() {
			assert.EqualValues(r.t, 40, f.recovered)
		}
		sessions := r.Sessions()
		require.GreaterOrEqual(r.t, len(sessions), 3)
		for _, archive := range sessions[2:] {
			assert.True(r.t, archive.Archive)
			assert.True(r.t, sessions[1].Ended.After(archive.Ended), "the live session did not pause")
		}
		assert.NotContains(r.t, r.collector.out.String(), secondToken, "the secret was printed")
	})
}
