package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"

	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver"
)

// receive runs the receiver, made by its factory of a configuration as users write it, with the telemetry of a collector
// and a pipeline that counts and does nothing.
func receive(ctx context.Context, v *variant, from service, play string, count counter) error {
	factory := proofpointpodreceiver.NewFactory()
	config := factory.CreateDefaultConfig()
	if err := v.configuration(from, play).Unmarshal(config); err != nil {
		return fmt.Errorf("configure the receiver: %w", err)
	}
	if err := confmap.Validate(config); err != nil {
		return fmt.Errorf("configure the receiver: %w", err)
	}
	host, err := newHost(ctx, v, factory.Type())
	if err != nil {
		return err
	}
	next, err := consumer.NewLogs(func(_ context.Context, logs plog.Logs) error {
		count(v.workloadOf(logs), logs.LogRecordCount())
		return nil
	})
	if err != nil {
		return err
	}
	metrics := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	settings := receiver.Settings{
		ID:                component.NewID(factory.Type()),
		TelemetrySettings: componenttest.NewNopTelemetrySettings(),
		BuildInfo:         component.NewDefaultBuildInfo(),
	}
	settings.MeterProvider = metrics
	source, err := factory.CreateLogs(ctx, settings, config, next)
	if err != nil {
		return fmt.Errorf("make the receiver: %w", err)
	}
	if err := source.Start(ctx, host); err != nil {
		return fmt.Errorf("start the receiver: %w", err)
	}
	<-ctx.Done()
	ending := context.WithoutCancel(ctx)
	return errors.Join(source.Shutdown(ending), metrics.Shutdown(ending))
}

// configuration is the receiver's, as in a file.
func (v *variant) configuration(from service, play string) *confmap.Conf {
	all := map[string]any{
		"cluster_id":       podsim.ClusterID,
		"api_secret":       podsim.Token,
		"endpoint":         from.endpoint(play),
		"tls::ca_pem":      from.CA,
		"supported_events": v.events(),
	}
	if v.stores {
		all["storage"] = storageID().String()
	}
	maps.Copy(all, v.config)
	return confmap.NewFromStringMap(all)
}

// events are the event types of the streams.
func (v *variant) events() []any {
	var list []any
	for _, w := range v.workloads {
		list = append(list, string(eventType(w)))
	}
	return list
}

// workloadOf says where a batch comes from. With two streams, they are told apart by the receiver's attribute.
func (v *variant) workloadOf(logs plog.Logs) string {
	if len(v.workloads) == 1 {
		return v.workloads[0]
	}
	record := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	id, _ := record.Attributes().Get("_siemEventID")
	return v.workloads[slices.IndexFunc(v.workloads, func(w string) bool { return eventType(w).EventID() == id.Str() })]
}
