package position_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/position"
)

// stopped has a process end in order at 12:10, and another begin at a minute after twelve.
func stopped(t *testing.T, minute int) *story {
	t.Helper()
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 5)
	s.close(12, 10)
	s.stop()
	require.Empty(t, s.handshake(12, minute))
	return s
}

// found is the gap that the stop has opened by now.
func (s *story) found() string {
	s.t.Helper()
	opened := s.JudgeStop()
	if opened.Gap == nil {
		return ""
	}
	assert.Contains(s.t, opened.Reason, "as a precaution")
	return text(*opened.Gap)
}

func TestStopped_forAMinuteNeedsNoProof(t *testing.T) {
	s := stopped(t, 11)
	s.MarkAlive(at(12, 12), true)
	assert.Empty(t, s.found())
	s.drop()
	assert.Equal(t, "12:12-12:13", s.handshake(12, 13))
}

// Another session would have taken the records that reached the service right after the stop.
func TestStopped_isProvedByTheFirstRecords(t *testing.T) {
	s := stopped(t, 40)
	s.acceptLate(at(12, 10).Add(20*time.Second), at(12, 40))
	assert.Empty(t, s.found(), "not yet")
	s.acceptLate(at(12, 11), at(12, 40))
	assert.Empty(t, s.found())
	s.acceptLate(at(12, 40), at(12, 41))
	assert.Empty(t, s.found())
	assert.Empty(t, s.gaps())
	s.close(12, 42)
	s.stop()
	assert.Empty(t, s.handshake(12, 43))
}

func TestStopped_isNotProved(t *testing.T) {
	for name, happens := range map[string]func(*story){
		"by records that came later": func(s *story) {
			s.acceptLate(at(12, 11), at(12, 40)) // a late one can come at any time
			s.acceptLate(at(12, 30), at(12, 40))
		},
		"by the archive's records": func(s *story) {
			s.Accept([]position.Record{s.claim(at(12, 10)), s.claim(at(12, 10))}, false, at(12, 40))
			s.MarkAlive(at(12, 41), true)
		},
		"by records without a time": func(s *story) {
			s.acceptLate(time.Time{}, at(12, 40))
			s.acceptLate(time.Time{}, at(12, 40))
			s.MarkAlive(at(12, 41), true)
		},
		"by one record": func(s *story) {
			s.acceptLate(at(12, 10), at(12, 40))
			s.acceptLate(at(12, 40), at(12, 40))
		},
		"by silence": func(s *story) { s.MarkAlive(at(12, 41), true) },
	} {
		t.Run(name, func(t *testing.T) {
			s := stopped(t, 40)
			happens(s)
			assert.Equal(t, "12:05-12:40", s.found())
			assert.Empty(t, s.found(), "once")
			assert.Equal(t, []string{"12:05-12:40"}, s.gaps())
			s.close(12, 42)
			assert.Empty(t, s.handshake(12, 43))
		})
	}
}

// Where every record comes a quarter of an hour late, those that come right after another session's have a `ts` from
// before this process ended, too.
func TestStopped_isProvedByHowLateRecordsCome(t *testing.T) {
	for name, test := range map[string]struct {
		first time.Time
		found string
	}{
		"the first after the stop":        {at(11, 55), ""},
		"the first after another session": {at(12, 10), "11:53-12:26"},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options())
			s.handshake(12, 0)
			for minute := range 9 {
				s.acceptLate(at(11, 45+minute), at(12, minute))
			}
			s.close(12, 10)
			s.stop()
			require.Empty(t, s.handshake(12, 26))
			s.acceptLate(test.first, at(12, 26))
			s.acceptLate(test.first, at(12, 26))
			assert.Equal(t, test.found, s.found())
		})
	}
}

// Whatever ends the session before the proof is there: the gap opens with the next.
func TestStopped_isNotProvedBeforeTheEnd(t *testing.T) {
	for name, end := range map[string]func(*story){
		"of the session":           func(s *story) { s.close(12, 41) },
		"of the session by a drop": func(s *story) { s.drop() },
		"of the process":           func(s *story) { s.close(12, 41); s.stop() },
		"of the process by a kill": func(s *story) { s.killed() },
	} {
		t.Run(name, func(t *testing.T) {
			s := stopped(t, 40)
			s.acceptLate(at(12, 10), at(12, 40))
			end(s)
			assert.Equal(t, "12:05-12:42", s.handshake(12, 42))
			assert.Empty(t, s.found())
		})
	}
}

// Storage answers when the first records have come already.
func TestStopped_isProvedBeforeStorageAnswers(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 5)
	s.close(12, 10)
	s.MarkStopped()
	s.save()
	s.Position = position.New(s.options)
	s.handshake(12, 40)
	s.acceptLate(at(12, 10), at(12, 40))
	s.acceptLate(at(12, 11), at(12, 40))
	s.load()
	assert.Nil(t, s.loaded.Opened.Gap)
	assert.Empty(t, s.found())
}
