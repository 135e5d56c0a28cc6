package record

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// parse parses a record into a map, with a mapper that has parsed another one before.
func parse(text string) pcommon.Value {
	var m mapper
	m.put(pcommon.NewValueEmpty(), `{"a":[[{}],{"b":1}],"c":[]}`)
	v := pcommon.NewValueMap()
	m.put(v, text)
	return v
}

// render spells out a value with its types and the order of its keys, which is not kept in wide objects.
func render(v pcommon.Value) string {
	switch v.Type() {
	case pcommon.ValueTypeMap:
		var members []string
		for key, value := range v.Map().All() {
			members = append(members, fmt.Sprintf("%q:%s", key, render(value)))
		}
		if len(members) > wideObject {
			slices.Sort(members)
		}
		return "{" + strings.Join(members, " ") + "}"
	case pcommon.ValueTypeSlice:
		var elements []string
		for _, element := range v.Slice().All() {
			elements = append(elements, render(element))
		}
		return "[" + strings.Join(elements, " ") + "]"
	case pcommon.ValueTypeStr:
		return strconv.Quote(v.Str())
	case pcommon.ValueTypeDouble:
		return fmt.Sprintf("double(%x)", math.Float64bits(v.Double()))
	default:
		return fmt.Sprintf("%s(%v)", v.Type(), v.AsRaw())
	}
}

func TestMapper(t *testing.T) {
	double := func(d float64) string { return fmt.Sprintf("double(%x)", math.Float64bits(d)) }
	for text, want := range map[string]string{
		`{}`:                                `{}`,
		" { \r\n\t} ":                       `{}`,
		`{"a":1,"b":"c"}`:                   `{"a":Int(1) "b":"c"}`,
		" { \"b\" : 1 ,\n\t\"a\" : [ ] } ":  `{"b":Int(1) "a":[]}`,
		`{"a":true,"b":false,"c":null}`:     `{"a":Bool(true) "b":Bool(false) "c":Empty(<nil>)}`,
		`{"a":[1,"b",{"c":[[],{}]},null]}`:  `{"a":[Int(1) "b" {"c":[[] {}]} Empty(<nil>)]}`,
		`{"":1," ":2,"a.b:c-d":3}`:          `{"":Int(1) " ":Int(2) "a.b:c-d":Int(3)}`,
		`{"a":1,"b":2,"a":"x"}`:             `{"a":"x" "b":Int(2)}`,
		`{"a":{"b":1},"\u0061":{"c":[2]}}`:  `{"a":{"c":[Int(2)]}}`,
		`{"a":{"b":1},"a":null}`:            `{"a":Empty(<nil>)}`,
		`{"a":0,"b":-0,"c":-17}`:            `{"a":Int(0) "b":Int(0) "c":Int(-17)}`,
		`{"a":9223372036854775807}`:         `{"a":Int(9223372036854775807)}`,
		`{"a":-9223372036854775808}`:        `{"a":Int(-9223372036854775808)}`,
		`{"a":9223372036854775808}`:         `{"a":` + double(9223372036854775808) + `}`,
		`{"a":1.0,"b":1e0,"c":1E+2}`:        `{"a":` + double(1) + ` "b":` + double(1) + ` "c":` + double(100) + `}`,
		`{"a":-0.0,"b":0.482913}`:           `{"a":` + double(math.Copysign(0, -1)) + ` "b":` + double(0.482913) + `}`,
		`{"a":1e400,"b":-1e400,"c":1e-400}`: `{"a":"1e400" "b":"-1e400" "c":` + double(0) + `}`,
		`{"a":"\"\\\/\b\f\n\r\t"}`:          `{"a":"\"\\/\b\f\n\r\t"}`,
		`{"a":"\u00e9\u20AC","b":"é€😀"}`:    `{"a":"é€" "b":"é€😀"}`,
		`{"a":"x\ud83d\ude00y"}`:            `{"a":"x😀y"}`,
		`{"a":"\ud83d","b":"\ude00"}`:       `{"a":"` + "\ufffd" + `" "b":"` + "\ufffd" + `"}`,
		`{"a":"\ud83dx","b":"\ud83d\n"}`:    `{"a":"` + "\ufffd" + `x" "b":"` + "\ufffd" + `\n"}`,
		`{"a":"\ud83d\ud83d\ude00"}`:        `{"a":"` + "\ufffd" + `😀"}`,
		`{"a":"\u0000"}`:                    `{"a":"\x00"}`,
		`{"\"":"\\","\\":"}]"}`:             `{"\"":"\\" "\\":"}]"}`,
	} {
		require.True(t, isCleanObject(text), text)
		assert.Equal(t, want, render(parse(text)), text)
	}
}

func TestMapper_asDeepAsAllowed(t *testing.T) {
	v := parse(strings.Repeat(`{"a":`, maxDepth-1) + "[]" + strings.Repeat("}", maxDepth-1))
	depth := 0
	for v.Type() == pcommon.ValueTypeMap {
		depth++
		v, _ = v.Map().Get("a")
	}
	assert.Equal(t, maxDepth-1, depth)
	assert.Equal(t, pcommon.ValueTypeSlice, v.Type())
}

func TestMapper_deeperStaysText(t *testing.T) {
	for _, depth := range []int{maxDepth + 1, 1_000_000} {
		text := strings.Repeat(`{"a":`, depth-1) + "[]" + strings.Repeat("}", depth-1)
		var m mapper
		assert.Equal(t, math.MaxInt, m.size(text))
		if body := parse(text); body.Type() != pcommon.ValueTypeStr || body.Str() != text {
			t.Errorf("depth %d: the body is of type %v, %d bytes of %d", depth, body.Type(), len(body.AsString()), len(text))
		}
	}
}

// A wide object is a map like any other.
func TestMapper_wideObject(t *testing.T) {
	const width = 100 * wideObject
	var b strings.Builder
	b.WriteString(`{"0":"replaced"`)
	for i := range width {
		fmt.Fprintf(&b, `,"%d":{"n":%d}`, i, i)
	}
	b.WriteString(`}`)
	m := parse(b.String()).Map()
	require.Equal(t, width, m.Len())
	for key, value := range m.All() {
		n, ok := value.Map().Get("n")
		if !ok || strconv.FormatInt(n.Int(), 10) != key {
			t.Fatalf("%q is %s", key, render(value))
		}
	}
}

func TestMapper_allocatesContainersInTheirSize(t *testing.T) {
	// A map or a slice is three allocations, and so is the map that the record becomes; a value is two, an integer one.
	text := `{"a":[1,2,3,4,5,6,7],"b":{"c":1,"d":2,"e":3}}`
	var m mapper
	m.put(pcommon.NewValueEmpty(), text)
	assert.Equal(t, 2.0+3+2*3+10, testing.AllocsPerRun(100, func() { m.put(pcommon.NewValueEmpty(), text) }))
}

// reference builds the value of a JSON text by the tokens of encoding/json.
func reference(t *testing.T, d *json.Decoder, dst pcommon.Value) {
	t.Helper()
	token, err := d.Token()
	require.NoError(t, err)
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			m := dst.SetEmptyMap()
			for d.More() {
				key, err := d.Token()
				require.NoError(t, err)
				reference(t, d, m.PutEmpty(key.(string)))
			}
		} else {
			s := dst.SetEmptySlice()
			for d.More() {
				reference(t, d, s.AppendEmpty())
			}
		}
		_, err = d.Token()
		require.NoError(t, err)
	case json.Number:
		if n, err := strconv.ParseInt(token.String(), 10, 64); err == nil {
			dst.SetInt(n)
		} else if f, err := token.Float64(); err == nil {
			dst.SetDouble(f)
		} else {
			dst.SetStr(token.String())
		}
	default: // a string, a boolean or null
		require.NoError(t, dst.FromRaw(token))
	}
}

func checkMap(t *testing.T, text string) {
	t.Helper()
	want := pcommon.NewValueEmpty()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	reference(t, d, want)
	if got, want := render(parse(text)), render(want); got != want {
		t.Errorf("%q is parsed into\n%s, want\n%s", text, got, want)
	}
}

func TestMapper_agreesWithEncodingJSON(t *testing.T) {
	for _, name := range []string{"message", "maillog", "audit"} {
		checkMap(t, sample(t, name))
	}
}

func FuzzMap(f *testing.F) {
	for _, seed := range append([]string{
		`{"a":1,"a":[{"b":-0.5e-7}],"a":{"a":1e400}}`, `{"a":12345678901234567890,"b":"\ud800\udc00\udc00\\u"}`,
	}, seeds...) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if records := split(podlog.Message, nil, []byte(text), false, observed); len(records) == 1 && records[0].Problem == "" {
			checkMap(t, records[0].Body)
		}
	})
}

func TestMapper_keepsItsMemoryButThatOfARecordWithVeryManyMembers(t *testing.T) {
	var m mapper
	m.put(pcommon.NewValueEmpty(), `{"a":["b",{}]}`)
	usual := &m.strings[:1][0]
	m.put(pcommon.NewValueEmpty(), `{"c":["d",{}]}`)
	assert.Same(t, usual, &m.strings[:1][0], "made anew for each record")

	m.put(pcommon.NewValueEmpty(), `{"a":[`+strings.Repeat(`["b"],`, keptMembers)+`[]]}`)
	assert.Zero(t, cap(m.sizes)+cap(m.strings))
	assert.Empty(t, m.text)
	v := pcommon.NewValueMap()
	m.put(v, `{"a":["b"]}`)
	assert.Equal(t, `{"a":["b"]}`, render(v))
}
