package position_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// The gap is of the minute that has passed, by the clock as it is known now.
func TestCorrect_aGapIsAsLongAsTheTimeThatHasPassed(t *testing.T) {
	for name, by := range map[string]time.Duration{"ahead": 5 * time.Hour, "behind": -5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options())
			s.handshake(12, 0)
			s.accept(12, 1)
			s.CorrectClock(by, at(12, 2).Add(by))
			s.EndSession(false, at(12, 2).Add(by))
			opened := s.BeginSession(at(12, 3).Add(by))
			if assert.NotNil(t, opened.Gap) {
				assert.Equal(t, at(12, 1).Add(by), opened.Gap.From)
				assert.Equal(t, at(12, 3).Add(by), opened.Gap.To)
			}
		})
	}
}

// What opened at the first handshake of the process was reckoned by the same clock; an older gap was not.
func TestCorrect_movesTheGapOfTheFirstHandshakeOnly(t *testing.T) {
	s := quietly(t)
	s.MarkUnanswered(at(12, 3))
	s.handshake(12, 5)
	s.EndSession(false, at(12, 6))
	s.stop()
	s.handshake(14, 0)
	before := s.Gaps()
	assert.Len(t, before, 1, "they touch")

	s.CorrectClock(24*time.Hour, at(14, 0).Add(24*time.Hour))
	gap := before[0]
	assert.Equal(t, gap.From.Add(24*time.Hour), s.Gaps()[0].From)
	s.CorrectClock(-24*time.Hour, at(14, 1))
	assert.Equal(t, before, s.Gaps())
}

func TestCorrect_nothingBeforeTheFirstHandshake(t *testing.T) {
	s := quietly(t)
	s.stop()
	s.CorrectClock(24*time.Hour, at(13, 0).Add(24*time.Hour))
	assert.Empty(t, s.handshake(12, 3), "what is stored is of the service's time")
}

// What was accepted is not forgotten for a clock that was wrong by more than identities are remembered.
func TestCorrect_identitiesAreAsOldAsTheyAre(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 1)
	const by = 700 * time.Hour
	s.CorrectClock(by, at(12, 2).Add(by))
	s.Forget(at(12, 3).Add(by))
	assert.Equal(t, 1, s.Stats().Identities)
}
