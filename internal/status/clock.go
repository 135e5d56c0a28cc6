package status

import (
	"fmt"
	"time"

	"github.com/proofpointpod/otelcol/internal/servicetime"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// ClockIsBehind notes how far this machine's clock is behind the service's, negative if it is ahead, as a handshake
// has just told. More than a minute is worth a warning, of the source.
func (s *Stream) ClockIsBehind(by time.Duration) {
	source := s.source
	source.change(func() {
		source.skew = by
		t := source.tracker(nil, clocks)
		if by.Abs() > servicetime.AlarmSkew {
			source.wrong(t, sourcehealth.SeverityWarning, clockDiffers(by), 1)
		} else {
			source.well(t)
		}
		for _, of := range Tokens() {
			source.judgeToken(of, time.Now())
		}
	})
}

// clockDiffers is the fault of a machine whose clock is so far behind the service's.
func clockDiffers(behind time.Duration) sourcehealth.Fault {
	direction := "behind"
	if behind < 0 {
		direction = "ahead of"
	}
	return sourcehealth.Fault{
		Type: sourcehealth.FirstPartyGeneric, Label: "clock_differs",
		Message: fmt.Sprintf("this machine's clock is %v %s the service's: check its time synchronisation. Nothing is lost by it: gaps are reckoned by the service's clock, but lag and the time of what is logged are not right",
			behind.Abs().Round(time.Second), direction),
	}
}
