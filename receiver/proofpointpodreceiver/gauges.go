package proofpointpodreceiver

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/proofpointpod/otelcol/internal/servicetime"
	"github.com/proofpointpod/otelcol/internal/status"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/metadata"
)

// observe registers the gauges of a source and of all its streams.
func observe(
	builder *metadata.TelemetryBuilder, id component.ID, source *status.Source, c *servicetime.Clock, streams []*streamMetrics,
) error {
	receiver := receiverLabel(id)
	return errors.Join(
		builder.RegisterProofpointpodReceiverClockSkewCallback(func(_ context.Context, o metric.Float64Observer) error {
			if skew, known := c.Skew(); known {
				o.Observe(skew.Seconds(), metric.WithAttributes(receiver))
			}
			return nil
		}),
		builder.RegisterProofpointpodReceiverTokenExpiryCallback(func(_ context.Context, o metric.Float64Observer) error {
			for _, token := range status.Tokens() {
				if at := source.TokenExpiry(token); !at.IsZero() {
					o.Observe(at.Sub(c.Now()).Seconds(), metric.WithAttributes(receiver, attribute.String(attrSession, string(token))))
				}
			}
			return nil
		}),
		builder.RegisterProofpointpodReceiverConnectionStateCallback(each(streams, (*streamMetrics).observeState)),
		builder.RegisterProofpointpodReceiverErrorCallback(each(streams, (*streamMetrics).observeErrors)),
		builder.RegisterProofpointpodReceiverGapsOpenCallback(each(streams, (*streamMetrics).observeGapsOpen)),
		builder.RegisterProofpointpodReceiverGapsDurationCallback(each(streams, (*streamMetrics).observeGapsDuration)),
		builder.RegisterProofpointpodReceiverGapsOldestAgeCallback(each(streams, (*streamMetrics).observeOldestGap)),
		builder.RegisterProofpointpodReceiverPositionAgeCallback(each(streams, (*streamMetrics).observePositionAge)),
		builder.RegisterProofpointpodReceiverIdentitiesCallback(each(streams, (*streamMetrics).observeIdentities)),
		builder.RegisterProofpointpodReceiverLagCallback(each(streams, (*streamMetrics).observeLag)),
		builder.RegisterProofpointpodReceiverLastRecordAgeCallback(each(streams, (*streamMetrics).observeLastRecord)),
		builder.RegisterProofpointpodReceiverLastSignOfLifeAgeCallback(each(streams, (*streamMetrics).observeLastSignOfLife)),
	)
}

// each is the callback of a gauge that every stream observes for itself.
func each[Observer any](streams []*streamMetrics, observe func(*streamMetrics, Observer)) func(context.Context, Observer) error {
	return func(_ context.Context, o Observer) error {
		for _, m := range streams {
			observe(m, o)
		}
		return nil
	}
}

func (m *streamMetrics) observeState(o metric.Int64Observer) {
	now := m.health.State()
	for state, labels := range m.states {
		var value int64
		if state == now {
			value = 1
		}
		o.Observe(value, labels)
	}
}

func (m *streamMetrics) observeErrors(o metric.Int64Observer) {
	for _, wrong := range m.health.ActiveFaults() {
		o.Observe(1, m.with(
			attribute.String(attrErrorType, string(wrong.Fault.Type)),
			attribute.String(attrReason, wrong.Fault.Label),
			attribute.String(attrEffect, string(wrong.Effect)),
		))
	}
}

func (m *streamMetrics) observeGapsOpen(o metric.Int64Observer) {
	o.Observe(int64(len(m.position.Gaps())), m.labels)
}

func (m *streamMetrics) observeGapsDuration(o metric.Float64Observer) {
	var total time.Duration
	for _, gap := range m.position.Gaps() {
		total += gap.To.Sub(gap.From)
	}
	o.Observe(total.Seconds(), m.labels)
}

func (m *streamMetrics) observeOldestGap(o metric.Float64Observer) {
	if gaps := m.position.Gaps(); len(gaps) > 0 {
		o.Observe(m.clock.Now().Sub(gaps[0].From).Seconds(), m.labels)
	}
}

func (m *streamMetrics) observePositionAge(o metric.Float64Observer) {
	if saved := m.position.Stats().Saved; !saved.IsZero() {
		o.Observe(m.clock.Now().Sub(saved).Seconds(), m.labels)
	}
}

func (m *streamMetrics) observeIdentities(o metric.Int64Observer) {
	o.Observe(int64(m.position.Stats().Identities), m.labels)
}

func (m *streamMetrics) observeLag(o metric.Float64Observer) {
	if m.hasLag.Load() {
		o.Observe(time.Duration(m.lag.Load()).Seconds(), m.labels)
	}
}

func (m *streamMetrics) observeLastRecord(o metric.Float64Observer) {
	if last := m.lastRecord.Load(); last != 0 {
		o.Observe(time.Since(time.Unix(0, last)).Seconds(), m.labels)
	}
}

func (m *streamMetrics) observeLastSignOfLife(o metric.Float64Observer) {
	if session := m.session.Load(); session != nil {
		o.Observe(time.Since(session.LastByte()).Seconds(), m.labels)
	}
}
