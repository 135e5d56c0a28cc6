package retry_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/config/configretry"

	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/retry"
)

// after returns a context that ends after a time.
func after(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestWait(t *testing.T) {
	for name, test := range map[string]struct {
		ends   time.Duration
		want   bool
		waited time.Duration
	}{
		"to the end":            {time.Minute, true, 10 * time.Second},
		"until the context's":   {3 * time.Second, false, 3 * time.Second},
		"not, if it is over":    {0, false, 0},
		"as long as a deadline": {11 * time.Second, true, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				started := time.Now()
				assert.Equal(t, test.want, retry.Wait(after(t, test.ends), 10*time.Second))
				assert.Equal(t, test.waited, time.Since(started))
			})
		})
	}
}

func TestWaitUntilAborted(t *testing.T) {
	for name, test := range map[string]struct {
		stops, aborts time.Duration
		want          bool
		waited        time.Duration
	}{
		"while the source runs":        {time.Hour, time.Hour, true, 10 * time.Second},
		"a stop ends the wait":         {3 * time.Second, time.Hour, true, 3 * time.Second},
		"it is short after a stop":     {0, time.Hour, true, time.Second},
		"no other attempt after abort": {0, 0, false, 0},
		"abort ends a short wait":      {0, time.Second / 2, false, time.Second / 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				abort := after(t, test.aborts)
				stop, cancel := context.WithTimeout(abort, test.stops)
				defer cancel()
				started := time.Now()
				assert.Equal(t, test.want, retry.WaitUntilAborted(stop, abort, 10*time.Second))
				assert.Equal(t, test.waited, time.Since(started))
			})
		})
	}
}

func TestOutage_GiveUpAdvice(t *testing.T) {
	assert.Contains(t, retry.NewOutage(retrying(nil)).GiveUpAdvice(), "after 1h30m0s (retry_on_failure.max_elapsed_time)")
	off := retrying(func(c *configretry.BackOffConfig) { c.Enabled = false })
	assert.Contains(t, retry.NewOutage(off).GiveUpAdvice(), "retry_on_failure.enabled is false")
}
