package record

import (
	"strconv"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// putMap parses the one object in text into dst, which is empty. The object must have been scanned.
//
// The order of the keys is kept, and the last of several values under one key wins, in the place of the first. Texts
// share the memory of text, unless they hold escapes. A number that is written as an integer and fits an int64 is one;
// so -0 is 0. Any other number is a double, or its text if no double is that large.
func putMap(dst pcommon.Map, text string) {
	m := mapper{text: text}
	m.skipSpace()
	m.object(dst)
}

// mapper walks over the text of a record. Since the text is known to be an object, it looks only at what decides which
// way to go.
type mapper struct {
	text string
	i    int // the next byte
}

func (m *mapper) skipSpace() { m.i = skipSpace(m.text, m.i) }

// more says whether a container has another member, and steps over the comma before it, or over the closing byte.
func (m *mapper) more() bool {
	m.skipSpace()
	c := m.text[m.i]
	if c == '}' || c == ']' {
		m.i++
		return false
	}
	if c == ',' {
		m.i++
		m.skipSpace()
	}
	return true
}

func (m *mapper) object(dst pcommon.Map) {
	m.i++
	for m.more() {
		key := m.string()
		m.skipSpace()
		m.i++ // the colon
		m.skipSpace()
		m.value(dst.PutEmpty(key))
	}
}

func (m *mapper) array(dst pcommon.Slice) {
	m.i++
	for m.more() {
		m.value(dst.AppendEmpty())
	}
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
	from := m.i + 1
	m.i, _ = scanString(m.text, m.i)
	return unescape(m.text[from : m.i-1])
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
