package proofpointpodreceiver

import (
	"context"
	"errors"
	"net/http"
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

const (
	// healthyAfter is how long a session without a record has to live to count as a success.
	healthyAfter = 30 * time.Second
	// lookInterval is how often a live session is looked after: signs of life noted, a pause begun.
	lookInterval = time.Second
	// slotFree is how long after the end of a session in order the service may take to free its slot.
	slotFree = time.Minute
	// quietAfter is how long no record may have come, and none have been delivered, before a sign of life means that the
	// service has none.
	quietAfter = 10 * time.Second
)

// stream collects the records of one event type: it opens a session, reads, hands on, and does it again when the
// session ends. All of it runs in one goroutine, that of run, which owns every field: while a batch is handed on, or
// held because the pipeline refuses it, nothing is read and no other session is opened.
type stream struct {
	eventType   podlog.EventType
	client      *podlog.Client
	credentials *credentials.Credentials
	intake      *intake
	position    *position.Position
	filler      *filler // nil: gaps are not filled, or by a filler beside the stream
	health      *status.Stream
	metrics     *streamMetrics
	logger      *zap.Logger
	clock       *servicetime.Clock
	outage      *retry.Outage // of the service
	// since is from when on the first start reads the archive, if it is now.
	since func(now time.Time) time.Time
	gaps  *gapReporter
	// backfill: gaps are read from the archive.
	backfill bool

	stop  context.Context //nolint:containedctx // ended: finish in order
	abort context.Context //nolint:containedctx // ended: return at once

	// The following are of the live session that is open.
	session *podlog.Session
	begun   time.Time // by the service's clock, as it was known then: another stream's handshake can set that since
	lookAt  time.Time
	pausing bool
	// confirming: the session ends for another handshake to confirm what its own has said of the service's time.
	confirming bool

	// corrected are the corrections of the clock that the stream has followed.
	corrected time.Duration

	// freed is when our last session, be it with the archive, ended in order, and with it freed its slot; zero: it did not.
	freed time.Time

	// quiet is for how long nothing had come when the last session ended.
	quiet time.Duration

	// failing: the health was told of a fault of the service, and not yet of its end.
	failing bool

	pauses pauses
}

// errPaused ends a live session for a window of the archive to be read.
var errPaused = errors.New("pausing for the archive")

// run collects until the source stops or the stream has to give up.
func (s *stream) run() {
	s.intake.delivery.open()
	defer s.intake.delivery.close()
	defer s.leave()
	for s.stop.Err() == nil {
		auth, err := s.credentials.First(s.stop)
		if err == nil {
			err = s.collect(auth)
		}
		if errors.Is(err, errPaused) {
			err = s.fill()
			if err == nil {
				continue
			}
		}
		if errors.Is(err, errClockDoubted) {
			continue
		}
		if s.stop.Err() != nil || errors.Is(err, errGaveUp) || !s.recover(err, auth) {
			return
		}
	}
}

// leave notes a pause that no live session has ended: what it did to the live position shows in the next process only.
func (s *stream) leave() {
	if paused := s.pauses.ended(s.clock.Now(), 0); paused != nil {
		s.position.DoubtPause(*paused)
	}
}

// collect opens one live session and reads until it ends. It returns why it was not opened or ended, and after that
// has handed on all that was read, or errGaveUp or errAborted if that was not possible.
func (s *stream) collect(auth http.Header) error {
	sent := time.Now()
	session, err := s.client.Open(s.stop, s.abort, s.eventType, auth)
	if s.stop.Err() == nil || err == nil {
		s.metrics.handshake(err)
	}
	if err != nil {
		s.notOpened(err, sent)
		return err
	}
	s.begin(session)
	defer context.AfterFunc(s.stop, session.Finish)()

	s.health.SetState(sourcehealth.Collecting)
	s.logger.Info("collecting", zap.String("state", string(sourcehealth.Collecting)))
	s.intake.delivery.sessionOpened()
	ended := session.Receive(s.abort, s)
	isPaused := s.pausing && podlog.AsError(ended).Ended() && s.stop.Err() == nil
	// A pipeline that recovers while the archive is read in a pause leaves the stream collecting.
	s.intake.delivery.collecting = isPaused

	s.followClock()
	// A complaint that crosses our own close frame is one, too.
	orderly := podlog.AsError(ended).EndedInOrder()
	// A failed delivery has ended the session itself; what it could not hand on is accounted for.
	if !errors.Is(ended, errGaveUp) && !errors.Is(ended, errAborted) {
		if err := s.intake.flush(); err != nil {
			ended, orderly = err, false
		}
	}
	s.position.EndSession(orderly, s.clock.At(session.UpToDate()))
	s.freed = time.Time{}
	if orderly {
		s.freed = time.Now()
	}
	s.livedLongEnough()
	// However the service took our close frame, the slot is free for the archive, or will be; what it has not said in
	// order is suspected.
	if isPaused {
		return errPaused
	}
	if s.confirming && podlog.AsError(ended).Ended() && s.stop.Err() == nil {
		return errClockDoubted
	}
	return ended
}

// notOpened looks at why no session was opened, by a handshake that was sent at a time. The service may have opened it
// unheard. And a slot that is still taken a minute after our last session ended in order is another client's, and the
// service goes on where that ends, not where we did.
func (s *stream) notOpened(err error, sent time.Time) {
	s.followClock()
	failed := podlog.AsError(err)
	if failed.MayBeOpen() {
		s.position.MarkUnanswered(s.clock.At(sent))
	}
	if s.freed.IsZero() || time.Since(s.freed) < slotFree || !failed.SlotTaken() {
		return
	}
	s.freed = time.Time{}
	s.logger.Warn("another client uses the token: stop it, or give it a token of its own. The records that it is sent are missing here, and " + s.fate())
	s.position.EndSession(false, s.clock.Now())
}

// begin notes a live session that has been opened.
func (s *stream) begin(session *podlog.Session) {
	s.session = session
	s.pausing = false
	s.lookAt = session.Opened().Add(lookInterval)
	s.intake.begin()
	s.health.SetState(sourcehealth.Authenticated)
	s.metrics.opened(session)
	s.logger.Info("the service has accepted the handshake", zap.String("state", string(sourcehealth.Authenticated)))
	s.setClock(session)
	s.followClock()
	if s.confirming = !s.clock.IsKnown(); s.confirming {
		session.Finish() // nothing is read from the archive before the service's time is known
	}
	if skew, told := s.clock.Skew(); told {
		s.health.SetClockBehind(skew)
	}
	now := s.clock.At(session.Opened())
	s.begun = now
	s.position.SetSince(s.since(now))
	found := s.position.BeginSession(now)
	s.opened(found)
	if found.Forgotten {
		s.pauses.forget()
	}
	if paused := s.pauses.ended(now, s.metrics.rate()); paused != nil {
		s.position.DoubtPause(*paused)
	}
}

// opened reports a gap. The keeper calls it, too, from its own goroutine, so it uses only what never changes.
func (s *stream) opened(found position.Opened) {
	if found.Gap != nil {
		s.logger.Warn("gap opened: records may have been missed, and "+s.fate(),
			zap.Time("from", found.Gap.From), zap.Time("to", found.Gap.To), zap.String("reason", found.Reason))
	}
	if n := len(found.Strays); n > 0 {
		s.logger.Warn("gap opened: records that are old for when they came may have been missed, and "+s.fate(),
			zap.Time("from", found.Strays[0].From), zap.Time("to", found.Strays[n-1].To), zap.Int("gaps", n))
	}
	s.openedForPause(found.Pause)
	s.gaps.show()
}

// fate is what becomes of records that were missed.
func (s *stream) fate() string {
	if s.backfill {
		return "are read from the archive"
	}
	return "stay so while backfill.enabled is false"
}

// openedForPause reports the gap that a pause has become, if it has. It is a precaution, of seconds as a rule.
func (s *stream) openedForPause(gap *position.Gap) {
	if gap != nil {
		s.logger.Info("gap opened: while the archive was read, records may have been missed",
			zap.Time("from", gap.From), zap.Time("to", gap.To))
	}
}

// fill reads the window that the live session pauses for.
func (s *stream) fill() error {
	w, ok := s.filler.next()
	if !ok {
		return nil
	}
	done, err := s.filler.read(w)
	if slot := s.filler.slot; !slot.from.IsZero() {
		s.freed = slot.freed
		s.pauses.slotTaken(s.clock.At(slot.from), s.clock.At(slot.to))
	}
	s.pauses.read(w, s.filler.intake.fresh, done)
	return err
}

// sureRecords are more than a service uses to say what is wrong.
const sureRecords = 10

// Frame implements [podlog.Handler]. A record ends the outage of the service if it has a `ts`, be it a repeated one, and
// so do many without one: a service that takes the handshake, says in a frame what is wrong, and closes, would otherwise
// be asked every second, and for ever.
func (s *stream) Frame(data []byte, read time.Time, truncated bool) error {
	s.followClock()
	dated := s.intake.dated
	err := s.intake.take(data, read, truncated)
	if s.failing && (s.intake.dated > dated || s.intake.records >= sureRecords) {
		s.well()
	}
	return err
}

// livedLongEnough ends the outage of the service if the session has lived for so long that it counts as a success.
func (s *stream) livedLongEnough() {
	if s.failing && time.Since(s.session.Opened()) >= healthyAfter {
		s.well()
	}
}

// well ends the outage of the service.
func (s *stream) well() {
	s.failing = false
	s.outage.End()
	s.health.EndServiceOutage()
}

// Due implements [podlog.Handler].
func (s *stream) Due() time.Time { return earliest(s.intake.due(), s.lookAt) }

// Flush implements [podlog.Handler].
func (s *stream) Flush() error {
	s.followClock()
	now := time.Now()
	if err := s.intake.flushDue(); err != nil {
		return err
	}
	if !now.Before(s.lookAt) {
		s.look()
		s.lookAt = time.Now().Add(lookInterval)
	}
	return nil
}

// look notes signs of life, and begins a pause when a window of the archive is due.
func (s *stream) look() {
	s.livedLongEnough()
	alive := s.session.Alive()
	quiet := len(s.intake.batch.records) == 0 && !s.session.Pending() && alive.Sub(s.busyUntil()) >= quietAfter
	s.position.MarkAlive(s.clock.At(alive), quiet)
	if found := s.position.JudgeStop(); found.Gap != nil {
		s.opened(found)
	}
	s.judge(s.pauses.look(s.clock.Now()))
	if !s.backfill {
		s.gaps.expire() // elsewhere the filler does that
	}
	if s.filler == nil || s.pausing || s.confirming {
		return
	}
	s.filler.expire()
	if !s.pauses.allowed(s.clock.Now()) || !s.position.CaughtUp(s.begun) {
		return
	}
	if _, due := s.filler.next(); due {
		s.pausing = true
		s.session.Finish()
	}
}

// busyUntil is when the live session last had something to do. While a batch is delivered nothing is read, so what waits
// at the service then comes after that.
func (s *stream) busyUntil() time.Time {
	at := s.session.Opened()
	for _, t := range []time.Time{s.intake.last, s.intake.delivered} {
		if t.After(at) {
			at = t
		}
	}
	return at
}

// judge acts on what the first records after a pause tell.
func (s *stream) judge(v verdict) {
	switch v {
	case pauseUndecided:
	case pauseHarmless, pauseTrusted:
		s.position.TrustPause()
		s.filler.setLosing(false)
	case pauseSuspicious, pauseHarmful:
		s.openedForPause(s.position.OpenPauseGap())
		s.gaps.show()
		if v == pauseHarmful {
			s.filler.setLosing(true)
		}
	}
}
