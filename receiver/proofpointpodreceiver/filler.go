package proofpointpodreceiver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/servicetime"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
	"github.com/proofpointpod/otelcol/internal/status"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/credentials"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/retry"
)

// fillerPoll is how often a filler with a token of its own looks for a window to read.
const fillerPoll = time.Second

// barrenReads is how many reads of a window that end otherwise than others did, and bring nothing new, tell nothing.
const barrenReads = 5

// barren counts the reads of a window, of those that did not end in order, that brought nothing new and as many records
// as the longest of them.
type barren struct{ records, reads int }

const (
	// lagWait is how long an archive that lags is left alone.
	lagWait = 30 * time.Minute
	// soonAgain is how many attempts that fail in a row are followed by another soon, where the live session has to pause
	// for each.
	soonAgain = 6
	// longestLag is for how long an hour that is due is read again because of that.
	longestLag = 24 * time.Hour
	// underWayWait is how much longer than two batches wait an hour is left alone of which records wait for the pipeline.
	underWayWait = 5 * time.Second
)

// filler reads the windows of a stream's gaps from the archive. With a second token it has a goroutine of its own,
// beside the live session; with the one token, the stream's goroutine calls it while the live session pauses.
type filler struct {
	client      *podlog.Client
	credentials *credentials.Credentials
	intake      *intake
	position    *position.Position
	gaps        *gapReporter
	health      *status.Stream
	metrics     *streamMetrics
	logger      *zap.Logger
	clock       *servicetime.Clock

	stop, abort context.Context //nolint:containedctx // the life of the stream, not of a call

	// ownToken: the credentials are a second token's, which no one but a reload can change.
	ownToken bool
	// refused: the service has refused that token.
	refused bool

	// maxPause and longest say when a read of a window is ended while the live session pauses: the first for its first
	// read, the second at the most. What the service has still sent by then is read to its close, and handed on, but not
	// for longer than overtime. 0: no bounds, as nothing pauses.
	maxPause, longest time.Duration
	// pauses are the bounds of windows that did not fit in maxPause, by the window's start in seconds since 1970.
	pauses map[int64]time.Duration
	// hopeless are the windows that did not fit in longest.
	hopeless map[int64]bool
	// losing: pauses are known to lose records.
	losing bool

	// closes: the service has ended an archive session in order. Some are said to drop it always.
	closes bool
	// barren are the reads of windows that did not end in order and brought nothing new.
	barren map[int64]barren

	outage  *retry.Outage // of the archive; it does not give up
	retryAt time.Time

	// The following are of the window that is being read.
	session *podlog.Session
	asked   time.Time // when the session was asked for
	until   time.Time // when its time is up and our close frame goes out; zero: never, or it has
	last    time.Time // when the session ends without the service's; zero: never
	cutOff  bool
	// quietAt is when the archive, if it tells nothing until then, has told all, and our close frame goes out.
	quietAt time.Time
	// amiss is why the session is closed early, and not in order; nil: it is not.
	amiss error
	slot  slotUse
}

// slotUse is how an archive session had the slot, or may have had it.
type slotUse struct {
	// from is when the session was asked for; zero: the service has not opened it.
	from time.Time
	// to is a time at which it had not ended yet.
	to time.Time
	// freed is when the session ended in order, and with it freed the slot; zero: it did not.
	freed time.Time
}

// archiveQuiet is how long an archive may tell nothing before it counts as having told all. The service ends sessions that
// are as quiet by itself, but for our pings.
const archiveQuiet = 5 * time.Minute

var (
	errArchiveQuiet = &podlog.Error{
		Op: fmt.Sprintf("the archive told nothing for %v, and did not end its session", archiveQuiet), Reason: podlog.ReasonSilent,
	}
	// errNotAsked: what comes is not of the hour that was asked for.
	errNotAsked = errors.New("the service does not tell the hour of the archive that it was asked for, but something else")
)

// errOvertime: the service went on sending after our close frame for longer than the live session may pause.
var errOvertime = errors.New("the archive session did not end by our close frame before the live session had to go on")

// overtime is how much longer than its limit a read of a window may take for its end in order. With the longest limit,
// half of what the service remembers, it leaves a quarter of that.
func overtime(limit time.Duration) time.Duration { return min(limit/2, maxOvertime) }

// maxOvertime is enough for any close handshake that is answered.
const maxOvertime = 30 * time.Second

// run fills until the stream stops. It is for a filler with a token of its own.
func (f *filler) run() {
	f.intake.delivery.open()
	defer f.intake.delivery.close()
	for retry.Wait(f.stop, fillerPoll) {
		if !f.clock.IsKnown() {
			continue // what is due, and what is too old, is reckoned by the service's clock
		}
		f.expire()
		if err := f.intake.delivery.retryAsideIfDue(); err != nil {
			return
		}
		w, ok := f.next()
		if !ok {
			continue
		}
		if _, err := f.read(w); err != nil { // errAborted: the source has stopped
			return
		}
	}
}

// next is the window that is to be read now, if there is one: none before it is known what was delivered.
func (f *filler) next() (position.Window, bool) {
	if f.refused || time.Now().Before(f.retryAt) || !f.position.IsLoaded() {
		return position.Window{}, false
	}
	if f.intake.delivery.busy() {
		return position.Window{}, false // what it holds would pass for delivered, and the pipeline may refuse it yet
	}
	now := f.clock.Now()
	for _, w := range f.position.Windows() {
		if !f.hopeless[w.Start.Unix()] && !now.Before(w.Due) {
			return w, true
		}
	}
	return position.Window{}, false
}

// expire gives up what the archive has no more.
func (f *filler) expire() {
	if f.gaps.expire() {
		f.forget()
	}
}

// forget drops what is known of windows that need not be read any more.
func (f *filler) forget() {
	needed := map[int64]bool{}
	for _, w := range f.position.Windows() {
		needed[w.Start.Unix()] = true
	}
	maps.DeleteFunc(f.pauses, func(start int64, _ time.Duration) bool { return !needed[start] })
	maps.DeleteFunc(f.barren, func(start int64, _ barren) bool { return !needed[start] })
	hopeless := len(f.hopeless)
	maps.DeleteFunc(f.hopeless, func(start int64, _ bool) bool { return !needed[start] })
	if hopeless > 0 {
		f.clearTrouble()
	}
}

// read reads one window, and says whether that is done. The error is why the pipeline did not take what came; all else
// is reported here.
func (f *filler) read(w position.Window) (done bool, err error) {
	defer func() { f.session = nil }()
	f.intake.begin()
	limit := f.limit(w)
	f.until, f.last = time.Time{}, time.Time{}
	f.slot = slotUse{}
	if limit > 0 {
		f.until = time.Now().Add(limit)
		f.last = f.until.Add(overtime(limit))
	}
	auth, err := f.credentials.Header(f.stop)
	if err == nil {
		f.session, err = f.openInTurn(w, auth)
	}
	if err != nil {
		if podlog.AsError(err).MayBeOpen() {
			f.slot = slotUse{from: f.asked, to: time.Now()}
		}
		f.failed(err)
		return false, nil
	}
	f.logger.Info("reading the archive", zap.Time("from", w.Start), zap.Time("to", w.End))
	defer context.AfterFunc(f.stop, f.session.Finish)()

	f.cutOff, f.amiss = false, nil
	f.quietAt = time.Now().Add(archiveQuiet)
	f.intake.asked = w.End
	f.intake.delivery.until = f.last
	defer func() { f.intake.delivery.until = time.Time{} }()
	ended := f.session.Receive(f.abort, f)
	f.slot = slotUse{from: f.asked, to: f.session.UpToDate()}
	if podlog.AsError(ended).EndedInOrder() {
		f.slot.freed = time.Now()
	}
	if !isUnanswered(ended) && !errors.Is(ended, errOvertime) {
		if err := f.intake.flush(); err != nil {
			ended = err
		}
	}
	if f.intake.records > 0 && f.intake.dated == 0 && f.mayWait(w) {
		f.amiss = errNotAsked // records have a time: this may be what is wrong, in words
	}
	if f.amiss != nil && !isUnanswered(ended) && !errors.Is(ended, errOvertime) {
		ended = f.amiss
	}
	switch {
	case errors.Is(ended, errGaveUp) || errors.Is(ended, errAborted):
		return false, ended
	case errors.Is(ended, errOvertime) || errors.Is(ended, errHeldTooLong):
		f.cutOff = true
		f.intake.drop()
	}
	return f.finished(w, limit, ended), nil
}

// slotWait is how long the service has, after the live session's end, to free its slot for the archive.
const slotWait = 20 * time.Second

// openInTurn opens a session. With the one token, the slot may be held a little longer by the live session, if the
// service did not answer our close frame: live would hold it again, and for ever, if it came back at once.
func (f *filler) openInTurn(w position.Window, auth http.Header) (*podlog.Session, error) {
	last := time.Now().Add(slotWait)
	if f.until.Before(last) {
		last = f.until
	}
	for wait := time.Second; ; wait *= 2 {
		session, err := f.open(w, auth)
		if f.ownToken || !podlog.AsError(err).SlotTaken() || time.Now().Add(wait).After(last) || !retry.Wait(f.stop, wait) {
			return session, err
		}
	}
}

func (f *filler) open(w position.Window, auth http.Header) (*podlog.Session, error) {
	// Whether the service takes a time in the future is not known; it rounds to the hour anyway.
	to := w.End
	if now := f.clock.Now(); to.After(now) {
		to = now
	}
	f.asked = time.Now()
	session, err := f.client.OpenArchive(f.stop, f.intake.splitter.EventType, auth, w.Start, to)
	if f.stop.Err() == nil || err == nil {
		f.metrics.handshake(err)
	}
	return session, err
}

// limit is how long the reading of a window may take, 0 for as long as it needs.
func (f *filler) limit(w position.Window) time.Duration {
	if longer, ok := f.pauses[w.Start.Unix()]; ok {
		return longer
	}
	return f.maxPause
}

// finished notes how a window's reading ended, and says whether the window is done.
func (f *filler) finished(w position.Window, limit time.Duration, ended error) bool {
	orderly := podlog.AsError(ended).EndedInOrder()
	waits := slices.ContainsFunc(f.intake.waiting, f.position.IsUnderWay)
	cutOff := f.cutOff || waits || f.stop.Err() != nil || errors.Is(ended, errNotAsked) || f.mustBeCutOff(w, orderly)
	done, lags, closed := f.position.FinishWindow(w, position.WindowResult{
		Complete: orderly && !cutOff,
		CutOff:   cutOff,
		Records:  f.intake.records,
		Fresh:    f.intake.fresh,
		Newest:   f.intake.newest,
		Patient:  f.mayWait(w),
	})
	f.metrics.windowRead(done)
	f.logger.Info("archive read",
		zap.Time("from", w.Start), zap.Time("to", w.End), zap.Bool("complete", done), zap.NamedError("end", ended),
		zap.Int("records", f.intake.records), zap.Int("recovered", f.intake.fresh))
	for _, gap := range closed {
		f.logger.Info("gap filled", zap.Time("from", gap.From), zap.Time("to", gap.To))
	}
	if len(closed) > 0 {
		f.gaps.show()
	}
	switch {
	case f.stop.Err() != nil:
	case lags:
		f.logger.Warn("the archive lags: of this hour it does not tell yet what has come live; it is read again later",
			zap.Time("from", w.Start), zap.Time("to", w.End), zap.Duration("next_attempt_in", lagWait))
	case errors.Is(ended, errHeldTooLong):
		// More time would not help. The delivery has told of the pipeline.
		f.wait(0)
		return false
	case waits:
		// A gap that closed now would not be there for the next process, should this one be killed.
		f.retryAt = time.Now().Add(2*f.intake.batch.limits.Timeout + underWayWait)
		return false
	case f.cutOff:
		f.extend(w, limit)
	case !done && !orderly:
		if f.intake.fresh > 0 { // it gets on
			f.outage.End()
		}
		f.failed(ended)
		return false
	}
	f.outage.End()
	f.retryAt = time.Time{}
	if lags {
		f.retryAt = time.Now().Add(lagWait)
	}
	f.clearTrouble()
	return done
}

// mayWait says whether an hour has been due for less than a day. What the archive has not after that, it will not get.
func (f *filler) mayWait(w position.Window) bool { return f.clock.Now().Before(w.Due.Add(longestLag)) }

// mustBeCutOff says that a read which did not end in order has not brought all. It does so for a service that is known to
// close in order, but not for ever: should it not do so for this window, reads that bring nothing new have to do.
func (f *filler) mustBeCutOff(w position.Window, orderly bool) bool {
	start := w.Start.Unix()
	if orderly {
		f.closes = true
		delete(f.barren, start)
		return false
	}
	before, ok := f.barren[start]
	switch records := f.intake.records; {
	case !ok || f.intake.fresh > 0 || records > before.records:
		f.barren[start] = barren{records: max(records, before.records)}
	case records == before.records:
		before.reads++
		f.barren[start] = before
	}
	return f.closes && f.barren[start].reads <= barrenReads
}

// extend gives a window that did not fit more time, up to the longest pause there may be.
func (f *filler) extend(w position.Window, limit time.Duration) {
	if limit < f.longest {
		f.pauses[w.Start.Unix()] = min(2*limit, f.longest)
		return
	}
	f.hopeless[w.Start.Unix()] = true
	f.needSecondToken(fmt.Sprintf("the archive's hour from %s can't be read within %v, the longest that the live session may pause",
		w.Start.UTC().Format(time.RFC3339), limit))
}

// needSecondToken reports that the one token is not enough.
func (f *filler) needSecondToken(reason string) {
	fault := status.SecondTokenNeeded(reason)
	f.logger.Error("gaps can't be filled", zap.String("error", fault.Message))
	f.health.SetDegraded(fault)
}

// setLosing notes whether pauses lose records.
func (f *filler) setLosing(losing bool) {
	before := f.losing
	f.losing = losing
	switch {
	case losing:
		f.needSecondToken(fmt.Sprintf("an archive session moves the position of the live session, so the archive is read with the one token only every %d hours, to see whether it still does",
			int(verdictFor.Hours())))
	case before:
		f.logger.Info("an archive session does not move the position of the live session any more: gaps are filled again")
		f.clearTrouble()
	}
}

// clearTrouble notes that gaps are filled, if nothing is left that a second token would be needed for.
func (f *filler) clearTrouble() {
	if len(f.hopeless) == 0 && !f.losing {
		f.health.ClearDegraded(sourcehealth.Backfill)
	}
}

// failed notes that a window could not be read, and when to try again.
func (f *filler) failed(err error) {
	if f.stop.Err() != nil {
		return
	}
	fault, retryAfter := faultOf(err, f.credentials.Origin(), status.ArchiveFault)
	if f.ownToken && fault.Type == sourcehealth.ThirdPartyConfig && fault.NewTokenHelps {
		f.refused = true
		fault = status.BackfillFails(fault)
		fault.Outlook = "It is not tried again: correct backfill.api_secret, and restart or reload the collector. Live records keep coming"
		f.logger.Error("gaps can't be filled", zap.String("error", fault.Text()))
		f.health.SetDegraded(fault)
		return
	}
	if !f.ownToken && f.outage.Attempts() >= soonAgain {
		retryAfter = max(retryAfter, lagWait)
	}
	wait := f.wait(retryAfter)
	if f.outage.Attempts() > 1 {
		// A single failure is usual, and not worth an alarm.
		f.health.SetDegraded(status.BackfillFails(fault))
	}
	f.logger.Warn("the archive was not read to the end; trying again",
		zap.String("error", fault.Message), zap.Int("attempt", f.outage.Attempts()),
		zap.Duration("next_attempt_in", wait.Round(time.Millisecond)))
}

// wait counts a failure, and has no window read for some time, at least atLeast, which it returns.
func (f *filler) wait(atLeast time.Duration) time.Duration {
	wait, _ := f.outage.Fail(time.Now(), atLeast)
	f.retryAt = time.Now().Add(wait)
	return wait
}

// Frame implements [podlog.Handler].
func (f *filler) Frame(data []byte, read time.Time, truncated bool) error {
	err := f.intake.take(data, read, truncated)
	f.quietAt = time.Now().Add(archiveQuiet)
	if f.amiss == nil && f.intake.newer >= notAsked && 2*f.intake.newer > f.intake.records {
		f.finish(errNotAsked)
	}
	return err
}

// notAsked records that are newer than what was asked for are no slip.
const notAsked = 20

// finish closes the session early, for a reason.
func (f *filler) finish(amiss error) {
	f.amiss = amiss
	f.session.Finish()
}

// Due implements [podlog.Handler].
func (f *filler) Due() time.Time {
	due := earliest(f.intake.due(), earliest(f.until, f.last))
	if f.amiss == nil {
		due = earliest(due, f.quietAt)
	}
	return due
}

// Flush implements [podlog.Handler].
func (f *filler) Flush() error {
	now := time.Now()
	if !f.last.IsZero() && !now.Before(f.last) {
		return errOvertime
	}
	if !f.until.IsZero() && !now.Before(f.until) {
		f.cutOff = true
		f.until = time.Time{}
		f.session.Finish()
	}
	if f.amiss == nil && !now.Before(f.quietAt) {
		f.finish(errArchiveQuiet)
	}
	err := f.intake.flushDue()
	f.quietAt = f.quietAt.Add(time.Since(now)) // nothing was read meanwhile
	return err
}

// earliest is the earlier of two times of which zero is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
