package record

import (
	"bytes"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// Splitter splits the frames of one stream, one at a time. [Splitter.Begin] begins a frame. While there is [Splitter.More],
// [Splitter.Next] returns the next records, so that a frame of millions of records never takes memory for all of them.
// One goroutine uses it.
type Splitter struct {
	EventType podlog.EventType
	// Apart gives each record memory of its own. It is for frames of which few records are kept: those would keep the
	// memory of the others.
	Apart bool

	texts   texts
	scanner scanner

	// The following are of the frame that is being split.

	text      string
	truncated bool
	observed  pcommon.Timestamp
	kind      kind
	object    object // the one that the frame is
	at        int    // the index where the next record begins
}

// Portion bounds the records that are split at a time: their number, and the size of their text. Next returns at least
// one, and ends with the record that reaches a bound.
type Portion struct{ Records, Bytes int }

// kind is what a frame consists of. The package comment says what its records are.
type kind uint8

const (
	nothing     kind = iota // or what it had is used up
	oneObject               // and nothing else
	objectLines             // objects that each begin on a line of their own
	mixedLines              // lines of which at least one by itself is an object
	other
)

// Begin begins a frame, and ends the one before. truncated: the frame was cut for its length, and is what stands before
// the cut. observed is when the frame was read.
//
// The frame is only borrowed: it is copied once, for as long as it is being split. A record keeps, but for Apart, the
// memory of some others: up to 64 KiB in all.
func (s *Splitter) Begin(frame []byte, truncated bool, observed time.Time) {
	s.text = s.copy(trimNewline(frame))
	s.truncated = truncated
	s.observed = pcommon.NewTimestampFromTime(observed)
	s.at = 0
	if s.kind = s.kindOf(); s.kind == nothing {
		s.Abandon()
	}
}

// More says whether there are more records in the frame.
func (s *Splitter) More() bool { return s.kind != nothing }

// Next appends the next records of the frame to dst, if there are more, and returns the result.
func (s *Splitter) Next(dst []Record, most Portion) []Record {
	for n, size := 0, 0; s.More(); {
		dst = append(dst, s.next())
		n++
		size += len(dst[len(dst)-1].Body)
		if n >= most.Records || size >= most.Bytes {
			break
		}
	}
	return dst
}

// Abandon ends a frame, and frees its memory. Nothing is left of it.
func (s *Splitter) Abandon() {
	s.text, s.kind, s.object = "", nothing, object{}
	s.scanner.forget()
}

func (s *Splitter) copy(frame []byte) string {
	if s.Apart {
		return string(frame)
	}
	return s.texts.copy(frame)
}

// copyLine returns a line of the frame in memory of its own, or in memory that is shared by few.
func (s *Splitter) copyLine(line string) string {
	switch {
	case s.Apart:
		return strings.Clone(line)
	case len(s.text) < large: // it shares such memory already
		return line
	default:
		return s.texts.copyString(line)
	}
}

// kindOf says what the frame consists of. It makes no records: a frame of another kind could take many in vain.
func (s *Splitter) kindOf() kind {
	var alone bool
	s.object, alone = s.scanAlone(s.text)
	switch {
	case alone:
		return oneObject
	case isBlank(s.text) && !s.truncated:
		return nothing
	case s.hasOnlyObjects():
		s.at = nextLine(s.text, 0)
		return objectLines
	case s.hasObjectLine():
		s.at = nextLine(s.text, 0)
		return mixedLines
	default:
		return other
	}
}

// next returns the next record.
func (s *Splitter) next() Record {
	var r Record
	switch s.kind {
	case oneObject:
		r = s.record(s.text, true, &s.object)
		s.at = len(s.text)
	case objectLines:
		o, end, _ := s.objectAt(s.at)
		r = s.record(s.copyLine(trimCR(s.text[s.at:end])), o.status == whole, &o)
		s.at = nextLine(s.text, end)
	case mixedLines:
		end := lineEnd(s.text, s.at)
		line := s.text[s.at:end]
		o, alone := s.scanAlone(line)
		r = s.record(s.copyLine(trimCR(line)), alone, &o)
		s.at = nextLine(s.text, end)
	default:
		r = s.record(s.text, false, &object{})
		s.at = len(s.text)
	}
	if s.at == len(s.text) {
		if s.truncated {
			s.truncate(&r)
		}
		s.Abandon()
	}
	return r
}

// hasOnlyObjects says whether the frame consists of objects that each begin on a line of their own. A frame that was cut
// may end with the beginning of one. The marks are those of the whole text.
func (s *Splitter) hasOnlyObjects() bool {
	line := nextLine(s.text, 0)
	for line < len(s.text) {
		_, end, ok := s.objectAt(line)
		if !ok {
			return false
		}
		line = nextLine(s.text, end)
	}
	return !isBlank(s.text)
}

// objectAt scans the object that begins on a line, and returns it and the end of its last line. ok: nothing else is on its
// lines.
func (s *Splitter) objectAt(line int) (o object, end int, ok bool) {
	o = s.scanner.object(line)
	switch {
	case o.status == whole:
		end = lineEnd(s.text, o.end)
		return o, end, isBlank(s.text[o.end:end])
	case o.status == cut && s.truncated:
		return o, len(s.text), true
	default:
		return o, 0, false
	}
}

// hasObjectLine says whether at least one line by itself is an object, or the beginning of one at the cut.
func (s *Splitter) hasObjectLine() bool {
	for rest, more := s.text, true; more; {
		var line string
		line, rest, more = strings.Cut(rest, "\n")
		o, alone := s.scanAlone(line)
		if alone || o.status == cut && s.truncated && !more && !isBlank(line) {
			return true
		}
	}
	return false
}

// scanAlone scans an object and says whether it stands alone in the text, but for blanks.
func (s *Splitter) scanAlone(text string) (o object, alone bool) {
	s.scanner.find(text)
	o = s.scanner.object(0)
	return o, o.status == whole && isBlank(text[o.end:])
}

// record makes a record of a piece of the frame, which is clean if it is the object o and valid UTF-8.
func (s *Splitter) record(body string, isObject bool, o *object) Record {
	r := Record{Body: body, Observed: s.observed}
	if isObject && (o.ascii || utf8.ValidString(body)) {
		r.Timestamp = parseTimestamp(o.fields[fieldTS])
	} else {
		r.Problem = InvalidJSON
	}
	r.identify(s.EventType, o)
	return r
}

// truncate marks a record as the last piece of a frame that was cut.
func (s *Splitter) truncate(r *Record) {
	r.Problem = Truncated
	r.identifyByBytes(s.EventType)
	r.Timestamp = 0
	if text := trimCutRune(r.Body); utf8.ValidString(text) {
		r.Body = text
		s.scanner.find(text)
		if o := s.scanner.object(0); o.status != broken {
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

// nextLine returns the index where the first line begins, from text[i] on, that is not blank; or the length of the text.
// A line begins, or one ends, at text[i].
func nextLine(text string, i int) int {
	first := skipSpace(text, i)
	if first == len(text) {
		return first
	}
	return i + strings.LastIndexByte(text[i:first], '\n') + 1
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
