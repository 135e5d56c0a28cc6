package proofpointpodreceiver

import (
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
	"github.com/proofpointpod/otelcol/internal/status"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/credentials"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/retry"
)

// recover waits until it makes sense to try again after err. It returns false if it never does, or if the source
// stops.
func (s *stream) recover(err error, auth http.Header) bool {
	fault, retryAfter := faultOf(err, s.credentials.Origin(), status.SessionFault)
	s.failing = true
	lost := podlog.AsError(err).Ended()
	if lost {
		fault = s.habit(err, fault)
	} else {
		s.metrics.connectFailed(fault.Label)
	}
	if fault.Type == sourcehealth.ThirdPartyConfig {
		if fault.NewTokenHelps && s.credentials.Origin().Renews() {
			return s.awaitNewToken(fault, auth)
		}
		s.quit(fault, "It is not tried again: correct the configuration, check it with the collector's validate command, and restart the collector; a reload (SIGHUP) will do if the value does not come from the environment")
		return false
	}
	wait, giveUp := s.outage.Fail(time.Now(), retryAfter)
	if giveUp {
		s.quit(fault, s.outage.GiveUpAdvice())
		return false
	}
	s.health.SetRetrying(fault, s.outage.Attempts(), s.outage.Deadline())
	if lost {
		s.metrics.reconnect(fault.Label)
	}
	fields := []zap.Field{
		zap.String("error", fault.Message),
		zap.String("error.type", string(fault.Type)),
		zap.Int("attempt", s.outage.Attempts()),
		zap.Duration("next_attempt_in", wait.Round(time.Millisecond)),
	}
	if deadline := s.outage.Deadline(); !deadline.IsZero() {
		fields = append(fields, zap.Time("gives_up_at", deadline))
	}
	s.logger.Warn("not collecting; trying again", fields...)
	return retry.Wait(s.stop, wait)
}

const (
	// leastQuiet is the shortest time after which something in between ends quiet connections.
	leastQuiet = 10 * time.Second
	// sameQuiet is how much two such times differ at the most.
	sameQuiet = 2 * time.Second
)

// habit says so if sessions end each time when nothing has come for the same time.
func (s *stream) habit(err error, fault sourcehealth.Fault) sourcehealth.Fault {
	var ended *podlog.Error
	if !errors.As(err, &ended) {
		return fault
	}
	before := s.quiet
	s.quiet = ended.Quiet
	if s.quiet < leastQuiet || (s.quiet-before).Abs() > sameQuiet {
		return fault
	}
	return status.AddQuietHabit(fault, s.quiet)
}

// faultOf classifies err, and returns how long the service asks us to stay away. from is where the token came from, and of
// classifies an error of a session.
func faultOf(err error, from status.Origin, of func(*podlog.Error, status.Origin) sourcehealth.Fault) (sourcehealth.Fault, time.Duration) {
	var failed *podlog.Error
	switch {
	case errors.As(err, &failed):
		return of(failed, from), failed.RetryAfter
	case errors.Is(err, credentials.ErrNoToken):
		return status.NoToken(), 0
	case errors.Is(err, errNotAsked):
		return status.NotTheArchive(err), lagWait
	default:
		return status.AuthenticatorFails(err), 0
	}
}

// awaitNewToken waits for other credentials than those that were refused. No handshake is made before there are some.
func (s *stream) awaitNewToken(fault sourcehealth.Fault, refused http.Header) bool {
	s.health.SetRetrying(fault, 1, time.Time{})
	s.logger.Error("not collecting; waiting for another token from the authenticator",
		zap.String("error", fault.Message), zap.String("error.type", string(fault.Type)))
	if !s.credentials.Await(s.stop, refused) {
		return false
	}
	// The time spent waiting was not the service's trouble, so what follows starts a clock of its own.
	s.outage.End()
	s.logger.Info("the authenticator has another token; trying again")
	return true
}

// quit ends the stream, and says why and what brings it back.
func (s *stream) quit(fault sourcehealth.Fault, remedy string) {
	fault.Outlook = remedy
	s.health.SetStopped(fault, s.outage.Attempts())
	s.logger.Error("not collecting any more",
		zap.String("error", fault.Text()), zap.String("error.type", string(fault.Type)))
}
