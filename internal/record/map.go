package record

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// wideObject is the number of keys above which an object is built with a hash map: pcommon.Map compares each key that
// is put into it with all that are there, and some keys of a message are chosen by the sender of the mail.
const wideObject = 256

// maxDepth is how deep arrays and objects may be nested in a map, as in encoding/json. Whoever reads a map recurses, and
// deep recursion overflows the stack.
const maxDepth = 10_000

// keptMembers is for how many containers, or strings, of a record the memory is kept.
const keptMembers = 1 << 14

// mapper parses the text of records into maps. Since the text is known to be an object, it looks only at what decides
// which way to go. Its memory serves one record after the other; one goroutine uses it.
//
// The order of the keys is kept, except in an object of more than wideObject keys. The last of several values under one
// key wins, in the place of the first. Strings share the memory of the text, unless they hold escapes. A number that is
// written as an integer and fits an int64 is one; so -0 is 0. Any other number is a double, or its text if no double is
// that large.
type mapper struct {
	marks
	i int // the next byte

	sizes []int // the number of members of each container, in the order in which they begin
	begun int   // how many containers have begun
	open  []int // while sizes are counted: the containers that have begun and not ended

	strings []span // in the order in which they are in the text
	read    int    // the string that is read next
}

// span is a string in a text, up to its closing quote.
type span struct {
	end int
	// plain: it has no escapes.
	plain bool
}

// put parses the one object in text into dst, which is empty. The object must have been scanned. One that is nested
// deeper than maxDepth stays text.
func (m *mapper) put(dst pcommon.Value, text string) {
	m.find(text)
	m.i, m.begun, m.read = skipSpace(text, 0), 0, 0
	if m.survey() {
		m.object(dst.SetEmptyMap())
	} else {
		dst.SetStr(text)
	}
	m.forget()
	m.sizes, m.open, m.strings = kept(m.sizes), kept(m.open), kept(m.strings)
}

// kept is memory that serves the next record too, unless the record was one of the few that need very much.
func kept[T any](memory []T) []T {
	if cap(memory) > keptMembers {
		return nil
	}
	return memory[:0]
}

// survey counts the members of all containers, so that each is allocated once and in its size, and finds the ends of
// all strings. It stops and returns false where the nesting exceeds maxDepth.
func (m *mapper) survey() bool {
	for i := m.i; i < len(m.text); {
		switch m.text[i] {
		case '"':
			first := m.next(i + 1)
			i = m.stringEnd(first)
			m.strings = append(m.strings, span{end: i, plain: i == first})
		case '{', '[':
			if len(m.open) == maxDepth {
				return false
			}
			m.open = append(m.open, len(m.sizes))
			m.sizes = append(m.sizes, 1)
			if c := m.text[skipSpace(m.text, i+1)]; c == '}' || c == ']' {
				m.sizes[len(m.sizes)-1] = 0
			}
		case '}', ']':
			m.open = m.open[:len(m.open)-1]
		case ',':
			m.sizes[m.open[len(m.open)-1]]++
		}
		i++
	}
	return true
}

// enter steps into a container and returns the number of its members.
func (m *mapper) enter() int {
	m.i++
	m.begun++
	return m.sizes[m.begun-1]
}

// more says whether the container has another member, and steps to it, or out of the container.
func (m *mapper) more() bool {
	m.i = skipSpace(m.text, m.i)
	switch m.text[m.i] {
	case '}', ']':
		m.i++
		return false
	case ',':
		m.i = skipSpace(m.text, m.i+1)
	}
	return true
}

func (m *mapper) object(dst pcommon.Map) {
	size := m.enter()
	if size > wideObject {
		m.wideObject(dst, size)
		return
	}
	dst.EnsureCapacity(size)
	for m.more() {
		key := m.key()
		switch m.text[m.i] { // most values: put at once, each takes fewer steps than put empty and then set
		case '{':
			m.object(dst.PutEmptyMap(key))
		case '[':
			m.array(dst.PutEmptySlice(key))
		case '"':
			dst.PutStr(key, m.string())
		default:
			m.value(dst.PutEmpty(key))
		}
	}
}

// wideObject does the same as object in a time that grows with the size, not with its square.
func (m *mapper) wideObject(dst pcommon.Map, size int) {
	values := make(map[string]pcommon.Value, size)
	keys := make(map[string]any, size)
	for m.more() {
		key, value := m.key(), pcommon.NewValueEmpty()
		m.value(value)
		keys[key], values[key] = nil, value
	}
	_ = dst.FromRaw(keys) // without values, it cannot fail
	for key, value := range dst.All() {
		values[key].MoveTo(value)
	}
}

func (m *mapper) array(dst pcommon.Slice) {
	dst.EnsureCapacity(m.enter())
	for m.more() {
		m.value(dst.AppendEmpty())
	}
}

// key steps over a key and its colon.
func (m *mapper) key() string {
	key := m.string()
	m.i = skipSpace(m.text, m.i)
	m.i = skipSpace(m.text, m.i+1)
	return key
}

func (m *mapper) value(dst pcommon.Value) {
	switch m.text[m.i] {
	case '{':
		m.object(dst.SetEmptyMap())
	case '[':
		m.array(dst.SetEmptySlice())
	case '"':
		dst.SetStr(m.string())
	case 't':
		m.i += len("true")
		dst.SetBool(true)
	case 'f':
		m.i += len("false")
		dst.SetBool(false)
	case 'n':
		m.i += len("null")
	default:
		m.number(dst)
	}
}

func (m *mapper) string() string {
	found := m.strings[m.read]
	m.read++
	raw := m.text[m.i+1 : found.end]
	m.i = found.end + 1
	if found.plain {
		return raw
	}
	return unescape(raw)
}

func (m *mapper) number(dst pcommon.Value) {
	from := m.i
	m.i = scanNumber(m.text, m.i)
	number := m.text[from:m.i]
	if !strings.ContainsAny(number, ".eE") {
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			dst.SetInt(n)
			return
		}
	}
	if d, err := strconv.ParseFloat(number, 64); err == nil {
		dst.SetDouble(d)
	} else {
		dst.SetStr(number)
	}
}
