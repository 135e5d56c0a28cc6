package e2e

import (
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

const (
	// soakTime is the variable that says how long the randomised test plays a schedule that nobody has seen. Without it,
	// the test plays a known schedule for a minute.
	soakTime = "E2E_SOAK_TIME"
	// soakSeed is the variable that names the seed, to repeat a schedule that failed. The schedule is the same again;
	// what the machine makes of it is not.
	soakSeed = "E2E_SOAK_SEED"
)

// A schedule of faults at random, drawn from a seed. At its end every record that the service ever had has arrived, and
// those that came twice had been read shortly before a kill.
func TestPromise_atRandom(t *testing.T) {
	t.Parallel()
	for _, config := range []string{"otlp.yaml", "batch.yaml"} {
		t.Run(config, func(t *testing.T) {
			t.Parallel()
			playAtRandom(t, config)
		})
	}
}

func playAtRandom(t *testing.T, config string) {
	t.Helper()
	length, seed := time.Minute, uint64(1)
	if text := os.Getenv(soakTime); text != "" {
		seed = rand.Uint64()
		var err error
		length, err = time.ParseDuration(text)
		require.NoError(t, err, "%s", soakTime)
	}
	if text := os.Getenv(soakSeed); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err, "%s", soakSeed)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("to play the same schedule again: %s=%d %s=%v", soakSeed, seed, soakTime, length)
		}
	})
	s := newSchedule(t, seed, config)
	s.rig.collect()
	steps := 0
	for begun := time.Now(); time.Since(begun) < length; steps++ {
		s.step()
	}
	s.calm()
	s.rig.assertKept()
	t.Logf("seed %d: %d steps in %v: %v", seed, steps, length, s.taken)
}

// schedule plays faults on a rig.
type schedule struct {
	rig    *rig
	random *rand.Rand
	faults []fault
	deck   []fault // those that are still to come before all come again
	taken  map[string]int
}

// fault is one step. It leaves the rig with a collector that runs, and the service and the backend as they are wont to
// be, but for what is planned for sessions to come.
type fault struct {
	name string
	do   func()
}

func newSchedule(t *testing.T, seed uint64, config string) *schedule {
	t.Helper()
	const second = "made-up-second-token"
	random := rand.New(rand.NewPCG(seed, 0))
	resume := podsim.Resume(random.IntN(2))
	s := &schedule{random: random, taken: map[string]int{}}
	tokens := 0
	s.rig = newRig(t, resume, func(o *rigOptions) {
		o.config = config
		o.service.Seed = seed
		o.service.EventTypes = []podlog.EventType{podlog.Message, podlog.Maillog}
		o.service.Rate = map[podlog.EventType]float64{podlog.Message: 5, podlog.Maillog: 20}
		o.service.Retain = 4 << 30
		o.service.Memory = 4 * time.Second
		o.service.ArchiveRepeats = 0.1 * random.Float64()
		o.extra = "receivers: {proofpointpod: {keepalive: {interval: 1s, timeout: 3s}}}"
		if tokens = 1 + random.IntN(2); tokens == 2 {
			o.service.Tokens = []string{podsim.Token, second}
			o.extra = "receivers: {proofpointpod: {keepalive: {interval: 1s, timeout: 3s}, backfill: {api_secret: " + second + "}}}"
			// Not with one token: two reads of an hour have to agree then, and the pauses for them are read in turn, in the
			// same hour here, where the archive lags by seconds; it would never be read to an end.
			o.service.ArchiveDrops = random.IntN(2) == 0
		}
	})
	t.Logf("seed %d: resume %d, %d tokens, repeats %.2f, drops %v", seed, resume, tokens,
		s.rig.rigOptions.service.ArchiveRepeats, s.rig.rigOptions.service.ArchiveDrops)
	s.faults = []fault{
		{"drop", s.drop},
		{"lose", s.lose},
		{"freeze", s.freeze},
		{"close", s.restartService},
		{"refuse", s.refuse},
		{"unanswered", s.unanswered},
		{"outage", s.outage},
		{"restart", s.restart},
		{"away", s.away},
		{"reload", s.reload},
		{"kill", s.kill},
		{"backend", s.backend},
		{"archive", s.archive},
		{"stopped", s.stopProcess},
		{"peace", s.peace},
	}
	return s
}

// step takes a fault at random, a little later than the one before: a collector has said that it is ready for a moment
// before it listens to signals.
func (s *schedule) step() {
	s.pass(200*time.Millisecond, time.Second)
	if len(s.deck) == 0 {
		s.deck = slices.Clone(s.faults)
		s.random.Shuffle(len(s.deck), func(i, j int) { s.deck[i], s.deck[j] = s.deck[j], s.deck[i] })
	}
	fault := s.deck[0]
	s.deck = s.deck[1:]
	s.taken[fault.name]++
	fault.do()
}

// calm ends what is planned.
func (s *schedule) calm() {
	s.rig.ClearPlan()
	s.rig.DropAll(podsim.Reset) // also those that are frozen
	s.rig.far.answer(http.StatusOK)
}

// pass lets time pass, in which records come.
func (s *schedule) pass(least, most time.Duration) {
	until := time.Now().Add(least + time.Duration(s.random.Int64N(int64(most-least))))
	s.rig.waitFor(func() bool { return time.Now().After(until) })
}

// eventType is one of the two.
func (s *schedule) eventType() podlog.EventType {
	return s.rig.types()[s.random.IntN(len(s.rig.types()))]
}

func (s *schedule) peace() { s.pass(500*time.Millisecond, 3*time.Second) }

func (s *schedule) drop() {
	how := []podsim.Action{podsim.Drop, podsim.Reset}[s.random.IntN(2)]
	if s.random.IntN(2) == 0 {
		s.rig.DropAll(how)
	} else {
		s.rig.Drop(s.eventType(), how)
	}
	s.pass(100*time.Millisecond, time.Second)
}

// lose lets a session end while many records are under way, of which some never arrive.
func (s *schedule) lose() {
	eventType := s.eventType()
	records := 5 + s.random.IntN(50)
	s.rig.Plan(podsim.Step{Type: eventType, Do: podsim.Drop, Records: records, Lose: 1 + s.random.IntN(20)})
	s.rig.Drop(eventType, podsim.Drop)
	s.rig.Generate(eventType, 2*records)
	s.pass(100*time.Millisecond, time.Second)
}

func (s *schedule) freeze() {
	s.rig.Drop(s.eventType(), podsim.Freeze)
	s.pass(100*time.Millisecond, 5*time.Second)
	s.rig.DropAll(podsim.Reset)
}

// restartService lets a session end by a close frame as of a service that restarts. It may be one of the archive, which
// would say of itself that it is complete by another.
func (s *schedule) restartService() {
	eventType := s.eventType()
	s.rig.Plan(podsim.Step{Type: eventType, Do: podsim.Close, Code: 1012, Records: 1 + s.random.IntN(20)})
	s.rig.Drop(eventType, podsim.Drop)
	s.pass(100*time.Millisecond, time.Second)
}

func (s *schedule) refuse() {
	status := []int{http.StatusBadGateway, http.StatusConflict, http.StatusTooManyRequests}[s.random.IntN(3)]
	s.rig.Plan(podsim.Step{Type: s.eventType(), Do: podsim.Refuse, Status: status, Times: 1 + s.random.IntN(3)})
	s.drop()
}

// unanswered lets a session end in order, and the next one be opened unheard.
func (s *schedule) unanswered() {
	eventType := s.eventType()
	records := 1 + s.random.IntN(20)
	s.rig.Plan(podsim.Step{Type: eventType, Do: podsim.Abort, Lose: records})
	s.rig.Drop(eventType, podsim.Close)
	s.rig.Generate(eventType, 2*records)
	s.pass(100*time.Millisecond, time.Second)
}

func (s *schedule) outage() {
	s.rig.Plan(podsim.Step{Do: podsim.Refuse, Status: http.StatusServiceUnavailable, Times: -1})
	s.rig.DropAll(podsim.Drop)
	s.pass(500*time.Millisecond, 6*time.Second)
	s.rig.ClearPlan()
}

func (s *schedule) restart() {
	s.rig.stop()
	s.rig.collect()
}

func (s *schedule) away() {
	s.rig.stop()
	s.pass(500*time.Millisecond, 6*time.Second)
	s.rig.collect()
}

// stopProcess stops the process for longer than goes unnoticed, and often the service ends sessions meanwhile.
func (s *schedule) stopProcess() {
	s.rig.collector.signal(sigStop)
	switch s.random.IntN(4) {
	case 0:
	case 1:
		s.rig.DropAll(podsim.Drop)
	default:
		s.rig.DropAll(podsim.Close)
	}
	s.pass(2500*time.Millisecond, 7*time.Second)
	s.rig.collector.signal(sigContinue)
}

func (s *schedule) reload() { s.rig.reload() }

func (s *schedule) kill() {
	s.rig.kill()
	if s.random.IntN(4) == 0 {
		s.pass(500*time.Millisecond, 6*time.Second)
	}
	s.rig.collect()
	s.pass(time.Millisecond, 2*time.Second) // or be killed soon again
}

// backend lets the backend be away, also while other things happen.
func (s *schedule) backend() {
	s.rig.far.answer([]int{http.StatusServiceUnavailable, http.StatusTooManyRequests}[s.random.IntN(2)])
	s.pass(500*time.Millisecond, 5*time.Second)
	switch s.random.IntN(4) {
	case 0:
		s.restart()
	case 1:
		s.kill()
	case 2:
		s.reload()
	}
	s.rig.far.answer(http.StatusOK)
}

// archive lets sessions end that may be the archive's, after a drop that makes it be read.
func (s *schedule) archive() {
	eventType := s.eventType()
	s.rig.Plan(
		podsim.Step{Type: eventType, Do: podsim.Serve},
		podsim.Step{Type: eventType, Do: podsim.Drop, Records: 1 + s.random.IntN(500)},
		podsim.Step{Type: eventType, Do: podsim.Refuse, Status: http.StatusBadGateway},
	)
	s.rig.Drop(eventType, podsim.Drop)
	s.pass(500*time.Millisecond, 5*time.Second)
}
