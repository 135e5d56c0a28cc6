package retry_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/config/configretry"

	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/retry"
)

// retrying is the default of retry_on_failure, changed by set.
func retrying(set func(*configretry.BackOffConfig)) configretry.BackOffConfig {
	config := configretry.BackOffConfig{
		Enabled:             true,
		InitialInterval:     time.Second,
		Multiplier:          2,
		RandomizationFactor: 0.5,
		MaxInterval:         time.Minute,
		MaxElapsedTime:      90 * time.Minute,
	}
	if set != nil {
		set(&config)
	}
	return config
}

// noon is a moment at which outages begin.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestOutage_waits(t *testing.T) {
	tests := map[string]struct {
		set func(*configretry.BackOffConfig)
		// least and most bound the waits after the first failures, and the last of them those after any other.
		least, most []time.Duration
	}{
		"default": {
			least: []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 20 * time.Second},
			most:  []time.Duration{1500 * time.Millisecond, 3 * time.Second, 6 * time.Second, 12 * time.Second, 24 * time.Second, 48 * time.Second, time.Minute},
		},
		"no jitter configured": {
			set:   func(c *configretry.BackOffConfig) { c.RandomizationFactor = 0 },
			least: []time.Duration{900 * time.Millisecond, 1800 * time.Millisecond, 3600 * time.Millisecond},
			most:  []time.Duration{1100 * time.Millisecond, 2200 * time.Millisecond, time.Minute},
		},
		"full jitter": {
			set:   func(c *configretry.BackOffConfig) { c.RandomizationFactor = 1 },
			least: []time.Duration{0},
			most:  []time.Duration{2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute},
		},
		"no growth": {
			set:   func(c *configretry.BackOffConfig) { c.Multiplier = 1 },
			least: []time.Duration{500 * time.Millisecond},
			most:  []time.Duration{1500 * time.Millisecond},
		},
		"as long at first as at last": {
			set:   func(c *configretry.BackOffConfig) { c.InitialInterval = c.MaxInterval },
			least: []time.Duration{20 * time.Second},
			most:  []time.Duration{time.Minute},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for range 50 { // the waits are random
				o := retry.NewOutage(retrying(test.set))
				for i := range 12 {
					wait, giveUp := o.Fail(noon, 0)
					assert.False(t, giveUp)
					assert.GreaterOrEqual(t, wait, test.least[min(i, len(test.least)-1)], "attempt %d", i+1)
					assert.LessOrEqual(t, wait, test.most[min(i, len(test.most)-1)], "attempt %d", i+1)
				}
			}
		})
	}
}

func TestOutage_neverTheSameWaitTwice(t *testing.T) {
	for _, atLeast := range []time.Duration{0, time.Second, 10 * time.Minute} {
		for _, factor := range []float64{0, 0.5, 1} {
			config := retrying(func(c *configretry.BackOffConfig) { c.RandomizationFactor = factor })
			one, _ := retry.NewOutage(config).Fail(noon, atLeast)
			other, _ := retry.NewOutage(config).Fail(noon, atLeast)
			assert.NotEqual(t, one, other, "randomization_factor %v, Retry-After %v", factor, atLeast)
		}
	}
}

func TestOutage_waitsAsLongAsTheServiceAsks(t *testing.T) {
	for range 50 {
		o := retry.NewOutage(retrying(nil))
		for _, asked := range []time.Duration{time.Second, 3 * time.Minute, 10 * time.Minute} {
			wait, _ := o.Fail(noon, asked)
			assert.GreaterOrEqual(t, wait, asked)
		}
	}
	// Also where that is beyond the moment of giving up.
	o := retry.NewOutage(retrying(nil))
	o.Fail(noon, 0)
	wait, giveUp := o.Fail(noon.Add(89*time.Minute), 10*time.Minute)
	assert.False(t, giveUp)
	assert.GreaterOrEqual(t, wait, 10*time.Minute)
}

func TestOutage_givesUp(t *testing.T) {
	tests := map[string]struct {
		set   func(*configretry.BackOffConfig)
		after time.Duration // the first failure
		want  bool
	}{
		"before the time":                    {nil, 90*time.Minute - time.Nanosecond, false},
		"when the time has come":             {nil, 90 * time.Minute, true},
		"later":                              {nil, 3 * time.Hour, true},
		"never, where max_elapsed_time is 0": {func(c *configretry.BackOffConfig) { c.MaxElapsedTime = 0 }, 1000 * time.Hour, false},
		"at once, where retries are off":     {func(c *configretry.BackOffConfig) { c.Enabled = false }, 0, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := retry.NewOutage(retrying(test.set))
			o.Fail(noon, 0)
			_, giveUp := o.Fail(noon.Add(test.after), 0)
			assert.Equal(t, test.want, giveUp)
		})
	}
}

func TestOutage_lastAttemptFallsOnTheDeadline(t *testing.T) {
	o := retry.NewOutage(retrying(nil))
	for range 10 {
		o.Fail(noon, 0)
	}
	assert.Equal(t, noon.Add(90*time.Minute), o.Deadline())
	wait, giveUp := o.Fail(noon.Add(90*time.Minute-10*time.Second), 0)
	assert.False(t, giveUp)
	assert.Equal(t, 10*time.Second, wait)
}

func TestOutage_End(t *testing.T) {
	o := retry.NewOutage(retrying(nil))
	for range 10 {
		o.Fail(noon, 0)
	}
	assert.Equal(t, 10, o.Attempts())

	o.End()
	assert.Zero(t, o.Attempts())
	assert.Zero(t, o.Deadline())

	later := noon.Add(3 * time.Hour)
	wait, giveUp := o.Fail(later, 0)
	assert.False(t, giveUp)
	assert.LessOrEqual(t, wait, 1500*time.Millisecond, "the waits begin anew")
	assert.Equal(t, later.Add(90*time.Minute), o.Deadline())
}

func TestEndless_neverGivesUp(t *testing.T) {
	for name, set := range map[string]func(*configretry.BackOffConfig){
		"default":         nil,
		"retries are off": func(c *configretry.BackOffConfig) { c.Enabled = false },
	} {
		t.Run(name, func(t *testing.T) {
			o := retry.NewOutage(retry.Endless(retrying(set)))
			for i := range 1000 {
				wait, giveUp := o.Fail(noon.Add(time.Duration(i)*time.Hour), 0)
				assert.False(t, giveUp)
				assert.Positive(t, wait)
			}
			assert.Zero(t, o.Deadline())
		})
	}
}

func TestStorage_waitsAlike(t *testing.T) {
	o := retry.NewOutage(retry.Storage())
	for i := range 1000 {
		wait, giveUp := o.Fail(noon.Add(time.Duration(i)*time.Hour), 0)
		assert.False(t, giveUp)
		assert.InDelta(t, 4.5, wait.Seconds(), 0.5)
	}
}
