package proofpointpodreceiver

import (
	"time"

	"github.com/proofpointpod/otelcol/internal/record"
)

// batch holds the records that wait to be delivered together. The goroutine that reads the session owns it.
type batch struct {
	limits BatchConfig
	// room is how many bytes of a batch there are for records; overhead is the size of a log record beside its body.
	room, overhead int

	records []record.Record
	// memory is where records of the next batch are put.
	memory []record.Record
	// bytes is the size of all of them as text. As maps they can be larger; the delivery splits those.
	bytes int
	// due is when the batch has to be delivered; zero: it is empty.
	due time.Time
}

func newBatch(limits BatchConfig, format *record.Format) batch {
	empty, overhead := format.Overhead()
	return batch{limits: limits, room: limits.MaxBytes - empty, overhead: overhead}
}

// added notes that records were appended to the batch, behind the first n.
func (b *batch) added(n int) {
	if n == 0 && len(b.records) > 0 {
		// Counted from the read, the rest of what came with it would be due at once behind a batch that took long, and no
		// full batch.
		b.due = time.Now().Add(b.limits.Timeout)
	}
	if cap(b.records) > cap(b.memory) {
		b.memory = b.records[:0]
	}
	for i := range b.records[n:] {
		b.bytes += b.size(&b.records[n+i])
	}
}

// space is the portion of a frame that the batch has room for. A portion is one record at least.
func (b *batch) space() record.Portion {
	return record.Portion{Records: b.limits.MaxRecords - len(b.records), Bytes: b.room - b.bytes}
}

func (b *batch) size(r *record.Record) int { return len(r.Body) + b.overhead }

// full says whether the batch has to be delivered before it is due.
func (b *batch) full() bool {
	return len(b.records) >= b.limits.MaxRecords || b.bytes >= b.room
}

// next returns the first records, as many as are delivered together: the last one can be too large for the batch.
func (b *batch) next() []record.Record {
	size := 0
	for i := range b.records {
		size += b.size(&b.records[i])
		if i > 0 && size > b.room {
			return b.records[:i]
		}
	}
	return b.records
}

// delivered removes the first n records.
func (b *batch) delivered(n int) {
	for i := range n {
		b.bytes -= b.size(&b.records[i])
	}
	clear(b.records[:n])
	b.records = b.records[n:]
	if len(b.records) > 0 {
		b.due = time.Now().Add(b.limits.Timeout)
		return
	}
	b.due = time.Time{}
	b.records = b.memory[:0]
}

// abandon begins another batch, and leaves the memory of this one to whoever has it.
func (b *batch) abandon() {
	b.records, b.memory, b.bytes, b.due = nil, nil, 0, time.Time{}
}
