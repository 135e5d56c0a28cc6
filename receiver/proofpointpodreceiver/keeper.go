package proofpointpodreceiver

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/positionstore"
	"github.com/proofpointpod/otelcol/internal/servicetime"
	"github.com/proofpointpod/otelcol/internal/status"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/retry"
)

const (
	// saveInterval is how often a position is saved, if there is anything to save.
	saveInterval = time.Second
	// firstKeepWait is how long Start waits for the positions of all streams to be read.
	firstKeepWait = 2 * time.Second
)

// keeper keeps the position of a stream in storage: it reads it at the start, saves what is new once a second, and
// closes the storage client at the end. All of it runs in one goroutine, which nobody waits for but Start and Shutdown,
// and these not for ever: storage that fails, or hangs, costs repeats after a restart, and never stops the stream.
type keeper struct {
	position *position.Position
	// owner is what the stored position is of.
	owner positionstore.Owner
	// open opens the stream's client; nil: there is no storage, and the position lives in memory.
	open    func(context.Context) (storage.Client, error)
	health  *status.Stream
	metrics *streamMetrics
	logger  *zap.Logger
	clock   *servicetime.Clock
	flow    *flow
	// found is told of a gap that comes to light when storage answers late.
	found func(position.Opened)

	// tried is closed when the position was read, or could not be.
	tried chan struct{}

	client  storage.Client
	store   *positionstore.Store // in client
	loaded  bool
	ahead   time.Duration // how far the service's clock is, as it is stored
	outage  *retry.Outage // of the storage; it does not give up
	retryAt time.Time
}

// newStorage returns how a stream's storage client is opened, nil if none is configured. The name is the stream's, so
// that each has a client of its own.
func newStorage(config *Config, host component.Host, id component.ID, name string) (func(context.Context) (storage.Client, error), error) {
	if config.Storage == nil {
		return nil, nil
	}
	found, ok := host.GetExtensions()[*config.Storage]
	if !ok {
		return nil, fmt.Errorf("storage: there is no extension %q in service.extensions; list it there, or write the ID of one that is", config.Storage)
	}
	extension, ok := found.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("storage: the extension %q does not store; one that does is file_storage", config.Storage)
	}
	return func(ctx context.Context) (storage.Client, error) {
		client, err := extension.GetClient(ctx, component.KindReceiver, id, name)
		if err != nil {
			return nil, fmt.Errorf("open the storage %q (a timeout means that another process has its folder open: "+
				"give each collector a folder of its own, such as POD_DATA_DIR): %w", config.Storage, err)
		}
		return client, nil
	}, nil
}

// run reads the position, and saves it until ctx ends.
func (k *keeper) run(ctx context.Context) {
	k.keep(ctx)
	close(k.tried)
	for retry.Wait(ctx, saveInterval) {
		k.keep(ctx)
	}
}

// awaitRead waits until the position was read, or could not be, but not longer than ctx.
func (k *keeper) awaitRead(ctx context.Context) {
	select {
	case <-k.tried:
		return
	case <-ctx.Done():
	}
	select {
	case <-k.tried:
	default:
		k.logger.Warn("the storage does not answer; collecting begins, and the position is read when it does. Until then the archive is not read, and a restart repeats records: check the storage extension, its directory, and the disk")
	}
}

// keep does what is due: open and read the storage, or save.
func (k *keeper) keep(ctx context.Context) {
	now := k.clock.Now()
	k.position.Forget(now)
	k.position.Flowed(k.flow.now())
	if k.open == nil || time.Now().Before(k.retryAt) {
		return
	}
	var err error
	switch {
	case !k.loaded:
		err = k.load(ctx)
	case k.clockChanged():
		err = k.saveClock(ctx)
	case k.position.NeedsSave(now):
		err = k.store.Save(ctx, k.position, now)
	default:
		return
	}
	if ctx.Err() != nil {
		return // the stream has ended, and what is left is for close
	}
	k.settle(err)
}

// load opens the storage and reads the position.
func (k *keeper) load(ctx context.Context) error {
	if k.client == nil {
		client, err := k.open(ctx)
		if err != nil {
			return err
		}
		k.client = client
		k.store = positionstore.New(client, k.owner)
	}
	if err := k.recallClock(ctx); err != nil {
		return err
	}
	loaded, err := k.store.Load(ctx, k.position)
	if err != nil {
		return err
	}
	k.loaded = true
	if loaded.Aside != nil {
		k.logger.Error("a stored position is not usable", zap.Error(loaded.Aside))
	}
	switch {
	case loaded.Found:
		k.logger.Info("position read", zap.Bool("clean_end", !loaded.Unclean), zap.Int("identities", k.position.Stats().Identities))
	case loaded.Aside == nil:
		// Where there has to be one, the storage is not what it was: another folder, or another ID of the receiver.
		k.logger.Info("no position is stored; collecting begins as at the first start of all")
	}
	if loaded.Opened.Gap != nil || len(loaded.Opened.Strays) > 0 {
		k.found(loaded.Opened)
	}
	// That there is a process again is saved before it accepts anything: if it is killed before the next save, what it
	// accepted must not pass for written down.
	return k.store.Save(ctx, k.position, k.clock.Now())
}

// clockKey holds how far the service's clock is ahead of this machine's, where that is more than a minute: positions are
// of the service's time, and the next process has to know it from its first handshake on.
const clockKey = "clock"

// recallClock reads the difference of the clocks that a process before this one has believed.
func (k *keeper) recallClock(ctx context.Context) error {
	data, err := k.client.Get(ctx, clockKey)
	if err != nil {
		return fmt.Errorf("reading the difference of the clocks: %w", err)
	}
	if ahead, err := time.ParseDuration(string(data)); err == nil { // else there is none
		k.ahead = ahead
		k.clock.Restore(ahead)
	}
	return nil
}

// clockChanged says whether the difference of the clocks is another than the stored one.
func (k *keeper) clockChanged() bool {
	ahead, told := k.clock.Skew()
	return told && (ahead-k.ahead).Abs() >= servicetime.AlarmSkew
}

// saveClock stores the difference of the clocks.
func (k *keeper) saveClock(ctx context.Context) error {
	ahead, _ := k.clock.Skew()
	if err := k.client.Set(ctx, clockKey, []byte(ahead.String())); err != nil {
		return fmt.Errorf("saving the difference of the clocks: %w", err)
	}
	k.ahead = ahead
	return nil
}

// settle reports the beginning and the end of trouble with the storage.
func (k *keeper) settle(err error) {
	if err == nil {
		if k.outage.Attempts() > 0 {
			k.outage.End()
			k.health.Clear(status.StorageTrouble)
			k.logger.Info("the storage works again")
		}
		return
	}
	k.metrics.saveFailures(1)
	now := time.Now()
	wait, _ := k.outage.Fail(now, 0)
	k.retryAt = now.Add(wait)
	fault := status.StorageFails(err)
	k.health.Trouble(status.StorageTrouble, fault)
	if k.outage.Attempts() > 1 {
		return
	}
	k.logger.Warn("the position is not saved; records keep flowing", zap.String("error", fault.Text()))
}

// close saves for the last time and closes the client. The stream has ended. Unless that was orderly, the next process
// finds what a kill would have left.
func (k *keeper) close(ctx context.Context, orderly bool) {
	if orderly {
		k.position.Close()
	}
	if k.client == nil {
		return
	}
	if k.loaded {
		if err := k.store.Save(ctx, k.position, k.clock.Now()); err != nil {
			k.logger.Error("the last position was not saved; records may be repeated after the next start", zap.Error(err))
		}
	}
	if err := k.client.Close(ctx); err != nil {
		k.logger.Warn("the storage was not closed in order; what was saved before stays so", zap.Error(err))
	}
}
