package proofpointpodreceiver

import (
	"errors"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/record"
	"github.com/proofpointpod/otelcol/internal/servicetime"
)

// intake turns the frames of a session into batches, without what was delivered before, hands them on, and tells the
// position. It belongs to the goroutine that reads the session.
type intake struct {
	splitter record.Splitter
	position *position.Position
	delivery *delivery
	metrics  *streamMetrics
	clock    *servicetime.Clock
	// archive: the frames are the archive's, not a live session's.
	archive bool
	// asked is the end of what the archive was asked for.
	asked time.Time
	// look, if there is one, sees the new records of each portion of a frame before they are delivered.
	look func(fresh []record.Record, read time.Time)

	format *record.Format
	batch  batch

	noted []position.Record // memory for what the position is told of a batch

	tally
}

// tally counts the records of a session.
type tally struct {
	// records came; dated of them have a `ts`, and fresh of them were not delivered before.
	records, dated, fresh int
	// last is when the last one came, delivered when the pipeline last accepted one.
	last, delivered time.Time
	// newest is the latest `ts` of those of the archive. newer of them are newer than what it was asked for.
	newest time.Time
	newer  int
	// waiting are the records of the archive that another batch held unaccepted when they came.
	waiting []position.Record
}

// take takes a frame that was read at a time, and delivers the batch whenever that is full. It splits the frame as far as
// the batch has room, so that a frame takes no memory for more records.
func (in *intake) take(data []byte, read time.Time, truncated bool) error {
	in.splitter.Begin(data, truncated, read)
	for in.splitter.More() {
		if err := in.takePortion(read); err != nil {
			return err
		}
	}
	return nil
}

// takePortion takes the next records of the frame. If it fails, the rest of the frame is accounted for.
func (in *intake) takePortion(read time.Time) error {
	before := len(in.batch.records)
	in.batch.records = in.splitter.Next(in.batch.records, in.batch.space())
	came := in.batch.records[before:]
	in.records += len(came)
	for i := range came {
		if came[i].Timestamp != 0 {
			in.dated++
		}
	}
	in.last = read
	if in.archive {
		in.tell(came)
	} else {
		in.metrics.read(&came[len(came)-1])
	}
	fresh := in.sift(came)
	in.batch.records = in.batch.records[:before+len(fresh)]
	in.fresh += len(fresh)
	if len(fresh) == 0 {
		return nil
	}
	if in.look != nil {
		in.look(fresh, read)
	}
	for i := range fresh {
		if in.format.TooLarge(&fresh[i]) {
			fresh[i].Problem = record.TooLargeForMap
		}
	}
	in.batch.added(before)
	for in.batch.full() {
		if err := in.deliverNext(); err != nil {
			return err
		}
	}
	return nil
}

// tell notes how far the archive has told.
func (in *intake) tell(came []record.Record) {
	for i := range came {
		ts := came[i].ServiceTime()
		if ts.After(in.newest) {
			in.newest = ts
		}
		if ts.After(in.asked.Add(servicetime.AlarmSkew)) {
			in.newer++
		}
	}
}

// sift drops from records what was delivered before or is on its way, and returns the rest, in the same memory.
func (in *intake) sift(records []record.Record) []record.Record {
	kept := 0
	for i := range records {
		r := &records[i]
		if !in.claim(r) {
			continue
		}
		if kept < i {
			records[kept] = *r
		}
		kept++
	}
	if dropped := len(records) - kept; dropped > 0 {
		in.metrics.duplicates(dropped, in.archive)
		clear(records[kept:])
	}
	return records[:kept]
}

// claim claims a record, and returns false if it was delivered before or is on its way.
func (in *intake) claim(r *record.Record) bool {
	switch {
	case in.archive && !in.position.MayBeMissing(r.ServiceTime()):
		return false
	case in.position.Claim(seenOf(r)):
		return true
	case in.archive && in.position.IsUnderWay(seenOf(r)):
		in.waiting = append(in.waiting, seenOf(r))
	}
	return false
}

// flush delivers all that waits. It returns when that is accepted or rejected. If it fails, the records are accounted
// for, and the stream ends.
func (in *intake) flush() error {
	for len(in.batch.records) > 0 {
		if err := in.deliverNext(); err != nil {
			return err
		}
	}
	return nil
}

// deliverNext delivers the first records of the batch, as many as go together.
func (in *intake) deliverNext() error {
	offered := in.batch.next()
	left, err := in.delivery.deliver(offered, in)
	if err != nil {
		left.records = slices.Concat(left.records, in.batch.records[len(offered):])
		in.failed(left, err)
		return err
	}
	in.batch.delivered(len(offered))
	return nil
}

// accepted implements recordOwner.
func (in *intake) accepted(records []record.Record) {
	in.settled(records)
	in.delivered = time.Now()
	if in.archive {
		in.metrics.recovered(len(records))
	} else {
		in.metrics.collected(len(records))
	}
}

// rejected implements recordOwner.
func (in *intake) rejected(r record.Record) { in.settled([]record.Record{r}) }

// settled notes records that need not be delivered any more.
func (in *intake) settled(records []record.Record) {
	in.noted = seen(in.noted[:0], records)
	in.position.Accept(in.noted, !in.archive, in.clock.Now())
}

// setAside implements recordOwner.
func (in *intake) setAside(records []record.Record) {
	in.position.Suspend(seen(nil, records), in.clock.Now())
}

// abandoned implements recordOwner.
func (in *intake) abandoned(r record.Record) {
	in.position.Refuse(seen(nil, []record.Record{r}), in.clock.Now())
}

// late implements recordOwner.
func (in *intake) late(records []record.Record, answer error) {
	switch {
	case answer == nil:
		in.accepted(records)
		in.delivery.logger.Info("the pipeline accepted a batch after its timeout", zap.Int("records", len(records)))
	case in.archive:
		in.release(records)
	}
}

// failed accounts for records that were not delivered, and for the rest of the frame. Those of the archive are in a gap
// that stays open.
func (in *intake) failed(left undelivered, err error) {
	rest := in.refuseRest()
	if !errors.Is(err, errHeldTooLong) { // they are read again soon
		in.delivery.lost(len(left.records)+rest, err)
	}
	switch {
	case !in.archive:
		in.position.Refuse(seen(nil, left.records), in.clock.Now())
	case in.delivery.busy():
		in.release(left.records[left.held:]) // the others are still on their way
	default:
		in.release(left.records)
	}
	in.batch.abandon()
}

// restRecords is how many records refuseRest holds at a time.
const restRecords = 10_000

// refuseRest notes that the rest of a frame is not delivered, and returns how many records that is. It keeps none of them,
// so one that the frame repeats counts more than once. The archive's are in a gap that stays open, and need no more.
func (in *intake) refuseRest() int {
	defer in.splitter.Abandon()
	count := 0
	var portion []record.Record
	for !in.archive && in.splitter.More() {
		portion = in.splitter.Next(portion[:0], record.Portion{Records: restRecords, Bytes: math.MaxInt})
		missing := in.sift(portion)
		in.position.Refuse(seen(nil, missing), in.clock.Now())
		count += len(missing)
	}
	return count
}

// drop forgets the batch: what is in it is read again.
func (in *intake) drop() {
	in.release(in.batch.records)
	in.batch.abandon()
}

// release takes back the claims of records that were not handed on.
func (in *intake) release(records []record.Record) {
	for i := range records {
		in.position.Release(records[i].ID)
	}
}

// due is when flushDue has something to do; zero: not before more records come.
func (in *intake) due() time.Time { return earliest(in.batch.due, in.delivery.aside.retryAt) }

// flushDue delivers the batch, and offers again what was set aside, if it is time.
func (in *intake) flushDue() error {
	if due := in.batch.due; !due.IsZero() && !time.Now().Before(due) {
		if err := in.flush(); err != nil {
			return err
		}
	}
	err := in.delivery.retryAsideIfDue()
	if err != nil && len(in.batch.records) > 0 {
		in.failed(undelivered{records: in.batch.records}, err)
	}
	return err
}

// begin starts the count of another session.
func (in *intake) begin() { in.tally = tally{} }

// seen appends what the position remembers of records.
func seen(list []position.Record, records []record.Record) []position.Record {
	for i := range records {
		list = append(list, seenOf(&records[i]))
	}
	return list
}

// seenOf is what the position needs to know of a record.
func seenOf(r *record.Record) position.Record {
	return position.Record{ID: r.ID, FormerID: r.FormerID, TS: r.ServiceTime()}
}
