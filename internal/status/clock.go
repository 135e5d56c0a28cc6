package status

import (
	"time"

	"github.com/proofpointpod/otelcol/internal/servicetime"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// SetClockBehind records how far this machine's clock is behind the service's, by the newest handshake. It is negative if
// the clock is ahead. More than a minute opens a warning of the source.
func (s *Stream) SetClockBehind(by time.Duration) {
	source := s.source
	source.change(func() {
		source.tokens.clockBehind = by
		if by.Abs() > servicetime.AlarmSkew {
			source.recordFaultLocked(nil, clockFault(by), 1)
		} else {
			source.recordWellLocked(nil, sourcehealth.Clock)
		}
		for _, token := range Tokens() {
			source.checkTokenAgeLocked(token, time.Now())
		}
	})
}
