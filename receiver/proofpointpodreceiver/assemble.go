package proofpointpodreceiver

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/record"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/metadata"
)

// streamSettings are what the streams of a source share.
type streamSettings struct {
	source      *source
	client      *podlog.Client
	credentials *credentials
	// archiveCredentials are those of the second token; nil: there is none.
	archiveCredentials *credentials
	clock              *clock
	flow               *flow
	stop, abort        context.Context //nolint:containedctx // the life of the streams, not of a call
}

// streamParts are the goroutines of one stream: the live sessions, the archive beside them where there is a second
// token, and the storage.
type streamParts struct {
	stream *stream
	filler *filler // nil: none beside the stream
	keeper *keeper

	collecting sync.WaitGroup // stream and filler
	keeping    sync.WaitGroup
	stopKeeper context.CancelFunc
}

func newStream(set *streamSettings, t podlog.EventType, host component.Host) (*streamParts, error) {
	s := set.source
	config := s.config
	logger := s.settings.Logger.With(zap.String("event_type", string(t)))
	health := s.health.Stream(t)
	open, err := newStorage(config, host, s.settings.ID, string(t))
	if err != nil {
		return nil, err
	}
	where := position.New(position.Options{
		Cluster:      config.ClusterID,
		Stream:       string(t),
		Stored:       open != nil,
		ServerMemory: config.Backfill.ServerMemory,
		ArchiveDelay: config.Backfill.ArchiveDelay,
		Margin:       config.Backfill.Margin,
		Unflushed:    config.UnflushedWindow,
		Depth:        pipelineDepth(),
		Remember:     config.Dedup.Window,
		MaxEntries:   config.Dedup.MaxEntries,
	})
	metrics := newStreamMetrics(s.metrics, s.settings.ID, health, where, set.clock)
	newDelivery := func(outage *outage, aside bool) *delivery {
		return &delivery{
			handover: newHandover(set.abort, s.next),
			format:   s.format(t),
			obs:      s.obs,
			health:   health,
			metrics:  metrics,
			flow:     set.flow,
			logger:   logger,
			outage:   outage,
			stop:     set.stop,
			abort:    set.abort,
			aside:    aside,
		}
	}
	newIntake := func(d *delivery, archive bool) *intake {
		return &intake{
			// What the archive brings is mostly known already, and dropped.
			splitter: record.Splitter{EventType: t, Apart: archive},
			position: where, delivery: d, metrics: metrics, clock: set.clock, archive: archive,
		}
	}
	parts := &streamParts{}
	parts.stream = &stream{
		eventType:   t,
		client:      set.client,
		credentials: set.credentials,
		intake:      newIntake(newDelivery(newOutage(config.RetryOnFailure), false), false),
		position:    where,
		health:      health,
		metrics:     metrics,
		logger:      logger,
		clock:       set.clock,
		outage:      newOutage(config.RetryOnFailure),
		since:       config.since,
		backfill:    config.Backfill.Enabled,
		stop:        set.stop,
		abort:       set.abort,
	}
	parts.stream.intake.look = parts.stream.fresh
	parts.keeper = &keeper{
		position: where, open: open, health: health, metrics: metrics, logger: logger, clock: set.clock,
		flow: set.flow, found: parts.stream.opened, tried: make(chan struct{}),
	}
	if !config.Backfill.Enabled {
		return parts, nil
	}
	f := &filler{
		client:      set.client,
		credentials: set.credentials,
		position:    where,
		health:      health,
		metrics:     metrics,
		logger:      logger,
		clock:       set.clock,
		stop:        set.stop,
		abort:       set.abort,
		pauses:      map[int64]time.Duration{},
		hopeless:    map[int64]bool{},
		barren:      map[int64]barren{},
		outage:      newFillOutage(config.RetryOnFailure),
	}
	if set.archiveCredentials != nil {
		f.credentials = set.archiveCredentials
		f.ownToken = true
		f.intake = newIntake(newDelivery(newFillOutage(config.RetryOnFailure), true), true)
		parts.filler = f
		return parts, nil
	}
	f.intake = newIntake(parts.stream.intake.delivery, true)
	f.maxPause = config.maxPause()
	f.longest = config.Backfill.ServerMemory / 2
	parts.stream.filler = f
	return parts, nil
}

// keep starts the keeper.
func (p *streamParts) keep() {
	var ctx context.Context
	ctx, p.stopKeeper = context.WithCancel(context.Background())
	p.keeping.Go(func() { p.keeper.run(ctx) })
}

// start starts the stream.
func (p *streamParts) start() {
	p.collecting.Go(p.stream.run)
	if p.filler != nil {
		p.collecting.Go(p.filler.run)
	}
}

// wait waits for the stream, which has been told to stop. It says whether the pipeline still holds a batch of it.
func (p *streamParts) wait() (held bool) {
	p.collecting.Wait()
	return p.stream.intake.delivery.held != nil || p.filler != nil && p.filler.intake.delivery.held != nil
}

// save lets the keeper save for the last time, after wait; but for storage not longer than ctx. orderly: what was
// accepted is not in the pipeline's memory for longer than its own end takes.
func (p *streamParts) save(ctx context.Context, orderly bool) {
	p.stopKeeper()
	saved := make(chan struct{})
	go func() {
		defer close(saved)
		p.keeping.Wait()
		p.keeper.close(ctx, orderly)
	}()
	select {
	case <-saved:
	case <-ctx.Done(): // the storage holds the keeper
	}
}

// resource holds the attributes of the resource of everything that the source hands on.
func (s *source) resource() pcommon.Map {
	name := s.config.sourceName(s.settings.ID)
	resource := pcommon.NewMap()
	resource.PutStr("service.name", "proofpoint-on-demand")
	resource.PutStr("proofpoint.cluster_id", s.config.ClusterID)
	resource.PutStr("_source", name)
	resource.PutStr("_sourceName", name)
	if s.config.Category != "" {
		resource.PutStr("_sourceCategory", s.config.Category)
	}
	for _, field := range s.config.fieldAttributes() {
		resource.PutStr(field.Key, field.Value)
	}
	return resource
}

// format is how the records of an event type become log records.
func (s *source) format(t podlog.EventType) *record.Format {
	f := &record.Format{
		Body:         record.Body(s.config.Body),
		Resource:     s.resource(),
		Attributes:   pcommon.NewMap(),
		ScopeName:    metadata.ScopeName,
		ScopeVersion: s.settings.BuildInfo.Version,
	}
	switch {
	case !s.config.forwardToSIEM():
	case s.config.SIEMMetadata == siemMetadataRecord:
		record.PutSIEM(f.Attributes, t)
	case s.config.SIEMMetadata == siemMetadataResource:
		record.PutSIEM(f.Resource, t)
	}
	return f
}
