package position_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/position"
)

// quietly has a live session end in order at 12:02, with a record at 12:01.
func quietly(t *testing.T) *story {
	t.Helper()
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 1)
	s.close(12, 2)
	return s
}

func TestUnanswered_opensAGapFromWhereAllIsCertain(t *testing.T) {
	s := quietly(t)
	s.MarkUnanswered(at(12, 3))
	s.MarkUnanswered(at(12, 4))
	assert.Equal(t, "12:01-12:05", s.handshake(12, 5))
	assert.Empty(t, s.handshake(12, 6), "once")
}

func TestUnanswered_isNotForgottenWithTheProcess(t *testing.T) {
	s := quietly(t)
	s.MarkUnanswered(at(12, 3))
	s.stop()
	assert.Equal(t, "12:01-12:05", s.handshake(12, 5))
}

// The service may have written some of what it had kept.
func TestUnanswered_beforeTheFirstSessionOfAll(t *testing.T) {
	s := begin(t, options())
	s.MarkUnanswered(at(12, 3))
	s.MarkUnanswered(at(12, 4))
	assert.Equal(t, "11:03-12:05", s.handshake(12, 5))
}

func TestUnanswered_whileStorageDoesNotAnswer(t *testing.T) {
	for name, test := range map[string]struct {
		stored func(*story)
		gap    string
	}{
		"nothing is stored":    {func(s *story) { s.disk = newMemory() }, "11:02-12:03"},
		"no session had begun": {func(s *story) { s.disk = newMemory(); s.start() }, "11:02-12:03"},
		"all was certain":      {func(s *story) { s.MarkStopped(); s.save() }, "12:01-12:03"},
		"less was certain": {func(s *story) {
			s.Refuse([]position.Record{{ID: 99, TS: at(11, 50)}}, at(12, 2))
			s.MarkStopped()
			s.save()
		}, "11:50-12:03"},
	} {
		t.Run(name, func(t *testing.T) {
			s := quietly(t)
			test.stored(s)
			s.Position = position.New(s.options)
			s.MarkUnanswered(at(12, 2))
			s.load()
			assert.Equal(t, test.gap, s.handshake(12, 3))
		})
	}
}
