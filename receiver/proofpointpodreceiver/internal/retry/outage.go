package retry

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/collector/config/configretry"
)

// minRandomization is the least jitter there is, whatever the configuration says, so that the streams of a source, cut
// off at the same moment, do not come back at the same moment.
const minRandomization = 0.1

// Outage is one spell of failures: it begins with the first and ends when End is called. It says how long to wait
// before the next attempt and when to give up. One goroutine owns it.
type Outage struct {
	config   configretry.BackOffConfig
	backoff  backoff.ExponentialBackOff
	since    time.Time // the first failure; zero: no outage
	attempts int       // how many have failed
}

// NewOutage returns an outage that has not begun, with the rules of a configuration.
func NewOutage(config configretry.BackOffConfig) *Outage {
	randomization := max(config.RandomizationFactor, minRandomization)
	// The cap holds for the wait itself, jitter included.
	longest := time.Duration(float64(config.MaxInterval) / (1 + randomization))
	o := &Outage{
		config: config,
		backoff: backoff.ExponentialBackOff{
			InitialInterval:     min(config.InitialInterval, longest),
			RandomizationFactor: randomization,
			Multiplier:          config.Multiplier,
			MaxInterval:         longest,
		},
	}
	o.backoff.Reset()
	return o
}

// Fail counts one more failure. It returns how long to wait before the next attempt, at least atLeast, or that it is
// time to give up: when retries are switched off, or max_elapsed_time after the first failure. The last wait is cut
// short, so that the last attempt falls on that moment; atLeast, which the service asked for, is not.
func (o *Outage) Fail(now time.Time, atLeast time.Duration) (wait time.Duration, giveUp bool) {
	if o.since.IsZero() {
		o.since = now
	}
	o.attempts++
	if !o.config.Enabled {
		return 0, true
	}
	wait = o.backoff.NextBackOff()
	if deadline := o.Deadline(); !deadline.IsZero() {
		if !now.Before(deadline) {
			return 0, true
		}
		wait = min(wait, deadline.Sub(now))
	}
	if atLeast > 0 {
		longest := time.Duration(minRandomization * float64(atLeast+time.Second))
		wait = max(wait, atLeast+rand.N(longest)) //nolint:gosec // a wait is no secret
	}
	return wait, false
}

// Deadline returns when Fail gives up; zero: never.
func (o *Outage) Deadline() time.Time {
	if o.since.IsZero() || o.config.MaxElapsedTime <= 0 {
		return time.Time{}
	}
	return o.since.Add(o.config.MaxElapsedTime)
}

// End ends the outage: its cause is gone. The next failure begins another.
func (o *Outage) End() {
	if o.since.IsZero() {
		return
	}
	o.since = time.Time{}
	o.attempts = 0
	o.backoff.Reset()
}

// Attempts returns how many attempts have failed in this outage.
func (o *Outage) Attempts() int { return o.attempts }

// GiveUpAdvice says why there is no other attempt, and what makes one.
func (o *Outage) GiveUpAdvice() string {
	if !o.config.Enabled {
		return "It is not tried again, as retry_on_failure.enabled is false: restart or reload the collector to try again"
	}
	return fmt.Sprintf("It gave up after %v (retry_on_failure.max_elapsed_time): restart or reload the collector to try again. What comes meanwhile is in the service's archive for 30 days",
		o.config.MaxElapsedTime)
}
