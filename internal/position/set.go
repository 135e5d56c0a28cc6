package position

const (
	// smallSet is how many slots a set has at first. A power of two, as every size is.
	smallSet = 256
	// keptSet is how many slots, half a MiB, a set has at the most when it becomes empty.
	keptSet = 1 << 16
)

// set is a set of identities. It is a table of its own, rather than a Go map, because each record is looked up once
// among millions: that costs one cache miss here, and three in a map. Identities lie in the
// slot that their bits say or in the ones behind it, without a free slot before them, and at least half of all slots
// are free. It grows by doubling, and shrinks when it becomes empty.
type set struct {
	slots []uint64 // 0: free
	shift int      // 64 less the number of bits in a slot's number
	count int      // without zero
	zero  bool     // 0 is in the set, though not in a slot
}

func newSet() *set { return sized(smallSet) }

func sized(slots int) *set {
	s := &set{slots: make([]uint64, slots), shift: 64}
	for ; slots > 1; slots >>= 1 {
		s.shift--
	}
	return s
}

// home is the first slot that is looked at for an identity. Whatever identities are, it spreads them.
func (s *set) home(id uint64) int { return int(id * 0x9e3779b97f4a7c15 >> s.shift) }

// next is the slot behind one.
func (s *set) next(slot int) int { return (slot + 1) & (len(s.slots) - 1) }

// find returns the slot of an identity other than 0, or the free one where it would be.
func (s *set) find(id uint64) int {
	slot := s.home(id)
	for s.slots[slot] != id && s.slots[slot] != 0 {
		slot = s.next(slot)
	}
	return slot
}

func (s *set) size() int {
	if s.zero {
		return s.count + 1
	}
	return s.count
}

func (s *set) has(id uint64) bool {
	if id == 0 {
		return s.zero
	}
	return s.slots[s.find(id)] == id
}

// add adds an identity, and reports whether it was new.
func (s *set) add(id uint64) bool {
	if id == 0 {
		was := s.zero
		s.zero = true
		return !was
	}
	slot := s.find(id)
	if s.slots[slot] == id {
		return false
	}
	s.slots[slot] = id
	s.count++
	if s.count > len(s.slots)/2 {
		s.grow()
	}
	return true
}

func (s *set) grow() {
	larger := sized(2 * len(s.slots))
	for _, id := range s.slots {
		if id != 0 {
			larger.slots[larger.find(id)] = id
		}
	}
	s.slots, s.shift = larger.slots, larger.shift
}

func (s *set) remove(id uint64) {
	if id == 0 {
		s.zero = false
		return
	}
	free := s.find(id)
	if s.slots[free] != id {
		return
	}
	s.count--
	// Identities behind the free slot move into it, unless that would put them before their home.
	for slot := s.next(free); s.slots[slot] != 0; slot = s.next(slot) {
		mask := len(s.slots) - 1
		if (slot-s.home(s.slots[slot]))&mask >= (slot-free)&mask {
			s.slots[free] = s.slots[slot]
			free = slot
		}
	}
	s.slots[free] = 0
	if s.count == 0 && len(s.slots) > keptSet {
		small := newSet()
		s.slots, s.shift = small.slots, small.shift
	}
}
