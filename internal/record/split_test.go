package record

import (
	"math"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

var observed = time.Date(2026, 1, 12, 8, 0, 0, 0, time.UTC)

// ts2020 is the instant of 2020-11-05T12:59:24.904391+0100.
const ts2020 = pcommon.Timestamp(1604577564904391000)

// used is a splitter that has split another frame.
func used(t podlog.EventType) *Splitter {
	s := &Splitter{EventType: t}
	s.split(nil, []byte(`{"a":["\"",{"b":"`+"\x00"), true, observed)
	return s
}

// wholeFrame is a portion that any frame fits in.
var wholeFrame = Portion{Records: math.MaxInt, Bytes: math.MaxInt}

// split splits a frame in one portion.
func (s *Splitter) split(dst []Record, frame []byte, truncated bool, at time.Time) []Record {
	s.Begin(frame, truncated, at)
	return s.Next(dst, wholeFrame)
}

// split splits one frame by a splitter that has split another one.
func split(t podlog.EventType, dst []Record, frame []byte, truncated bool, at time.Time) []Record {
	return used(t).split(dst, frame, truncated, at)
}

// clean, invalid and truncated are records as a splitter should make them.
func clean(body string) Record { return Record{Body: body} }

func cleanAt(body string, ts pcommon.Timestamp) Record { return Record{Body: body, Timestamp: ts} }

func invalid(body string) Record { return Record{Body: body, Problem: InvalidJSON} }

func truncated(body string) Record { return Record{Body: body, Problem: Truncated} }

func truncatedAt(body string, ts pcommon.Timestamp) Record {
	return Record{Body: body, Timestamp: ts, Problem: Truncated}
}

func TestSplit(t *testing.T) {
	const (
		ts     = `"ts":"2020-11-05T12:59:24.904391+0100"`
		pretty = "{\n  \"a\": {\n    \"b\": [\n      {}\n    ]\n  }\n}"
	)
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	for name, test := range map[string]struct {
		frame string
		want  []Record
	}{
		"nothing":                     {"", nil},
		"a newline":                   {"\r\n", nil},
		"blanks":                      {" \t\r\n\n ", nil},
		"an object":                   {`{"a":1}`, []Record{clean(`{"a":1}`)}},
		"an empty object":             {`{}`, []Record{clean(`{}`)}},
		"with LF":                     {"{\"a\":1}\n", []Record{clean(`{"a":1}`)}},
		"with CRLF":                   {"{\"a\":1}\r\n", []Record{clean(`{"a":1}`)}},
		"with CR":                     {"{\"a\":1}\r", []Record{clean("{\"a\":1}\r")}},
		"one newline is trimmed":      {"{}\n\n", []Record{clean("{}\n")}},
		"blanks around are kept":      {" \n\t{ \"a\" : 1 } \n", []Record{clean(" \n\t{ \"a\" : 1 } ")}},
		"over several lines":          {pretty + "\n", []Record{clean(pretty)}},
		"over several lines, CRLF":    {"{\r\n\"a\":1\r\n}\r\n", []Record{clean("{\r\n\"a\":1\r\n}")}},
		"with ts":                     {"{" + ts + "}", []Record{cleanAt("{"+ts+"}", ts2020)}},
		"ts is last":                  {`{"a":[1,{"b":null}],` + ts + "}", []Record{cleanAt(`{"a":[1,{"b":null}],`+ts+"}", ts2020)}},
		"ts with blanks":              {`{ "ts" : "2020-11-05T12:59:24.904391+0100" }`, []Record{cleanAt(`{ "ts" : "2020-11-05T12:59:24.904391+0100" }`, ts2020)}},
		"nested ts":                   {`{"a":{` + ts + `},"b":[{` + ts + `}]}`, []Record{clean(`{"a":{` + ts + `},"b":[{` + ts + `}]}`)}},
		"ts after a nested ts":        {`{"a":{"ts":"x"},` + ts + `}`, []Record{cleanAt(`{"a":{"ts":"x"},`+ts+`}`, ts2020)}},
		"nested ts after ts":          {`{` + ts + `,"a":{"ts":"x"}}`, []Record{cleanAt(`{`+ts+`,"a":{"ts":"x"}}`, ts2020)}},
		"the last ts wins":            {`{"ts":"1999-01-01T00:00:00Z",` + ts + `}`, []Record{cleanAt(`{"ts":"1999-01-01T00:00:00Z",`+ts+`}`, ts2020)}},
		"the last ts is no string":    {`{` + ts + `,"ts":17}`, []Record{clean(`{` + ts + `,"ts":17}`)}},
		"the last ts is an array":     {`{` + ts + `,"ts":["2020-11-05T12:59:24.904391+0100"]}`, []Record{clean(`{` + ts + `,"ts":["2020-11-05T12:59:24.904391+0100"]}`)}},
		"ts is an object":             {`{"ts":{` + ts + `}}`, []Record{clean(`{"ts":{` + ts + `}}`)}},
		"ts is an empty object":       {`{"ts":{},"a":"2020-11-05T12:59:24.904391+0100"}`, []Record{clean(`{"ts":{},"a":"2020-11-05T12:59:24.904391+0100"}`)}},
		"ts is null, then a string":   {`{"ts":null,"a":"2020-11-05T12:59:24.904391+0100"}`, []Record{clean(`{"ts":null,"a":"2020-11-05T12:59:24.904391+0100"}`)}},
		"ts as a value":               {`{"a":"ts","b":"2020-11-05T12:59:24.904391+0100"}`, []Record{clean(`{"a":"ts","b":"2020-11-05T12:59:24.904391+0100"}`)}},
		"ts in upper case":            {`{"TS":"2020-11-05T12:59:24.904391+0100"}`, []Record{clean(`{"TS":"2020-11-05T12:59:24.904391+0100"}`)}},
		"ts under an escaped key":     {`{"\u0074\u0073":"2020-11-05T12:59:24.904391+0100"}`, []Record{cleanAt(`{"\u0074\u0073":"2020-11-05T12:59:24.904391+0100"}`, ts2020)}},
		"ts under a half-escaped key": {`{"t\u0073":"2020-11-05T12:59:24.904391+0100"}`, []Record{cleanAt(`{"t\u0073":"2020-11-05T12:59:24.904391+0100"}`, ts2020)}},
		"a tab is no t":               {`{"\ts":"2020-11-05T12:59:24.904391+0100"}`, []Record{clean(`{"\ts":"2020-11-05T12:59:24.904391+0100"}`)}},
		"ts with an escaped value":    {`{"ts":"2020-11-05T12:59:24.904391\u002b01\u00300"}`, []Record{cleanAt(`{"ts":"2020-11-05T12:59:24.904391\u002b01\u00300"}`, ts2020)}},
		"ts all escaped": {`{"ts":"` + escapeAll("2020-11-05T12:59:24.904391000+01:00") + `"}`,
			[]Record{cleanAt(`{"ts":"`+escapeAll("2020-11-05T12:59:24.904391000+01:00")+`"}`, ts2020)}},
		"ts makes no sense": {`{"ts":"yesterday"}`, []Record{clean(`{"ts":"yesterday"}`)}},
		"odd keys":          {`{"":1," ":2,"a.b:c-d":null,"é":"ü"}`, []Record{clean(`{"":1," ":2,"a.b:c-d":null,"é":"ü"}`)}},

		"two objects":                   {"{\"a\":1}\n{\"b\":2}\n", []Record{clean(`{"a":1}`), clean(`{"b":2}`)}},
		"two objects, CRLF":             {"{\"a\":1}\r\n{\"b\":2}\r\n", []Record{clean(`{"a":1}`), clean(`{"b":2}`)}},
		"two objects, each with ts":     {"{" + ts + "}\n{" + ts + "}", []Record{cleanAt("{"+ts+"}", ts2020), cleanAt("{"+ts+"}", ts2020)}},
		"two objects, blanks and blank": {"\n \n {} \n\t\r\n\t{}\t\n\n", []Record{clean(" {} "), clean("\t{}\t")}},
		"two objects over lines":        {pretty + "\n" + pretty + "\n", []Record{clean(pretty), clean(pretty)}},
		"two objects on a line":         {"{}{}", []Record{invalid("{}{}")}},
		"two objects and a blank":       {"{} {}", []Record{invalid("{} {}")}},
		"two objects on one of lines":   {"{\"a\":1} {}\n{\"b\":1}", []Record{invalid(`{"a":1} {}`), clean(`{"b":1}`)}},
		"objects and a line of text":    {"{\"a\":1}\nhello\n\n{\"b\":2}", []Record{clean(`{"a":1}`), invalid("hello"), clean(`{"b":2}`)}},
		"objects and an array":          {"[]\r\n{\"b\":2}\r\n", []Record{invalid("[]"), clean(`{"b":2}`)}},
		"objects, the last broken":      {"{\"a\":1}\n{\"b\":", []Record{clean(`{"a":1}`), invalid(`{"b":`)}},

		"text":                   {"hello", []Record{invalid("hello")}},
		"lines of text":          {"hello\nthere\n", []Record{invalid("hello\nthere")}},
		"an array":               {`[{"a":1}]`, []Record{invalid(`[{"a":1}]`)}},
		"a number":               {"17\n", []Record{invalid("17")}},
		"a string":               {`"a"`, []Record{invalid(`"a"`)}},
		"null":                   {"null", []Record{invalid("null")}},
		"half an object":         {`{"a":1,` + ts, []Record{invalid(`{"a":1,` + ts)}},
		"a comma too many":       {`{` + ts + `,}`, []Record{invalid(`{` + ts + `,}`)}},
		"a comma in an array":    {`{"a":[1,]}`, []Record{invalid(`{"a":[1,]}`)}},
		"a byte order mark":      {"\ufeff{}", []Record{invalid("\ufeff{}")}},
		"NUL":                    {"\x00", []Record{invalid("\x00")}},
		"a newline in a string":  {"{\"a\":\"b\nc\"}", []Record{invalid("{\"a\":\"b\nc\"}")}},
		"invalid UTF-8":          {"{\"a\":\"\xff\"," + ts + "}", []Record{invalid("{\"a\":\"\xff\"," + ts + "}")}},
		"a surrogate in UTF-8":   {"{\"a\":\"\xed\xa0\x80\"}", []Record{invalid("{\"a\":\"\xed\xa0\x80\"}")}},
		"invalid UTF-8 in a key": {"{\"aaaaaaaaaaaa\xc3\":0}", []Record{invalid("{\"aaaaaaaaaaaa\xc3\":0}")}},
		"invalid UTF-8, 2nd":     {"{\"a\":1}\n{\"a\":\"\xff\"}", []Record{clean(`{"a":1}`), invalid("{\"a\":\"\xff\"}")}},
		"binary":                 {"\x1f\x8b\x08\x00\n", []Record{invalid("\x1f\x8b\x08\x00")}},
		"very deep":              {deep(1_000_000), []Record{clean(deep(1_000_000))}},
		"very deep, half of it":  {deep(1_000_000)[:5_000_000], []Record{invalid(deep(1_000_000)[:5_000_000])}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, observe(test.want), anonymous(t, split(podlog.Message, nil, []byte(test.frame), false, observed)))
		})
	}
}

func TestSplit_truncated(t *testing.T) {
	const ts = `"ts":"2020-11-05T12:59:24.904391+0100"`
	for name, test := range map[string]struct {
		frame string
		want  []Record
	}{
		"half an object":               {`{"a":1,"b":`, []Record{truncated(`{"a":1,"b":`)}},
		"after ts":                     {`{` + ts + `,"b":"x`, []Record{truncatedAt(`{`+ts+`,"b":"x`, ts2020)}},
		"right after ts":               {`{` + ts, []Record{truncatedAt(`{`+ts, ts2020)}},
		"inside ts":                    {`{"ts":"2020-11-05T12:59:24.904391+0100`, []Record{truncated(`{"ts":"2020-11-05T12:59:24.904391+0100`)}},
		"inside a second ts":           {`{` + ts + `,"ts":"2020`, []Record{truncated(`{` + ts + `,"ts":"2020`)}},
		"inside a number":              {`{"a":-`, []Record{truncated(`{"a":-`)}},
		"inside a literal":             {`{"a":fal`, []Record{truncated(`{"a":fal`)}},
		"inside an escape":             {`{"a":"\u00`, []Record{truncated(`{"a":"\u00`)}},
		"ts before an error":           {`{` + ts + `,}`, []Record{truncated(`{` + ts + `,}`)}},
		"an object over lines":         {"{\n" + ts + ",\n\"b\": [\n{}\n", []Record{truncatedAt("{\n"+ts+",\n\"b\": [\n{}", ts2020)}},
		"after an object":              {"{\"a\":1}\n{" + ts + ",\"b", []Record{clean(`{"a":1}`), truncatedAt("{"+ts+",\"b", ts2020)}},
		"after an object over lines":   {"{\n\"a\":1\n}\n{\n\"b\":1,\n", []Record{clean("{\n\"a\":1\n}"), truncated("{\n\"b\":1,")}},
		"after text and an object":     {"x\n{\"a\":1}\n{\"b\":", []Record{invalid("x"), clean(`{"a":1}`), truncated(`{"b":`)}},
		"after text":                   {"x\n{" + ts + ",\"b\":", []Record{invalid("x"), truncatedAt("{"+ts+",\"b\":", ts2020)}},
		"text":                         {"hello\nthere", []Record{truncated("hello\nthere")}},
		"right after an object":        {`{` + ts + `}`, []Record{truncatedAt(`{`+ts+`}`, ts2020)}},
		"right after a newline":        {"{}\n{" + ts + "}\r\n", []Record{clean("{}"), truncatedAt("{"+ts+"}", ts2020)}},
		"at once":                      {"", []Record{truncated("")}},
		"among blanks":                 {" \n", []Record{truncated(" ")}},
		"inside a rune of two":         {"{\"a\":\"x\xc3", []Record{truncated(`{"a":"x`)}},
		"inside a rune of four, early": {"{" + ts + ",\"a\":\"x\xf0", []Record{truncatedAt("{"+ts+",\"a\":\"x", ts2020)}},
		"inside a rune of four, late":  {"{\"a\":\"x\xf0\x9f\x98", []Record{truncated(`{"a":"x`)}},
		"after a rune of four":         {"{\"a\":\"x\xf0\x9f\x98\x80", []Record{truncated("{\"a\":\"x\xf0\x9f\x98\x80")}},
		"inside the second rune":       {"{\"a\":\"éé\xc3", []Record{truncated(`{"a":"éé`)}},
		"invalid UTF-8":                {"{" + ts + ",\"a\":\"\xff", []Record{truncated("{" + ts + ",\"a\":\"\xff")}},
		"invalid UTF-8 and a rune":     {"{" + ts + ",\"a\":\"\xffx\xc3", []Record{truncated("{" + ts + ",\"a\":\"\xffx\xc3")}},
		"invalid UTF-8 before":         {"{\"a\":\"\xff\"}\n{" + ts + ",\"a\":\"\xc3", []Record{invalid("{\"a\":\"\xff\"}"), truncatedAt("{"+ts+",\"a\":\"", ts2020)}},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, observe(test.want), anonymous(t, split(podlog.Message, nil, []byte(test.frame), true, observed)))
		})
	}
}

func TestSplit_appends(t *testing.T) {
	dst := []Record{clean("before")}
	for _, frame := range []string{`{"a":1}`, "", "{}\n{}", "x\n{}", "x", "{}\n[]"} {
		got := split(podlog.Message, dst[:1:1], []byte(frame), false, observed)
		assert.Equal(t, dst[0], got[0], frame)
		assert.Equal(t, split(podlog.Message, nil, []byte(frame), false, observed), append([]Record(nil), got[1:]...), frame)
	}
}

func TestSplit_copiesTheFrame(t *testing.T) {
	frame := []byte("{\"a\":1}\n{\"b\":2}\n")
	records := split(podlog.Message, nil, frame, false, observed)
	clear(frame)
	assert.Equal(t, observe([]Record{clean(`{"a":1}`), clean(`{"b":2}`)}), anonymous(t, records))
}

// The texts of many records are one allocation, and what they share is not written again.
func TestSplit_allocatesNothingButSharedMemory(t *testing.T) {
	frame := []byte(sample(t, "message"))
	s := Splitter{EventType: podlog.Message}
	dst := make([]Record, 0, 1000)
	assert.Zero(t, testing.AllocsPerRun(999, func() { dst = s.split(dst, frame, false, observed) }),
		"whole allocations for each record")
	for i := range dst {
		require.Equal(t, string(frame), dst[i].Body)
	}
}

func TestSplit_givesLargeTextsMemoryOfTheirOwn(t *testing.T) {
	s := Splitter{EventType: podlog.Message}
	small := s.split(nil, []byte(`{"a":1}`), false, observed)
	s.split(nil, []byte(`{"a":"`+strings.Repeat("x", 1<<20)+`"}`), false, observed)
	again := s.split(nil, []byte(`{"b":2}`), false, observed)
	assert.Equal(t, chunk, s.texts.memory.Cap(), "no more memory is kept")
	assert.Equal(t, len(small[0].Body)+len(again[0].Body), s.texts.memory.Len())
}

// Behind a processor that drops most of the records, the others must not keep the memory of a long frame.
func TestSplit_recordsOfALongFrameDoNotKeepIt(t *testing.T) {
	line := `{"guid":"` + strings.Repeat("x", 90) + `"}` + "\n"
	for name, frame := range map[string]string{
		"objects": strings.Repeat(line, 1000),
		"lines":   strings.Repeat(line, 500) + "x\n" + strings.Repeat(line, 500),
	} {
		for _, apart := range []bool{false, true} {
			s := Splitter{EventType: podlog.Message, Apart: apart}
			s.Begin([]byte(frame), false, observed)
			text := s.text
			for _, r := range s.Next(nil, wholeFrame) {
				assert.False(t, within(r.Body, text), "%s, apart: %v: a record keeps the frame", name, apart)
			}
		}
	}
}

// within says whether a text is part of the memory of another.
func within(part, text string) bool {
	at, from := uintptr(unsafe.Pointer(unsafe.StringData(part))), uintptr(unsafe.Pointer(unsafe.StringData(text)))
	return from <= at && at < from+uintptr(len(text))
}

func TestSplit_abandonedFrameIsFreed(t *testing.T) {
	s := Splitter{EventType: podlog.Message}
	s.Begin([]byte("{}\n{}"), false, observed)
	require.Len(t, s.Next(nil, Portion{Records: 1, Bytes: 1}), 1)
	require.True(t, s.More())
	s.Abandon()
	assert.False(t, s.More())
	assert.Empty(t, s.text)
	assert.Empty(t, s.scanner.text)
}

// anonymous takes the identities, which have tests of their own, off records. Each must have one.
func anonymous(t *testing.T, records []Record) []Record {
	t.Helper()
	for i := range records {
		assert.NotZero(t, records[i].ID, records[i].Body)
		records[i].ID, records[i].FormerID = 0, 0
	}
	return records
}

// observe sets the time at which the tests read their frames.
func observe(records []Record) []Record {
	for i := range records {
		records[i].Observed = pcommon.NewTimestampFromTime(observed)
	}
	return records
}

// escapeAll spells every byte of a text as a JSON escape.
func escapeAll(text string) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for _, c := range []byte(text) {
		b.WriteString(`\u00`)
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
