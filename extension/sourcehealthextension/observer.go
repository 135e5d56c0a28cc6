package sourcehealthextension

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

const (
	// fresh is how old what the observer saw last may be for whoever asks.
	fresh = 900 * time.Millisecond
	// gathering is how long sources have to start before one that is missing counts as gone.
	gathering = time.Minute
)

// sourcesView is the answer of /api/v1/sources.
type sourcesView struct {
	Time      time.Time     `json:"time"` // when this was true
	Collector collectorView `json:"collector"`
	counts                  // open health events of all sources
	Sources   []sourceView  `json:"sources"`
	// Components are all of the collector's, the sources among them.
	Components []componentView `json:"components"`
}

// collectorView names the collector.
type collectorView struct {
	Command string    `json:"command"`
	Version string    `json:"version"`
	Started time.Time `json:"started"` // or reloaded
}

// sourceView is how one source is.
type sourceView struct {
	sourcehealth.Report
	Status string `json:"status"` // of the component: StatusOK, …; empty: not known
	counts        // open health events
	// SameName are the IDs of other sources that are called the same.
	SameName []string     `json:"sameName,omitempty"`
	Streams  []streamView `json:"streams"`
}

// streamView is how one stream is.
type streamView struct {
	sourcehealth.StreamReport
	// The rates of the last 10 seconds; null: not known.
	RecordsPerSecond rate `json:"recordsPerSecond"`
	BytesPerSecond   rate `json:"bytesPerSecond"`
	// Plot is the last hour. In the stream of server-sent events it is there only when it has changed.
	Plot *plotView `json:"plot,omitempty"`
}

// observer looks at the sources every 10 seconds, and whenever somebody asks. All that it knows belongs to the goroutine
// of run.
type observer struct {
	registry   *registry
	components *components
	history    *history
	build      component.BuildInfo
	questions  chan chan *sourcesView

	started time.Time
	meters  map[meterKey]*meter
	seen    *sourcesView // what was seen last
}

type meterKey struct {
	source    string
	eventType sourcehealth.EventType
}

func newObserver(r *registry, c *components, h *history, build component.BuildInfo) *observer {
	return &observer{
		registry: r, components: c, history: h, build: build,
		questions: make(chan chan *sourcesView),
		meters:    map[meterKey]*meter{},
	}
}

// run looks until ctx ends.
func (o *observer) run(ctx context.Context) {
	o.started = time.Now()
	step := time.NewTicker(plotStep)
	defer step.Stop()
	for {
		select {
		case <-step.C:
			now := time.Now()
			reports := o.look(now)
			for _, m := range o.meters {
				m.plot(now)
			}
			o.seen = o.view(now, reports)
		case answer := <-o.questions:
			if now := time.Now(); o.seen == nil || now.Sub(o.seen.Time) >= fresh {
				o.seen = o.view(now, o.look(now))
			}
			answer <- o.seen
		case <-ctx.Done():
			return
		}
	}
}

// errEnded is the answer of an observer that has ended.
var errEnded = errors.New("the collector is stopping")

// ask returns how all is, not older than a second. The answer must not be changed. It fails when ctx or ended ends.
func (o *observer) ask(ctx, ended context.Context) (*sourcesView, error) {
	answer := make(chan *sourcesView, 1)
	select {
	case o.questions <- answer:
		return <-answer, nil
	case <-ended.Done():
		return nil, errEnded
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// look asks the sources, and takes what follows for rates and history.
func (o *observer) look(now time.Time) []sourcehealth.Report {
	reports := o.registry.reports()
	seen := map[meterKey]bool{}
	for _, report := range reports {
		for _, stream := range report.Streams {
			key := meterKey{report.ID, stream.EventType}
			seen[key] = true
			if o.meters[key] == nil {
				o.meters[key] = &meter{}
			}
			o.meters[key].read(reading{now, stream.Records, stream.Bytes})
		}
	}
	for key := range o.meters {
		if !seen[key] {
			delete(o.meters, key)
		}
	}
	o.history.observe(reports, now.Sub(o.started) > gathering, now)
	return reports
}

// view puts together what is known.
func (o *observer) view(now time.Time, reports []sourcehealth.Report) *sourcesView {
	list := o.components.list()
	view := &sourcesView{
		Time:       now,
		Collector:  collectorView{Command: o.build.Command, Version: o.build.Version, Started: o.started},
		Sources:    []sourceView{},
		Components: list,
	}
	open := o.history.counts()
	for _, report := range reports {
		view.Sources = append(view.Sources, o.source(report, list, open[report.ID]))
	}
	// Sources that have not introduced themselves: they are starting, or could not.
	for _, c := range list {
		if c.source != nil && !slices.ContainsFunc(reports, func(r sourcehealth.Report) bool { return r.ID == c.ID }) {
			view.Sources = append(view.Sources, o.source(*c.source, list, cmp.Or(open[c.ID], countOf(c.status))))
		}
	}
	slices.SortFunc(view.Sources, func(a, b sourceView) int { return strings.Compare(a.ID, b.ID) })
	for i := range view.Sources {
		s := &view.Sources[i]
		view.OpenErrors += s.OpenErrors
		view.OpenWarnings += s.OpenWarnings
		for _, other := range view.Sources {
			if other.ID != s.ID && other.Name == s.Name {
				s.SameName = append(s.SameName, other.ID)
			}
		}
	}
	view.markDrops(o.history.openDrops())
	return view
}

func (o *observer) source(report sourcehealth.Report, list []componentView, open counts) sourceView {
	source := sourceView{Report: report, counts: open, Streams: []streamView{}}
	for _, c := range list {
		if c.source != nil && c.ID == report.ID {
			source.Status = c.Status
		}
	}
	for _, stream := range report.Streams {
		view := streamView{StreamReport: stream, RecordsPerSecond: unknown(), BytesPerSecond: unknown()}
		if m := o.meters[meterKey{report.ID, stream.EventType}]; m != nil {
			now := m.now()
			view.RecordsPerSecond, view.BytesPerSecond, view.Plot = now.records, now.bytes, m.view()
		}
		source.Streams = append(source.Streams, view)
	}
	return source
}

// countOf counts what a source says that has no health events.
func countOf(status componentstatus.Status) counts {
	switch status {
	case componentstatus.StatusPermanentError, componentstatus.StatusFatalError:
		return counts{OpenErrors: 1}
	case componentstatus.StatusRecoverableError:
		return counts{OpenWarnings: 1}
	default:
		return counts{}
	}
}

// withoutPlots is a view without what changes every 10 seconds only.
func (v *sourcesView) withoutPlots() *sourcesView {
	light := *v
	light.Sources = slices.Clone(v.Sources)
	for i := range light.Sources {
		streams := slices.Clone(light.Sources[i].Streams)
		for j := range streams {
			streams[j].Plot = nil
		}
		light.Sources[i].Streams = streams
	}
	return &light
}

// plotted is when the plots have changed last; zero: there are none.
func (v *sourcesView) plotted() time.Time {
	var last time.Time
	for _, source := range v.Sources {
		for _, stream := range source.Streams {
			if stream.Plot != nil && stream.Plot.End.After(last) {
				last = stream.Plot.End
			}
		}
	}
	return last
}
