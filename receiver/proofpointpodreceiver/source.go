package proofpointpodreceiver

import (
	"context"
	"net"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/servicetime"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
	"github.com/proofpointpod/otelcol/internal/status"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/credentials"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/metadata"
)

const (
	// shutdownWait is how long the streams have to end in order if Shutdown's context has no deadline.
	shutdownWait = 10 * time.Second
	// firstKeepWait is how long Start waits for the positions of all streams to be read.
	firstKeepWait = 2 * time.Second
	// saveWait is how long the positions have to be saved after that. Within a context's deadline, it is a twentieth of
	// the time there is, if that is less.
	saveWait = time.Second
)

// source is the receiver: one cluster, one token, one stream for each event type. It owns its streams: Start starts
// them, Shutdown ends them and waits for them. What they share, client and credentials, does not change meanwhile.
type source struct {
	config   *Config
	settings receiver.Settings
	next     consumer.Logs
	slots    *slots // of this source and the others of the collector
	obs      *receiverhelper.ObsReport
	metrics  *metadata.TelemetryBuilder
	// dial is set by tests that have a network of their own.
	dial func(ctx context.Context, network, address string) (net.Conn, error)

	// The following belong to Start and Shutdown, which the collector calls one after the other.
	health  *status.Source
	stop    context.CancelFunc // ends the streams in order
	abort   context.CancelFunc // ends them at once
	streams []*streamParts
	viewers []sourcehealth.Viewer
	// eventLog sends the health events down the pipeline; nil: they are not sent.
	eventLog *eventLog
	watching sync.WaitGroup // of the authenticator's token
}

func newSource(settings receiver.Settings, config *Config, next consumer.Logs, running *slots) (*source, error) {
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID:             settings.ID,
		Transport:              "websocket",
		LongLivedCtx:           true,
		ReceiverCreateSettings: settings,
	})
	if err != nil {
		return nil, err
	}
	metrics, err := metadata.NewTelemetryBuilder(settings.TelemetrySettings)
	if err != nil {
		return nil, err
	}
	// An error of ours tells what to do; a stack trace would bury that.
	settings.Logger = settings.Logger.WithOptions(zap.AddStacktrace(zap.DPanicLevel))
	return &source{config: config, settings: settings, next: next, slots: running, obs: obs, metrics: metrics}, nil
}

// Start prepares what the sessions need and starts the streams. It does not wait for the service. An error means that
// the configuration names something that is not there: a file, an extension.
func (s *source) Start(ctx context.Context, host component.Host) error {
	s.health = status.NewSource(s.config.SupportedEvents, func(event *componentstatus.Event) {
		componentstatus.ReportStatus(host, event)
	})
	s.health.SetIdentity(status.Identity{
		ID: s.settings.ID.String(), Name: s.config.sourceName(s.settings.ID), Description: s.config.Description,
	})
	s.health.SetStarted()

	live, err := s.newCredentials(ctx, host, func(from status.Origin, expires time.Time) {
		s.health.SetTokenExpiry(status.LiveToken, from, expires)
	})
	if err != nil {
		return err
	}
	client, err := s.newClient(ctx)
	if err != nil {
		return err
	}
	for _, warning := range s.config.warnings() {
		s.settings.Logger.Warn(warning)
	}
	abort, cancelAbort := context.WithCancel(context.Background())
	stop, cancelStop := context.WithCancel(abort)
	defer func() {
		if s.stop == nil { // an error
			cancelStop()
			cancelAbort()
		}
	}()
	set := &streamSettings{
		source: s, client: client, credentials: live, clock: &servicetime.Clock{}, flow: newFlow(), stop: stop, abort: abort,
	}
	if second := s.config.Backfill.APISecret; second != "" && s.config.Backfill.Enabled {
		set.archiveCredentials = credentials.FromToken("backfill.api_secret", second, func(from status.Origin, expires time.Time) {
			s.health.SetTokenExpiry(status.ArchiveToken, from, expires)
		})
	}
	metrics := make([]*streamMetrics, 0, len(s.config.SupportedEvents))
	for _, t := range s.config.SupportedEvents {
		parts, err := newStream(set, t, host)
		if err != nil {
			return err
		}
		s.streams = append(s.streams, parts)
		metrics = append(metrics, parts.stream.metrics)
	}
	if err := observe(s.metrics, s.settings.ID, s.health, set.clock, metrics); err != nil {
		return err
	}
	s.readPositions(ctx)
	s.abort, s.stop = cancelAbort, cancelStop
	s.takeSlots()
	s.tellHealth(set, host, metrics)
	s.health.ReportInitialized()
	s.watching.Go(func() { live.Watch(stop) })
	for _, parts := range s.streams {
		parts.start()
	}
	return nil
}

// takeSlots takes the slots of the sessions, and logs which of them another source of this collector has.
func (s *source) takeSlots() {
	if shared, others := s.slots.take(s.settings.ID, s.config); len(shared) > 0 {
		s.settings.Logger.Error("this source and another one of this collector use the same token for the same event types, and end each other's sessions: remove one of the sources, or give it a token of its own",
			zap.Any("event_types", shared), zap.Stringers("other_sources", others))
	}
}

// readPositions starts the keepers, and waits until they have read the positions, but not long for storage that hangs.
func (s *source) readPositions(ctx context.Context) {
	for _, parts := range s.streams {
		parts.keep()
	}
	ctx, cancel := context.WithTimeout(ctx, firstKeepWait)
	defer cancel()
	for _, parts := range s.streams {
		parts.keeper.AwaitRead(ctx)
	}
}

// Shutdown ends the sessions with a close frame, hands on what still arrives, saves the positions, and returns when
// all of it is accepted and every goroutine has ended, or when ctx's deadline, 10 s if it has none, has passed, and a
// second for the storage. What is not handed on by then is counted as refused, logged, and a gap at the next start. It is
// safe without Start, and twice.
func (s *source) Shutdown(ctx context.Context) error {
	if s.stop == nil {
		s.metrics.Shutdown()
		return nil
	}
	ctx, drain, cancel := shutdownContexts(ctx)
	defer cancel()
	s.health.Stop()
	s.settings.Logger.Info("finishing: sessions are closed, and what the service has still sent is handed on; this takes 10 seconds at the most")
	s.stop()
	ended := context.AfterFunc(drain, s.abort)
	s.end(ctx)
	select {
	case <-s.health.Done():
	case <-ctx.Done(): // a watcher in the collector holds the last report
	}
	for _, viewer := range s.viewers {
		viewer.RemoveSource(s.settings.ID)
	}
	if s.eventLog != nil {
		s.eventLog.close()
	}
	ended()
	s.abort()
	s.watching.Wait()
	s.slots.free(s.settings.ID)
	s.metrics.Shutdown()
	s.streams, s.viewers, s.eventLog = nil, nil, nil
	return nil
}

// end waits for the streams, which have been told to stop, and saves their positions. A pipeline that still holds a batch
// then stands still, and with it all that was accepted before: should the collector be killed before it moves again, that
// is lost. So no stream has ended in order, whosever the batch is.
func (s *source) end(ctx context.Context) {
	orderly := true
	for _, parts := range s.streams {
		if parts.wait() {
			orderly = false
		}
	}
	if !orderly {
		s.settings.Logger.Warn("stopped while the pipeline holds a batch: what it may have in its memory only is read again after the next start, so records can be repeated")
	}
	// All at once: a stream whose storage hangs must not take the others' time to save.
	var saving sync.WaitGroup
	for _, parts := range s.streams {
		saving.Go(func() { parts.save(ctx, orderly) })
	}
	saving.Wait()
}

// tellHealth makes the health known to the extensions that show it, and starts the sending of health events.
func (s *source) tellHealth(set *streamSettings, host component.Host, metrics []*streamMetrics) {
	viewers := viewersOf(host)
	var log *eventLog
	if s.config.HealthEvents {
		log = newEventLog(set, s.resource())
		log.start()
	}
	s.viewers, s.eventLog = viewers, log
	s.health.Subscribe(func(event sourcehealth.Event) {
		s.logToken(event)
		for _, viewer := range viewers {
			viewer.HealthEvent(event)
		}
		if log != nil {
			log.take(event)
		}
	})
	reporter := &reporter{config: s.config, health: s.health, streams: metrics}
	for _, viewer := range viewers {
		viewer.AddSource(s.settings.ID, reporter.report)
	}
}

// logToken logs that a token expires soon, or has: what else goes wrong is logged where it happens, but a token ages by
// itself.
func (s *source) logToken(event sourcehealth.Event) {
	if event.Status == sourcehealth.UnHealthy && status.IsTokenAge(event) {
		s.settings.Logger.Warn(event.Details.ErrorInfo)
	}
}

// shutdownContexts returns what bounds a shutdown as a whole, and the end of the streams in it. The latter is earlier, so
// that what a stream knows when it is cut off is saved all the same.
func shutdownContexts(ctx context.Context) (whole, drain context.Context, cancel func()) {
	cancelWhole := func() {}
	deadline, ok := ctx.Deadline()
	if ok {
		deadline = deadline.Add(-min(saveWait, time.Until(deadline)/20))
	} else {
		deadline = time.Now().Add(shutdownWait)
		ctx, cancelWhole = context.WithDeadline(ctx, deadline.Add(saveWait))
	}
	drain, cancelDrain := context.WithDeadline(ctx, deadline)
	return ctx, drain, func() { cancelDrain(); cancelWhole() }
}
