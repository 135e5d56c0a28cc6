package proofpointpodreceiver

import "time"

// followClock moves what the stream has reckoned by the clock to what the clock tells since a handshake, this stream's or
// another's, has corrected it. Nothing that the stream reckons later may come before: it is called first.
func (s *stream) followClock() {
	by := s.clock.correction() - s.corrected
	if by == 0 {
		return
	}
	s.corrected += by
	s.position.Correct(by, s.clock.now())
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
