package servicetime_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/servicetime"
)

// noon is this machine's time at the first handshake.
func noon() time.Time { return time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC) }

// handshake is an answer of the service, some time after noon by this machine's clock.
type handshake struct {
	after time.Duration
	skew  time.Duration
	// isUndated: the answer has no `Date`.
	isUndated bool
	// isRefused: the `Date` does not count.
	isRefused bool
	alarming  time.Duration
}

// shake has the clock see an answer.
func (h handshake) shake(t *testing.T, c *servicetime.Clock) {
	t.Helper()
	at := noon().Add(h.after)
	var date time.Time
	if !h.isUndated {
		date = at.Add(h.skew)
	}
	alarming, counts := c.Adjust(date, at)
	assert.Equal(t, !h.isRefused, counts, "after %v", h.after)
	assert.Equal(t, h.alarming, alarming, "after %v", h.after)
}

func TestClock(t *testing.T) {
	const day = 24 * time.Hour
	for name, test := range map[string]struct {
		restored   time.Duration
		handshakes []handshake
		isUnknown  bool
		hasNoDate  bool
		skew       time.Duration
		correction time.Duration
	}{
		"no handshake":                        {isUnknown: true, hasNoDate: true},
		"the service does not send a Date":    {handshakes: []handshake{{isUndated: true}}, hasNoDate: true},
		"a difference of whole seconds":       {handshakes: []handshake{{skew: 1999 * time.Millisecond}}},
		"a difference that is one":            {handshakes: []handshake{{skew: -2 * time.Second}}, skew: -2 * time.Second},
		"a minute is no alarm":                {handshakes: []handshake{{skew: time.Minute}}, skew: time.Minute},
		"more than a minute is one, once":     {handshakes: []handshake{{skew: 2 * time.Minute, alarming: 2 * time.Minute}, {after: time.Hour, skew: 2*time.Minute + time.Second}}, skew: 2*time.Minute + time.Second},
		"an hour counts at once":              {handshakes: []handshake{{skew: time.Hour, alarming: time.Hour}}, skew: time.Hour},
		"more than an hour does not":          {handshakes: []handshake{{skew: 2 * time.Hour, isRefused: true}}, isUnknown: true, hasNoDate: true},
		"two handshakes agree":                {handshakes: []handshake{{skew: 2 * time.Hour, isRefused: true}, {after: time.Minute, skew: 2 * time.Hour, alarming: 2 * time.Hour}}, skew: 2 * time.Hour, correction: 2 * time.Hour},
		"two handshakes do not agree":         {handshakes: []handshake{{skew: 2 * time.Hour, isRefused: true}, {after: time.Minute, skew: 4 * time.Hour, isRefused: true}}, hasNoDate: true},
		"the process before agrees":           {restored: 2 * time.Hour, handshakes: []handshake{{skew: 2 * time.Hour, alarming: 2 * time.Hour}}, skew: 2 * time.Hour},
		"the process before does not agree":   {restored: 5 * time.Hour, handshakes: []handshake{{skew: 2 * time.Hour, isRefused: true}}, isUnknown: true, hasNoDate: true},
		"one wrong answer among right ones":   {handshakes: []handshake{{}, {after: time.Hour, skew: 40 * time.Minute, isRefused: true}, {after: 2 * time.Hour}}},
		"a change of less than a minute":      {handshakes: []handshake{{}, {after: time.Hour, skew: 50 * time.Second}}, skew: 50 * time.Second},
		"two wrong answers, then a right one": {handshakes: []handshake{{}, {after: 1 * time.Hour, skew: 3 * time.Hour, isRefused: true}, {after: 2 * time.Hour, skew: 3 * time.Hour, alarming: 3 * time.Hour}, {after: 3 * time.Hour}}, correction: 0},
		"a proxy without a clock":             {handshakes: []handshake{{skew: -31 * day, isRefused: true}, {after: time.Hour, skew: -31 * day, isRefused: true}}, hasNoDate: true},
		"30 days, twice":                      {handshakes: []handshake{{skew: 30 * day, isRefused: true}, {after: time.Hour, skew: 30 * day, alarming: 30 * day}}, skew: 30 * day, correction: 30 * day},
		"an answer without a Date in between": {handshakes: []handshake{{skew: 5 * time.Second}, {after: time.Hour, isUndated: true}}, skew: 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			var c servicetime.Clock
			if test.restored != 0 {
				c.Restore(test.restored)
			}
			last := noon()
			for _, h := range test.handshakes {
				h.shake(t, &c)
				last = noon().Add(h.after)
			}
			assert.Equal(t, !test.isUnknown, c.IsKnown())
			skew, hasDate := c.Skew()
			assert.Equal(t, !test.hasNoDate, hasDate)
			assert.Equal(t, test.skew, skew)
			assert.Equal(t, test.correction, c.Correction())
			later := last.Add(time.Hour)
			assert.Equal(t, later.Add(test.skew), c.At(later))
			assert.Equal(t, later, c.Local(c.At(later)))
		})
	}
}

func TestClock_RestoreHasNoEffectAfterAHandshake(t *testing.T) {
	var c servicetime.Clock
	handshake{}.shake(t, &c)
	c.Restore(2 * time.Hour)
	handshake{after: time.Minute, skew: 2 * time.Hour, isRefused: true}.shake(t, &c)
}

func TestClock_Now(t *testing.T) {
	var c servicetime.Clock
	assert.WithinDuration(t, time.Now(), c.Now(), time.Minute)
	c.Adjust(time.Now().Add(30*time.Minute), time.Now())
	assert.WithinDuration(t, time.Now().Add(30*time.Minute), c.Now(), time.Minute)
	assert.Equal(t, time.UTC, c.Now().Location())
}
