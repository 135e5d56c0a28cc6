package record

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Problem says why a record is not a clean one. It is the value of the record attribute `proofpointpod.problem`; empty
// means that there is no problem.
type Problem string

const (
	// InvalidJSON marks what is not one JSON object in valid UTF-8.
	InvalidJSON Problem = "invalid_json"
	// Truncated marks the last piece of a frame that was cut for its length.
	Truncated Problem = "truncated"
	// TooLargeForMap marks a record that exceeds the largest size as a map, and so is delivered as text.
	TooLargeForMap Problem = "too_large_for_map"
)

// Record is one record of the service, or a piece of a frame that is not a clean record.
type Record struct {
	// Body is the text of the record as it was received, without a trailing newline. It is one JSON object if Problem is
	// empty; otherwise it can be anything, also invalid UTF-8.
	Body string
	// ID is the record's identity: the same for every copy of the record that the service sends, in live sessions and
	// from the archive. The package comment says what makes it.
	ID uint64
	// FormerID is the identity that earlier versions gave a maillog record: that of its `id` alone, whatever its `ts`. It
	// is 0 for the other event types, whose identities are as they always were.
	FormerID uint64
	// Timestamp is the instant in `ts`, 0 if there is none.
	Timestamp pcommon.Timestamp
	// Observed is when the frame was read.
	Observed pcommon.Timestamp
	// Problem is empty for a clean record.
	Problem Problem
}

// ServiceTime returns the instant in `ts`, by the service's clock; zero if there is none.
func (r *Record) ServiceTime() time.Time {
	if r.Timestamp == 0 {
		return time.Time{}
	}
	return r.Timestamp.AsTime()
}
