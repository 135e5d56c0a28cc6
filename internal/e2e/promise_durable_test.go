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

// durable gives a rig config/durable.yaml, where nothing is in memory only.
func durable(o *rigOptions) {
	o.config = "durable.yaml"
	o.unflushed = 0
}

// The collector is killed with its queue on disk. What was read before the last save comes once, but for requests that
// the backend had taken when the exporter was killed before it knew.
func TestPromise_killWithADurableQueue(t *testing.T) {
	underBothReadings(t, func(t *testing.T, resume podsim.Resume) {
		r := newRig(t, resume, durable)
		r.collect()
		for range 2 {
			r.waitArrivedSome()
			r.waitProduced(int(40 * unsaved.Seconds()))
			r.kill()
			r.collect()
			r.waitSaid(opened, 1)
		}
		r.assertKept()
	})
}

// The same while the backend is away, so that all of it is in the queue.
func TestPromise_killWithADurableQueueWhileTheBackendIsAway(t *testing.T) {
	underBothReadings(t, func(t *testing.T, resume podsim.Resume) {
		r := newRig(t, resume, durable)
		r.collect()
		r.waitArrivedSome()
		r.far.answer(http.StatusServiceUnavailable)
		r.waitProduced(int(40 * unsaved.Seconds()))
		r.kill()
		require.Positive(t, r.far.missing(r.sent()))
		r.far.answer(http.StatusOK)
		r.collect()
		r.waitSaid(opened, 1)
		r.assertKept()
	})
}

// refusing takes away what stands between the receiver and the backend, so that the pipeline refuses when the backend
// does.
func refusing(giveUp string) func(*rigOptions) {
	return func(o *rigOptions) {
		durable(o)
		o.extra = fmt.Sprintf(`
receivers:
  proofpointpod:
    retry_on_failure:
      max_elapsed_time: %s
exporters:
  otlp_http:
    retry_on_failure:
      enabled: false
    sending_queue:
      enabled: false
`, giveUp)
	}
}

const held = "a batch is held until the pipeline accepts it"

func TestPromise_backendRefusesForAWhile(t *testing.T) {
	underBothReadings(t, func(t *testing.T, resume podsim.Resume) {
		r := newRig(t, resume, refusing("1h"))
		r.collect()
		for i := range 2 {
			r.waitArrivedSome()
			r.far.answer(http.StatusServiceUnavailable)
			r.waitSaid(held, 3*(i+1))
			r.far.answer(http.StatusOK)
		}
		assert.Zero(t, r.said(opened))
		assert.Zero(t, r.assertKept().windows)
	})
}

// The source quits, with records that it has read. They are a gap when it is started again.
func TestPromise_backendRefusesUntilTheSourceQuits(t *testing.T) {
	underBothReadings(t, func(t *testing.T, resume podsim.Resume) {
		r := newRig(t, resume, refusing("2s"))
		r.collect()
		r.waitArrivedSome()
		r.far.answer(http.StatusServiceUnavailable)
		r.waitSaid(quitted, 1)
		r.waitProduced(20)
		r.stop()
		r.far.answer(http.StatusOK)
		r.collect()
		r.waitSaid(opened, 1)
		assert.Positive(t, r.assertKept().recovered)
	})
}

// A record that the backend never takes. Without a queue, the pipeline refuses its batch for good; behind a queue, the
// exporter drops its request, which is out of the receiver's sight. In these tests, it is alone in it.
func TestPromise_recordRefusedForGood(t *testing.T) {
	const poison = "made-up-poison"
	record := []byte(`{"guid":"` + poison + `","ts":"2026-01-02T03:04:05.678901+0000"}`)
	for name, change := range map[string]func(*rigOptions){
		"withoutAQueue": refusing("1h"),
		"behindAQueue":  durable,
	} {
		t.Run(name, func(t *testing.T) {
			underBothReadings(t, func(t *testing.T, resume podsim.Resume) {
				r := newRig(t, resume, func(o *rigOptions) {
					change(o)
					o.service.Rate = nil // so that the record is alone
				})
				r.far.refuseFor(poison)
				r.collect()
				r.Generate(podlog.Message, 50)
				r.waitArrived()
				r.Push(podlog.Message, record)
				eventually(t, func() bool { return r.far.refusals() == 1 }, func() string { return "it is not refused" })
				r.Generate(podlog.Message, 50)
				eventually(t, func() bool { return r.far.missing(r.sent()) == 1 }, func() string { return "records are missing" })
				refused, _ := r.metric("records_refused")
				if name == "withoutAQueue" {
					assert.EqualValues(t, 1, refused)
				} else {
					r.waitSaid("Exporting failed. Dropping data.", 1)
					assert.Zero(t, refused, "the receiver cannot know")
				}

				// It counts as dealt with, also when the archive is read.
				r.DropAll(podsim.Drop)
				r.waitSaid(opened, 1)
				r.Generate(podlog.Message, 50)
				eventually(t, func() bool { open, _ := r.metric("gaps_open"); return open == 0 },
					func() string { return "the gap is not filled" })
				r.stop()
				missing, strange, repeated := r.far.compare(r.sent())
				assert.Equal(t, 1, missing)
				assert.Zero(t, strange)
				assert.Empty(t, repeated)
				assert.Equal(t, 1, r.far.refusals(), "it was sent again")
				t.Logf("%s: %d records, %d lost, %d repeated", name, len(r.sent()), missing, len(repeated))
			})
		})
	}
}

// What is kept is gone, is garbage, or is another stream's. The service still knows where the session stood.
func TestPromise_storageLostOrCorrupt(t *testing.T) {
	for name, harm := range map[string]struct {
		do   func(t *testing.T, files []string)
		says string
	}{
		"deleted": {do: func(t *testing.T, files []string) {
			for _, name := range files {
				require.NoError(t, os.Remove(name))
			}
		}},
		"garbage": {
			do: func(t *testing.T, files []string) {
				for _, name := range files {
					require.NoError(t, os.WriteFile(name, []byte(strings.Repeat("garbage ", 1<<13)), 0o600))
				}
			},
			says: "the position is not saved; records keep flowing",
		},
		"ofAnotherStream": {
			do: func(t *testing.T, files []string) {
				require.Len(t, files, 2)
				aside := filepath.Join(t.TempDir(), "aside")
				require.NoError(t, os.Rename(files[0], aside))
				require.NoError(t, os.Rename(files[1], files[0]))
				require.NoError(t, os.Rename(aside, files[1]))
			},
			says: "a stored position is not usable",
		},
	} {
		t.Run(name, func(t *testing.T) {
			underBothReadings(t, func(t *testing.T, resume podsim.Resume) {
				r := newRig(t, resume, bothTypes)
				r.collect()
				r.waitArrivedSome()
				r.stop()
				harm.do(t, r.storage())
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
	underBothReadings(t, func(t *testing.T, resume podsim.Resume) {
		r := newRig(t, resume, func(o *rigOptions) {
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
		})
		r.collect()
		r.waitSaid("session opened", 1)
		r.Generate(podlog.Message, 5000)
		r.waitSaid("the position is not saved; records keep flowing", 1)
		r.waitArrivedSome()
		failures, _ := r.metric("save_failures")
		assert.Positive(t, failures)
		r.Plan(podsim.Step{Do: podsim.Serve}, podsim.Step{Do: podsim.Serve})
		r.DropAll(podsim.Drop)
		r.waitSaid(opened, 1)
		r.assertKept()
	})
}
