package proofpointpodreceiver

import (
	"time"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/record"
)

const (
	// A batch is handed on when it has so many records, or so many bytes of record text, or when its first record
	// has waited so long. Larger batches are the batch processor's task, or the exporter's.
	maxBatchRecords = 100
	maxBatchBytes   = 1 << 20
	maxBatchAge     = 100 * time.Millisecond

	// keptRecords is for how many records the memory of a batch is kept.
	keptRecords = 4 * maxBatchRecords
)

// intake turns the frames of a session into batches, without what was delivered before, hands them on, and tells the
// position. It belongs to the goroutine that reads the session.
type intake struct {
	eventType podlog.EventType
	position  *position.Position
	delivery  *delivery
	metrics   *streamMetrics
	clock     *clock
	// archive: the frames are the archive's, not a live session's.
	archive bool
	// look, if there is one, sees the new records of each frame before they are handed on.
	look func([]record.Record)

	batch      []record.Record
	batchBytes int
	batchDue   time.Time // when the batch has to be handed on; zero: it is empty

	tally
}

// tally counts the records of a session.
type tally struct {
	// records came; fresh of them were not delivered before.
	records, fresh int
	// last is when the last one came.
	last time.Time
}

// take reads a frame, and hands on the batch if that is full.
func (in *intake) take(data []byte, truncated bool) error {
	now := time.Now()
	before := len(in.batch)
	in.batch = record.Split(in.eventType, in.batch, data, truncated, now)
	came := in.batch[before:]
	if len(came) == 0 {
		return nil
	}
	in.records += len(came)
	in.last = now
	if !in.archive {
		in.metrics.read(&came[len(came)-1], now)
	}
	fresh := in.sift(before)
	in.fresh += len(fresh)
	if len(fresh) == 0 {
		return nil
	}
	if in.look != nil {
		in.look(fresh)
	}
	for i := range fresh {
		in.batchBytes += len(fresh[i].Body)
	}
	if before == 0 {
		in.batchDue = now.Add(maxBatchAge)
	}
	if len(in.batch) < maxBatchRecords && in.batchBytes < maxBatchBytes {
		return nil
	}
	return in.flush()
}

// sift drops from the batch, from an index on, what was delivered before or is on its way, and returns the rest.
func (in *intake) sift(from int) []record.Record {
	kept := from
	for i := from; i < len(in.batch); i++ {
		r := &in.batch[i]
		if in.archive && !in.position.Missed(serviceTime(r)) || !in.position.Claim(r.ID) {
			continue
		}
		in.batch[kept] = *r
		kept++
	}
	if dropped := len(in.batch) - kept; dropped > 0 {
		in.metrics.duplicates(dropped, in.archive)
	}
	clear(in.batch[kept:])
	in.batch = in.batch[:kept]
	return in.batch[from:]
}

// flush hands on the batch, and returns when that is accepted or refused for good. If it fails, the records are
// accounted for, and the stream ends.
func (in *intake) flush() error {
	rest := in.batch
	for len(rest) > 0 {
		// One frame can hold more records than a batch.
		n := min(len(rest), maxBatchRecords)
		if err := in.delivery.deliver(rest[:n]); err != nil {
			in.lost(rest)
			in.delivery.lost(rest, err)
			return err
		}
		in.position.Accepted(seen(rest[:n]), !in.archive, in.clock.now())
		if in.archive {
			in.metrics.recovered(n)
		} else {
			in.metrics.collected(n)
		}
		rest = rest[n:]
	}
	clear(in.batch)
	in.batch = in.batch[:0]
	if cap(in.batch) > keptRecords { // a frame of very many records is rare
		in.batch = nil
	}
	in.batchBytes = 0
	in.batchDue = time.Time{}
	return nil
}

// lost notes records that were not handed on. Those of the archive are in a gap that stays open.
func (in *intake) lost(records []record.Record) {
	if !in.archive {
		in.position.Refused(seen(records), in.clock.now())
		return
	}
	for i := range records {
		in.position.Release(records[i].ID)
	}
}

// begin starts the count of another session.
func (in *intake) begin() { in.tally = tally{} }

// seen is what the position remembers of records.
func seen(records []record.Record) []position.Seen {
	list := make([]position.Seen, len(records))
	for i := range records {
		list[i] = position.Seen{ID: records[i].ID, TS: serviceTime(&records[i])}
	}
	return list
}

// serviceTime is the record's `ts`, zero if it has none.
func serviceTime(r *record.Record) time.Time {
	if r.Timestamp == 0 {
		return time.Time{}
	}
	return r.Timestamp.AsTime()
}
