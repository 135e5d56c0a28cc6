package positionstore

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/servicetime"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
	"github.com/proofpointpod/otelcol/internal/status"
	"github.com/proofpointpod/otelcol/internal/storageclient"
)

// saveInterval is how often a position is saved, if there is anything to save.
const saveInterval = time.Second

// Outage is an outage of the storage. It does not give up.
type Outage interface {
	// Fail counts a failed attempt, and returns how long to wait before the next.
	Fail(now time.Time, atLeast time.Duration) (wait time.Duration, giveUp bool)
	// Attempts returns how many attempts have failed since the outage began; 0: there is none.
	Attempts() int
	// End ends the outage.
	End()
}

// Settings are what a keeper works with.
type Settings struct {
	Position *position.Position
	Owner    Owner
	// Open opens the stream's storage client; nil: no storage is configured, and the position lives in memory.
	Open storageclient.Opener
	// Status hears when the storage begins and ceases to fail.
	Status *status.Stream
	// Outage decides when to retry.
	Outage Outage
	// CountFailure counts a read or a save that failed.
	CountFailure func()
	Logger       *zap.Logger
	Clock        *servicetime.Clock
	// Flow returns how the pipeline has taken what the process delivered.
	Flow func() position.Flow
	// ReportGap reports a gap that opens because the storage answered after a session had begun.
	ReportGap func(position.Opened)
}

// Keeper keeps the position of a stream in storage: it reads the position first, saves what is new once a second, and
// closes the storage client at the end. A storage that fails or hangs never stops the stream; it costs duplicates after a
// restart. Start and Shutdown wait for it, but not without a limit.
//
// Run and Close belong to one goroutine; AwaitRead is safe for concurrent use.
type Keeper struct {
	Settings

	// attempted is closed when the position was read, or could not be.
	attempted chan struct{}

	client   storage.Client
	store    *Store // in client
	isLoaded bool
	skew     time.Duration // as it is stored
	retryAt  time.Time
}

// NewKeeper returns a keeper that does nothing before Run.
func NewKeeper(settings Settings) *Keeper {
	return &Keeper{Settings: settings, attempted: make(chan struct{})}
}

// Run reads the position, and saves it until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	k.keep(ctx)
	close(k.attempted)
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

// AwaitRead waits until the position was read or the first attempt failed, or ctx ends.
func (k *Keeper) AwaitRead(ctx context.Context) {
	select {
	case <-k.attempted:
		return
	case <-ctx.Done():
	}
	select {
	case <-k.attempted:
	default:
		k.Logger.Warn("the storage does not answer; collecting begins, and the position is read when it does. Until then the archive is not read, and a restart repeats records: check the storage extension, its directory, and the disk")
	}
}

// keep does what is due: it opens and reads the storage, or saves.
func (k *Keeper) keep(ctx context.Context) {
	now := k.Clock.Now()
	k.Position.Forget(now)
	k.Position.UpdateFlow(k.Flow())
	if k.Open == nil || time.Now().Before(k.retryAt) {
		return
	}
	var err error
	switch {
	case !k.isLoaded:
		err = k.load(ctx)
	case k.hasNewSkew():
		err = k.saveClock(ctx)
	case k.Position.NeedsSave(now):
		err = k.store.Save(ctx, k.Position, now)
	default:
		return
	}
	if ctx.Err() != nil {
		return // the stream has ended, and what is left is for close
	}
	k.reportResult(err)
}

// load opens the storage and reads the position.
func (k *Keeper) load(ctx context.Context) error {
	if k.client == nil {
		client, err := k.Open(ctx)
		if err != nil {
			return err
		}
		k.client = client
		k.store = New(client, k.Owner)
	}
	if err := k.recallClock(ctx); err != nil {
		return err
	}
	loaded, err := k.store.Load(ctx, k.Position)
	if err != nil {
		return err
	}
	k.isLoaded = true
	if loaded.Unusable != nil {
		k.Logger.Error("a stored position is not usable", zap.Error(loaded.Unusable))
	}
	switch {
	case loaded.Found:
		k.Logger.Info("position read", zap.Bool("clean_end", loaded.IsOrderly), zap.Int("identities", k.Position.Stats().Identities))
	case loaded.Unusable == nil:
		// Where there has to be one, the storage is not what it was: another folder, or another ID of the receiver.
		k.Logger.Info("no position is stored; collecting begins as at the first start of all")
	}
	if loaded.Opened.Gap != nil || len(loaded.Opened.Strays) > 0 {
		k.ReportGap(loaded.Opened)
	}
	// That there is a process again is saved before it accepts anything: if it is killed before the next save, what it
	// accepted must not pass for written down.
	return k.store.Save(ctx, k.Position, k.Clock.Now())
}

// clockKey holds how far the service's clock is ahead of this machine's, if that is more than servicetime.AlarmSkew. Positions are
// in the service's time, and the next process needs that from its first handshake on.
const clockKey = "clock"

// recallClock reads the clock skew that an earlier process has stored.
func (k *Keeper) recallClock(ctx context.Context) error {
	data, err := k.client.Get(ctx, clockKey)
	if err != nil {
		return fmt.Errorf("read the clock skew: %w", err)
	}
	if skew, err := time.ParseDuration(string(data)); err == nil { // otherwise none is stored
		k.skew = skew
		k.Clock.Restore(skew)
	}
	return nil
}

// hasNewSkew reports whether the clock skew differs from the stored one.
func (k *Keeper) hasNewSkew() bool {
	skew, known := k.Clock.Skew()
	return known && (skew-k.skew).Abs() >= servicetime.AlarmSkew
}

// saveClock stores the clock skew.
func (k *Keeper) saveClock(ctx context.Context) error {
	skew, _ := k.Clock.Skew()
	if err := k.client.Set(ctx, clockKey, []byte(skew.String())); err != nil {
		return fmt.Errorf("save the clock skew: %w", err)
	}
	k.skew = skew
	return nil
}

// reportResult reports when the storage begins and ceases to fail.
func (k *Keeper) reportResult(err error) {
	if err == nil {
		if k.Outage.Attempts() > 0 {
			k.Outage.End()
			k.Status.ClearDegraded(sourcehealth.Storage)
			k.Logger.Info("the storage works again")
		}
		return
	}
	k.CountFailure()
	now := time.Now()
	wait, _ := k.Outage.Fail(now, 0)
	k.retryAt = now.Add(wait)
	fault := status.StorageFails(err)
	k.Status.SetDegraded(fault)
	if k.Outage.Attempts() > 1 {
		return
	}
	k.Logger.Warn("the position is not saved; records keep flowing", zap.String("error", fault.Text()))
}

// Close saves for the last time and closes the client. Run and the stream have ended. Unless isOrderly is set, the next
// process treats the end as a kill.
func (k *Keeper) Close(ctx context.Context, isOrderly bool) {
	if isOrderly {
		k.Position.MarkStopped()
	}
	if k.client == nil {
		return
	}
	if k.isLoaded {
		if err := k.store.Save(ctx, k.Position, k.Clock.Now()); err != nil {
			k.Logger.Error("the last position was not saved; records may be repeated after the next start", zap.Error(err))
		}
	}
	if err := k.client.Close(ctx); err != nil {
		k.Logger.Warn("the storage was not closed in order; what was saved before stays so", zap.Error(err))
	}
}
