package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// What is measured stands between these in the document; the rest of it is written by hand.
const (
	beginMark = "<!-- make bench: begin -->"
	endMark   = "<!-- make bench: end -->"
)

// writeReport replaces what a document has between its markers.
func writeReport(document, report string) error {
	content, err := os.ReadFile(document)
	if err != nil {
		return fmt.Errorf("write the tables: %w", err)
	}
	before, rest, begun := strings.Cut(string(content), beginMark)
	_, after, ended := strings.Cut(rest, endMark)
	if !begun || !ended {
		return fmt.Errorf("write the tables: %s has no lines %q and %q to write them between", document, beginMark, endMark)
	}
	changed := before + beginMark + "\n" + report + endMark + after
	if err := os.WriteFile(document, []byte(changed), 0o644); err != nil {
		return fmt.Errorf("write the tables: %w", err)
	}
	return nil
}

// report is what was measured, in Markdown.
func (r *results) report() string {
	var b strings.Builder
	r.reportMachine(&b)
	r.reportTargets(&b)
	r.reportVariants(&b)
	r.reportMemory(&b)
	return b.String()
}

func (r *results) reportMachine(b *strings.Builder) {
	fmt.Fprintf(b, "Measured on %s, on %s, %s, GOGC and GOMAXPROCS at their defaults. ", time.Now().UTC().Format(time.DateOnly), machine(), runtime.Version())
	if len(r.cores) > 0 {
		fmt.Fprint(b, "The client has a core for itself, the server another, but where `any core` is said and for `both`. ")
	} else {
		fmt.Fprint(b, "Client and server share what there is: the records/s are those of both. ")
	}
	fmt.Fprintf(b, "Medians of %d rounds of %v, with the least and the most in brackets.\n\n", r.rounds, r.time)
	fmt.Fprint(b, "| workload | different records | body, bytes | JSON nodes |\n|---|---|---|---|\n")
	for _, w := range []string{messages, maillogs, mix, large} {
		is := r.service.Workloads[w]
		fmt.Fprintf(b, "| %s | %d | %.0f | %.0f |\n", w, is.Records, is.Body, is.Nodes)
	}
}

func (r *results) reportTargets(b *strings.Builder) {
	fmt.Fprint(b, "\n| | what | target | measured | met |\n|---|---|---|---|---|\n")
	for _, c := range r.checks() {
		bound := "at most"
		if c.atLeast {
			bound = "at least"
		}
		met := "no"
		switch {
		case !c.got.measured():
			continue // it was not asked for
		case c.met():
			met = "yes"
		}
		fmt.Fprintf(b, "| %s | %s | %s %v %s | %s | %s |\n", c.id, c.what, bound, c.bound, c.unit, digits(c.got), met)
	}
}

func (r *results) reportVariants(b *strings.Builder) {
	fmt.Fprint(b, "\n| variant | workload | records/s | CPU, µs a record | allocations a record | bytes a record | peak RSS, MB "+
		"| cores: client | and server | records/s against ReadMessage | CPU against it | CPU against the TLS socket |\n"+
		"|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, v := range r.variants {
		name, last, _ := strings.Cut(v.name, "/")
		megabytes := func(s sample) float64 { return s.Peak / 1e6 }
		cells := []spread{
			r.of(v.name, sample.rate), r.of(v.name, sample.micros), r.of(v.name, sample.allocs), r.of(v.name, sample.bytes),
			r.of(v.name, megabytes), r.of(v.name, sample.cores), r.of(v.name, sample.serverCores),
			r.ratio(v.name, of(readMessage, last), sample.rate), r.ratio(v.name, of(readMessage, last), sample.micros),
			r.ratio(v.name, of(rawTLS, last), sample.micros),
		}
		fmt.Fprintf(b, "| %s | %s |", name, last)
		for _, cell := range cells {
			fmt.Fprintf(b, " %s |", digits(cell))
		}
		fmt.Fprintln(b)
	}
}

func (r *results) reportMemory(b *strings.Builder) {
	for _, v := range longRuns() {
		for _, s := range r.samples[v.name] {
			if len(s.Steps) == 0 {
				continue
			}
			fmt.Fprintf(b, "\n| %s, after records | RSS, MB | peak RSS, MB | heap in use, MB |\n|---|---|---|---|\n", v.name)
			for _, at := range s.Steps {
				heap := ""
				if at.Heap > 0 {
					heap = fmt.Sprintf("%.1f", at.Heap/1e6)
				}
				fmt.Fprintf(b, "| %d | %.1f | %.1f | %s |\n", at.Records, at.RSS/1e6, at.Peak/1e6, heap)
			}
		}
	}
}

// digits writes a spread with as many digits as tell something.
func digits(s spread) string {
	if !s.measured() {
		return ""
	}
	places := 2
	switch {
	case s.median >= 1000:
		places = 0
	case s.median >= 100:
		places = 1
	case s.median < 0.1:
		places = 3
	}
	if s.least == s.most {
		return fmt.Sprintf("%.*f", places, s.median)
	}
	return fmt.Sprintf("%.*f (%.*f to %.*f)", places, s.median, places, s.least, places, s.most)
}
