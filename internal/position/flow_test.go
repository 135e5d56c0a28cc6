package position_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/position"
)

// flowing has the pipeline have done so and so by a time of the day, and the position saved.
func (s *story) flowing(hour, minute int, running time.Duration, waits int) {
	s.t.Helper()
	s.now = at(hour, minute)
	s.UpdateFlow(position.Flow{Elapsed: s.now.Sub(noon()), Running: running, Waits: waits})
}

// killed kills the process without another word from the pipeline.
func (s *story) killed() {
	s.t.Helper()
	assert.NoError(s.t, s.trySave())
	s.kill()
}

func TestFlow_whatWaitsBehindAFullQueueIsInMemory(t *testing.T) {
	s := begin(t, options())
	s.handshake(12, 0)
	out := s.accept(12, 1)
	waits := s.accept(12, 8)
	s.flowing(12, 10, 10*time.Minute, 0)
	s.flowing(14, 0, 10*time.Minute, 0) // a batch has waited since
	s.killed()
	assert.True(t, s.knows(out))
	assert.False(t, s.knows(waits), "two hours are nothing to a pipeline that stands still")
	assert.Equal(t, "12:08-14:01", s.handshake(14, 1))
}

func TestFlow_whatHasWaitedIsOutWhenThePipelineHasRunForTheWindow(t *testing.T) {
	for name, test := range map[string]struct {
		ran  time.Duration
		knew bool
	}{
		"not quite": {5*time.Minute + 29*time.Second, false},
		"just":      {5*time.Minute + 30*time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options())
			s.handshake(12, 0)
			id := s.accept(12, 10)
			s.flowing(14, 0, 12*time.Minute, 1)
			s.flowing(14, 10, 10*time.Minute+test.ran, 1)
			s.killed()
			assert.Equal(t, test.knew, s.knows(id))
		})
	}
}

// With a backend that is slower than the records come, the pipeline hardly ever runs; what a kill repeats must not grow
// without end.
func TestFlow_whatHasSeenManyWaitsIsOut(t *testing.T) {
	for name, test := range map[string]struct {
		minute, waits int
		knew          bool
	}{
		"too few":  {50, 3, false},
		"enough":   {50, 4, true},
		"too soon": {14, 9, false}, // they may have been another pipeline's
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options())
			s.handshake(12, 0)
			id := s.accept(12, 10)
			s.flowing(12, test.minute, 10*time.Minute, test.waits)
			s.killed()
			assert.Equal(t, test.knew, s.knows(id))
		})
	}
}

// The machine's clock is set while records are in the pipeline's memory, or it was wrong in a process before.
func TestFlow_isNoMatterOfClocks(t *testing.T) {
	t.Run("set forward", func(t *testing.T) {
		s := begin(t, options())
		s.handshake(12, 0)
		s.accept(12, 1)
		s.flowing(12, 1, time.Minute, 0)
		s.now = at(13, 2)
		s.UpdateFlow(position.Flow{Elapsed: 2 * time.Minute, Running: 2 * time.Minute})
		s.killed()
		assert.Zero(t, s.Stats().Identities, "it was accepted a minute ago")
	})
	t.Run("ahead in the process before", func(t *testing.T) {
		s := begin(t, options())
		s.handshake(14, 0)
		before := s.accept(14, 1)
		s.close(14, 2)
		s.stop()
		s.handshake(12, 0)
		id := s.accept(12, 1)
		s.flowing(12, 2, 2*time.Minute, 0)
		s.killed()
		assert.True(t, s.knows(before), "it has ended in order")
		assert.False(t, s.knows(id))
	})
}

// Identities are forgotten from the front, chunk by chunk, while the newest are in the pipeline's memory.
func TestFlow_whileIdentitiesAreForgotten(t *testing.T) {
	o := options()
	o.MaxEntries = 2048
	s := begin(t, o)
	s.handshake(12, 0)
	out := s.seen(5000, at(12, 1))
	in := s.seen(1000, at(12, 10))
	s.flowing(12, 12, 12*time.Minute, 0)
	s.killed()
	assert.Equal(t, 5000-4*1024, s.known(out), "all but the chunks that were forgotten")
	assert.Zero(t, s.known(in))
	s.handshake(12, 13)
	again := s.seen(1000, at(12, 14))
	s.flowing(12, 25, 25*time.Minute, 0)
	s.killed()
	assert.Equal(t, 1000, s.known(again))
}
