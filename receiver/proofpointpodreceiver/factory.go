package proofpointpodreceiver

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/metadata"
)

// NewFactory returns the factory of the receiver `proofpointpod`, for logs.
func NewFactory() receiver.Factory {
	running := newSlots()
	createLogs := func(_ context.Context, settings receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
		return newSource(settings, cfg.(*Config), next, running)
	}
	return receiver.NewFactory(
		metadata.Type,
		createDefaultConfig,
		receiver.WithLogs(createLogs, metadata.LogsStability),
	)
}
