package retry

import (
	"time"

	"go.opentelemetry.io/collector/config/configretry"
)

// storageInterval is the longest wait before storage is used again after a failure.
const storageInterval = 5 * time.Second

// Endless returns the waits of a configuration without an end: the archive is read again for ever, and what it brings
// beside the live session is delivered again for ever.
func Endless(config configretry.BackOffConfig) configretry.BackOffConfig {
	config.Enabled = true
	config.MaxElapsedTime = 0
	return config
}

// Storage returns the waits for storage: all alike, without an end.
func Storage() configretry.BackOffConfig {
	return configretry.BackOffConfig{
		Enabled: true, InitialInterval: storageInterval, Multiplier: 1, MaxInterval: storageInterval,
	}
}
