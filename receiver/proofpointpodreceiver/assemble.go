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
	"github.com/proofpointpod/otelcol/internal/positionstore"
	"github.com/proofpointpod/otelcol/internal/record"
	"github.com/proofpointpod/otelcol/internal/servicetime"
	"github.com/proofpointpod/otelcol/internal/status"
	"github.com/proofpointpod/otelcol/internal/storageclient"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/credentials"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/metadata"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/retry"
)

// streamSettings are what the streams of a source share.
type streamSettings struct {
	source      *source
	client      *podlog.Client
	credentials *credentials.Credentials
	// archiveCredentials are those of the second token; nil: there is none.
	archiveCredentials *credentials.Credentials
	clock              *servicetime.Clock
	flow               *flow
	stop, abort        context.Context //nolint:containedctx // the life of the streams, not of a call
}

// streamParts are the goroutines of one stream: the live sessions, the archive beside them where there is a second
// token, and the storage.
type streamParts struct {
	stream *stream
	filler *filler // nil: none beside the stream
	keeper *positionstore.Keeper

	collecting sync.WaitGroup // stream and filler
	keeping    sync.WaitGroup
	stopKeeper context.CancelFunc
}

// newStream makes the stream of an event type, with all that belongs to it. Nothing runs yet.
func newStream(set *streamSettings, t podlog.EventType, host component.Host) (*streamParts, error) {
	config := set.source.config
	open, err := storageclient.NewOpener(host, config.Storage, storageclient.User{
		Kind: component.KindReceiver, ID: set.source.settings.ID, Name: string(t),
	})
	if err != nil {
		return nil, err
	}
	a := newAssembly(set, t, open != nil)
	live := a.stream()
	parts := &streamParts{stream: live, keeper: a.keeper(open, live.opened)}
	switch {
	case !config.Backfill.Enabled:
	case set.archiveCredentials != nil:
		parts.filler = a.fillerBeside()
	default:
		live.filler = a.fillerWithin(live)
	}
	return parts, nil
}

// assembly is a stream in the making: what its parts share.
type assembly struct {
	*streamSettings
	config    *Config
	eventType podlog.EventType
	position  *position.Position
	gaps      *gapReporter
	health    *status.Stream
	metrics   *streamMetrics
	logger    *zap.Logger
}

// newAssembly begins a stream. stored: there is storage for its position.
func newAssembly(set *streamSettings, t podlog.EventType, stored bool) *assembly {
	s := set.source
	a := &assembly{
		streamSettings: set,
		config:         s.config,
		eventType:      t,
		position: position.New(position.Options{
			Token:        credentials.NewToken(s.config.APISecret),
			Stored:       stored,
			ServerMemory: s.config.Backfill.ServerMemory,
			ArchiveDelay: s.config.Backfill.ArchiveDelay,
			Margin:       s.config.Backfill.Margin,
			Unflushed:    s.config.UnflushedWindow,
			Depth:        pipelineDepth(),
			Remember:     s.config.Dedup.Window,
			MaxEntries:   s.config.Dedup.MaxEntries,
		}),
		health: s.health.Stream(t),
		logger: s.settings.Logger.With(zap.String("event_type", string(t))),
	}
	a.metrics = newStreamMetrics(s.metrics, s.settings.ID, a.health, a.position, set.clock)
	a.gaps = &gapReporter{
		position: a.position, health: a.health, metrics: a.metrics, logger: a.logger, clock: set.clock,
		backfill: s.config.Backfill.Enabled,
	}
	return a
}

// stream makes the stream itself, without a filler.
func (a *assembly) stream() *stream {
	config := a.config.RetryOnFailure
	live := &stream{
		eventType:   a.eventType,
		client:      a.client,
		credentials: a.credentials,
		intake:      a.intake(a.delivery(retry.NewOutage(config), false), false),
		position:    a.position,
		gaps:        a.gaps,
		health:      a.health,
		metrics:     a.metrics,
		logger:      a.logger,
		clock:       a.clock,
		outage:      retry.NewOutage(config),
		since:       a.config.since,
		backfill:    a.config.Backfill.Enabled,
		stop:        a.stop,
		abort:       a.abort,
	}
	live.intake.look = func(fresh []record.Record, read time.Time) {
		live.judge(live.pauses.record(fresh, live.clock.At(read)))
	}
	return live
}

// intake makes an intake of live sessions, or of the archive.
func (a *assembly) intake(d *delivery, archive bool) *intake {
	return &intake{
		// What the archive brings is mostly known already, and dropped.
		splitter: record.Splitter{EventType: a.eventType, Apart: archive},
		position: a.position,
		delivery: d,
		metrics:  a.metrics,
		clock:    a.clock,
		archive:  archive,
		batch:    newBatch(a.config.Batch, d.format),
		format:   d.format,
	}
}

func (a *assembly) delivery(outage *retry.Outage, isBackground bool) *delivery {
	return &delivery{
		handover: newHandover(a.abort, a.source.next),
		format:   a.source.format(a.eventType),
		maxBytes: a.config.Batch.MaxBytes,
		obs:      a.source.obs,
		health:   a.health,
		metrics:  a.metrics,
		flow:     a.flow,
		logger:   a.logger,
		outage:   outage,
		stop:     a.stop,
		abort:    a.abort,

		isBackground: isBackground,
		recovers:     a.config.Storage != nil && a.config.Backfill.Enabled,
	}
}

// keeper makes the keeper. reportGap reports a gap that opens because the storage answered late.
func (a *assembly) keeper(open storageclient.Opener, reportGap func(position.Opened)) *positionstore.Keeper {
	return positionstore.NewKeeper(positionstore.Settings{
		Position: a.position,
		Owner: positionstore.Owner{
			Cluster: a.config.ClusterID, Stream: string(a.eventType), FormerIDs: a.eventType == podlog.Maillog,
		},
		Open:         open,
		Status:       a.health,
		CountFailure: func() { a.metrics.saveFailures(1) },
		Outage:       retry.NewOutage(retry.Storage()),
		Logger:       a.logger,
		Clock:        a.clock,
		Flow:         a.flow.now,
		ReportGap:    reportGap,
	})
}

// fillerBeside makes a filler that reads the archive with the second token, beside the stream.
func (a *assembly) fillerBeside() *filler {
	f := a.filler(a.archiveCredentials, a.intake(a.delivery(retry.NewOutage(retry.Endless(a.config.RetryOnFailure)), true), true))
	f.ownToken = true
	return f
}

// fillerWithin makes a filler that reads the archive with the one token, while the live session pauses.
func (a *assembly) fillerWithin(live *stream) *filler {
	f := a.filler(a.credentials, a.intake(live.intake.delivery, true))
	f.maxPause = a.config.maxPause()
	f.longest = a.config.Backfill.ServerMemory / 2
	return f
}

func (a *assembly) filler(c *credentials.Credentials, in *intake) *filler {
	return &filler{
		client:      a.client,
		credentials: c,
		intake:      in,
		position:    a.position,
		gaps:        a.gaps,
		health:      a.health,
		metrics:     a.metrics,
		logger:      a.logger,
		clock:       a.clock,
		stop:        a.stop,
		abort:       a.abort,
		pauses:      map[int64]time.Duration{},
		hopeless:    map[int64]bool{},
		barren:      map[int64]barren{},
		outage:      retry.NewOutage(retry.Endless(a.config.RetryOnFailure)),
	}
}

// keep starts the keeper.
func (p *streamParts) keep() {
	var ctx context.Context
	ctx, p.stopKeeper = context.WithCancel(context.Background())
	p.keeping.Go(func() { p.keeper.Run(ctx) })
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
		p.keeper.Close(ctx, orderly)
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
		MaxSize:      s.config.MaxRecordSize,
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
