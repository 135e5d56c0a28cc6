package proofpointpodreceiver

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podsim"
)

// slowPipeline has the pipeline take a second for a batch, and the service more to send than the buffers hold.
func (s *scenario) slowPipeline() {
	s.sink.answers(func(context.Context, plog.Logs) error {
		<-time.After(time.Second)
		return nil
	})
	s.padding = 1000
	s.mails(800)
	s.padding = 0
}

// crossing is a session of which a gateway loses what is on its way, just when the receiver closes it.
func crossing() podsim.Step { return podsim.Step{AnswerCode: 1011, Lose: 30} }

func TestPromise_closedForTroubleWhileTheSourceStops(t *testing.T) {
	readings(t, podsim.Options{}, func(s *scenario) { s.service.Plan(crossing()) }, func(s *scenario) {
		s.traffic(10*time.Minute, 10*time.Second)
		s.slowPipeline()
		s.elapse(500 * time.Millisecond)
		s.shutdown()
		s.sink.answers(nil)
		s.start()
		s.traffic(2*time.Minute, 10*time.Second)
		lost, _ := s.count()
		assert.Equal(s.t, s.resumesAfterWritten(), lost > 0, "%d lost before the fill", lost)
		s.fills(9)
		s.keepsThePromise(0)
	})
}

func TestPosition_aPauseThatIsAnsweredByAComplaintOpensAGap(t *testing.T) {
	for code, gaps := range map[int]int{1000: 1, 1005: 1, 1001: 2, 1011: 2} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			tenant(t, podsim.Options{}, func(s *scenario) {
				s.service.Plan(podsim.Step{Do: podsim.Drop, Records: 20}, podsim.Step{AnswerCode: code})
			}, func(s *scenario) {
				s.traffic(90*time.Minute, 20*time.Second)
				require.Contains(t, s.kinds(), "LLA", "the live session pauses")
				assert.Equal(t, gaps, s.logged("gap opened: records may have been missed, and are read from the archive"))
				s.fills(9)
				s.keepsThePromise(0)
			})
		})
	}
}
