package sourcehealthextension

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/storageclient"
)

const (
	// saveInterval is how often health events are saved, if any is new, or over.
	saveInterval = 5 * time.Second
	// repeatInterval is how often they are saved if nothing but how often the same went wrong has changed.
	repeatInterval = time.Minute
	// loadWait is how long Start waits for what is stored. Should it come later, it joins what has happened since.
	loadWait = 2 * time.Second
	// openRetry is how often storage that could not be opened or read is tried again.
	openRetry = 30 * time.Second
)

// keeper keeps the history in storage. It writes only the events that have changed, one key each. Storage that fails, or hangs, costs history after a restart, nothing else: it is
// logged once, and tried again. All of it belongs to the goroutine of run.
type keeper struct {
	open    storageclient.Opener
	history *history
	logger  *zap.Logger
	began   chan struct{} // closed when the first keep has ended

	client  storage.Client
	loaded  bool
	stored  stored
	saved   uint64 // the version that is stored
	savedAt time.Time
	failing bool
	retryAt time.Time
}

func newKeeper(open storageclient.Opener, h *history, logger *zap.Logger) *keeper {
	return &keeper{open: open, history: h, logger: logger, began: make(chan struct{})}
}

// wait waits until what is stored was read, or could not be, but no longer than loadWait.
func (k *keeper) wait(ctx context.Context) {
	limit := time.NewTimer(loadWait)
	defer limit.Stop()
	select {
	case <-k.began:
	case <-limit.C:
		k.logger.Warn("the storage takes its time; health events of earlier days are shown when it has answered")
	case <-ctx.Done():
	}
}

// run reads what is stored, and saves until ctx ends.
func (k *keeper) run(ctx context.Context) {
	k.keep(ctx)
	close(k.began)
	tick := time.NewTicker(saveInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			k.keep(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// keep reads what is stored, if that is not done yet, and saves what is new.
func (k *keeper) keep(ctx context.Context) {
	if k.failing && time.Now().Before(k.retryAt) {
		return
	}
	err := k.load(ctx)
	if err == nil && k.isDue() {
		err = k.save(ctx)
	}
	switch {
	case ctx.Err() != nil: // the end, and what is left is for close
	case err == nil && k.failing:
		k.failing = false
		k.logger.Info("health events are kept again")
	case err != nil:
		k.retryAt = time.Now().Add(openRetry)
		if !k.failing {
			k.failing = true
			k.logger.Warn("health events are not kept for the next start; check the storage extension, its directory, and the space there. It is tried again", zap.Error(err))
		}
	}
}

func (k *keeper) load(ctx context.Context) error {
	if k.loaded {
		return nil
	}
	if k.client == nil {
		client, err := k.open(ctx)
		if err != nil {
			return err
		}
		k.client = client
	}
	index, err := k.client.Get(ctx, eventsKey)
	if err != nil {
		return fmt.Errorf("reading health events: %w", err)
	}
	found, unreadable, err := readStored(ctx, k.client, index)
	if err != nil {
		return err
	}
	if unreadable != nil {
		k.logger.Warn("some stored health events are not readable; they are kept under the key "+asideKey, zap.Error(unreadable.err))
		if err := unreadable.setAside(ctx, k.client); err != nil {
			return err
		}
	}
	k.stored = found.stored
	for id, version := range k.history.restore(found.events) {
		k.stored.markSaved(id, version)
	}
	k.loaded = true
	return nil
}

// isDue returns whether there is something to save now: what is new at once, repeats every minute.
func (k *keeper) isDue() bool {
	version, news := k.history.changes()
	return news > k.saved || version > k.saved && time.Since(k.savedAt) >= repeatInterval
}

// save writes what has changed since it was saved.
func (k *keeper) save(ctx context.Context) error {
	events, version := k.history.all()
	next, operations, err := k.stored.update(events)
	if err != nil {
		return fmt.Errorf("writing health events: %w", err)
	}
	if len(operations) > 0 {
		if err := k.client.Batch(ctx, operations...); err != nil {
			return fmt.Errorf("saving health events: %w", err)
		}
	}
	k.stored, k.saved, k.savedAt = next, version, time.Now()
	return nil
}

// close saves for the last time and closes the client. run has ended.
func (k *keeper) close(ctx context.Context) {
	if k.client == nil {
		return
	}
	if k.loaded {
		if err := k.save(ctx); err != nil {
			k.logger.Warn("the last health events are not kept", zap.Error(err))
		}
	}
	if err := k.client.Close(ctx); err != nil {
		k.logger.Warn("the storage was not closed in order; what was saved before stays so", zap.Error(err))
	}
}
