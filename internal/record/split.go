package record

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// Splitter splits the frames of one stream. One goroutine uses it.
type Splitter struct {
	EventType podlog.EventType
	// Apart gives the records of each frame memory of their own. It is for frames of which few are kept: those would
	// keep the memory of the others.
	Apart bool

	texts   texts
	scanner scanner
}

// Split appends the records of one frame to dst and returns the result. The package comment says what they are.
// truncated says that the frame was cut for its length, and is what stands before the cut. observed is when the frame
// was read.
//
// The frame is only borrowed. It is copied once, and a record keeps the memory of the others in its frame and, but for
// Apart, of some other frames: up to 64 KiB in all, or a frame that is longer.
func (s *Splitter) Split(dst []Record, frame []byte, truncated bool, observed time.Time) []Record {
	f := frameText{
		eventType: s.EventType,
		scanner:   &s.scanner,
		text:      s.copy(trimNewline(frame)),
		truncated: truncated,
		observed:  pcommon.NewTimestampFromTime(observed),
	}
	if isBlank(f.text) && !truncated {
		return dst
	}
	records, ok := f.single(dst)
	if !ok {
		records, ok = f.objects(dst)
	}
	if !ok {
		records, ok = f.lines(dst)
	}
	if !ok {
		records = append(records, f.record(f.text, false, object{}))
	}
	if truncated {
		f.truncate(&records[len(records)-1])
	}
	s.scanner.forget()
	return records
}

func (s *Splitter) copy(frame []byte) string {
	if s.Apart {
		return string(frame)
	}
	return s.texts.copy(frame)
}

// frameText is a frame that is being split. Its methods single, objects and lines append to dst; or, if the frame is of
// another kind, they return dst as it was, and false.
type frameText struct {
	eventType podlog.EventType
	scanner   *scanner
	text      string
	truncated bool
	observed  pcommon.Timestamp
}

// single splits a frame that is one object.
func (f *frameText) single(dst []Record) ([]Record, bool) {
	o, alone := f.scanAlone(f.text)
	if !alone {
		return dst, false
	}
	return append(dst, f.record(f.text, true, o)), true
}

// objects splits a frame of objects that each begin on a line of their own. A frame that was cut may end with the
// beginning of one.
func (f *frameText) objects(dst []Record) ([]Record, bool) {
	n := len(dst)
	f.scanner.find(f.text)
	for line := 0; line < len(f.text); { // the index where a line begins
		end := lineEnd(f.text, line)
		if isBlank(f.text[line:end]) {
			line = end + 1
			continue
		}
		o := f.scanner.object(line)
		switch {
		case o.status == whole:
			end = lineEnd(f.text, o.end)
		case o.status == cut && f.truncated:
			o.end, end = len(f.text), len(f.text)
		default:
			return dst[:n], false
		}
		if !isBlank(f.text[o.end:end]) {
			return dst[:n], false
		}
		dst = append(dst, f.record(trimCR(f.text[line:end]), o.status == whole, o))
		line = end + 1
	}
	return dst, len(dst) > n
}

// lines splits a frame of which at least one line by itself is an object, or the beginning of one at the cut.
func (f *frameText) lines(dst []Record) ([]Record, bool) {
	if !f.hasObjectLine() {
		return dst, false
	}
	for line := range strings.SplitSeq(f.text, "\n") {
		if isBlank(line) {
			continue
		}
		o, alone := f.scanAlone(line)
		dst = append(dst, f.record(trimCR(line), alone, o))
	}
	return dst, true
}

// hasObjectLine looks before lines splits, since a long frame without an object would be many records in vain.
func (f *frameText) hasObjectLine() bool {
	for rest, more := f.text, true; more; {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		o, alone := f.scanAlone(line)
		if alone || o.status == cut && f.truncated && !more && !isBlank(line) {
			return true
		}
	}
	return false
}

// scanAlone scans an object and says whether it stands alone in the text, but for blanks.
func (f *frameText) scanAlone(text string) (o object, alone bool) {
	f.scanner.find(text)
	o = f.scanner.object(0)
	return o, o.status == whole && isBlank(text[o.end:])
}

// record makes a record of a piece of the frame, which is clean if it is the object o and valid UTF-8.
func (f *frameText) record(body string, isObject bool, o object) Record {
	r := Record{Body: body, Observed: f.observed}
	if isObject && (o.ascii || utf8.ValidString(body)) {
		r.Timestamp = parseTimestamp(o.fields[fieldTS])
	} else {
		r.Problem = InvalidJSON
	}
	r.identify(f.eventType, &o)
	return r
}

// truncate marks a record as the last piece of a frame that was cut.
func (f *frameText) truncate(r *Record) {
	r.Problem = Truncated
	r.identifyByBytes(f.eventType)
	r.Timestamp = 0
	if text := trimCutRune(r.Body); utf8.ValidString(text) {
		r.Body = text
		f.scanner.find(text)
		if o := f.scanner.object(0); o.status != broken {
			r.Timestamp = parseTimestamp(o.fields[fieldTS])
		}
	}
}

// trimCutRune returns s without the beginning of a rune at its end, if there is one.
func trimCutRune(s string) string {
	for i := len(s) - 1; i >= 0 && i >= len(s)-utf8.UTFMax; i-- {
		if !utf8.RuneStart(s[i]) {
			continue
		}
		if !utf8.FullRuneInString(s[i:]) {
			return s[:i]
		}
		break
	}
	return s
}

// lineEnd returns the index of the first newline from text[i] on, or the length of the text.
func lineEnd(text string, i int) int {
	if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(text)
}

func isBlank(text string) bool { return skipSpace(text, 0) == len(text) }

func trimCR(line string) string { return strings.TrimSuffix(line, "\r") }

// trimNewline returns a frame without the LF or CRLF at its end.
func trimNewline(frame []byte) []byte {
	if text, ok := bytes.CutSuffix(frame, []byte("\n")); ok {
		return bytes.TrimSuffix(text, []byte("\r"))
	}
	return frame
}
