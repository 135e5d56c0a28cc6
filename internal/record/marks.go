package record

import (
	"encoding/binary"
	"math/bits"
)

// marks are the places in a text where a plain run of characters in a string ends: quotes, backslashes and control
// characters. They are found for the whole text at once, before it is scanned, since a vector instruction looks at 16
// bytes at a time, and a scan that knows them jumps from quote to quote however long a string is. One goroutine uses
// them, for one text after the other.
type marks struct {
	text string
	// words has a bit for each byte of the text, little-endian, and set bits behind its end.
	words []byte
	// ascii says that the text has no byte of 0x80 or above.
	ascii bool
}

const (
	// block is how many bytes of a text have their marks in one word.
	block = 64
	// seen is how many marks next sees at least when it looks once: those of a word that begins with any byte.
	seen = block - 7
	// keptMarks is for how many bytes of text the memory is kept. A text that is longer is rare.
	keptMarks = 1 << 20
)

// find finds the marks of a text.
func (m *marks) find(text string) {
	m.text = text
	whole := len(text) / block
	size := 8 * (whole + 2) // the last word is all set, for a look at any end of the text
	if cap(m.words) < size {
		m.words = make([]byte, size, size+size/4)
	}
	m.words = m.words[:size]
	high := markBlocks(m.words, text)
	last, rest := ^uint64(0), len(text)%block
	if rest > 0 {
		var marked, more uint64
		if whole > 0 { // the last word overlaps the one before it
			var word [8]byte
			more = markBlocks(word[:], text[len(text)-block:])
			marked = binary.LittleEndian.Uint64(word[:]) >> (block - rest)
		} else {
			marked, more = markShort(text)
		}
		high |= more
		last = marked | last<<rest
	}
	binary.LittleEndian.PutUint64(m.words[8*whole:], last)
	binary.LittleEndian.PutUint64(m.words[8*whole+8:], ^uint64(0))
	m.ascii = high == 0
}

// forget lets go of the text, and of memory that was needed for a long one.
func (m *marks) forget() {
	m.text = ""
	if cap(m.words) > keptMarks/8 {
		m.words = nil
	}
}

// next returns the index of the first mark from text[i] on, or the length of the text.
func (m *marks) next(i int) int {
	w := binary.LittleEndian.Uint64(m.words[i>>3:]) >> (i & 7)
	if w == 0 {
		return m.far(i + seen)
	}
	return i + bits.TrailingZeros64(w)
}

// far is next for a mark that is farther away.
func (m *marks) far(i int) int {
	for {
		if w := binary.LittleEndian.Uint64(m.words[i>>3:]) >> (i & 7); w != 0 {
			return i + bits.TrailingZeros64(w)
		}
		i += seen
	}
}

// stringEnd returns the index of the quote that ends the string in which text[i], a marked character, stands.
func (m *marks) stringEnd(i int) int {
	for i < len(m.text) {
		switch m.text[i] {
		case '"':
			return i
		case '\\':
			if i = scanEscape(m.text, i); i < 0 {
				return i
			}
		default:
			return stopBroken
		}
		i = m.next(i)
	}
	return stopCut
}

// markShort marks a text that is shorter than a block, and says what markBlocks does.
func markShort(text string) (marked, high uint64) {
	for i := range len(text) {
		c := text[i]
		if c == '"' || c == '\\' || c < ' ' {
			marked |= 1 << i
		}
		high |= uint64(c & 0x80)
	}
	return marked, high
}

// For eight bytes at a time, as one little-endian word.
const (
	ones     = 0x0101010101010101
	highBits = 0x80 * ones
)

// markBlocksPortably is markBlocks without vector instructions.
func markBlocksPortably(dst []byte, text string) (high uint64) {
	for b := range len(text) / block {
		marked := uint64(0)
		for i := 0; i < block; i += 8 {
			w := word(text[b*block+i:])
			high |= w & highBits
			// No sum carries into the byte above it, so the high bit of each byte is exact. The exclusive-or puts the quote
			// right behind the control characters.
			low, backslash := w^0x02*ones, w^'\\'*ones
			notLow := low&^highBits + (0x7f-' ')*ones | low
			notBackslash := backslash&^highBits + 0x7f*ones | backslash
			special := ^(notLow & notBackslash) & highBits
			// The product collects the high bits of all bytes in the highest byte.
			marked |= special >> 7 * 0x0102040810204080 >> 56 << i
		}
		binary.LittleEndian.PutUint64(dst[8*b:], marked)
	}
	return high
}

// word returns the first eight bytes of s.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
