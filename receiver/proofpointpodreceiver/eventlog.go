package proofpointpodreceiver

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/metadata"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/retry"
)

const (
	// maxWaitingEvents is how many health events wait for a pipeline that refuses the one before them.
	maxWaitingEvents = 1000
	// eventRecordName is the event name of a log record that is a health event.
	eventRecordName = "proofpointpod.health_event"
	// eventResourceAttribute tells the log records of health events from those of PoD. Its value is the event's name.
	eventResourceAttribute = "proofpointpod.health_event"
)

// Why a health event is not sent.
var (
	errEventQueueFull = errors.New("too many wait for the pipeline")
	errEventGivenUp   = errors.New("the pipeline did not accept it within retry_on_failure.max_elapsed_time")
)

// eventLog sends health events down the pipeline, one at a time and in order, from a goroutine of its own: the streams
// do not wait for it. One that the pipeline refuses is tried again, as retry_on_failure says. What is given up is counted
// and logged.
type eventLog struct {
	handover *handover
	resource pcommon.Map // the attributes of the resource, but for the event's
	version  string      // of the collector
	outage   *retry.Outage
	dropped  func(count int)
	logger   *zap.Logger

	stop  context.Context //nolint:containedctx // ended: hurry
	abort context.Context //nolint:containedctx // ended: return at once

	events chan sourcehealth.Event
	finish chan struct{} // closed: send what is there, and end
	done   chan struct{} // closed when run has returned
}

// newEventLog is that of a source, with the resource that its records have.
func newEventLog(set *streamSettings, resource pcommon.Map) *eventLog {
	s := set.source
	dropped := s.metrics.ProofpointpodReceiverHealthEventsDropped
	of := metric.WithAttributes(receiverLabel(s.settings.ID))
	dropped.Add(context.Background(), 0, of) // none is not the same as not known
	return &eventLog{
		handover: newHandover(set.abort, s.next),
		resource: resource,
		version:  s.settings.BuildInfo.Version,
		outage:   retry.NewOutage(s.config.RetryOnFailure),
		dropped:  func(count int) { dropped.Add(context.Background(), int64(count), of) },
		logger:   s.settings.Logger,
		stop:     set.stop,
		abort:    set.abort,
		events:   make(chan sourcehealth.Event, maxWaitingEvents),
		finish:   make(chan struct{}),
		done:     make(chan struct{}),
	}
}

// take takes an event, and returns at once. It is for one goroutine.
func (l *eventLog) take(event sourcehealth.Event) {
	select {
	case l.events <- event:
	default:
		l.drop(1, errEventQueueFull)
	}
}

// start starts the goroutine.
func (l *eventLog) start() {
	l.handover.start()
	go l.run()
}

// close sends what take has taken, as far as abort allows, and ends the goroutine.
func (l *eventLog) close() {
	close(l.finish)
	<-l.done
}

func (l *eventLog) run() {
	defer close(l.done)
	defer l.handover.close()
	for {
		select {
		case event := <-l.events:
			l.send(event)
		case <-l.finish:
			for len(l.events) > 0 {
				l.send(<-l.events)
			}
			return
		}
	}
}

// send hands on one event until it is accepted, or given up; the end of the shutdown gives up all that wait, too.
func (l *eventLog) send(event sourcehealth.Event) {
	for {
		err := l.offer(event)
		if err == nil {
			l.outage.End()
			return
		}
		if errors.Is(err, errAborted) {
			l.dropAll()
			return
		}
		if consumererror.IsPermanent(err) {
			l.drop(1, err)
			return
		}
		wait, giveUp := l.outage.Fail(time.Now(), 0)
		if giveUp {
			l.drop(1, errEventGivenUp)
			return
		}
		if !retry.WaitUntilAborted(l.stop, l.abort, wait) {
			l.dropAll()
			return
		}
	}
}

// offer makes one attempt.
func (l *eventLog) offer(event sourcehealth.Event) error {
	if l.abort.Err() != nil {
		return errAborted
	}
	result := l.handover.offer(l.handover.ctx, l.logs(event))
	select {
	case err := <-result:
		return err
	case <-l.abort.Done():
		return lastAnswer(result)
	}
}

// dropAll drops the event in hand and all that wait.
func (l *eventLog) dropAll() {
	count := 1
	for len(l.events) > 0 {
		<-l.events
		count++
	}
	l.drop(count, errAborted)
}

func (l *eventLog) drop(count int, why error) {
	l.dropped(count)
	l.logger.Warn("health events are not sent down the pipeline, and are dropped; the log tells of the same", zap.Int("events", count), zap.Error(why))
}

// logs is an event as a log record: the event's JSON as body, and no attributes.
func (l *eventLog) logs(event sourcehealth.Event) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	l.resource.CopyTo(resource.Resource().Attributes())
	resource.Resource().Attributes().PutStr(eventResourceAttribute, event.EventName)
	scope := resource.ScopeLogs().AppendEmpty()
	scope.Scope().SetName(metadata.ScopeName)
	scope.Scope().SetVersion(l.version)
	r := scope.LogRecords().AppendEmpty()
	r.SetTimestamp(pcommon.NewTimestampFromTime(event.EventTime))
	r.SetObservedTimestamp(pcommon.NewTimestampFromTime(event.EventTime))
	r.SetEventName(eventRecordName)
	number, text := severityOf(event)
	r.SetSeverityNumber(number)
	r.SetSeverityText(text)
	body, _ := json.Marshal(event) // strings and a time: it does not fail
	r.Body().SetStr(string(body))
	return logs
}

// severityOf is that of the log record: what resolves is information, however severe it was.
func severityOf(event sourcehealth.Event) (plog.SeverityNumber, string) {
	switch {
	case event.Status == sourcehealth.Healthy:
		return plog.SeverityNumberInfo, sourcehealth.SeverityInfo
	case event.SeverityLevel == sourcehealth.SeverityError:
		return plog.SeverityNumberError, sourcehealth.SeverityError
	default:
		return plog.SeverityNumberWarn, sourcehealth.SeverityWarning
	}
}
