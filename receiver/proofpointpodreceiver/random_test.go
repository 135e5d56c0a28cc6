package proofpointpodreceiver

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// soakSeeds names how many fresh seeds the randomised test plays, with longer schedules; without it, a few known, short
// ones.
const soakSeeds = "PROOFPOINTPOD_SOAK_SEEDS"

// The promise as a whole: whatever happens, and in whatever order, every record arrives, and none twice but those that a
// kill allows.
func TestPromise_randomSchedule(t *testing.T) {
	first, seeds, steps := uint64(0), 2, 60
	if text := os.Getenv(soakSeeds); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("%s: %v", soakSeeds, err)
		}
		first, seeds, steps = uint64(rand.Uint32()), n, 400
	}
	for seed := first; seed < first+uint64(seeds); seed++ {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			options := podsim.Options{
				Seed:           seed,
				Resume:         podsim.Resume(seed % 2),
				CloseTail:      random.IntN(5),
				ArchiveRepeats: random.Float64() / 2,
				ArchiveDrops:   random.IntN(4) == 0,
			}
			var frozen atomic.Pointer[chan struct{}]
			play(t, options, func(s *scenario) {
				freezable(&frozen)(s)
				s.config.Storage = &storageID
				s.config.RetryOnFailure.MaxElapsedTime = 90 * time.Minute
				s.sink.memory = 5 * time.Minute
				if seed/2%2 == 1 {
					withSecondToken(s)
				}
			}, func(s *scenario) {
				schedule := &schedule{scenario: s, random: random, frozen: &frozen}
				for range steps {
					schedule.step()
				}
				schedule.settle()
				s.keepsThePromise(schedule.mayRepeat)
				t.Logf("seed %d: %d records in %d sessions, %d of the archive's hours read, %d may be repeated",
					seed, s.sent, len(s.service.Sessions()), len(s.archiveHours(101)), schedule.mayRepeat)
				if t.Failed() {
					t.Logf("the schedule of seed %d:\n%v", seed, schedule.done)
				}
			})
		})
	}
}

// schedule is a random sequence of troubles.
type schedule struct {
	*scenario
	random    *rand.Rand
	frozen    *atomic.Pointer[chan struct{}]
	mayRepeat int
	done      []string
	// When the backend last refused, from its first refusal to its last without much time between.
	refusedFrom, refusedTo time.Time
}

// unflushed is how many records may be in the pipeline's memory only, as far as the source can tell: while a batch waits
// because the backend refuses it, so may what was accepted before.
func (c *schedule) unflushed() int {
	window := c.config.UnflushedWindow + 2*time.Second
	if c.refusedWithin(window) {
		window += c.refusedTo.Sub(c.refusedFrom) + 2*c.config.RetryOnFailure.MaxInterval
	}
	return c.sink.acceptedWithin(window)
}

// refusedWithin says whether a batch has waited in the last so and so long: until the next attempt, after the backend
// was well again.
func (c *schedule) refusedWithin(d time.Duration) bool {
	return time.Since(c.refusedTo) < d+2*c.config.RetryOnFailure.MaxInterval
}

// refuse has the backend refuse for some time.
func (c *schedule) refuse(d time.Duration) {
	if !c.refusedWithin(c.config.UnflushedWindow) {
		c.refusedFrom = time.Now()
	}
	c.sink.answers(refuse)
	c.traffic(d, 3*time.Minute)
	c.sink.answers(nil)
	c.refusedTo = time.Now()
}

// between is a random time.
func (c *schedule) between(from, to time.Duration) time.Duration {
	return from + time.Duration(c.random.Int64N(int64(to-from)))
}

// mail lets a random time pass, in which records come.
func (c *schedule) mail(most time.Duration) {
	c.mails(c.random.IntN(15))
	c.traffic(c.between(time.Millisecond, most), c.between(time.Second, 2*time.Minute))
}

// note remembers what is done, for the log of a failure.
func (c *schedule) note(format string, args ...any) {
	at := time.Now().UTC().Format("02 15:04:05 ")
	c.done = append(c.done, at+fmt.Sprintf(format, args...)+"\n")
}

// step does one thing.
func (c *schedule) step() {
	c.mail(5 * time.Minute)
	switch c.random.IntN(14) {
	case 0, 1:
		how := []podsim.Action{podsim.Drop, podsim.Reset, podsim.Freeze, podsim.Close}[c.random.IntN(4)]
		c.note("end the sessions: %s", how)
		c.service.DropAll(how)
	case 2, 3:
		step := podsim.Step{Do: podsim.Drop, Records: 1 + c.random.IntN(40), Lose: c.random.IntN(10)}
		c.note("plan %+v", step)
		c.service.Plan(step)
		c.service.DropAll(podsim.Close)
	case 4:
		step := podsim.Step{Do: podsim.Refuse, Status: []int{409, 429, 500, 502, 503}[c.random.IntN(5)], Times: 1 + c.random.IntN(3)}
		c.note("plan %+v", step)
		c.service.Plan(step)
	case 5:
		d := c.between(time.Minute, 3*time.Hour)
		c.note("outage of %v", d)
		over := c.outage()
		c.traffic(d, 3*time.Minute)
		over()
		c.revive()
	case 6:
		d := c.between(time.Millisecond, 20*time.Minute)
		if c.random.IntN(4) == 0 {
			d = c.between(time.Hour, 4*time.Hour)
		}
		c.note("stopped for %v", d)
		c.shutdown()
		c.traffic(d, time.Minute)
		c.start()
	case 7:
		c.note("killed")
		c.mayRepeat += c.unflushed()
		c.kill()
		c.traffic(c.between(time.Millisecond, 20*time.Minute), time.Minute)
		c.start()
	case 8:
		d := c.between(time.Second, 2*time.Hour)
		c.note("the backend refuses for %v", d)
		c.refuse(d)
		c.revive()
	case 9:
		d := c.between(time.Second, time.Hour)
		c.note("the storage fails for %v", d)
		c.storage.fails(errDiskFull)
		c.traffic(d, time.Minute)
		c.storage.fails(nil)
		c.elapse(10 * time.Second) // or a kill could repeat more
	case 10:
		step := podsim.Step{Do: []podsim.Action{podsim.Abort, podsim.Hang}[c.random.IntN(2)], Lose: c.random.IntN(10)}
		c.note("plan %+v", step)
		c.service.Plan(step)
		c.service.DropAll(podsim.Close)
	case 11:
		d := c.between(10*time.Second, 2*time.Hour)
		c.note("frozen for %v", d)
		thaw := freeze(c.frozen)
		if c.random.IntN(4) > 0 {
			c.elapse(c.between(time.Millisecond, 2*time.Second))
			c.service.DropAll(podsim.Close)
		}
		c.traffic(d, time.Minute)
		thaw()
	default:
		c.mail(40 * time.Minute)
	}
}

// revive restarts a source that has quit, as its user would.
func (c *schedule) revive() {
	if c.host.last().Status() == componentstatus.StatusPermanentError {
		c.note("restarted, as it had quit")
		c.restart()
	}
}

// settle ends all troubles and waits until everything has arrived.
func (c *schedule) settle() {
	c.t.Helper()
	c.service.ClearPlan()
	c.traffic(10*time.Minute, 10*time.Second)
	c.revive()
	c.fills(72)
	c.until("all that is on its way", func() bool { return c.service.Live(podlog.Message) > 0 })
	c.elapse(time.Minute)
}
