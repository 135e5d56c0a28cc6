package record

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// seeds are frames of every kind, whole and cut, for the fuzz targets and the differential tests.
var seeds = []string{
	"", " \r\n", "{}", "[]", "null", "{}\n{}", "x\n{}\ny", "{\n}\n{\n}\n",
	`{"a":[1,-0,1.5e3,1E-2,-2.0e+1],"b":{"c":[true,false,null]},"d":"","":0}`,
	`{"ts":"2020-11-05T12:59:24.904391+0100","guid":"x"}` + "\r\n" + `{"a":{"ts":"1"},"\u0074s":"2024-02-29T00:00:00Z"}`,
	`{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83d\u0000","long enough for a word, and more":"ü€😀"}`,
	`{"a":1e999,"ts":"2024-02-29T00:00:00Z","guid":"x"}`,
	`{"a":01}`, `{"a":1.}`, `{"a":.5}`, `{"a":+1}`, `{"a":1e}`, `{"a":--1}`, `{"a":tru}`, `{"a":nulll}`, `{"a":True}`,
	`{"a":"\x"}`, `{"a":"\u12g4"}`, "{\"a\":\"\t\"}", "{\"a\":\"\x7f\"}", "{\"a\":\"\xff\"}", `{"a" 1}`, `{"a":1 "b":2}`, `{a:1}`,
	`{"a":1,}`, `{,}`, `{"a":[,]}`, `{"a":[1,]}`, `{"a":[}`, `{"a":{]}`, `{"a":}`, `{"a"}`, `{1:2}`, `{"a":1}}`, `{"a":1};`,
	`{"id":"a/b+\u002f\"","guid":"\u0067\ud83d\ude00","ts":"2024-02-29T00:00:00Z","\u0069d":"","gui\u0064":7}`,
	`{"a":{"guid":"no"},"guid":"yes","id":["no"],"ts":"2024-02-29T01:00:00+01:00"}`,
	`{"TS":"2024-02-29T00:00:00Z","Guid":"no","ID":"no","t\u017f":"no","\u0054s":"no"," id":"no","guid ":"no"}`,
	`{"ts":"2024-02-29T00:00:00Z","id":"no","guid":"no","ts":{"ts":"no"},"id":[{"id":"no"}],"guid":null,"a":[{"guid":"no"}]}`,
	`{"id":"\u0000\ud83d","guid\u0000":"no","\u0000id":"no","guid":"\udc00\ud83dx","ts\ud83d":"no","ts":"2024-02-29T00:00:0\u0030\u005a"}`,
	"\ufeff{}", "{}\x00", "{\v}", "{\u00a0}", `{"a":1}{"b":2}`, `{"a":"` + "b\n" + `"}`, "{\"a\":\"é\xc3",
}

// isCleanObject is the reference: one JSON object in valid UTF-8. It knows none that is deeper than maxDepth.
func isCleanObject(text string) bool {
	return json.Valid([]byte(text)) && utf8.ValidString(text) && strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{")
}

// withoutBlanks removes the blanks of JSON, inside strings too.
var withoutBlanks = strings.NewReplacer(" ", "", "\t", "", "\r", "", "\n", "").Replace

// checkSplit checks what holds for every frame. The splitter is one of messages.
func checkSplit(t *testing.T, s *Splitter, frame string, truncated bool) {
	t.Helper()
	if strings.Count(frame, "{")+strings.Count(frame, "[") > maxDepth {
		return // it may be deeper than the reference can read
	}
	records := s.split(nil, []byte(frame), truncated, observed)
	for _, most := range []Portion{{}, {Records: 2, Bytes: len(frame)}, {Records: len(frame), Bytes: 5}} {
		checkPortions(t, s, frame, truncated, most, records)
	}

	bodies := ""
	for i, r := range records {
		bodies += r.Body
		want, clean := InvalidJSON, isCleanObject(r.Body)
		switch {
		case truncated && i == len(records)-1:
			want = Truncated
		case clean:
			want = ""
		}
		if r.Problem != want {
			t.Errorf("record %d of %q, %q: problem %q, want %q", i, frame, r.Body, r.Problem, want)
		}
		switch {
		case clean:
			if got, want := r.Timestamp, referenceTS(t, r.Body); got != want {
				t.Errorf("record %d of %q, %q: timestamp %d, want %d", i, frame, r.Body, got, want)
			}
		case r.Timestamp != 0 && (r.Problem != Truncated || !utf8.ValidString(r.Body)):
			t.Errorf("record %d of %q, %q: a timestamp %d", i, frame, r.Body, r.Timestamp)
		}
		checkIdentity(t, &records[i])
		if r.Observed != pcommon.NewTimestampFromTime(observed) {
			t.Errorf("record %d of %q: observed %d", i, frame, r.Observed)
		}
	}

	// No byte is lost, but those of a rune that was cut.
	got, want := withoutBlanks(bodies), withoutBlanks(frame)
	lost := 0
	if truncated {
		lost = utf8.UTFMax - 1
	}
	if !strings.HasPrefix(want, got) || len(want)-len(got) > lost {
		t.Errorf("the records of %q hold %q", frame, bodies)
	}

	text := strings.TrimSuffix(strings.TrimSuffix(frame, "\n"), "\r")
	if !strings.HasSuffix(frame, "\n") {
		text = frame
	}
	if isCleanObject(text) && (len(records) != 1 || records[0].Body != text) {
		t.Errorf("the object %q is split: %+v", text, records)
	}
}

// checkPortions checks that a frame has the same records in whatever portions it is split.
func checkPortions(t *testing.T, s *Splitter, frame string, truncated bool, most Portion, want []Record) {
	t.Helper()
	var got []Record
	s.Begin([]byte(frame), truncated, observed)
	for s.More() {
		before := len(got)
		got = s.Next(got, most)
		size := 0
		for _, r := range got[before:] {
			if size > 0 && size >= most.Bytes {
				t.Fatalf("%q: a portion goes on after %d bytes of %d", frame, size, most.Bytes)
			}
			size += len(r.Body)
		}
		if n := len(got) - before; n == 0 || n > max(most.Records, 1) {
			t.Fatalf("%q: a portion of %d records of %d", frame, n, most.Records)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the records of %q are, in portions of %+v,\n%+v\nand at once\n%+v", frame, most, got, want)
	}
	if s.text != "" || s.object != (object{}) || s.scanner.text != "" || len(s.Next(nil, most)) != 0 {
		t.Errorf("something of %q is kept", frame)
	}
}

// referenceTS is the timestamp of a clean object, by encoding/json and time.Parse.
func referenceTS(t *testing.T, body string) pcommon.Timestamp {
	t.Helper()
	ts, _ := referenceMembers(t, body)["ts"].(string)
	return referenceTimestamp(ts)
}

// referenceMembers are the members of a clean object, by encoding/json. Numbers are left as they are, since there are
// some that no double can hold.
func referenceMembers(t *testing.T, body string) (members map[string]any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&members); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	return members
}

func FuzzSplit(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, frame []byte, truncated bool) {
		checkSplit(t, used(podlog.Message), string(frame), truncated)
	})
}

func FuzzPortions(f *testing.F) {
	for i, seed := range seeds {
		f.Add([]byte(seed+"\n"+seeds[0]+"\n"+seed), i%2 == 0, i, 10*i)
	}
	f.Fuzz(func(t *testing.T, frame []byte, truncated bool, records, bytes int) {
		s := used(podlog.Message)
		want := s.split(nil, frame, truncated, observed)
		checkPortions(t, s, string(frame), truncated, Portion{Records: records, Bytes: bytes}, want)
	})
}

// Every frame is cut at each of its bytes; the short ones also lose each byte, and have it replaced.
func TestSplit_agreesWithEncodingJSON(t *testing.T) {
	s := used(podlog.Message)
	for _, truncated := range []bool{false, true} {
		for _, name := range []string{"message", "maillog", "audit"} {
			frame := sample(t, name)
			for i := range len(frame) + 1 {
				checkSplit(t, s, frame[:i], truncated)
			}
		}
		for _, frame := range seeds {
			for i := range len(frame) {
				checkSplit(t, s, frame[:i], truncated)
				checkSplit(t, s, frame[:i]+frame[i+1:], truncated)
				for _, c := range []byte("\x00\x1f \n\"\\{}[],:0-eu\x7f\x80") {
					checkSplit(t, s, frame[:i]+string([]byte{c})+frame[i+1:], truncated)
				}
			}
		}
	}
}

// What is special in a string can stand anywhere in it, also beyond what one look at the marks tells.
func TestSplit_agreesWithEncodingJSONOnStringsOfEveryLength(t *testing.T) {
	s := used(podlog.Message)
	for length := range block + 10 {
		plain := strings.Repeat("x", length)
		for i := range length {
			for _, c := range []string{`\n`, `\u00e9`, `\"`, `\x`, "\t", "é", "\xff", `"`} {
				text := plain[:i] + c + plain[i:]
				checkSplit(t, s, `{"`+text+`":"`+text+`"}`, false)
				checkSplit(t, s, `{"guid":"`+text+`"}`, false)
				checkSplit(t, s, `{"a":"`+text, true)
			}
		}
	}
}
