package proofpointpodreceiver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/health"
	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/record"
)

const (
	// A batch is handed on when it has so many records, or so many bytes of record text, or when its first record
	// has waited so long. Larger batches are the batch processor's task, or the exporter's.
	maxBatchRecords = 100
	maxBatchBytes   = 1 << 20
	maxBatchAge     = 100 * time.Millisecond

	// healthyAfter is how long a session without a record has to live to count as a success.
	healthyAfter = 30 * time.Second
)

// stream collects the records of one event type: it opens a session, reads, hands on, and does it again when the
// session ends. All of it runs in one goroutine, that of run, which owns every field: while a batch is handed on, or
// held because the pipeline refuses it, nothing is read and no other session is opened.
type stream struct {
	eventType   podlog.EventType
	client      *podlog.Client
	credentials *credentials
	delivery    *delivery
	health      *health.Stream
	metrics     *streamMetrics
	logger      *zap.Logger
	outage      *outage // of the service

	stop  context.Context // ended: finish in order
	abort context.Context // ended: return at once

	batch      []record.Record
	batchBytes int
	batchDue   time.Time // when the batch has to be handed on; zero: it is empty
}

// run collects until the source stops or the stream has to give up.
func (s *stream) run() {
	defer s.delivery.close()
	for s.stop.Err() == nil {
		auth, err := s.credentials.first(s.stop)
		if err == nil {
			err = s.collect(auth)
		}
		if s.stop.Err() != nil || errors.Is(err, errGaveUp) || !s.recover(err, auth) {
			return
		}
	}
}

// collect opens one session and reads until it ends. It returns why it was not opened or ended, and after that has
// handed on all that was read, or errGaveUp or errAborted if that was not possible.
func (s *stream) collect(auth http.Header) error {
	if len(auth) == 0 {
		return errNoToken
	}
	session, err := s.client.Open(s.stop, s.eventType, auth)
	if s.stop.Err() == nil || err == nil {
		s.metrics.handshake(err)
	}
	if err != nil {
		return err
	}
	s.health.Is(health.Authenticated)
	s.metrics.opened(session)
	s.logger.Info("session opened", zap.String("state", string(health.Authenticated)))
	defer context.AfterFunc(s.stop, session.Finish)()

	s.health.Is(health.Collecting)
	s.delivery.collecting = true
	ended := session.Receive(s.abort, s)
	s.delivery.collecting = false

	// A failed delivery has ended the session itself; what it could not hand on is accounted for.
	if errors.Is(ended, errGaveUp) || errors.Is(ended, errAborted) {
		return ended
	}
	if err := s.Flush(); err != nil {
		return err
	}
	if time.Since(session.Opened()) >= healthyAfter {
		s.outage.over()
	}
	return ended
}

// Frame implements [podlog.Handler].
func (s *stream) Frame(data []byte, truncated bool) error {
	before := len(s.batch)
	now := time.Now()
	s.batch = record.Split(s.batch, data, truncated, now)
	added := s.batch[before:]
	if len(added) == 0 {
		return nil
	}
	s.outage.over()
	for i := range added {
		s.batchBytes += len(added[i].Body)
	}
	s.metrics.read(&added[len(added)-1], now)
	if before == 0 {
		s.batchDue = now.Add(maxBatchAge)
	}
	if len(s.batch) < maxBatchRecords && s.batchBytes < maxBatchBytes {
		return nil
	}
	return s.Flush()
}

// Due implements [podlog.Handler].
func (s *stream) Due() time.Time { return s.batchDue }

// Flush implements [podlog.Handler]. It hands on the batch, and returns when that is accepted or refused for good.
func (s *stream) Flush() error {
	records := s.batch
	for len(records) > 0 {
		// One frame can hold more records than a batch.
		n := min(len(records), maxBatchRecords)
		if err := s.delivery.deliver(records[:n]); err != nil {
			s.delivery.lost(records, err)
			return err
		}
		records = records[n:]
	}
	clear(s.batch)
	s.batch = s.batch[:0]
	s.batchBytes = 0
	s.batchDue = time.Time{}
	return nil
}

// recover waits until it makes sense to try again after err. It returns false if it never does, or if the source
// stops.
func (s *stream) recover(err error, auth http.Header) bool {
	fault, retryAfter := s.faultOf(err)
	if fault.Type == health.ThirdPartyConfig {
		if fault.NewTokenHelps && s.credentials.canChange {
			return s.awaitNewToken(fault, auth)
		}
		s.quit(fault, "The source has to be updated: correct the configuration and reload the collector.")
		return false
	}
	wait, giveUp := s.outage.failed(time.Now(), retryAfter)
	if giveUp {
		s.quit(fault, gaveUp(s.outage))
		return false
	}
	s.health.Failing(fault, s.outage.attempts, s.outage.deadline())
	s.metrics.reconnect(fault.Label)
	s.logger.Warn("not collecting; trying again",
		zap.String("error", fault.Message),
		zap.String("error.type", string(fault.Type)),
		zap.Int("attempt", s.outage.attempts),
		zap.Duration("next_attempt_in", wait.Round(time.Millisecond)),
	)
	return pause(s.stop, wait)
}

// gaveUp says why there is no other attempt, and what makes one.
func gaveUp(o *outage) string {
	if !o.config.Enabled {
		return "Retries are switched off (retry_on_failure.enabled): restart or reload the collector to try again."
	}
	return fmt.Sprintf("Gave up after %v (retry_on_failure.max_elapsed_time): restart or reload the collector to try again.",
		o.config.MaxElapsedTime)
}

// errNoToken is why no session was opened while the authenticator has no token.
var errNoToken = errors.New("no token")

// faultOf classifies err, and returns how long the service asks us to stay away.
func (s *stream) faultOf(err error) (health.Fault, time.Duration) {
	var failed *podlog.Error
	switch {
	case errors.As(err, &failed):
		return health.Of(failed), failed.RetryAfter
	case errors.Is(err, errNoToken):
		return health.NoToken(), 0
	default:
		return health.Authenticator(err), 0
	}
}

// awaitNewToken waits for other credentials than those that were refused. No handshake is made before there are some.
func (s *stream) awaitNewToken(fault health.Fault, refused http.Header) bool {
	s.health.Failing(fault, 1, time.Time{})
	s.logger.Error("not collecting; waiting for another token from the authenticator",
		zap.String("error", fault.Message), zap.String("error.type", string(fault.Type)))
	if !s.credentials.other(s.stop, refused) {
		return false
	}
	// The time spent waiting was not the service's trouble, so what follows starts a clock of its own.
	s.outage.over()
	s.metrics.reconnect(fault.Label)
	s.logger.Info("the authenticator has another token; trying again")
	return true
}

// quit ends the stream, and says why and what brings it back.
func (s *stream) quit(fault health.Fault, remedy string) {
	fault.Message += ". " + remedy
	s.health.Quit(fault, s.outage.attempts)
	s.logger.Error("not collecting any more",
		zap.String("error", fault.Message), zap.String("error.type", string(fault.Type)))
}
