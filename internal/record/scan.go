package record

import "math/bits"

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
	// ts is the value of the last top-level `ts`, as it stands between its quotes, escapes and all. It is empty if
	// there is none, or if that is no string.
	ts string
	// ascii says that there is certainly no byte of 0x80 or above in an object that is whole.
	ascii bool
}

// scanObject scans the JSON object that begins at text[i] or after blanks there. It checks the grammar of RFC 8259 but
// not UTF-8: that is utf8.ValidString's part, and is not needed where ascii is set. What follows the object is not
// looked at.
//
// It passes once over the text, and neither allocates nor recurses.
func scanObject(text string, i int) (o object) {
	i = skipSpace(text, i)
	if i == len(text) || text[i] != '{' {
		o.status = statusOf(fail(text, i))
		return o
	}

	var (
		nesting  nesting
		inObject bool   // the innermost open container is an object
		seen     uint64 // all words seen in strings, or-ed
		isTS     bool   // the value that comes is that of `ts`
	)
	for {
		if inObject {
			key := i
			var word uint64
			if i, word = scanString(text, i); i < 0 {
				break
			}
			seen |= word
			if nesting.depth == 1 {
				if isTS = isKey(text[key+1:i-1], "ts"); isTS {
					o.ts = ""
				}
			}
			if i = skipSpace(text, i); i == len(text) || text[i] != ':' {
				i = fail(text, i)
				break
			}
			i = skipSpace(text, i+1)
		}

		if i == len(text) {
			i = stopCut
			break
		}
		switch c := text[i]; c {
		case '"':
			value := i
			var word uint64
			i, word = scanString(text, i)
			seen |= word
			if isTS && i > 0 {
				o.ts, isTS = text[value+1:i-1], false
			}
		case '{', '[':
			isTS = false
			if nesting.depth == maxDepth {
				i = stopBroken
				break
			}
			nesting.push(inObject)
			inObject = c == '{'
			if i = skipSpace(text, i+1); i == len(text) || text[i] != closing(inObject) {
				continue // with the first member, or to find that there is none
			}
		case 't':
			i = scanLiteral(text, i, "true")
		case 'f':
			i = scanLiteral(text, i, "false")
		case 'n':
			i = scanLiteral(text, i, "null")
		default:
			i = scanNumber(text, i)
		}
		if i < 0 {
			break
		}

		// After a value: the containers that end here, then a comma.
		for {
			if i = skipSpace(text, i); i == len(text) {
				i = stopCut
				break
			}
			if text[i] != closing(inObject) {
				break
			}
			i++
			if inObject = nesting.pop(); nesting.depth == 0 {
				o.end, o.ascii = i, seen&highBits == 0
				return o
			}
		}
		if i < 0 {
			break
		}
		if text[i] != ',' {
			i = stopBroken
			break
		}
		i = skipSpace(text, i+1)
	}
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

func word(s string, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

// special marks, by their high bits, the bytes of a word that end a plain run in a string: quotes, backslashes and
// control characters. Only the lowest mark is certain: the subtractions borrow from the bytes above it.
func special(w uint64) uint64 {
	quote := w ^ '"'*ones
	backslash := w ^ '\\'*ones
	return ((quote-ones)&^quote | (backslash-ones)&^backslash | (w-' '*ones)&^w) & highBits
}

// scanString scans a string with its quotes. seen has the high bit of one of its bytes set if there is any byte of 0x80
// or above in the string; bytes up to seven places behind the string count too.
func scanString(text string, i int) (next int, seen uint64) {
	if i >= len(text) || text[i] != '"' {
		return fail(text, i), 0
	}
	i++
	for i >= 0 {
		for i+8 <= len(text) {
			w := word(text, i)
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
