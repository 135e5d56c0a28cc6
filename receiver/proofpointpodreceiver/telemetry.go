package proofpointpodreceiver

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/proofpointpod/otelcol/internal/health"
	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/record"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/metadata"
)

// The attributes of the metrics, as in metadata.yaml.
const (
	attrEventType = "event_type"
	attrProblem   = "problem"
	attrReason    = "reason"
	attrState     = "state"
	attrStatus    = "status"
)

// streamMetrics are the figures of one stream. The stream's goroutine writes them; the collector's metric reader reads
// the gauges at any time.
type streamMetrics struct {
	builder *metadata.TelemetryBuilder
	health  *health.Stream

	eventType attribute.KeyValue
	labels    metric.MeasurementOption
	states    map[health.State]metric.MeasurementOption

	session    atomic.Pointer[podlog.Session] // the newest one
	lastRecord atomic.Int64                   // nanoseconds since 1970; 0: none yet
	lag        atomic.Int64                   // nanoseconds
	hasLag     atomic.Bool
}

func newStreamMetrics(builder *metadata.TelemetryBuilder, stream *health.Stream) *streamMetrics {
	eventType := attribute.String(attrEventType, string(stream.Type))
	m := &streamMetrics{
		builder:   builder,
		health:    stream,
		eventType: eventType,
		labels:    metric.WithAttributeSet(attribute.NewSet(eventType)),
		states:    map[health.State]metric.MeasurementOption{},
	}
	for _, state := range health.States() {
		m.states[state] = m.with(attrState, string(state))
	}
	return m
}

// with are the stream's labels and one more.
func (m *streamMetrics) with(key, value string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(m.eventType, attribute.String(key, value)))
}

// observe registers the gauges of all streams.
func observe(builder *metadata.TelemetryBuilder, streams []*streamMetrics) error {
	return errors.Join(
		builder.RegisterProofpointpodReceiverConnectionStateCallback(func(_ context.Context, o metric.Int64Observer) error {
			for _, m := range streams {
				now := m.health.State()
				for state, labels := range m.states {
					var value int64
					if state == now {
						value = 1
					}
					o.Observe(value, labels)
				}
			}
			return nil
		}),
		builder.RegisterProofpointpodReceiverLagCallback(func(_ context.Context, o metric.Float64Observer) error {
			for _, m := range streams {
				if m.hasLag.Load() {
					o.Observe(time.Duration(m.lag.Load()).Seconds(), m.labels)
				}
			}
			return nil
		}),
		builder.RegisterProofpointpodReceiverLastRecordAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
			for _, m := range streams {
				if last := m.lastRecord.Load(); last != 0 {
					o.Observe(time.Since(time.Unix(0, last)).Seconds(), m.labels)
				}
			}
			return nil
		}),
		builder.RegisterProofpointpodReceiverLastSignOfLifeAgeCallback(func(_ context.Context, o metric.Float64Observer) error {
			for _, m := range streams {
				if session := m.session.Load(); session != nil {
					o.Observe(time.Since(session.LastByte()).Seconds(), m.labels)
				}
			}
			return nil
		}),
	)
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
	m.builder.ProofpointpodReceiverHandshakes.Add(context.Background(), 1, m.with(attrStatus, status))
}

// opened notes the session that signs of life come from.
func (m *streamMetrics) opened(session *podlog.Session) { m.session.Store(session) }

// reconnect counts a reason to connect again.
func (m *streamMetrics) reconnect(reason string) {
	m.builder.ProofpointpodReceiverReconnects.Add(context.Background(), 1, m.with(attrReason, reason))
}

// read notes the newest record that was read.
func (m *streamMetrics) read(newest *record.Record, now time.Time) {
	m.lastRecord.Store(now.UnixNano())
	if newest.Timestamp != 0 {
		m.lag.Store(int64(now.Sub(newest.Timestamp.AsTime())))
		m.hasLag.Store(true)
	}
}

// received counts a batch before it is handed on.
func (m *streamMetrics) received(records []record.Record) {
	ctx := context.Background()
	var bytes int64
	for i := range records {
		bytes += int64(len(records[i].Body))
		if problem := records[i].Problem; problem != "" {
			m.builder.ProofpointpodReceiverRecordsProblem.Add(ctx, 1, m.with(attrProblem, string(problem)))
		}
	}
	m.builder.ProofpointpodReceiverRecordsReceived.Add(ctx, int64(len(records)), m.labels)
	m.builder.ProofpointpodReceiverBytesReceived.Add(ctx, bytes, m.labels)
}

// refused counts records that the pipeline did not take and never will.
func (m *streamMetrics) refused(count int) {
	m.builder.ProofpointpodReceiverRecordsRefused.Add(context.Background(), int64(count), m.labels)
}
