package proofpointpodreceiver

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podsim"
)

const clocksDiffer = "this machine's clock and the service's differ by more than a minute; gaps are reckoned by the service's"

func TestClock_differsByHours(t *testing.T) {
	for name, skew := range map[string]time.Duration{"ahead": 5 * time.Hour, "behind": -5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			oneTokenAndTwo(t, podsim.Options{ClockSkew: skew}, func(s *scenario) {
				s.away(4)
				assert.Equal(t, 1, s.logged(clocksDiffer))
				require.Len(t, s.gaps(), 1)
				assert.WithinDuration(t, time.Now().Add(skew-time.Minute), s.gaps()[0].To, 2*time.Second, "by the service's clock")
				assert.Equal(t, 4, int(s.gaps()[0].To.Sub(s.gaps()[0].From).Hours()))
				s.withTraffic(15)
				s.keepsThePromise(0)
				assert.Empty(t, s.archiveHours(400))
				assert.Equal(t, 1, s.logged(clocksDiffer), "once")

				s.kill()
				s.traffic(5*time.Minute, 10*time.Second)
				s.start()
				s.withTraffic(15)
				s.keepsThePromise(6)
			})
		})
	}
}

// A process that never reached the service has not learned its clock.
func TestClock_differsAndAKillComesBeforeTheFirstSession(t *testing.T) {
	for name, skew := range map[string]time.Duration{"ahead": 5 * time.Hour, "behind": -5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			readings(t, podsim.Options{ClockSkew: skew}, withSecondToken, func(s *scenario) {
				s.traffic(time.Hour, time.Minute)
				s.kill()
				over := s.outage()
				s.start()
				s.traffic(10*time.Minute, time.Minute)
				s.kill()
				over()
				s.start()
				s.traffic(time.Minute, time.Minute)
				s.fills(5)
				s.keepsThePromise(2)
			})
		})
	}
}

func TestClock_differsAtTheFirstStart(t *testing.T) {
	for name, skew := range map[string]time.Duration{"ahead": 5 * time.Hour, "behind": -5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			readings(t, podsim.Options{ClockSkew: skew}, func(s *scenario) {
				withSecondToken(s)
				s.config.Backfill.Since = "3h"
				s.traffic(3*time.Hour, time.Minute)
			}, func(s *scenario) {
				s.elapse(10 * time.Second)
				require.Len(t, s.gaps(), 1)
				assert.Equal(t, 3*time.Hour, s.gaps()[0].To.Sub(s.gaps()[0].From).Round(time.Minute))
				s.fills(3)
				s.keepsThePromise(0)
			})
		})
	}
}
