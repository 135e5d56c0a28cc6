package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/proofpointpod/otelcol/internal/record"
)

// TestMain lets the tests start themselves as server and client, as the program does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && slices.Contains([]string{serverWord, clientWord}, os.Args[1]) {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// lapRecords is how many records of a workload are different in a test.
const lapRecords = 100

// serving starts a server in this process.
func serving(t *testing.T) service {
	t.Helper()
	stopped, stop := io.Pipe()
	says, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serve(stopped, out, lapRecords) }()
	t.Cleanup(func() {
		require.NoError(t, stop.Close())
		require.NoError(t, <-ended)
	})
	var ready service
	require.NoError(t, json.NewDecoder(says).Decode(&ready))
	return ready
}

func TestVariants_takeEachRecordOnce(t *testing.T) {
	from := serving(t)
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			v.remembers = min(v.remembers, 5000)
			// So many laps that a record under a name that came before would be missed.
			records := 5 * len(v.workloads)
			for _, w := range v.workloads {
				records *= from.Workloads[w].Records
			}
			if len(v.workloads) > 1 {
				records = 1000
			}
			sent := task{Variant: v.name, Server: from, Do: measureCount, Records: records}
			got, err := sent.run(t.Context(), &v)
			require.NoError(t, err)
			for _, w := range v.workloads {
				assert.Equal(t, records/len(v.workloads), got.Records[w], w)
			}
		})
	}
}

func TestVariants_haveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range append(variants(), longRuns()...) {
		assert.False(t, seen[v.name], v.name)
		seen[v.name] = true
		found, err := find(v.name)
		require.NoError(t, err)
		assert.Equal(t, v.workloads, found.workloads)
	}
}

func TestTask_measuresWhatIsRead(t *testing.T) {
	from := serving(t)
	v, err := find(of(text, maillogs))
	require.NoError(t, err)
	profiles := filepath.Join(t.TempDir(), "profile")
	measured := task{
		Server: from, Do: measureRate, Time: 100 * time.Millisecond,
		CPUProfile: profiles + ".cpu", AllocProfile: profiles + ".allocs",
	}
	got, err := measured.run(t.Context(), v)
	require.NoError(t, err)
	for name, figure := range map[string]float64{
		"records": got.total(), "CPU": got.CPU, "seconds": got.Seconds, "server": got.ServerCPU, "allocations": got.Allocs,
		"bytes": got.Bytes, "peak": got.Peak,
	} {
		assert.Positive(t, figure, name)
	}
	for _, file := range []string{measured.CPUProfile, measured.AllocProfile} {
		info, err := os.Stat(file)
		require.NoError(t, err)
		assert.Positive(t, info.Size(), file)
	}
}

func TestTask_saysThatASessionHasEnded(t *testing.T) {
	from := serving(t)
	v := variant{
		workloads: []string{maillogs},
		read:      func(context.Context, *variant, service, string, counter) error { return websocket.ErrBadHandshake },
	}
	_, err := (&task{Server: from, Do: measureRate}).run(t.Context(), &v)
	require.ErrorIs(t, err, websocket.ErrBadHandshake)
}

func TestTask_looksAtTheMemoryAroundABurst(t *testing.T) {
	from := serving(t)
	v, err := find(of(burstRun, messages))
	require.NoError(t, err)
	got, err := (&task{Server: from, Do: measureBurst, Records: 300}).run(t.Context(), v)
	require.NoError(t, err)
	require.Len(t, got.Steps, 3)
	for i, records := range []int{300, 330, 630} {
		assert.Equal(t, records, got.Steps[i].Records)
		assert.Positive(t, got.Steps[i].Heap)
		assert.Positive(t, got.Steps[i].RSS)
	}
}

func TestTask_looksAtTheMemoryInASoak(t *testing.T) {
	from := serving(t)
	v, err := find(of(soakRun, maillogs))
	require.NoError(t, err)
	got, err := (&task{Server: from, Do: measureSoak, Milestones: []int{500, 2000}}).run(t.Context(), v)
	require.NoError(t, err)
	require.Len(t, got.Steps, 2)
	assert.GreaterOrEqual(t, got.Steps[0].Records, 500)
	assert.GreaterOrEqual(t, got.Steps[1].Records, 2000)
	assert.Positive(t, got.Steps[0].Peak)
}

func TestTask_measuresIdleStreams(t *testing.T) {
	from := serving(t)
	v, err := find(of(idleRun, bothStreams))
	require.NoError(t, err)
	got, err := (&task{Server: from, Do: measureIdle, Time: 100 * time.Millisecond}).run(t.Context(), v)
	require.NoError(t, err)
	assert.Zero(t, got.total())
	assert.Positive(t, got.Seconds)
}

func TestPlayer_namesEachRecordAnewInEachLap(t *testing.T) {
	all, err := prepare(lapRecords)
	require.NoError(t, err)
	for name, w := range all {
		const laps = 12
		p := w.player()
		seen := map[uint64]bool{}
		for sent := 0; sent < laps*w.Records; {
			frames, count := p.chunk(laps*w.Records-sent, 50_000)
			sent += count
			for range count {
				payload, rest := cutFrame(t, frames)
				s := record.Splitter{EventType: eventType(name)}
				s.Begin(payload, false, time.Now())
				got := s.Next(nil, record.Portion{Records: 1, Bytes: len(payload)})
				require.Len(t, got, 1)
				require.False(t, s.More())
				require.Empty(t, got[0].Problem)
				seen[got[0].ID] = true
				frames = rest
			}
			require.Empty(t, frames)
		}
		distinct := len(seen) // a list of them would tell nothing
		assert.Equal(t, laps*w.Records, distinct, name)
	}
}

// cutFrame takes the first of some frames, which a client of another make reads.
func cutFrame(t *testing.T, frames []byte) (payload, rest []byte) {
	t.Helper()
	require.Equal(t, byte(0x81), frames[0])
	header, length := 2, int(frames[1])
	switch length {
	case 126:
		header, length = 4, int(frames[2])<<8+int(frames[3])
	case 127:
		header, length = 10, int(frames[6])<<24+int(frames[7])<<16+int(frames[8])<<8+int(frames[9])
	}
	return frames[header : header+length], frames[header+length:]
}

func TestPrepare_makesRecordsOfTheSizesThatItNames(t *testing.T) {
	all, err := prepare(lapRecords)
	require.NoError(t, err)
	for name, sizes := range map[string][2]int{
		messages: {1000, longest}, maillogs: {300, 3000}, large: {leastLarge, mostLarge}, mix: {1000, mostLarge},
	} {
		w := all[name]
		big, from := 0, 0
		for _, end := range w.ends {
			payload, _ := cutFrame(t, w.wire[from:end])
			from = end
			assert.GreaterOrEqual(t, len(payload), sizes[0]-4, name)
			assert.LessOrEqual(t, len(payload), sizes[1]+longest, name)
			if len(payload) >= leastLarge-4 {
				big++
			}
		}
		want := map[string]int{large: w.Records, mix: (w.Records + 19) / 20}[name]
		assert.Equal(t, want, big, name)
	}
}

// made is what rounds could have brought: each target met, but P3's.
func made() *results {
	r := &results{samples: map[string][]sample{}, variants: variants(), rounds: 3}
	r.service.Workloads = map[string]figures{}
	for _, w := range []string{messages, maillogs, mix, large} {
		r.service.Workloads[w] = figures{Records: 10, Body: 1000, Nodes: 50}
	}
	for _, v := range variants() {
		for round := range 3 {
			n := float64(1000 * (round + 1))
			s := sample{Records: map[string]int{}, Seconds: 1, CPU: n * 2e-6, Allocs: n * 10, Bytes: n * 1100, Peak: 20e6}
			switch name, _, _ := strings.Cut(v.name, "/"); name {
			case readMessage:
				s.CPU = 1.5 * n * 2e-6
				n /= 2
			case naive:
				n /= 4
			}
			for _, w := range v.workloads {
				s.Records[w] = int(n)
			}
			r.samples[v.name] = append(r.samples[v.name], s)
		}
	}
	steps := []step{{Records: 1_000_000, Heap: 1e6, RSS: 2e6, Peak: 2e6}, {Records: 3_000_000, Heap: 1e6, RSS: 2e6, Peak: 2e6},
		{Records: 9_000_000, Heap: 1e6, RSS: 2e6, Peak: 2.1e6}}
	r.samples[of(soakRun, maillogs)] = []sample{{Steps: steps}}
	r.samples[of(fewRun, maillogs)] = []sample{{Steps: steps}}
	r.samples[of(burstRun, messages)] = []sample{{Steps: steps}}
	r.samples[of(idleRun, bothStreams)] = []sample{{Seconds: 60, CPU: 0.01}}
	return r
}

func TestReport_hasARowForEachTarget(t *testing.T) {
	report := made().report()
	for _, id := range []string{"P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9"} {
		rows := 0
		for line := range strings.Lines(report) {
			if !strings.HasPrefix(line, "| "+id+" |") {
				continue
			}
			rows++
			want := "| yes |\n"
			if id == "P3" && strings.Contains(line, "allocations") {
				want = "| no |\n" // ten are more than seven, and than nine
			}
			assert.True(t, strings.HasSuffix(line, want), line)
		}
		assert.Positive(t, rows, id)
	}
	for _, v := range variants() {
		name, workload, _ := strings.Cut(v.name, "/")
		assert.Contains(t, report, "| "+name+" | "+workload+" |")
	}
}

func TestReport_takesRatiosWithinARound(t *testing.T) {
	r := &results{samples: map[string][]sample{
		"a": {{CPU: 2, Records: map[string]int{"": 1}}, {CPU: 40, Records: map[string]int{"": 1}}, {CPU: 6, Records: map[string]int{"": 1}}},
		"b": {{CPU: 1, Records: map[string]int{"": 1}}, {CPU: 10, Records: map[string]int{"": 1}}, {CPU: 2, Records: map[string]int{"": 1}}},
	}}
	assert.Equal(t, spread{median: 3, least: 2, most: 4}, r.ratio("a", "b", sample.micros))
	assert.False(t, r.ratio("a", "none", sample.micros).measured())
	assert.Equal(t, "3.00 (2.00 to 4.00)", digits(r.ratio("a", "b", sample.micros)))
}

func TestReport_keepsWhatIsWrittenByHand(t *testing.T) {
	document := filepath.Join(t.TempDir(), "performance.md")
	require.NoError(t, os.WriteFile(document, []byte("# By hand\n\n"+beginMark+"\nold\n"+endMark+"\n\nAlso by hand\n"), 0o600))
	require.NoError(t, writeReport(document, "new\n"))
	written, err := os.ReadFile(document)
	require.NoError(t, err)
	assert.Equal(t, "# By hand\n\n"+beginMark+"\nnew\n"+endMark+"\n\nAlso by hand\n", string(written))

	require.NoError(t, os.WriteFile(document, []byte("no markers"), 0o600))
	require.ErrorContains(t, writeReport(document, "new\n"), beginMark)
}

func TestReport_hasItsPlaceInTheDocument(t *testing.T) {
	document, err := os.ReadFile("../../docs/performance.md")
	require.NoError(t, err)
	assert.Equal(t, 1, strings.Count(string(document), beginMark))
	assert.Equal(t, 1, strings.Count(string(document), endMark))
}

func TestBench_measuresInProcessesOfItsOwn(t *testing.T) {
	var out bytes.Buffer
	progress, err := os.Create(filepath.Join(t.TempDir(), "progress"))
	require.NoError(t, err)
	defer progress.Close()
	args := []string{"-rounds", "2", "-records", "100", "-time", "50ms", "-warmup", "0s", "-run", "^(text|TLS socket)/maillog$"}
	require.NoError(t, start(t.Context(), args, nil, &out, progress))
	told, err := os.ReadFile(progress.Name())
	require.NoError(t, err)
	assert.Equal(t, 2, strings.Count(string(told), "text/maillog "), string(told))
	assert.Contains(t, out.String(), "| P2 | text, maillog")
	assert.NotContains(t, out.String(), "| P1 |")
}

func TestFlags_refuseWhatHasNoSense(t *testing.T) {
	for _, args := range [][]string{{"-run", "("}, {"-cpuprofile", "x"}, {"extra"}, {"-rounds", "some"}} {
		_, err := parse(args, io.Discard)
		require.Error(t, err, args)
	}
}
