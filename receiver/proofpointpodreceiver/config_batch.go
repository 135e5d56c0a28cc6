package proofpointpodreceiver

import (
	"errors"
	"fmt"
	"time"
)

const (
	// maxBatchRecords, maxBatchBytes and maxBatchTimeout are the limits of the keys of BatchConfig.
	maxBatchRecords = 1_000_000
	maxBatchBytes   = 1 << 30
	maxBatchTimeout = 15 * time.Minute
)

// BatchConfig says which records the receiver delivers together: as many as one of the three allows, whichever is reached
// first. A batch counts as accepted when the pipeline has answered; until then its records are read again after a kill.
type BatchConfig struct {
	// MaxRecords is the largest number of records in a batch, 1 to 1000000. Default: 100.
	MaxRecords int `mapstructure:"max_records"`
	// MaxBytes is the largest size of a batch, in bytes of its protobuf form before compression, 1 to 1073741824. A
	// record that is larger makes a batch of its own. Default: 1048576, which is 1 MiB.
	MaxBytes int `mapstructure:"max_bytes"`
	// Timeout is how long the first record of a batch waits for others, 1ms to 15m. Default: 100ms.
	Timeout time.Duration `mapstructure:"timeout"`
}

func (b *BatchConfig) validate() error {
	var errs []error
	if b.MaxRecords < 1 || b.MaxRecords > maxBatchRecords {
		errs = append(errs, fmt.Errorf("batch.max_records: must be from 1 to %d", maxBatchRecords))
	}
	if b.MaxBytes < 1 || b.MaxBytes > maxBatchBytes {
		errs = append(errs, fmt.Errorf("batch.max_bytes: must be from 1 to %d bytes (1 GiB)", maxBatchBytes))
	}
	if b.Timeout < time.Millisecond || b.Timeout > maxBatchTimeout {
		errs = append(errs, errors.New("batch.timeout: must be from 1ms to 15m; write it with its unit, such as 5m"))
	}
	return errors.Join(errs...)
}
