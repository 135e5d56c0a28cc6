package record

import (
	"math/bits"
	"strings"
)

// maxDepth is how deep arrays and objects may be nested: the limit of encoding/json.
const maxDepth = 10000

// status says how the scan of an object ended.
type status uint8

const (
	whole  status = iota // with its closing brace
	cut                  // with the end of the text: so far it is the beginning of an object
	broken               // with a byte that no object can have there
)

// object is what a scan has found.
type object struct {
	status status
	// end is the index after the closing brace of an object that is whole.
	end int
	// fields are the values of the last top-level `ts`, `guid` and `id`, each as it stands between its quotes, escapes
	// and all. One is empty if there is none, or if that is no string.
	fields [fieldCount]string
	// ascii says that there is certainly no byte of 0x80 or above in an object that is whole.
	ascii bool
}

// field is a top-level key whose value is wanted.
type field uint8

const (
	noField field = iota
	fieldTS
	fieldGUID
	fieldID
	fieldCount
)

// fieldOf returns the field of a key, as that stands between its quotes.
func fieldOf(raw string) field {
	switch raw {
	case "ts":
		return fieldTS
	case "guid":
		return fieldGUID
	case "id":
		return fieldID
	}
	if strings.IndexByte(raw, '\\') < 0 {
		return noField
	}
	switch { // spelled with escapes, which nobody does
	case isKey(raw, "ts"):
		return fieldTS
	case isKey(raw, "guid"):
		return fieldGUID
	case isKey(raw, "id"):
		return fieldID
	}
	return noField
}

// scanner scans objects. Its memory serves one after the other; one goroutine uses it.
type scanner struct {
	nesting nesting
}

// object scans the JSON object that begins at text[i] or after blanks there. It checks the grammar of RFC 8259 but not
// UTF-8: that is utf8.ValidString's part, and is not needed where ascii is set. What follows the object is not looked
// at.
//
// It passes once over the text, and neither allocates nor recurses. A place in the grammar is a place in the code: what
// comes next is a key, a value, or what follows on a value.
func (s *scanner) object(text string, i int) (o object) {
	i = skipSpace(text, i)
	if i == len(text) || text[i] != '{' {
		o.status = statusOf(fail(text, i))
		return o
	}
	var (
		from     int    // where the string begins that is scanned
		seen     uint64 // all words seen in strings, or-ed
		inObject bool   // the innermost open container is an object
		key      bool   // the string is a key
		wanted   field  // the value that comes is that of a field
	)
	s.nesting.depth = 0
	goto value

key:
	if i >= len(text) || text[i] != '"' {
		if i = skipSpace(text, i); i >= len(text) || text[i] != '"' {
			i = fail(text, i)
			goto stop
		}
	}
	key = true

str:
	i++
	from = i
	if i+16 <= len(text) {
		// Nearly all strings end within two words, which are looked at together.
		next := text[i : i+16]
		first, second := word(next), word(next[8:])
		seen |= first | second
		first, second = special(first), special(second)
		if first|second == 0 {
			i += 16
		} else {
			if first == 0 {
				i += 8
				first = second
			}
			i += bits.TrailingZeros64(first) / 8
			if text[i] == '"' {
				i++
				goto end
			}
		}
	}
	{
		var more uint64
		if i, more = scanString(text, i); i < 0 {
			goto stop
		}
		seen |= more
	}

end:
	if !key {
		if wanted != noField {
			o.fields[wanted], wanted = text[from:i-1], noField
		}
		goto after
	}
	key = false
	if s.nesting.depth == 1 {
		if wanted = fieldOf(text[from : i-1]); wanted != noField {
			o.fields[wanted] = ""
		}
	}
	if i >= len(text) || text[i] != ':' {
		if i = skipSpace(text, i); i == len(text) || text[i] != ':' {
			i = fail(text, i)
			goto stop
		}
	}
	i++

value:
	if i >= len(text) {
		i = stopCut
		goto stop
	}
	switch c := text[i]; {
	case c == '"':
		goto str
	case c == '{', c == '[':
		wanted = noField
		if s.nesting.depth == maxDepth {
			i = stopBroken
			goto stop
		}
		s.nesting.push(inObject)
		inObject = c == '{'
		if i = skipSpace(text, i+1); i < len(text) && text[i] == closing(inObject) {
			goto after
		}
		if inObject {
			goto key
		}
		goto value
	case c == 't':
		i = scanLiteral(text, i, "true")
	case c == 'f':
		i = scanLiteral(text, i, "false")
	case c == 'n':
		i = scanLiteral(text, i, "null")
	case isSpace(c):
		i = skipSpace(text, i)
		goto value
	default:
		i = scanNumber(text, i)
	}
	wanted = noField
	if i < 0 {
		goto stop
	}

after:
	if i >= len(text) {
		i = stopCut
		goto stop
	}
	switch c := text[i]; {
	case c == ',':
		i++
		if inObject {
			goto key
		}
		goto value
	case c == closing(inObject):
		i++
		if inObject = s.nesting.pop(); s.nesting.depth == 0 {
			o.end, o.ascii = i, seen&highBits == 0
			return o
		}
		goto after
	case isSpace(c):
		i = skipSpace(text, i)
		goto after
	}
	i = stopBroken

stop:
	o.status = statusOf(i)
	return o
}

// nesting remembers, for each open container, whether the one around it is an object.
type nesting struct {
	depth  int
	object [maxDepth/64 + 1]uint64
}

func (n *nesting) push(inObject bool) {
	bit := uint64(1) << (n.depth & 63)
	if inObject {
		n.object[n.depth>>6] |= bit
	} else {
		n.object[n.depth>>6] &^= bit
	}
	n.depth++
}

func (n *nesting) pop() (inObject bool) {
	n.depth--
	return n.object[n.depth>>6]>>(n.depth&63)&1 != 0
}

func closing(inObject bool) byte {
	if inObject {
		return '}'
	}
	return ']'
}

// What the functions below return in place of the index after the part they scan, if there is no such part.
const (
	stopCut    = -1 // the text ends before the part does
	stopBroken = -2 // there is a byte that the part cannot have there
)

// fail says why a scan cannot go on at text[i].
func fail(text string, i int) int {
	if i >= len(text) {
		return stopCut
	}
	return stopBroken
}

func statusOf(stop int) status {
	if stop == stopCut {
		return cut
	}
	return broken
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// skipSpace returns the index of the first byte from text[i] on that is not a blank of JSON, or the length of the text.
func skipSpace(text string, i int) int {
	for i < len(text) && text[i] <= ' ' && isSpace(text[i]) {
		i++
	}
	return i
}

// For eight bytes at a time, as one little-endian word.
const (
	ones     = 0x0101010101010101
	highBits = 0x80 * ones
)

// word returns the first eight bytes of s.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// special marks, by their high bits, the bytes of a word that end a plain run in a string: quotes, backslashes and
// control characters. Only the lowest mark is certain: the subtractions borrow from the bytes above it.
func special(w uint64) uint64 {
	low := w ^ 0x02*ones // puts the quote right behind the control characters
	backslash := w ^ '\\'*ones
	return ((low-0x21*ones)&^low | (backslash-ones)&^backslash) & highBits
}

// scanPlain returns the index of the first byte from text[i] on that ends a plain run in a string: a quote, a backslash or
// a control character. There must be one.
func scanPlain(text string, i int) int {
	for ; i+8 <= len(text); i += 8 {
		if m := special(word(text[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)/8
		}
	}
	for text[i] != '"' && text[i] != '\\' && text[i] >= ' ' {
		i++
	}
	return i
}

// scanString scans the rest of a string, from text[i] to its closing quote. seen has a high bit set if there is a byte
// of 0x80 or above in it; the seven bytes behind it may count too.
func scanString(text string, i int) (next int, seen uint64) {
	for i >= 0 {
		for i+8 <= len(text) {
			w := word(text[i:])
			seen |= w
			if m := special(w); m != 0 {
				i += bits.TrailingZeros64(m) / 8
				break
			}
			i += 8
		}
		if i == len(text) {
			return stopCut, seen
		}
		switch c := text[i]; {
		case c == '"':
			return i + 1, seen
		case c == '\\':
			i = scanEscape(text, i)
		case c < ' ':
			return stopBroken, seen
		default: // one of the last seven bytes of the text
			seen |= uint64(c)
			i++
		}
	}
	return i, seen
}

// scanEscape scans an escape in a string, which begins with the backslash at text[i].
func scanEscape(text string, i int) int {
	i++
	if i == len(text) {
		return stopCut
	}
	switch text[i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 1
	case 'u':
		for end := i + 4; i < end; {
			i++
			if i == len(text) || hexDigit(text[i]) < 0 {
				return fail(text, i)
			}
		}
		return i + 1
	}
	return stopBroken
}

// hexDigit returns the value of a hexadecimal digit, or a negative number for any other byte.
func hexDigit(c byte) rune {
	switch {
	case '0' <= c && c <= '9':
		return rune(c - '0')
	case 'a' <= c && c <= 'f':
		return rune(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return rune(c-'A') + 10
	}
	return -1
}

// scanNumber scans a number. At the end of the text a number is never complete, since an object must follow on it.
func scanNumber(text string, i int) int {
	if i < len(text) && text[i] == '-' {
		i++
	}
	if i < len(text) && text[i] == '0' {
		i++
	} else if i = scanDigits(text, i); i < 0 {
		return i
	}
	if i < len(text) && text[i] == '.' {
		if i = scanDigits(text, i+1); i < 0 {
			return i
		}
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		i = scanDigits(text, i)
	}
	return i
}

// scanDigits scans one digit or more.
func scanDigits(text string, i int) int {
	from := i
	for i < len(text) && '0' <= text[i] && text[i] <= '9' {
		i++
	}
	if i == from {
		return fail(text, i)
	}
	return i
}

func scanLiteral(text string, i int, literal string) int {
	for j := range len(literal) {
		if i+j == len(text) || text[i+j] != literal[j] {
			return fail(text, i+j)
		}
	}
	return i + len(literal)
}

// isKey says whether a key, as it stands between its quotes, is name once its escapes are resolved. The name consists
// of letters, which no escape but \u can stand for.
func isKey(raw, name string) bool {
	for j := range len(name) {
		switch {
		case raw == "":
			return false
		case raw[0] == name[j]:
			raw = raw[1:]
		case raw[0] == '\\' && raw[1] == 'u' && hexRune(raw[2:]) == rune(name[j]):
			raw = raw[6:]
		default:
			return false
		}
	}
	return raw == ""
}

// hexRune returns the value of the four hexadecimal digits with which s begins.
func hexRune(s string) rune {
	return hexDigit(s[0])<<12 | hexDigit(s[1])<<8 | hexDigit(s[2])<<4 | hexDigit(s[3])
}
