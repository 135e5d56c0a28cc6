package position

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A set is a map without values. Few and near identities make them meet in the table, and wrap around its end.
func TestSet_isTheSameAsAMap(t *testing.T) {
	for _, spread := range []func(uint64) uint64{
		func(n uint64) uint64 { return n },
		func(n uint64) uint64 { return n << 55 },
		func(n uint64) uint64 { return n * 0xbf58476d1ce4e5b9 },
	} {
		random := rand.New(rand.NewPCG(1, 2))
		s, m := newSet(), map[uint64]bool{}
		for range 50_000 {
			id := spread(random.Uint64N(400))
			switch random.IntN(3) {
			case 0:
				require.Equal(t, !m[id], s.add(id))
				m[id] = true
			case 1:
				s.remove(id)
				delete(m, id)
			default:
				require.Equal(t, m[id], s.has(id))
			}
			require.Equal(t, len(m), s.size())
		}
		for n := range uint64(400) {
			assert.Equal(t, m[spread(n)], s.has(spread(n)), n)
		}
	}
}

func TestSet_keepsAllWhenItGrows(t *testing.T) {
	const count = 100_000
	s := newSet()
	for id := range uint64(count) {
		s.add(id)
	}
	assert.Equal(t, count, s.size())
	assert.GreaterOrEqual(t, len(s.slots), 2*(count-1), "more than half of the slots are taken")
	for id := range uint64(count) {
		s.remove(id)
	}
	assert.Zero(t, s.size())
	assert.Equal(t, make([]uint64, smallSet), s.slots, "memory that it does not need is given back")
}

func TestSet_keepsTheMemoryThatItUsuallyNeeds(t *testing.T) {
	s := newSet()
	for range 2 {
		for id := range uint64(1000) {
			s.add(id)
		}
		for id := range uint64(1000) {
			s.remove(id)
		}
		assert.Equal(t, make([]uint64, 2048), s.slots)
	}
}
