package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// timeLimit is how long a measurement may take for one of its steps.
const timeLimit = time.Minute

// task is what a client is to do. It comes as JSON on its standard input, and the sample goes out the same way.
type task struct {
	Variant string
	Server  service
	// Do is how it is measured.
	Do measurement
	// Warmup is how long nothing is measured after the first record, and Time how long it is measured then.
	Warmup, Time time.Duration
	// Milestones are the numbers of records at which memory is looked at in a soak.
	Milestones []int
	// Records is how many are counted.
	Records int
	// CPUProfile and AllocProfile are files for profiles; empty: none.
	CPUProfile, AllocProfile string
}

// measurement is a way to measure.
type measurement string

const (
	// measureRate measures what records cost as they come as fast as they are read.
	measureRate measurement = "rate"
	// measureCount counts a number of records.
	measureCount measurement = "count"
	// measureSoak looks at the memory after numbers of records.
	measureSoak measurement = "soak"
	// measureBurst looks at the memory before and after large records.
	measureBurst measurement = "burst"
	// measureIdle measures what a session costs in which nothing comes.
	measureIdle measurement = "idle"
)

// sample is what one run of a client brought.
type sample struct {
	// Records were taken in the time measured, by workload.
	Records map[string]int
	// Seconds it took, and CPU seconds, user and system, of the client's process.
	Seconds, CPU float64
	// ServerCPU is the server's, in the same time or a little more.
	ServerCPU float64
	// Allocs and Bytes were allocated on the heap.
	Allocs, Bytes float64
	// Peak is the most memory that the process had, in bytes.
	Peak float64
	// Steps are those of a soak or a burst.
	Steps []step
}

// step is the memory after a number of records, in bytes.
type step struct {
	Records int
	// Heap is what is in use after a collection; in a soak, 0.
	Heap float64
	// RSS is the resident memory, and Peak the most that it was.
	RSS, Peak float64
}

// total is the number of records of all workloads.
func (s sample) total() float64 {
	total := 0
	for _, n := range s.Records {
		total += n
	}
	return float64(total)
}

// tally counts records by workload. Only the counts change.
type tally map[string]*atomic.Int64

func (t tally) count(workload string, records int) { t[workload].Add(int64(records)) }

func (t tally) all() map[string]int {
	all := map[string]int{}
	for workload, n := range t {
		all[workload] = int(n.Load())
	}
	return all
}

func (t tally) total() int {
	total := 0
	for _, n := range t {
		total += int(n.Load())
	}
	return total
}

// errReaderEnded ends a measurement: there is nobody who reads.
var errReaderEnded = errors.New("the session has ended")

// client does a task.
func client(in io.Reader, out io.Writer) error {
	var t task
	if err := json.NewDecoder(in).Decode(&t); err != nil {
		return fmt.Errorf("read the task: %w", err)
	}
	v, err := find(t.Variant)
	if err != nil {
		return err
	}
	s, err := t.run(context.Background(), v)
	if err != nil {
		return fmt.Errorf("%s: %w", t.Variant, err)
	}
	return json.NewEncoder(out).Encode(s)
}

// run starts the reader, measures, and ends it.
func (t *task) run(ctx context.Context, v *variant) (sample, error) {
	counts := tally{}
	for _, w := range v.workloads {
		counts[w] = &atomic.Int64{}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	read := v.read
	if read == nil {
		read = receive
	}
	done := make(chan error, 1)
	go func() {
		err := read(ctx, v, t.Server, t.play(v), counts.count)
		cancel(errors.Join(errReaderEnded, err))
		done <- err
	}()
	s, err := t.measure(ctx, counts)
	cancel(nil)
	if err := errors.Join(err, <-done); err != nil {
		return sample{}, err
	}
	if t.Do == measureCount {
		s.Records = counts.all() // what came after that, too
	}
	return s, nil
}

// play is what the server is to send.
func (t *task) play(v *variant) string {
	name := "" // with several streams, each has the workload of its event type
	if len(v.workloads) == 1 {
		name = v.workloads[0]
	}
	switch t.Do {
	case measureCount:
		return fmt.Sprintf("%s:%d", name, t.Records/len(v.workloads))
	case measureBurst:
		return fmt.Sprintf("%s:%d,%s:%d,%s:%d", name, t.Records, large, t.Records/10, name, t.Records)
	case measureIdle:
		return ":0"
	default:
		return name
	}
}

func (t *task) measure(ctx context.Context, counts tally) (sample, error) {
	switch t.Do {
	case measureRate:
		return t.rate(ctx, counts)
	case measureCount:
		return sample{}, reach(ctx, counts, t.Records)
	case measureSoak:
		return t.soak(ctx, counts)
	case measureBurst:
		return t.burst(ctx, counts)
	case measureIdle:
		if err := wait(ctx, t.Warmup); err != nil {
			return sample{}, err
		}
		return t.over(ctx, counts)
	default:
		return sample{}, fmt.Errorf("there is no measurement %q", t.Do)
	}
}

func (t *task) rate(ctx context.Context, counts tally) (sample, error) {
	for _, n := range counts {
		if err := reach(ctx, tally{"": n}, 1); err != nil {
			return sample{}, err
		}
	}
	if err := wait(ctx, t.Warmup); err != nil {
		return sample{}, err
	}
	return t.over(ctx, counts)
}

// over measures what happens over the time of the task.
func (t *task) over(ctx context.Context, counts tally) (s sample, err error) {
	stop, err := t.profile()
	if err != nil {
		return sample{}, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	served, err := t.Server.used(ctx)
	if err != nil {
		return sample{}, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	spent, err := cpuTime()
	if err != nil {
		return sample{}, err
	}
	records, began := counts.all(), time.Now()
	if err := wait(ctx, t.Time); err != nil {
		return sample{}, err
	}
	s.Records, s.Seconds = counts.all(), time.Since(began).Seconds()
	for w := range s.Records {
		s.Records[w] -= records[w]
	}
	until, err := cpuTime()
	if err != nil {
		return sample{}, err
	}
	s.CPU = (until - spent).Seconds()
	runtime.ReadMemStats(&after)
	usedNow, err := t.Server.used(ctx)
	if err != nil {
		return sample{}, err
	}
	s.ServerCPU = usedNow - served
	s.Allocs = float64(after.Mallocs - before.Mallocs)
	s.Bytes = float64(after.TotalAlloc - before.TotalAlloc)
	_, s.Peak, err = resident()
	return s, err
}

// profile begins the profiles that are wanted. The function that it returns ends and writes them.
func (t *task) profile() (stop func() error, err error) {
	var cpu *os.File
	if t.CPUProfile != "" {
		if cpu, err = os.Create(t.CPUProfile); err != nil {
			return nil, err
		}
		if err := pprof.StartCPUProfile(cpu); err != nil {
			return nil, errors.Join(err, cpu.Close())
		}
	}
	return func() error {
		var err error
		if cpu != nil {
			pprof.StopCPUProfile()
			err = cpu.Close()
		}
		if t.AllocProfile == "" {
			return err
		}
		allocs, failed := os.Create(t.AllocProfile)
		if failed != nil {
			return errors.Join(err, failed)
		}
		return errors.Join(err, pprof.Lookup("allocs").WriteTo(allocs, 0), allocs.Close())
	}, nil
}

// soak notes the memory at each milestone.
func (t *task) soak(ctx context.Context, counts tally) (sample, error) {
	var s sample
	for _, records := range t.Milestones {
		for counts.total() < records {
			if err := reach(ctx, counts, min(records, counts.total()+100_000)); err != nil {
				return s, err
			}
		}
		now, err := look(counts)
		if err != nil {
			return s, err
		}
		s.Steps = append(s.Steps, now)
	}
	return s, nil
}

// burst notes the memory when all ordinary records have come, when the large ones have, and when ordinary ones have again.
func (t *task) burst(ctx context.Context, counts tally) (sample, error) {
	var s sample
	records := 0
	for _, more := range []int{t.Records, t.Records / 10, t.Records} {
		records += more
		if err := reach(ctx, counts, records); err != nil {
			return s, err
		}
		runtime.GC()
		runtime.GC() // what is in a pool is freed by the second
		now, err := look(counts)
		if err != nil {
			return s, err
		}
		var heap runtime.MemStats
		runtime.ReadMemStats(&heap)
		now.Heap = float64(heap.HeapAlloc)
		s.Steps = append(s.Steps, now)
	}
	return s, nil
}

func look(counts tally) (step, error) {
	rss, peak, err := resident()
	return step{Records: counts.total(), RSS: rss, Peak: peak}, err
}

// reach waits until so many records have come.
func reach(ctx context.Context, counts tally, records int) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	limit := time.NewTimer(timeLimit)
	defer limit.Stop()
	for counts.total() < records {
		select {
		case <-ticker.C:
		case <-limit.C:
			return fmt.Errorf("only %d of %d records have come in %v", counts.total(), records, timeLimit)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// wait waits while the reader reads.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// used is what the server has used so far, in seconds of CPU.
func (s service) used(ctx context.Context) (float64, error) {
	transport := &http.Transport{TLSClientConfig: s.secure()}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.Address+usagePath, nil)
	if err != nil {
		return 0, err
	}
	answer, err := (&http.Client{Transport: transport, Timeout: timeLimit}).Do(request)
	if err != nil {
		return 0, fmt.Errorf("ask the server what it has used: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, fmt.Errorf("ask the server what it has used: %w", err)
	}
	return strconv.ParseFloat(string(text), 64)
}

// resident is the process's resident memory, and the most that it was, in bytes.
func resident() (rss, peak float64, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, fmt.Errorf("read the memory in use: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kilobytes, err := strconv.ParseFloat(fields[1], 64)
		switch {
		case fields[0] == "VmRSS:" && err == nil:
			rss = kilobytes * 1024
		case fields[0] == "VmHWM:" && err == nil:
			peak = kilobytes * 1024
		}
	}
	return rss, peak, nil
}
