package proofpointpodreceiver

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/record"
	"github.com/proofpointpod/otelcol/internal/servicetime"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
	"github.com/proofpointpod/otelcol/internal/status"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/metadata"
)

// The attributes of the metrics, as in metadata.yaml.
const (
	attrEventType = "event_type"
	attrComplete  = "complete"
	attrEffect    = "effect"
	attrErrorType = "error_type"
	attrProblem   = "problem"
	attrReason    = "reason"
	attrReceiver  = "receiver"
	attrSession   = "session"
	attrState     = "state"
	attrStatus    = "status"
)

// streamMetrics are the figures of one stream. The stream's goroutine writes them; the collector's metric reader reads
// the gauges at any time.
type streamMetrics struct {
	builder *metadata.TelemetryBuilder
	health  *status.Stream

	of     []attribute.KeyValue // the source and the stream: two sources in a collector are told apart by nothing else
	labels metric.MeasurementOption
	states map[sourcehealth.State]metric.MeasurementOption

	session    atomic.Pointer[podlog.Session] // the newest one
	lastRecord atomic.Int64                   // nanoseconds since 1970; 0: none yet
	lag        atomic.Int64                   // nanoseconds
	hasLag     atomic.Bool
	position   *position.Position
	clock      *servicetime.Clock
	count      atomic.Int64 // records read in live sessions and handed on
	totals     totals
	since      time.Time // when counting began
}

// totals are the counters that the health's report needs, which can't be read from the meter. They change once for a
// batch or a session.
type totals struct {
	records, bytes, duplicates, reconnects, connectFailures, windows, recovered atomic.Int64
}

func newStreamMetrics(
	builder *metadata.TelemetryBuilder, source component.ID, stream *status.Stream, p *position.Position, c *servicetime.Clock,
) *streamMetrics {
	m := &streamMetrics{
		builder:  builder,
		health:   stream,
		of:       []attribute.KeyValue{receiverLabel(source), attribute.String(attrEventType, string(stream.Type))},
		states:   map[sourcehealth.State]metric.MeasurementOption{},
		position: p,
		clock:    c,
		since:    time.Now(),
	}
	m.labels = m.with()
	m.begin()
	for _, state := range sourcehealth.States() {
		m.states[state] = m.with(attribute.String(attrState, string(state)))
	}
	return m
}

// begin makes the counters of losses and trouble known at 0, so that an alert can tell none from not known.
func (m *streamMetrics) begin() {
	m.refused(0)
	m.unrecoverable(0)
	m.saveFailures(0)
	for _, problem := range []record.Problem{record.InvalidJSON, record.Truncated, record.TooLargeForMap} {
		m.builder.ProofpointpodReceiverRecordsProblem.Add(context.Background(), 0, m.with(attribute.String(attrProblem, string(problem))))
	}
}

// with are the stream's labels and more.
func (m *streamMetrics) with(more ...attribute.KeyValue) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(slices.Concat(m.of, more)...))
}

// receiverLabel is the label that every metric of a source has.
func receiverLabel(source component.ID) attribute.KeyValue {
	return attribute.String(attrReceiver, source.String())
}

// handshake counts an attempt to open a session.
func (m *streamMetrics) handshake(err error) {
	status := "101"
	if err != nil {
		status = "none"
		var failed *podlog.Error
		if errors.As(err, &failed) && failed.Status != 0 {
			status = strconv.Itoa(failed.Status)
		}
	}
	m.builder.ProofpointpodReceiverHandshakes.Add(context.Background(), 1, m.with(attribute.String(attrStatus, status)))
}

// opened notes the session that signs of life come from.
func (m *streamMetrics) opened(session *podlog.Session) { m.session.Store(session) }

// connectFailed counts an attempt to open a live session that failed, and why.
func (m *streamMetrics) connectFailed(reason string) {
	m.totals.connectFailures.Add(1)
	m.builder.ProofpointpodReceiverConnectFailures.Add(context.Background(), 1, m.with(attribute.String(attrReason, reason)))
}

// reconnect counts a live session that was lost, and why, after which the stream connects again.
func (m *streamMetrics) reconnect(reason string) {
	m.totals.reconnects.Add(1)
	m.builder.ProofpointpodReceiverReconnects.Add(context.Background(), 1, m.with(attribute.String(attrReason, reason)))
}

// read notes the newest record that was read.
func (m *streamMetrics) read(newest *record.Record) {
	m.lastRecord.Store(int64(newest.Observed))
	if newest.Timestamp != 0 {
		m.lag.Store(int64(newest.Observed - newest.Timestamp))
		if !m.hasLag.Load() { // looking costs less than setting it each time
			m.hasLag.Store(true)
		}
	}
}

// received counts a batch before it is handed on.
func (m *streamMetrics) received(records []record.Record) {
	ctx := context.Background()
	var bytes int64
	var invalid, cut, large int
	for i := range records {
		bytes += int64(len(records[i].Body))
		switch records[i].Problem {
		case record.InvalidJSON:
			invalid++
		case record.Truncated:
			cut++
		case record.TooLargeForMap:
			large++
		}
	}
	m.marked(record.InvalidJSON, invalid, status.RecordsInvalid)
	m.marked(record.Truncated, cut, status.RecordsTruncated)
	m.marked(record.TooLargeForMap, large, status.RecordsTooLargeForMap)
	m.totals.records.Add(int64(len(records)))
	m.totals.bytes.Add(bytes)
	m.builder.ProofpointpodReceiverRecordsReceived.Add(ctx, int64(len(records)), m.labels)
	m.builder.ProofpointpodReceiverBytesReceived.Add(ctx, bytes, m.labels)
}

// marked counts records that are handed on with a problem.
func (m *streamMetrics) marked(problem record.Problem, count int, fault func() sourcehealth.Fault) {
	if count == 0 {
		return
	}
	m.builder.ProofpointpodReceiverRecordsProblem.Add(context.Background(), int64(count),
		m.with(attribute.String(attrProblem, string(problem))))
	m.health.ReportMarked(fault(), count)
}

// refused counts records that the pipeline did not take and never will.
func (m *streamMetrics) refused(count int) {
	m.builder.ProofpointpodReceiverRecordsRefused.Add(context.Background(), int64(count), m.labels)
}

// unrecoverable counts gaps that can't be filled.
func (m *streamMetrics) unrecoverable(count int) {
	m.builder.ProofpointpodReceiverGapsUnrecoverable.Add(context.Background(), int64(count), m.labels)
}

// duplicates counts records that were delivered before and are not handed on again.
func (m *streamMetrics) duplicates(count int, archive bool) {
	m.totals.duplicates.Add(int64(count))
	session := "live"
	if archive {
		session = "archive"
	}
	m.builder.ProofpointpodReceiverRecordsDuplicate.Add(context.Background(), int64(count), m.with(attribute.String(attrSession, session)))
}

// recovered counts records that came from the archive and were handed on.
func (m *streamMetrics) recovered(count int) {
	m.totals.recovered.Add(int64(count))
	m.builder.ProofpointpodReceiverRecordsRecovered.Add(context.Background(), int64(count), m.labels)
}

// windowRead counts an hour of the archive that was read; complete: it need not be read again.
func (m *streamMetrics) windowRead(complete bool) {
	m.totals.windows.Add(1)
	m.builder.ProofpointpodReceiverWindowsRead.Add(context.Background(), 1, m.with(attribute.Bool(attrComplete, complete)))
}

// saveFailures counts saves, and attempts to read the storage, that failed.
func (m *streamMetrics) saveFailures(count int64) {
	m.builder.ProofpointpodReceiverSaveFailures.Add(context.Background(), count, m.labels)
}

// collected counts records of a live session that were handed on.
func (m *streamMetrics) collected(count int) { m.count.Add(int64(count)) }

// rate is how many of them a second there were on average so far.
func (m *streamMetrics) rate() float64 {
	return float64(m.count.Load()) / max(time.Since(m.since).Seconds(), 1)
}
