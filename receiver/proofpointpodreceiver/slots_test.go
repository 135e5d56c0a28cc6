package proofpointpodreceiver

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/metadata"
)

// startSource starts a source of a factory, without a network.
func startSource(t *testing.T, factory receiver.Factory, name, secret string, types ...podlog.EventType) (receiver.Logs, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.ErrorLevel)
	settings := receivertest.NewNopSettings(metadata.Type)
	settings.ID = component.NewIDWithName(metadata.Type, name)
	settings.Logger = zap.New(core)
	config := createDefaultConfig().(*Config)
	config.ClusterID, config.APISecret, config.SupportedEvents = "example_cluster", configopaque.String(secret), types
	created, err := factory.CreateLogs(t.Context(), settings, config, consumertest.NewNop())
	require.NoError(t, err)
	created.(*source).dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no network") }
	require.NoError(t, created.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, created.Shutdown(context.Background())) })
	return created, logs
}

func TestSlots_twoSourcesOfOneToken(t *testing.T) {
	const message = "this source and another one of this collector use the same token for the same event types, and end each other's sessions: remove one of the sources, or give it a token of its own"
	factory := NewFactory()
	first, logs := startSource(t, factory, "one", "token-a", podlog.Message, podlog.Maillog)
	assert.Zero(t, logs.FilterMessage(message).Len())

	_, logs = startSource(t, factory, "other token", "token-b", podlog.Message)
	assert.Zero(t, logs.FilterMessage(message).Len())
	_, logs = startSource(t, factory, "other type", "token-a", podlog.Audit)
	assert.Zero(t, logs.FilterMessage(message).Len())

	_, logs = startSource(t, factory, "two", "token-a", podlog.Audit, podlog.Maillog)
	found := logs.FilterMessage(message).All()
	require.Len(t, found, 1)
	assert.Equal(t, []podlog.EventType{podlog.Audit, podlog.Maillog}, found[0].ContextMap()["event_types"])
	assert.Equal(t, []any{"proofpointpod/other type", "proofpointpod/one"}, found[0].ContextMap()["other_sources"])

	require.NoError(t, first.Shutdown(t.Context()))
	_, logs = startSource(t, factory, "in its place", "token-a", podlog.Message)
	assert.Zero(t, logs.FilterMessage(message).Len(), "the first one has ended")
}
