package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// The collector is killed while the backend is away: what an exact pipeline has not accepted is read again, and what the
// queue of a classical one holds is sent.
func TestPromise_killWhileTheBackendIsAway(t *testing.T) {
	playBoth(t, nil, func(r *rig) {
		r.collect()
		r.waitArrivedSome()
		r.far.answer(http.StatusServiceUnavailable)
		r.waitProduced(int(40 * unsaved.Seconds()))
		r.kill()
		require.Positive(r.t, r.far.missing(r.sent()))
		r.far.answer(http.StatusOK)
		r.collect()
		r.waitSaid(opened, 1)
		r.assertKept()
	})
}

// The same while requests are in flight, which the backend accepts, and the exporter never hears of it. They come again.
func TestPromise_killWithRequestsInFlight(t *testing.T) {
	playBoth(t, nil, func(r *rig) {
		r.collect()
		r.waitArrivedSome()
		r.far.choke()
		eventually(r.t, func() bool { return r.far.choking() > 0 }, func() string { return "no request came" })
		r.kill()
		r.far.letGo()
		r.collect()
		r.waitSaid(opened, 1)
		r.assertKept()
		_, _, repeated := r.far.compare(r.sent())
		assert.NotEmpty(r.t, repeated, "no request was in flight")
	})
}

// refusing has the exporter refuse when the backend does, instead of retrying by itself.
func refusing(giveUp string) func(*rigOptions) {
	return func(o *rigOptions) {
		o.extra = fmt.Sprintf(`
receivers:
  proofpointpod:
    retry_on_failure:
      max_elapsed_time: %s
exporters:
  otlp_http:
    retry_on_failure:
      enabled: false
`, giveUp)
	}
}

const held = "a batch is held until the pipeline accepts it"

func TestPromise_backendRefusesForAWhile(t *testing.T) {
	play(t, refusing("1h"), func(r *rig) {
		r.collect()
		for i := range 2 {
			r.waitArrivedSome()
			r.far.answer(http.StatusServiceUnavailable)
			r.waitSaid(held, 3*(i+1))
			r.far.answer(http.StatusOK)
		}
		assert.Zero(r.t, r.said(opened))
		assert.Zero(r.t, r.assertKept().windows)
	})
}

// The source quits, with records that it has read. They are a gap when it is started again.
func TestPromise_backendRefusesUntilTheSourceQuits(t *testing.T) {
	play(t, refusing("2s"), func(r *rig) {
		r.collect()
		r.waitArrivedSome()
		r.far.answer(http.StatusServiceUnavailable)
		r.waitSaid(quitted, 1)
		r.waitProduced(20)
		r.stop()
		r.far.answer(http.StatusOK)
		r.collect()
		r.waitSaid(opened, 1)
		assert.Positive(r.t, r.assertKept().recovered)
	})
}

// poison is the text of a record that the backend never takes, and answers with 400.
const poison = "made-up-poison"

// alone gives a rig a service that has only what the test has it have.
func alone(o *rigOptions) { o.service.Rate = nil }

// The pipeline refuses a record for good, and says so to the receiver, which counts it.
func TestPromise_recordRefusedForGood(t *testing.T) {
	play(t, alone, func(r *rig) {
		r.refuseOne()
		eventually(r.t, func() bool { n, _ := r.metric("records_refused"); return n == 1 },
			func() string { return "the record is not counted" })
		r.assertLostOne()
	})
}

// Behind a queue it is the exporter that drops it, with the request that it is in, which is out of the receiver's sight.
func TestPromise_recordRefusedForGoodBehindAQueue(t *testing.T) {
	play(t, func(o *rigOptions) { alone(o); classical(o) }, func(r *rig) {
		r.refuseOne()
		r.waitSaid("Exporting failed. Dropping data.", 1)
		refused, _ := r.metric("records_refused")
		assert.Zero(r.t, refused, "the receiver cannot know")
		r.assertLostOne()
	})
}

// refuseOne has records arrive before and after one that is refused. That is alone in its batch and its request: what
// is in them with it shares its fate.
func (r *rig) refuseOne() {
	r.t.Helper()
	r.far.refuseFor(poison)
	r.collect()
	r.Generate(podlog.Message, 50)
	r.waitArrived()
	r.Push(podlog.Message, []byte(`{"guid":"`+poison+`","ts":"2026-01-02T03:04:05.678901+0000"}`))
	eventually(r.t, func() bool { return r.far.refusals() > 0 }, func() string { return "it is not refused" })
	r.Generate(podlog.Message, 50)
	eventually(r.t, func() bool { return r.far.missing(r.sent()) == 1 }, func() string { return "records are missing" })
}

// assertLostOne checks that the refused record counts as dealt with, also when the archive is read.
func (r *rig) assertLostOne() {
	r.t.Helper()
	refusals := r.far.refusals()
	r.DropAll(podsim.Drop)
	r.waitSaid(opened, 1)
	r.Generate(podlog.Message, 50)
	r.waitSaid("gap filled", 1)
	eventually(r.t, func() bool { return r.far.missing(r.sent()) == 1 }, func() string { return "records are missing" })
	r.stop()
	missing, strange, repeated := r.far.compare(r.sent())
	assert.Equal(r.t, 1, missing)
	assert.Zero(r.t, strange)
	assert.Empty(r.t, repeated)
	assert.Equal(r.t, refusals, r.far.refusals(), "it was sent again")
	r.t.Logf("%d records, %d lost, %d repeated", len(r.sent()), missing, len(repeated))
}

// What is kept is gone, is garbage, or is another stream's. The service still knows where the session stood.
func TestPromise_storageLostOrCorrupt(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]struct {
		do   func(r *rig, files []string)
		says string
	}{
		"deleted": {do: func(r *rig, files []string) {
			for _, name := range files {
				require.NoError(r.t, os.Remove(name))
			}
		}},
		"garbage": {
			do: func(r *rig, files []string) {
				for _, name := range files {
					require.NoError(r.t, os.WriteFile(name, []byte(strings.Repeat("garbage ", 1<<13)), 0o600))
				}
			},
			says: "the position is not saved; records keep flowing",
		},
		"ofAnotherStream": {
			do: func(r *rig, files []string) {
				require.Len(r.t, files, 2)
				aside := filepath.Join(r.t.TempDir(), "aside")
				require.NoError(r.t, os.Rename(files[0], aside))
				require.NoError(r.t, os.Rename(files[1], files[0]))
				require.NoError(r.t, os.Rename(aside, files[1]))
			},
			says: "a stored position is not usable",
		},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, bothTypes, func(r *rig) {
				r.collect()
				r.waitArrivedSome()
				r.stop()
				harm.do(r, r.storage())
				r.waitProduced(50)
				r.collect()
				r.waitSaid(harm.says, 1)
				r.assertKept()
			})
		})
	}
}

// bothTypes gives a rig two streams.
func bothTypes(o *rigOptions) {
	o.service.EventTypes = []podlog.EventType{podlog.Message, podlog.Maillog}
	o.service.Rate = map[podlog.EventType]float64{podlog.Message: 20, podlog.Maillog: 20}
}

// Storage that fails while the collector runs, because it may not grow, costs no record, and repeats none as long as
// the process lives.
func TestPromise_storageFull(t *testing.T) {
	play(t, func(o *rigOptions) {
		o.extra = `
extensions:
  file_storage/small:
    directory: ${env:POD_DATA_DIR}/small
    create_directory: true
    max_size: 65536
receivers:
  proofpointpod:
    storage: file_storage/small
service:
  extensions: [file_storage, file_storage/small]
`
	}, func(r *rig) {
		r.collect()
		r.waitLive(podlog.Message)
		r.Generate(podlog.Message, 5000)
		r.waitSaid("the position is not saved; records keep flowing", 1)
		r.waitArrivedSome()
		failures, _ := r.metric("save_failures")
		assert.Positive(r.t, failures)
		r.Plan(podsim.Step{Do: podsim.Serve}, podsim.Step{Do: podsim.Serve})
		r.DropAll(podsim.Drop)
		r.waitSaid(opened, 1)
		r.assertKept()
	})
}
