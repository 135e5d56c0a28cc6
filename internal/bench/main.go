// Command bench measures what the receiver costs, and compares it with the anchors and targets of docs/performance.md,
// which it writes. `make bench` builds and runs it.
//
// It starts itself again: as a server, which sends prepared records over TLS, and as a client for each measurement, so
// that no measurement leaves anything to the next one. Where there are two cores or more, the clients have one for
// themselves, unless it is measured how they use several. The measurements are interleaved: each round measures every
// variant once, and a ratio is one of measurements of the same round.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

// The words by which this program starts itself.
const (
	serverWord = "serve"
	clientWord = "client"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := start(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// start plays the part that the first argument names.
func start(ctx context.Context, args []string, in io.Reader, out io.Writer, progress *os.File) error {
	switch {
	case len(args) == 2 && args[0] == serverWord:
		records, err := strconv.Atoi(args[1])
		if err != nil {
			return fmt.Errorf("the number of records: %w", err)
		}
		return serve(in, out, records)
	case len(args) > 0 && args[0] == clientWord:
		return client(in, out)
	}
	o, err := parse(args, progress)
	if err != nil {
		return err
	}
	b, err := newBench(o, progress)
	if err != nil {
		return err
	}
	defer b.close()
	results, err := b.run(ctx)
	if err != nil {
		return err
	}
	report := results.report()
	fmt.Fprint(out, report)
	if !o.complete() {
		return nil
	}
	return writeReport(o.document, report)
}

// options are the flags.
type options struct {
	rounds       int
	records      int
	warmup, time time.Duration
	idle         time.Duration
	soak         int
	only         *regexp.Regexp
	cpuProfile   string
	allocProfile string
	document     string
}

// complete says whether all is measured, so that it may be written down.
func (o options) complete() bool { return o.document != "" && o.only == nil }

func parse(args []string, help io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(help)
	flags.IntVar(&o.rounds, "rounds", 5, "how often each variant is measured")
	flags.IntVar(&o.records, "records", 2000, "how many different records of each event type the server has")
	flags.DurationVar(&o.time, "time", time.Second, "how long each measurement is")
	flags.DurationVar(&o.warmup, "warmup", 500*time.Millisecond, "how long a variant runs before it is measured")
	flags.DurationVar(&o.idle, "idle", time.Minute, "how long idle streams are measured; 0: not at all")
	flags.IntVar(&o.soak, "soak", 5_000_000, "after how many records memory is looked at for the last time; 0: not at all")
	only := flags.String("run", "", "measure only the variants whose names match this regular expression, and write no document")
	flags.StringVar(&o.cpuProfile, "cpuprofile", "", "write a CPU profile of the variant's last round; with -run for one variant")
	flags.StringVar(&o.allocProfile, "memprofile", "", "write a profile of its allocations")
	flags.StringVar(&o.document, "document", "", "write the tables into this file, between its two markers")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q; see -help", flags.Arg(0))
	}
	if *only == "" {
		if o.cpuProfile != "" || o.allocProfile != "" {
			return o, errors.New("-cpuprofile and -memprofile are of one variant: name it with -run")
		}
		return o, nil
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return o, fmt.Errorf("-run: %w", err)
	}
	return o, nil
}
