package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

const (
	// memory is how long the service of a rig remembers where a live session stood: long enough for restarts to fit in,
	// unless the test is about what happens when it is exceeded.
	memory = time.Minute
	// shortMemory is for those tests. Half of it is the longest that a live session may be away for the archive.
	shortMemory = 8 * time.Second
	// batch is the timeout of a batch, the receiver's or the batch processor's: so long that positions are saved while
	// records wait in it.
	batch = 3 * time.Second
	// unflushed is unflushed_window of a rig with a batch processor.
	unflushed = batch + time.Second
	// unsaved is how long before a kill the position can have been saved last: a second, whole seconds in what is
	// saved, and a machine that is busy.
	unsaved = 3 * time.Second
	// inFlight is how long an exporter on a busy machine takes from the answer to a request to its removal from the queue.
	inFlight = time.Second
	// stopWait is how long a collector may take to stop, wherever its backend is.
	stopWait = 15 * time.Second
)

// rig is what the promise is tested on: a simulated service, the built collector as a process of its own, with a
// configuration that we ship, and the far end. It counts records at the far end against those that the service had.
type rig struct {
	*service
	*rigOptions
	far       *farEnd
	data      string // the collector's folder
	queue     string // the folder of the exporter's queue, where there is one
	pages     string // the address of the collector's metrics
	collector *process
	// collectors are all that were started.
	collectors []*process
	kills      []time.Time
}

// rigOptions say what a rig consists of.
type rigOptions struct {
	service podsim.Options
	// config is the file in config/.
	config string
	// timeout is how long the exporter waits for an answer: a request that a busy machine answers later comes again.
	timeout time.Duration
	// extra is YAML that comes on top.
	extra string
}

const secondToken = "made-up-second-token"

// secondToken has the archive read with a token of its own, beside the live session.
func (o *rigOptions) secondToken() {
	o.service.Tokens = []string{podsim.Token, secondToken}
	o.extra = "receivers: {proofpointpod: {backfill: {api_secret: " + secondToken + "}}}"
}

// classical gives a rig the pipeline of config/batch.yaml: the batch processor before a queue on disk.
func classical(o *rigOptions) { o.config = "batch.yaml" }

// exact says whether no record is accepted before the far end has accepted it.
func (o *rigOptions) exact() bool { return o.config != "batch.yaml" && o.config != "collector.yaml" }

// newRig makes a rig, but for the collector. change can be nil.
func newRig(t *testing.T, resume podsim.Resume, change func(*rigOptions)) *rig {
	t.Helper()
	options := &rigOptions{
		timeout: time.Minute,
		service: podsim.Options{
			EventTypes: []podlog.EventType{podlog.Message},
			Rate:       map[podlog.EventType]float64{podlog.Message: 40},
			Memory:     memory,
			Resume:     resume,
			SlotHold:   500 * time.Millisecond,
			// Less than the receiver is told, by more than the clocks can differ unnoticed.
			ArchiveDelay: 500 * time.Millisecond,
		},
		config: "otlp.yaml",
	}
	if change != nil {
		change(options)
	}
	data := t.TempDir()
	return &rig{
		rigOptions: options,
		far:        startFarEnd(t),
		service:    startService(t, options.service),
		data:       data,
		queue:      filepath.Join(data, "queue"),
	}
}

// play plays a story on a rig whose service resumes after what it wrote, and on one whose service resumes after what was
// received. These stories wait most of the time, so they are played side by side. change can be nil.
func play(t *testing.T, change func(*rigOptions), story func(*rig)) {
	t.Helper()
	t.Parallel()
	for name, resume := range map[string]podsim.Resume{
		"resumeAfterWritten":  podsim.ResumeAfterWritten,
		"resumeAfterReceived": podsim.ResumeAfterReceived,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(newRig(t, resume, change))
		})
	}
}

// playBoth plays a story on an exact pipeline and on a classical one, the latter under the harder reading of the two.
func playBoth(t *testing.T, change func(*rigOptions), story func(*rig)) {
	t.Helper()
	play(t, change, story)
	t.Run("classical", func(t *testing.T) {
		t.Parallel()
		story(newRig(t, podsim.ResumeAfterWritten, func(o *rigOptions) {
			classical(o)
			if change != nil {
				change(o)
			}
		}))
	})
}

// resumesAfterWritten says under which reading the story is played.
func (r *rig) resumesAfterWritten() bool {
	return r.rigOptions.service.Resume == podsim.ResumeAfterWritten
}

// collect starts the collector, and waits until it runs.
func (r *rig) collect() {
	r.t.Helper()
	r.start()
	r.collector.waitReady()
}

// start starts the collector.
func (r *rig) start() {
	r.t.Helper()
	r.pages = reservedAddress(r.t)
	args := []string{
		"--config=" + config(r.t, r.config),
		"--config=" + file(r.t, "rig.yaml", r.settings()),
		"--config=" + file(r.t, "batching.yaml", r.batching()),
	}
	if r.extra != "" {
		args = append(args, "--config="+file(r.t, "extra.yaml", r.extra))
	}
	p := start(r.t, r.t.TempDir(), []string{
		"POD_CLUSTER_ID=" + podsim.ClusterID,
		"POD_API_SECRET=" + podsim.Token,
		"POD_DATA_DIR=" + r.data,
		"POD_QUEUE_DIR=" + r.queue,
		"SUMOLOGIC_ENDPOINT=" + r.far.URL,
		"SUMOLOGIC_TOKEN=made-up-sumo-token",
	}, binary(r.t, "otelcol-proofpointpod"), args...)
	r.t.Cleanup(func() { assert.NotContains(r.t, p.out.String(), podsim.Token, "the secret was printed") })
	r.collector, r.collectors = p, append(r.collectors, p)
}

// ports are handed out to collectors that start side by side, from below those that the system gives out by itself, so
// that nobody takes one before its collector does.
var ports atomic.Int32

// reservedAddress is an address of this machine that nobody listens on, nor will.
func reservedAddress(t *testing.T) string {
	t.Helper()
	const first, last = 20_000, 32_000
	for range last - first {
		address := fmt.Sprintf("127.0.0.1:%d", first+(int32(os.Getpid())*100+ports.Add(1))%(last-first))
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
		if err == nil {
			require.NoError(t, l.Close())
			return address
		}
	}
	require.FailNow(t, "no port is free")
	return ""
}

// settings aim a configuration that we ship at the rig, with waits that a test can stay for.
func (r *rig) settings() string {
	var types []string
	for _, eventType := range r.types() {
		types = append(types, string(eventType))
	}
	return fmt.Sprintf(`
receivers:
  proofpointpod:
    endpoint: %s
    tls:
      ca_file: %s
    supported_events: [%s]
    backfill:
      server_memory: %s
      archive_delay: 2s
      margin: 10s
    retry_on_failure:
      initial_interval: 100ms
      max_interval: 1s
exporters:
  otlp_http:
    endpoint: %s
    timeout: %s
    retry_on_failure:
      initial_interval: 100ms
      max_interval: 1s
`, r.url, r.caFile, strings.Join(types, ", "), r.rigOptions.service.Memory, r.far.URL, r.timeout) + metricsOn(r.pages)
}

// batching scales the wait for a full batch, wherever the configuration has it.
func (r *rig) batching() string {
	if r.exact() {
		return fmt.Sprintf("receivers: {proofpointpod: {batch: {timeout: %s}}}", batch)
	}
	return fmt.Sprintf(`
receivers: {proofpointpod: {unflushed_window: %s}}
processors: {batch: {timeout: %s}}
`, unflushed, batch)
}

// stop ends the collector in order, and soon.
func (r *rig) stop() {
	r.t.Helper()
	since := time.Now()
	r.collector.stop()
	assert.Less(r.t, time.Since(since), stopWait, "the stop took long")
}

// kill ends the collector as a crash would.
func (r *rig) kill() {
	r.t.Helper()
	r.collector.signal(syscall.SIGKILL)
	r.kills = append(r.kills, time.Now())
	require.Equal(r.t, -1, r.collector.exitCode())
}

// reload lets the collector read its configuration again.
func (r *rig) reload() {
	r.t.Helper()
	before := r.said(ready)
	r.collector.signal(syscall.SIGHUP)
	r.waitSaid(ready, before+1)
}

// said is how often the collector has printed a text since it was started.
func (r *rig) said(text string) int { return strings.Count(r.collector.out.String(), text) }

// waitSaid waits until the collector has printed a text so many times.
func (r *rig) waitSaid(text string, times int) {
	r.t.Helper()
	eventually(r.t, func() bool { return r.said(text) >= times },
		func() string { return fmt.Sprintf("%q was said %d times, not %d", text, r.said(text), times) })
}

// types are those of the rig's streams.
func (r *rig) types() []podlog.EventType { return r.rigOptions.service.EventTypes }

// sent is every record that the service has had so far.
func (r *rig) sent() []string { return r.produced(r.types()...) }

// waitProduced waits until the service has had n more records, which come at a steady rate.
func (r *rig) waitProduced(n int) {
	r.t.Helper()
	until := len(r.sent()) + n
	r.waitFor(func() bool { return len(r.sent()) >= until })
}

// waitArrived waits until every record that the service has had so far is at the far end, and returns them.
func (r *rig) waitArrived() []string {
	r.t.Helper()
	sent := r.sent()
	eventually(r.t, func() bool { return r.far.missing(sent) == 0 },
		func() string { return fmt.Sprintf("%d of %d records have not arrived", r.far.missing(sent), len(sent)) })
	return sent
}

// waitFilled waits until every gap is filled, and all that the service has had by then is at the far end. It returns
// that.
func (r *rig) waitFilled() []string {
	r.t.Helper()
	r.waitProduced(20)
	r.waitArrived() // so there are live sessions, and the gaps that their handshakes opened are known
	eventually(r.t, func() bool {
		open, known := r.metric("gaps_open")
		return known && open == 0
	}, func() string { return string(get(r.t, "http://"+r.pages+"/metrics")) })
	return r.waitArrived()
}

// metric is the sum of one of the receiver's figures over its streams. known is false as long as there is none.
func (r *rig) metric(name string, labels ...string) (sum float64, known bool) {
	r.t.Helper()
	return r.collectorMetric("proofpointpod_receiver_"+name, labels...)
}

// collectorMetric is the same of any figure of the collector.
func (r *rig) collectorMetric(name string, labels ...string) (sum float64, known bool) {
	r.t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(get(r.t, "http://"+r.pages+"/metrics")))
lines:
	for lines.Scan() {
		line, ours := strings.CutPrefix(lines.Text(), "otelcol_"+name)
		if !ours || line[0] != '{' && line[0] != ' ' {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(line, label) {
				continue lines
			}
		}
		value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		require.NoError(r.t, err)
		sum, known = sum+value, true
	}
	return sum, known
}

// figures are what the collector that runs tells of its work.
type figures struct{ windows, recovered, duplicates, refused float64 }

func (r *rig) figures() figures {
	r.t.Helper()
	var f figures
	f.windows, _ = r.metric("windows_read")
	f.recovered, _ = r.metric("records_recovered")
	f.duplicates, _ = r.metric("records_duplicate")
	f.refused, _ = r.metric("records_refused")
	return f
}

// storage lists the files of the collector's storage that are the receiver's.
func (r *rig) storage() []string {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.data, "storage", "receiver_*"))
	require.NoError(r.t, err)
	require.NotEmpty(r.t, files)
	return files
}

// assertKept waits until all is well again, ends the collector, and checks what the promise says of the records: every
// one has arrived as it was, and none twice, but for those that the receiver read so shortly before a kill that it could
// not know better.
func (r *rig) assertKept() figures {
	r.t.Helper()
	sent := r.waitFilled()
	f := r.figures()
	r.stop()
	missing := r.far.missing(sent)
	_, strange, repeated := r.far.compare(r.sent())
	early := 0
	for _, one := range repeated {
		if !r.beforeKill(one) {
			early++
			r.t.Logf("repeated, though read at %v and arrived at %v; kills at %v", one.read, one.came, r.kills)
		}
	}
	assert.Zero(r.t, missing, "records are lost")
	assert.Zero(r.t, strange, "records are not as they were sent")
	assert.Zero(r.t, early, "records are repeated that should not be")
	r.t.Logf("%d records, %d lost, %d repeated; %d kills; the last collector: %v windows read, %v records recovered, %v duplicates",
		len(sent), missing, len(repeated), len(r.kills), f.windows, f.recovered, f.duplicates)
	return f
}

// beforeKill says whether a record can come again because of a kill. In an exact pipeline it arrived so shortly before
// that its position was not saved. In a classical one it was read so shortly before that it may have been in memory, or
// not saved, or it arrived with a request of which the exporter had not heard yet that it was accepted.
func (r *rig) beforeKill(one arrival) bool {
	for _, kill := range r.kills {
		// What was on its way to the far end at the kill arrives after it.
		arrived := kill.Add(inFlight)
		switch {
		case r.exact() && within(one.came, arrived, unsaved+inFlight),
			!r.exact() && within(one.read, kill, unflushed+unsaved),
			!r.exact() && within(one.came, arrived, 2*inFlight):
			return true
		}
	}
	return false
}

// within says whether a time lies before another, by no more than d.
func within(t, before time.Time, d time.Duration) bool {
	return !t.After(before) && t.After(before.Add(-d))
}
