package sourcehealthextension

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

const (
	// dropsInterval is how often the collector's metrics are read.
	dropsInterval = 10 * time.Second
	// dropsOver is how long an exporter has dropped nothing when its drops are over: longer than a batch is gathered.
	dropsOver = 10 * time.Minute
	// exporterResource is the type of the resource that an event of drops names.
	exporterResource = "exporter"
)

// dropWatcher watches exporters for records that the pipeline has accepted and an exporter has dropped. A source does not
// hear of them. Where the metrics are not exposed, or are another collector's, nothing is known and nothing is said. All
// of it belongs to the goroutine of run.
type dropWatcher struct {
	metrics    *metricsReader
	components *components
	history    *history
	logger     *zap.Logger

	drops  map[string]drops // by the exporter's ID
	warned bool
}

// drops is what one exporter has dropped.
type drops struct {
	records int
	last    time.Time
	open    sourcehealth.Event // the event that says so; without an EventID: none is open
	before  int                // records that were dropped before it
}

func newDropWatcher(m *metricsReader, c *components, h *history, logger *zap.Logger) *dropWatcher {
	return &dropWatcher{metrics: m, components: c, history: h, logger: logger, drops: map[string]drops{}}
}

// run watches until ctx ends.
func (w *dropWatcher) run(ctx context.Context) {
	step := time.NewTicker(dropsInterval)
	defer step.Stop()
	for {
		select {
		case <-step.C:
			counts, err := w.metrics.read(ctx)
			if err != nil {
				w.warn(ctx, err)
				continue
			}
			w.observe(counts, time.Now())
		case <-ctx.Done():
			return
		}
	}
}

// warn says once that metrics are not where the configuration says that they are. Those at the usual place need not be.
func (w *dropWatcher) warn(ctx context.Context, err error) {
	if w.warned || w.metrics.endpoint == defaultMetricsEndpoint || ctx.Err() != nil {
		return
	}
	w.warned = true
	w.logger.Warn("metrics_endpoint: the collector's metrics are not readable, so the page can't show what exporters drop; "+
		"write the address at which service::telemetry::metrics exposes them for Prometheus", zap.Error(err))
}

// observe opens an event for each exporter that has begun to drop records, counts what it drops, and resolves the event
// when it has dropped nothing for a while.
func (w *dropWatcher) observe(counts map[string]exporterCounts, now time.Time) {
	batched := w.components.batched()
	for exporter, c := range counts {
		d, dropped := w.drops[exporter], 0
		// What is refused to the source is not dropped: the source delivers it again, and says so itself.
		isBatched := slices.Contains(batched, exporter)
		if isBatched || c.hasQueue {
			dropped += c.sendFailed
		}
		if isBatched {
			dropped += c.enqueueFailed
		}
		isOpen := d.open.EventID != ""
		switch {
		case dropped > d.records && !isOpen:
			d = drops{records: dropped, last: now, open: dropEvent(exporter, now), before: d.records}
			w.history.add(d.open)
			w.history.repeat(d.open.EventID, d.records-d.before, now)
		case dropped > d.records:
			d.records, d.last = dropped, now
			w.history.repeat(d.open.EventID, d.records-d.before, now)
		case isOpen && now.Sub(d.last) >= dropsOver:
			w.history.add(dropsEndEvent(d, now))
			d.open = sourcehealth.Event{}
		}
		w.drops[exporter] = d
	}
}

// dropEvent is the event of an exporter that has begun to drop records.
func dropEvent(exporter string, now time.Time) sourcehealth.Event {
	return sourcehealth.Event{
		EventID: rand.Text(), EventTime: now.UTC(), EventType: sourcehealth.HealthChange, EventName: sourcehealth.FirstPartyGeneric.HealthEvent(),
		SeverityLevel: sourcehealth.SeverityError, Status: sourcehealth.UnHealthy, Subsystem: sourcehealth.Subsystem,
		ResourceIdentity: sourcehealth.ResourceIdentity{ID: exporter, Name: exporter, Type: exporterResource},
		Details: sourcehealth.Details{
			TrackerID: exporter + "/dropped", Error: "exporter_drops",
			ErrorInfo: fmt.Sprintf("the exporter %s drops records that the pipeline has accepted: they are lost. Search the collector's "+
				"log for \"Dropping data\" or \"failed\": it says why. Correct the exporter's endpoint, authentication or limits, and restart "+
				"or reload the collector", exporter),
		},
	}
}

// dropsEndEvent is the event that resolves it.
func dropsEndEvent(d drops, now time.Time) sourcehealth.Event {
	end := d.open
	end.EventID, end.EventTime, end.Status = rand.Text(), now.UTC(), sourcehealth.Healthy
	end.Details.Since = d.open.EventTime.Format(time.RFC3339)
	end.Details.Count, end.Details.LastTime = strconv.Itoa(d.records-d.before), d.last.UTC().Format(time.RFC3339)
	end.Details.ErrorInfo = "the exporter has dropped nothing for " + dropsOver.String()
	return end
}

// droppedView is what an exporter drops.
type droppedView struct {
	Records int       `json:"records"`
	Since   time.Time `json:"since"`
	Last    time.Time `json:"last"`
	Error   string    `json:"error"` // what happens, and what to do
}

// markDrops writes into a view which exporters drop records: to the exporter, to each source of its pipelines, and into
// the sums.
func (v *sourcesView) markDrops(open []eventView) {
	for _, event := range open {
		i := slices.IndexFunc(v.Components, func(c componentView) bool {
			return c.Kind == exporterResource && c.ID == event.ResourceIdentity.ID
		})
		if i < 0 {
			continue // of another configuration
		}
		exporter := &v.Components[i]
		exporter.Dropped = &droppedView{event.Count, event.EventTime, event.LastTime, event.Details.ErrorInfo}
		v.OpenErrors++
		for j := range v.Sources {
			source := &v.Sources[j]
			if v.sharesPipeline(source.ID, *exporter) {
				source.OpenErrors++
				source.Errors = append(slices.Clip(source.Errors), fmt.Sprintf("%d records since %s: %s",
					event.Count, event.EventTime.Format(time.RFC3339), event.Details.ErrorInfo))
			}
		}
	}
}

// sharesPipeline returns whether a source is in a pipeline of an exporter.
func (v *sourcesView) sharesPipeline(source string, exporter componentView) bool {
	return slices.ContainsFunc(v.Components, func(c componentView) bool {
		return c.source != nil && c.ID == source &&
			slices.ContainsFunc(c.Pipelines, func(p string) bool { return slices.Contains(exporter.Pipelines, p) })
	})
}
