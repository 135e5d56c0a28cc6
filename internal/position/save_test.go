package position_test

import (
	"encoding/binary"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/position"
)

// A record that is decided must not open a gap after a kill.
func TestSave_decidedRecordsAreNotStoredAsUndecided(t *testing.T) {
	for name, decide := range map[string]func(*story, position.Record){
		"accepted": func(s *story, r position.Record) { s.Accept([]position.Record{r}, true, at(12, 2)) },
		"refused":  func(s *story, r position.Record) { s.Refuse([]position.Record{r}, at(12, 2)) },
		"released": func(s *story, r position.Record) { s.Release(r.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options())
			s.handshake(12, 0)
			r := s.claim(at(12, 1))
			s.Suspend([]position.Record{r}, at(12, 1))
			s.save()
			require.Contains(t, s.head(), "aside")
			decide(s, r)
			s.save()
			assert.NotContains(t, s.head(), "aside")
		})
	}
}

// head is the stored head.
func (s *story) head() (fields map[string]any) {
	s.t.Helper()
	require.NoError(s.t, json.Unmarshal(s.disk.data["position"], &fields))
	return fields
}

func TestSave_thatFailsIsRetriedAtOnce(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 0)
	s.save()
	require.False(t, s.NeedsSave(s.now))
	s.accept(12, 0)
	s.disk.fail = errDisk
	require.Error(t, s.trySave())
	assert.True(t, s.NeedsSave(s.now))
}

func TestSave_inTheMiddleOfWhichIdentitiesAreForgotten(t *testing.T) {
	o := options()
	o.MaxEntries = 2 * 1024
	s := begin(t, o)
	s.handshake(12, 0)
	s.seen(2*1024, at(12, 1))
	s.save()
	s.seen(1, at(12, 2)) // forgets the first chunk
	s.disk.during = func() { s.seen(1024, at(12, 3)) }
	s.save()
	s.disk.during = nil
	s.save()
	assert.Equal(t, []string{"seen.2", "seen.3"}, s.disk.keys())
}

func TestSave_inTheMiddleOfWhichTheClockIsCorrected(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	s.accept(12, 1)
	s.disk.during = func() { s.CorrectClock(5*time.Hour, at(17, 2)) }
	s.save()
	s.disk.during = nil
	s.save()
	accepted := time.Unix(int64(binary.LittleEndian.Uint32(s.disk.data["seen.0"][8:])), 0)
	assert.Equal(t, "17:01", clock(accepted))
}
