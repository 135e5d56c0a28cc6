package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bench measures. It has a server, which ends with it.
type bench struct {
	options options
	// progress is a file, since the processes that it starts write there, too.
	progress *os.File
	// program is this one.
	program string
	// serverCores and clientCores are apart; both empty where there is one core only.
	serverCores, clientCores []int

	server   *exec.Cmd
	stopping io.Closer // the server's standard input
	service  service
}

// newBench starts the server.
func newBench(o options, progress *os.File) (*bench, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	b := &bench{options: o, progress: progress, program: program}
	if all := cores(); len(all) > 1 {
		b.serverCores, b.clientCores = all[:len(all)-1], all[len(all)-1:]
	}
	b.server = exec.Command(program, serverWord, strconv.Itoa(o.records)) // close ends it
	b.server.Stderr = progress
	in, err := b.server.StdinPipe()
	if err != nil {
		return nil, err
	}
	b.stopping = in
	out, err := b.server.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := startOn(b.server, b.serverCores); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	if err := json.NewDecoder(out).Decode(&b.service); err != nil {
		b.close()
		return nil, fmt.Errorf("start the server: %w", err)
	}
	return b, nil
}

// close ends the server.
func (b *bench) close() {
	_ = b.stopping.Close()
	_ = b.server.Wait() // how it ends does not matter any more
}

// run measures everything that is wanted.
func (b *bench) run(ctx context.Context) (*results, error) {
	r := &results{
		service: b.service, samples: map[string][]sample{}, rounds: b.options.rounds, time: b.options.time,
		cores: b.clientCores,
	}
	wanted := slices.DeleteFunc(variants(), func(v variant) bool { return !b.wants(&v) })
	if b.options.cpuProfile+b.options.allocProfile != "" && len(wanted) != 1 {
		return nil, fmt.Errorf("a profile is of one variant, but -run is for %d", len(wanted))
	}
	r.variants = wanted
	for round := range b.options.rounds {
		for i := range wanted {
			t := task{Do: measureRate, Warmup: b.options.warmup, Time: b.options.time}
			if round == b.options.rounds-1 {
				t.CPUProfile, t.AllocProfile = b.options.cpuProfile, b.options.allocProfile
			}
			if err := b.measure(ctx, r, &wanted[i], t); err != nil {
				return nil, err
			}
		}
	}
	for _, v := range longRuns() {
		if !b.wants(&v) {
			continue
		}
		if err := b.measureLong(ctx, r, &v); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (b *bench) wants(v *variant) bool {
	return b.options.only == nil || b.options.only.MatchString(v.name)
}

// measureLong measures what is measured once.
func (b *bench) measureLong(ctx context.Context, r *results, v *variant) error {
	run, _, _ := strings.Cut(v.name, "/")
	switch {
	case (run == soakRun || run == fewRun) && b.options.soak > 0:
		return b.measure(ctx, r, v, task{Do: measureSoak, Milestones: milestones(b.options.soak)})
	case run == burstRun:
		return b.measure(ctx, r, v, task{Do: measureBurst, Records: burstRecords})
	case run == idleRun && b.options.idle > 0:
		// What a start leaves to do is done within seconds.
		return b.measure(ctx, r, v, task{Do: measureIdle, Warmup: 5 * time.Second, Time: b.options.idle})
	}
	return nil
}

// burstRecords is how many ordinary records come before a burst, and after it.
const burstRecords = 20_000

// milestones are the numbers of records up to the last one at which memory is looked at.
func milestones(last int) []int {
	var list []int
	for _, millions := range []int{1, 2, 3, 5, 10, 20, 30, 40, 50, 70, 100} {
		if n := millions * 1_000_000; n < last {
			list = append(list, n)
		}
	}
	return append(list, last)
}

// measure runs a client.
func (b *bench) measure(ctx context.Context, r *results, v *variant, t task) error {
	t.Variant, t.Server = v.name, b.service
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, b.program, clientWord)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), &out, b.progress
	on := b.clientCores
	if v.free {
		on = nil
	}
	if err := startOn(cmd, on); err != nil {
		return fmt.Errorf("start a client: %w", err)
	}
	if err := cmd.Wait(); err != nil {
		return errors.Join(ctx.Err(), fmt.Errorf("measure %s: %w", v.name, err))
	}
	var s sample
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		return fmt.Errorf("measure %s: %w", v.name, err)
	}
	r.samples[v.name] = append(r.samples[v.name], s)
	fmt.Fprintln(b.progress, v.name, s.line())
	return nil
}

// line says in a line what a sample brought.
func (s sample) line() string {
	switch {
	case len(s.Steps) > 0:
		var parts []string
		for _, at := range s.Steps {
			parts = append(parts, fmt.Sprintf("%d records: %.0f MB", at.Records, at.Peak/1e6))
		}
		return strings.Join(parts, ", ")
	case s.total() == 0:
		return fmt.Sprintf("%.3f %% of a core", 100*s.CPU/s.Seconds)
	default:
		return fmt.Sprintf("%.0f records/s, %.2f µs, %.1f allocations, %.0f bytes, %.0f MB; %.2f cores, the server %.2f", s.rate(), s.micros(), s.allocs(),
			s.bytes(), s.Peak/1e6, s.cores(), s.serverCores())
	}
}
