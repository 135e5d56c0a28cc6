package proofpointpodreceiver

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/podsim"
)

const pausesLose = "an archive session moves the position of the live session"

// slowly has a pause for an hour of the archive take a minute or two, if there is a record a minute.
func slowly(s *scenario) { s.dial = s.paced(150, 100*time.Millisecond) }

func TestPauses_loseNothingIfTheLivePositionStaysWhereItIs(t *testing.T) {
	readings(t, podsim.Options{}, slowly, func(s *scenario) {
		s.away(3)
		s.traffic(10*time.Minute, 3*time.Second) // and the pauses are over
		s.fills(6)
		s.keepsThePromise(0)
		assert.Nil(t, s.host.reported("second token"))
		assert.Len(t, s.suspected(), 1, "only one pause was too short to tell")
	})
}

func TestPauses_moveTheLivePositionBack(t *testing.T) {
	readings(t, podsim.Options{ArchiveMovesLive: true}, slowly, func(s *scenario) {
		s.away(3)
		s.traffic(6*time.Hour, time.Minute)
		s.fills(9)
		s.keepsThePromise(0)
		assert.Nil(t, s.host.reported("second token"), "what was sent again was recognised")
	})
}

func TestPauses_loseRecordsOnABusyTenant(t *testing.T) {
	readings(t, podsim.Options{ArchiveSkipsLive: true}, slowly, func(s *scenario) {
		s.state("Collecting")
		s.traffic(20*time.Minute, 3*time.Second)
		s.shutdown()
		s.traffic(3*time.Hour, time.Minute)
		s.start()
		s.until("the pauses to be found out", func() bool {
			s.mails(1)
			s.elapse(3 * time.Second)
			return s.host.reported(pausesLose) != nil
		})
		event := s.host.reported(pausesLose)
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
		assert.Equal(t, "Collecting", attr(event, "state"))
		require.ErrorContains(t, event.Err(), "backfill.api_secret")
		assert.NotEmpty(t, s.gaps())

		read := strings.Count(s.kinds(), "A")
		s.traffic(3*time.Hour, time.Minute)
		assert.Equal(t, read, strings.Count(s.kinds(), "A"), "filling goes on")
		lost, _ := s.count()
		assert.Positive(t, lost)

		s.shutdown()
		withSecondToken(s)
		s.start()
		s.withTraffic(12)
		s.keepsThePromise(0)
		assert.Equal(t, componentstatus.StatusOK, s.host.last().Status())
	})
}

// On a quiet tenant there is not enough to tell from. Each pause is then a gap, which costs one more pause an hour later;
// nothing is lost.
func TestPauses_loseRecordsOnAQuietTenant(t *testing.T) {
	readings(t, podsim.Options{ArchiveSkipsLive: true}, slowly, func(s *scenario) {
		s.away(2)
		s.traffic(8*time.Hour, 50*time.Second)
		s.shutdown()
		withSecondToken(s)
		s.start()
		s.withTraffic(12)
		s.keepsThePromise(0)
	})
}

func TestPauses_endOnATenantWithoutRecords(t *testing.T) {
	readings(t, podsim.Options{}, slowly, func(s *scenario) {
		s.state("Collecting")
		s.mails(3)
		s.elapse(time.Minute)
		s.service.DropAll(podsim.Drop)
		s.elapse(12 * time.Hour)
		assert.Empty(t, s.gaps())
		s.keepsThePromise(0)
	})
}

// suspected lists the pauses that were made a gap.
func (s *scenario) suspected() []string {
	var list []string
	for _, entry := range s.logs.All() {
		if entry.Message == "gap opened: while the archive was read, records may have been missed" {
			list = append(list, fmt.Sprint(entry.ContextMap()))
		}
	}
	return list
}
