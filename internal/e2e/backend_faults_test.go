package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// Faults behind the receiver, each in every configuration with a backend, on a busy stream and a quiet one. An exact
// pipeline loses nothing; a classical one loses what the far end refuses for good. Each row logs what came of it.

// backendFault is a row of the table.
type backendFault struct {
	name string
	// play has the fault happen, and end. The collector runs before, and after.
	play func(*rig)
	// extra is YAML that comes on top.
	extra string
	// final: the far end refuses records for good. An exact pipeline sends them again.
	final bool
	// unseen: the far end drops records, and the exporter counts them as sent. No pipeline knows.
	unseen bool
	// repeats: records come again, as the far end, or the queue, accepted them and did not say so in time.
	repeats bool
	// memory is how long the service remembers where a session stood, where it is not the usual.
	memory time.Duration
}

// hasty makes the exporter wait two seconds for an answer.
const hasty = "exporters: {otlp_http: {timeout: 2s}}"

func backendFaults() []backendFault {
	return []backendFault{
		{name: "away for longer than the service remembers", play: (*rig).backendAwayForLong, memory: shortMemory},
		{name: "slow", play: (*rig).backendSlow},
		{name: "hangs", play: backendAnswers(answer{status: http.StatusOK, delay: time.Hour, drops: true}), extra: hasty},
		{name: "answers after the timeout", play: backendAnswers(answer{status: http.StatusOK, delay: time.Hour}), extra: hasty,
			repeats: true},
		{name: "refuses one request for good", play: backendAnswers(answer{status: http.StatusBadRequest}), final: true},
		{name: "answers 500 three times", play: backendAnswers(slices.Repeat([]answer{{status: http.StatusInternalServerError}}, 3)...),
			final: true},
		{name: "accepts a part", play: backendAnswers(answer{status: http.StatusOK, rejects: 1}), unseen: true},
		{name: "answers with a page for people", play: backendAnswers(answer{status: http.StatusOK, drops: true}), unseen: true},
		{name: "429 with Retry-After", play: backendAnswers(answer{status: http.StatusTooManyRequests, retryAfter: "2"})},
		{name: "stop while away", play: (*rig).stopWhileAway},
		{name: "stop while it hangs", play: (*rig).stopWhileHanging},
		{name: "reload while away", play: (*rig).reloadWhileAway},
		{name: "kill while away", play: (*rig).killWhileAway},
	}
}

// withBackend are the configurations that send to a backend.
func withBackend() []string { return []string{"otlp.yaml", "sumologic.yaml", "batch.yaml"} }

func TestBackendFaults(t *testing.T) {
	t.Parallel()
	for _, config := range withBackend() {
		for _, fault := range backendFaults() {
			t.Run(config+"/"+fault.name, func(t *testing.T) {
				t.Parallel()
				r := newFaultRig(t, config, fault.memory)
				r.extra = fault.extra
				r.collect()
				r.waitArrivedSome()
				fault.play(r)
				r.assertTable(&fault)
			})
		}
	}
}

// The one stop that does not end by itself: the queue of config/batch.yaml is full, and the backend away. It ends when the
// backend is back. Nothing is lost, and what was accepted within unflushed_window comes again.
func TestBackendFaults_stopBehindAFullQueue(t *testing.T) {
	t.Parallel()
	r := newFaultRig(t, "batch.yaml", 0)
	r.extra = "exporters: {otlp_http: {sending_queue: {queue_size: 10000000}}}"
	r.collect()
	r.waitArrivedSome()
	r.far.answer(http.StatusServiceUnavailable)
	r.Generate(podlog.Message, 8000) // more than fits
	r.waitSaid("a batch is held until the pipeline accepts it", 1)
	r.collector.signal(syscall.SIGTERM)
	select {
	case <-r.collector.done:
		assert.Fail(t, "it ends, so the comment of config/batch.yaml is wrong")
	case <-time.After(stopWait):
	}
	r.far.answer(http.StatusOK)
	require.Zero(t, r.collector.exitCode())
	r.collect()
	r.assertTable(&backendFault{repeats: true})
}

// newFaultRig makes a rig with a busy stream and a quiet one.
func newFaultRig(t *testing.T, config string, memory time.Duration) *rig {
	t.Helper()
	return newRig(t, podsim.ResumeAfterWritten, func(o *rigOptions) {
		o.config = config
		o.timeout = 5 * time.Second // as batch.yaml has it, so that a stop ends in time
		o.service.EventTypes = []podlog.EventType{podlog.Message, podlog.Maillog}
		o.service.Rate = map[podlog.EventType]float64{podlog.Message: 20, podlog.Maillog: 0.3}
		if memory != 0 {
			o.service.Memory = memory
		}
	})
}

func (r *rig) backendAwayForLong() {
	r.far.answer(http.StatusServiceUnavailable)
	r.waitOutOfMemory()
	r.far.answer(http.StatusOK)
}

func (r *rig) backendSlow() {
	r.far.answerBy(answer{status: http.StatusOK, delay: 2 * time.Second})
	r.waitProduced(100)
	r.far.answer(http.StatusOK)
}

// backendAnswers has the next requests answered in some way.
func backendAnswers(answers ...answer) func(*rig) {
	return func(r *rig) {
		r.far.plan(answers...)
		eventually(r.t, func() bool { return r.far.planLeft() == 0 }, func() string { return "too few requests came" })
	}
}

// away has the backend refuse until something is done, and records come meanwhile.
func (r *rig) away(meanwhile func()) {
	r.t.Helper()
	r.far.answer(http.StatusServiceUnavailable)
	r.waitProduced(60)
	r.waitSaid("Exporting failed. Will retry", 1)
	meanwhile()
	r.far.answer(http.StatusOK)
}

func (r *rig) stopWhileAway() {
	r.away(r.stop)
	r.collect()
}

func (r *rig) stopWhileHanging() {
	r.far.answerBy(answer{status: http.StatusOK, delay: time.Hour, drops: true})
	r.waitProduced(100)
	r.stop()
	r.far.answer(http.StatusOK)
	r.collect()
}

func (r *rig) reloadWhileAway() { r.away(r.reload) }

func (r *rig) killWhileAway() {
	r.away(r.kill)
	r.collect()
}

// assertTable waits until all is well again, ends the collector, logs the row, and checks what the configuration
// promises.
func (r *rig) assertTable(fault *backendFault) {
	r.t.Helper()
	lost := 0
	if fault.unseen || fault.final && !r.exact() {
		lost = r.far.drops()
		require.Positive(r.t, lost, "nothing was refused")
	}
	row := r.settle(lost)
	r.t.Log(row)
	assert.Equal(r.t, lost, row.lost, "records are lost")
	assert.Zero(r.t, row.strange, "records are not as they were sent")
	switch {
	case fault.repeats:
		assert.Positive(r.t, row.repeated, "nothing was accepted without an answer in time")
	default:
		assert.Zero(r.t, row.early, "records are repeated that should not be")
	}
	switch {
	case fault.final && !r.exact():
		assert.Contains(r.t, row.said, "Exporting failed. Dropping data.")
	case strings.Contains(fault.name, "part"):
		assert.Contains(r.t, row.said, "Partial success response")
	}
}

// faultRow is what came of a fault.
type faultRow struct {
	sent, lost, strange, repeated, early int
	said                                 []string
}

func (row faultRow) String() string {
	return fmt.Sprintf("%d sent, %d arrived, %d lost, %d repeated; said: %s",
		row.sent, row.sent-row.lost, row.lost, row.repeated, strings.Join(row.said, " | "))
}

// settle waits until all that the service has had is at the far end, but for so many records, and no gap is open. Then it
// ends the collector, and counts.
func (r *rig) settle(lost int) faultRow {
	r.t.Helper()
	r.waitProduced(20)
	sent := r.sent()
	eventually(r.t, func() bool {
		open, known := r.metric("gaps_open")
		return known && open == 0 && r.far.missing(sent) <= lost
	}, func() string { return fmt.Sprintf("%d of %d records have not arrived", r.far.missing(sent), len(sent)) })
	r.stop()
	row := faultRow{sent: len(sent), lost: r.far.missing(sent), said: r.warnings()}
	_, row.strange, _ = r.far.compare(r.sent())
	_, _, repeated := r.far.compare(sent)
	row.repeated = len(repeated)
	for _, one := range repeated {
		if !r.beforeKill(one) {
			row.early++
		}
	}
	return row
}

// warnings are the different warnings and errors that the rig's collectors have logged, but for that of a test's settings.
func (r *rig) warnings() []string {
	var said []string
	for _, p := range r.collectors {
		for line := range strings.Lines(p.out.String()) {
			fields := strings.Split(line, "\t") // time, level, caller, message, fields
			if len(fields) < 4 || fields[1] != "warn" && fields[1] != "error" {
				continue
			}
			if message := strings.TrimSpace(fields[3]); !strings.HasPrefix(message, "backfill.") && !slices.Contains(said, message) {
				said = append(said, message)
			}
		}
	}
	return said
}
