package position_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/position"
)

// A record without a `ts` is missing from when on it may have reached the service, though the pipeline refused it later,
// and others have been accepted since.
func TestAside_recordWithoutATimeIsMissing(t *testing.T) {
	for name, end := range map[string]func(*story, position.Record){
		"kill": func(s *story, _ position.Record) { s.killed() },
		"stop": func(s *story, r position.Record) {
			s.Refuse([]position.Record{r}, s.now)
			s.close(20, 1)
			s.stop()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options())
			s.handshake(12, 0)
			s.accept(12, 10)
			undated := s.claim(time.Time{})
			s.Suspend([]position.Record{undated}, at(18, 0))
			s.accept(20, 0)
			end(s, undated)
			assert.Equal(t, "12:10-20:02", s.handshake(20, 2))
		})
	}
}

func TestAside_followsTheClock(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 10)
	undated := s.claim(time.Time{})
	s.Suspend([]position.Record{undated}, at(12, 10))
	s.CorrectClock(5*time.Hour, at(17, 10))
	s.accept(20, 0)
	s.Refuse([]position.Record{undated}, s.now)
	s.close(20, 1)
	s.stop()
	assert.Equal(t, "17:10-20:02", s.handshake(20, 2))
}
