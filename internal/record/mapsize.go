package record

import (
	"math"
	"math/bits"
	"strings"
)

// largestGrowth is how many times larger than its text a record can be as a map, in protobuf, at the most: short
// numbers and empty containers in lists grow most.
const largestGrowth = 5

// TooLarge says whether a record exceeds MaxSize as a map. It never does so if the format is text.
func (f *Format) TooLarge(r *Record) bool {
	if f.Body != BodyMap || r.Problem != "" || int64(len(r.Body)) <= f.MaxSize/largestGrowth {
		return false
	}
	return int64(f.mapper.size(r.Body)) > f.MaxSize
}

// container is an object or a list whose size is being counted.
type container struct {
	inObject bool
	// awaitsKey: the next string is a key of the object, and key is its length.
	awaitsKey bool
	key       int
	// size is that of the members so far, in bytes of protobuf.
	size int
}

// add adds a member whose value has a size.
func (c *container) add(value int) {
	if !c.inObject {
		c.size += field1(value)
		return
	}
	member := field1(value)
	if c.key > 0 {
		member += field1(c.key)
	}
	c.size += field1(member)
}

// field1 is the size of a field of a message, whose content has a size: its tag, its length, the content.
func field1(content int) int { return 1 + varint(content) + content }

// varint is the size of a number.
func varint(n int) int { return (bits.Len(uint(n)|1) + 6) / 7 }

// size returns the size in bytes of the protobuf form that the one object in text has as a map, at the most. One that is
// nested deeper than maxDepth exceeds any size. The object must have been scanned. It builds nothing.
func (m *mapper) size(text string) int {
	m.find(text)
	defer m.forget()
	open := []container{{}}
	for i := 0; i < len(text); i++ {
		top := &open[len(open)-1]
		switch c := text[i]; c {
		case '"':
			first := m.next(i + 1)
			end := m.stringEnd(first)
			if length := end - i - 1; top.awaitsKey {
				top.key = length
			} else {
				top.add(field1(length))
			}
			i = end
		case ':':
			top.awaitsKey = false
		case ',':
			top.awaitsKey = top.inObject
		case '{', '[':
			if len(open) > maxDepth {
				return math.MaxInt // it stays text, and may be too deep to be counted in little memory
			}
			open = append(open, container{inObject: c == '{', awaitsKey: c == '{'})
		case '}', ']':
			open = open[:len(open)-1]
			open[len(open)-1].add(field1(top.size))
		case 't', 'f', 'n':
			top.add(2)
			i += len("tru") // or a letter less than the word has: the rest is none of these
		case ' ', '\t', '\n', '\r', 'e':
		default:
			end := scanNumber(text, i)
			top.add(numberSize(text[i:end]))
			i = end - 1
		}
	}
	return open[0].size
}

// numberSize is the size of a number at the most: an integer, a double, or, where a double overflows, its text.
func numberSize(number string) int {
	const double = 1 + 8
	switch n := len(number); {
	case strings.ContainsAny(number, "eE") || n > 300:
		return max(double, n+4)
	case strings.Contains(number, "."):
		return double
	case number[0] == '-' || n > 19:
		return 1 + 10
	default:
		return 1 + (10*n/3+6)/7
	}
}
