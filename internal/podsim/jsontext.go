package podsim

import (
	"fmt"
	"math/rand/v2"
	"strconv"
)

// object is a JSON object whose members may come in any order.
type object []member

// member is a key and a value: a string, int, float64, bool, nil, []string, list or object.
type member struct {
	key   string
	value any
}

// list is a JSON array.
type list []any

// appendJSON writes v in compact form, with the members of each object in random order, as the service does.
func appendJSON(b []byte, v any, random *rand.Rand) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case float64:
		return strconv.AppendFloat(b, v, 'f', -1, 64)
	case string:
		return appendText(b, v)
	case []string:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, e)
		}
		return append(b, ']')
	case list:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, e, random)
		}
		return append(b, ']')
	case object:
		b = append(b, '{')
		random.Shuffle(len(v), func(i, j int) { v[i], v[j] = v[j], v[i] })
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendText(b, m.key), ':')
			b = appendJSON(b, m.value, random)
		}
		return append(b, '}')
	}
	panic(fmt.Sprintf("podsim: no JSON for a %T", v))
}

// appendText writes a JSON string. Unlike encoding/json it leaves <, > and & as they are, as the service does.
func appendText(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\r':
			b = append(b, '\\', 'r')
		case c == '\t':
			b = append(b, '\\', 't')
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
