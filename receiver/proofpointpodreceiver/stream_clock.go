package proofpointpodreceiver

import (
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// errClockDoubted ends a live session for another handshake.
var errClockDoubted = errors.New("asking for the service's time again")

// setClock relates our clock to the service's.
func (s *stream) setClock(session *podlog.Session) {
	date := session.Date()
	apart, believed := s.clock.Adjust(date, session.Opened())
	if !believed {
		s.logger.Warn("the Date of the service's answer is not believed until another handshake agrees: it is far from this machine's clock and from the answers before; correct that clock, or the clock of the proxy in between",
			zap.Time("date", date))
	}
	if apart != 0 {
		s.logger.Warn("this machine's clock and the service's differ by more than a minute: check this machine's time synchronisation. Nothing is lost by it, as gaps are reckoned by the service's",
			zap.Duration("service_is_ahead_by", apart))
	}
}

// followClock moves what the stream has reckoned by the clock to what the clock tells since a handshake, this stream's or
// another's, has corrected it. Nothing that the stream reckons later may come before: it is called first.
func (s *stream) followClock() {
	by := s.clock.Correction() - s.corrected
	if by == 0 {
		return
	}
	s.corrected += by
	s.position.CorrectClock(by, s.clock.Now())
	s.pauses.correct(by)
	s.begun = s.begun.Add(by)
}

// correct moves all times by so much, but for those that are not set.
func (p *pauses) correct(by time.Duration) {
	times := []*time.Time{
		&p.session, &p.pause.From, &p.pause.To, &p.watched.From, &p.watched.To, &p.harmlessUntil, &p.noneUntil,
	}
	for i := range p.suspects {
		times = append(times, &p.suspects[i].pause.From, &p.suspects[i].pause.To)
	}
	for _, t := range times {
		if !t.IsZero() {
			*t = t.Add(by)
		}
	}
}
