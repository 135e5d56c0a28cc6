package sourcehealthextension

import (
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// registry holds the sources that were added, and what each of them said last. It is safe for concurrent use.
type registry struct {
	mu      sync.Mutex
	entries map[component.ID]*entry
}

// entry is a source. Its fields but looking are guarded by the registry's lock.
type entry struct {
	look    func() sourcehealth.Report // nil: removed
	looking sync.WaitGroup             // calls of look under way
	report  sourcehealth.Report        // what it said last
	looked  bool                       // it has said something
}

func newRegistry() *registry { return &registry{entries: map[component.ID]*entry{}} }

func (r *registry) add(id component.ID, look func() sourcehealth.Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries[id] = &entry{look: look}
}

// remove ends the calls of look: none is under way when it returns. What the source said last is still shown.
func (r *registry) remove(id component.ID) {
	r.mu.Lock()
	e, known := r.entries[id]
	if known {
		e.look = nil
	}
	r.mu.Unlock()
	if known {
		e.looking.Wait() // a look never blocks
	}
}

// reports asks every source how it is, in the order of their IDs. One that was removed is Stopping.
func (r *registry) reports() []sourcehealth.Report {
	type asked struct {
		*entry
		look func() sourcehealth.Report
	}
	r.mu.Lock()
	all := make([]asked, 0, len(r.entries))
	for _, e := range r.entries {
		if e.look != nil {
			e.looking.Add(1)
		}
		all = append(all, asked{e, e.look})
	}
	r.mu.Unlock()

	for _, a := range all {
		if a.look == nil {
			continue
		}
		report := a.look()
		a.looking.Done()
		r.mu.Lock()
		a.report, a.looked = report, true
		r.mu.Unlock()
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	var reports []sourcehealth.Report
	for _, a := range all {
		switch {
		case !a.looked: // removed before it was ever asked
		case a.entry.look == nil:
			reports = append(reports, stopping(a.report))
		default:
			reports = append(reports, a.report)
		}
	}
	slices.SortFunc(reports, func(a, b sourcehealth.Report) int { return strings.Compare(a.ID, b.ID) })
	return reports
}

// stopping is a report of a source that has been told to stop.
func stopping(report sourcehealth.Report) sourcehealth.Report {
	report.State, report.Reached, report.Errors = sourcehealth.Stopping, "", nil
	report.Streams = slices.Clone(report.Streams)
	for i := range report.Streams {
		stream := &report.Streams[i]
		stream.State, stream.Retry, stream.Errors = sourcehealth.Stopping, nil, nil
	}
	return report
}
