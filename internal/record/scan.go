package record

import "strings"

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
	// ascii says that there is certainly no byte of 0x80 or above in an object that is whole: the text has none.
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

// scanner scans the objects in a text. Its memory serves one text after the other; one goroutine uses it.
type scanner struct {
	marks
	nesting nesting
}

// forget frees the text, and the memory that only a rare text needs.
func (s *scanner) forget() {
	s.marks.forget()
	s.nesting.forget()
}

// object scans the JSON object that begins at index i, or after blanks there, of the text whose marks were found last.
// It checks the grammar of RFC 8259 but not UTF-8: that is utf8.ValidString's part, and is not needed where ascii is
// set. What follows the object is not looked at.
//
// It passes once over the text and does not recurse, so no depth is too deep: an open container takes one bit of memory,
// which is kept for the next text. A place in the grammar is a place in the code: what comes next is a key, a value, or
// what follows on a value.
func (s *scanner) object(i int) (o object) {
	text := s.text
	i = skipSpace(text, i)
	if i == len(text) || text[i] != '{' {
		o.status = statusOf(fail(text, i))
		return o
	}
	var (
		inObject bool  // the innermost open container is an object
		wanted   field // the value that comes is that of a field
	)
	s.nesting.depth = 0
	goto value

key:
	if i >= len(text) || text[i] != '"' {
		if i = skipSpace(text, i); i == len(text) || text[i] != '"' {
			i = fail(text, i)
			goto stop
		}
	}
	{
		from := i + 1
		if i = s.next(from); i == len(text) || text[i] != '"' {
			if i = s.stringEnd(i); i < 0 {
				goto stop
			}
		}
		if s.nesting.depth == 1 {
			if wanted = fieldOf(text[from:i]); wanted != noField {
				o.fields[wanted] = ""
			}
		}
		i++
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
		from := i + 1
		if i = s.next(from); i == len(text) || text[i] != '"' {
			if i = s.stringEnd(i); i < 0 {
				goto stop
			}
		}
		if wanted != noField {
			o.fields[wanted], wanted = text[from:i], noField
		}
		i++
		goto after
	case c == '{', c == '[':
		wanted = noField
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
			o.end, o.ascii = i, s.ascii
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

// nesting remembers, for each open container, whether the one around it is an object. It grows with the depth.
type nesting struct {
	depth int
	words []uint64 // one bit for each container
}

// keptDepth is the depth for which the memory is kept. A deeper record is rare.
const keptDepth = 1 << 16

func (n *nesting) push(inObject bool) {
	i, bit := n.depth/64, uint64(1)<<(n.depth%64)
	if i == len(n.words) {
		n.words = append(n.words, 0)
	}
	n.words[i] &^= bit
	if inObject {
		n.words[i] |= bit
	}
	n.depth++
}

func (n *nesting) pop() (inObject bool) {
	n.depth--
	return n.words[n.depth/64]>>(n.depth%64)&1 == 1
}

// forget frees the memory that a very deep text took.
func (n *nesting) forget() {
	if cap(n.words) > keptDepth/64 {
		n.words = nil
	}
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
