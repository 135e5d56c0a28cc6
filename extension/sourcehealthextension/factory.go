package sourcehealthextension

import (
	"context"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"

	"github.com/proofpointpod/otelcol/extension/sourcehealthextension/internal/metadata"
)

// NewFactory returns the factory of the extension `source_health`.
func NewFactory() extension.Factory {
	return extension.NewFactory(metadata.Type, createDefaultConfig, create, metadata.ExtensionStability)
}

func create(_ context.Context, settings extension.Settings, config component.Config) (extension.Extension, error) {
	return newSourceHealth(settings, config.(*Config)), nil
}
