package proofpointpodreceiver

import (
	"context"
	"errors"
	"math/bits"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/record"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
	"github.com/proofpointpod/otelcol/internal/status"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/retry"
)

// dataFormat is how the collector's own telemetry calls what was received.
const dataFormat = "json"

var (
	// errGaveUp: the pipeline did not accept a batch in time, and the stream has stopped.
	errGaveUp = errors.New("the pipeline did not accept a batch in time")
	// errAborted: the source's shutdown ran out of time.
	errAborted = errors.New("shut down before the pipeline accepted a batch")
	// errHeldTooLong: the pipeline did not accept a batch of the archive for as long as the live session may be away.
	errHeldTooLong = errors.New("the pipeline did not accept a batch of the archive before the live session had to go on")
)

// recordOwner accounts for records while a delivery delivers them. The delivery calls it from its own goroutine.
type recordOwner interface {
	// accepted notes records that the pipeline has accepted.
	accepted(records []record.Record)
	// rejected notes a record that the pipeline never accepts. The delivery has counted and reported it.
	rejected(r record.Record)
	// setAside notes records that are neither accepted nor rejected, while others that came later may be accepted.
	setAside(records []record.Record)
	// abandoned notes a record that was set aside when the delivery ended.
	abandoned(r record.Record)
	// late notes the pipeline's answer to records that deliver has returned as held.
	late(records []record.Record, answer error)
}

// delivery delivers batches to the pipeline, one at a time. It belongs to its stream's goroutine.
//
// A batch that is refused for now is offered again until it is accepted. A batch that is refused for good is halved, down
// to single records. A record that is refused for good by itself is set aside. It is rejected only when the pipeline has
// accepted another record after refusing it, and refuses it again. As long as nothing is accepted, the pipeline counts as
// refusing: the batch is held and offered again.
type delivery struct {
	handover *handover
	format   *record.Format
	// maxBytes is the largest size of a batch of several records.
	maxBytes int
	obs      *receiverhelper.ObsReport
	health   *status.Stream
	metrics  *streamMetrics
	flow     *flow
	logger   *zap.Logger
	outage   *retry.Outage // of the pipeline

	stop  context.Context // ended: hurry
	abort context.Context // ended: return at once

	// isBackground: another delivery of the stream says how the pipeline is, and when to give up. This one never gives up:
	// what it holds stays in a gap as long as it is not accepted.
	isBackground bool
	// recovers: what is not delivered is a gap for the next process, which reads it from the archive.
	recovers bool
	// until is when a batch counts as held for too long; zero: never.
	until time.Time
	// held is a batch that the pipeline has not answered, and which nobody waits for any more; nil: there is none.
	held *held
	// isOffered: the flow knows that the pipeline has to take a batch.
	isOffered bool
	// collecting: a session is open, and Collecting is the state to return to.
	collecting bool
	// fault is the newest fault of the pipeline that was reported; nil: the pipeline has accepted a batch since.
	fault *sourcehealth.Fault
	// acceptances counts the batches, and parts of batches, that were accepted.
	acceptances uint64
	// fruitless counts the rounds in a row in which nothing was accepted.
	fruitless int
	aside     aside
}

// undelivered is what deliver has not delivered.
type undelivered struct {
	records []record.Record
	// held is how many of them, the first, the pipeline may still hold.
	held int
}

// deliver delivers one batch. When it returns without an error, each record is accepted, rejected or set aside, and its
// owner knows. The error is errGaveUp when the pipeline has refused for too long and the stream has stopped; errAborted
// when the source's shutdown is out of time; errHeldTooLong when until has passed.
//
// After an error the pipeline may still hold records. It can accept them yet, so late is called with the answer: before
// another batch is offered, or while close waits.
func (d *delivery) deliver(records []record.Record, owner recordOwner) (undelivered, error) {
	d.metrics.received(records)
	left, err := d.deliverAll(records, owner)
	if err != nil {
		d.count(len(left.records), err)
	}
	return left, err
}

// count has the collector's own telemetry count records that are not delivered.
func (d *delivery) count(records int, err error) {
	d.obs.EndLogsOp(d.obs.StartLogsOp(d.handover.ctx), dataFormat, records, err)
}

func (d *delivery) deliverAll(records []record.Record, owner recordOwner) (undelivered, error) {
	if err := d.makeRoomAside(); err != nil {
		return undelivered{records: records}, err
	}
	for {
		r, err := d.offerHalved(records, owner)
		if err != nil {
			return r.left, err
		}
		switch {
		case r.refusal == nil:
			return undelivered{}, nil
		case r.accepted || len(r.untested) == 0:
			// The records that were refused by themselves do not hold the others.
			d.keepAside(r.suspects, owner)
			records = r.untested
		}
		if len(records) == 0 && r.accepted {
			return undelivered{}, nil
		}
		wait, err := d.refused(status.PipelineRefusesAll(r.refusal), len(r.suspects)+len(r.untested))
		if err != nil {
			return undelivered{records: records}, err
		}
		if len(records) == 0 {
			if !d.isAnyProven() { // those do not wait for the pipeline
				d.aside.retryAt = time.Now().Add(wait)
			}
			return undelivered{}, nil
		}
		if err := d.pause(wait); err != nil {
			return undelivered{records: records}, err
		}
	}
}

// refusedRecord is a record that was refused for good by itself.
type refusedRecord struct {
	record  record.Record
	refusal error
	// acceptances is the delivery's count when it was refused.
	acceptances uint64
}

// round is one attempt at a batch and, where that is refused for good, at its halves.
type round struct {
	// accepted: the pipeline has accepted a part.
	accepted bool
	// refusal is the newest refusal for good; nil: there was none that counts. refusals is how many there were in a row.
	refusal  error
	refusals int
	// suspects were refused by themselves. untested are left out, as the pipeline refuses whatever it is offered.
	suspects []refusedRecord
	untested []record.Record
	// left is what was not delivered because of an error.
	left undelivered
}

// probeStep is how far apart the records are that are offered in successive rounds. It is a prime, so that the probes of a
// batch get to each record, whatever their number.
const probeStep = 1618033

// offerHalved offers records, and the halves of what is refused for good. It goes on until each record is accepted or
// was refused by itself, or the pipeline seems to refuse everything. After a round in which it did, one record is offered
// first, another in each round: a far end that refuses everything is asked once for each wait.
func (d *delivery) offerHalved(records []record.Record, owner recordOwner) (round, error) {
	var r round
	parts := [][]record.Record{records}
	if n := len(records); d.fruitless > 0 && n > 1 {
		owner.setAside(records) // not in order: a record that is accepted moves the safe time past those before it
		probe := d.fruitless * probeStep % n
		parts = [][]record.Record{records[probe+1:], records[:probe]}
		if err := d.offerPart(&r, records[probe:probe+1], &parts, owner); err != nil {
			return r, err
		}
		if !r.accepted {
			d.fruitless++
			return round{refusal: r.refusal, untested: records}, nil
		}
	}
	// One way down to a single record and the other halves on it: where all of these are refused, so is the rest.
	patience := 2*bits.Len(uint(len(records))) + 1
	for len(parts) > 0 {
		part := parts[len(parts)-1]
		parts = parts[:len(parts)-1]
		switch {
		case len(part) == 0:
		case r.refusals > patience:
			r.untested = append(r.untested, part...)
		default:
			if err := d.offerPart(&r, part, &parts, owner); err != nil {
				return r, err
			}
		}
	}
	if r.accepted {
		d.fruitless = 0
	} else {
		d.fruitless++
	}
	if len(r.suspects) == 0 && len(r.untested) == 0 {
		r.refusal = nil
	}
	return r, nil
}

// offerPart offers a part of a batch. Where that is too large, or refused for good, its halves are added to parts.
func (d *delivery) offerPart(r *round, part []record.Record, parts *[][]record.Record, owner recordOwner) error {
	first, second := part[:len(part)/2], part[len(part)/2:]
	logs := d.format.Logs(part)
	if d.isTooLarge(logs, part) {
		*parts = append(*parts, second, first)
		return nil
	}
	refusal, err := d.offerUntilAnswered(logs, part, owner)
	switch {
	case err != nil:
		r.leave(part, *parts, d.held != nil)
		return err
	case refusal == nil:
		r.refusals, r.accepted = 0, true
		return nil
	}
	r.refusals++
	r.refusal = refusal
	owner.setAside(part) // before others are offered
	if len(part) == 1 {
		r.suspects = append(r.suspects, refusedRecord{part[0], refusal, d.acceptances})
	} else {
		*parts = append(*parts, second, first)
	}
	return nil
}

// leave notes what is left when a part was neither accepted nor refused for good.
func (r *round) leave(part []record.Record, parts [][]record.Record, isHeld bool) {
	r.left.records = append(r.left.records, part...)
	if isHeld {
		r.left.held = len(part)
	}
	for _, other := range parts {
		r.left.records = append(r.left.records, other...)
	}
	for _, s := range r.suspects {
		r.left.records = append(r.left.records, s.record)
	}
	r.left.records = append(r.left.records, r.untested...)
}

// isTooLarge says whether several records exceed the largest size of a batch. As text, they were counted before.
func (d *delivery) isTooLarge(logs plog.Logs, part []record.Record) bool {
	if len(part) == 1 || d.format.Body != record.BodyMap {
		return false
	}
	var sizer plog.ProtoMarshaler
	return sizer.LogsSize(logs) > d.maxBytes
}

// open makes the delivery ready. It is called once, before the first batch, and close after the last.
func (d *delivery) open() { d.handover.start() }

// sessionOpened notes that a live session is open. Its states have taken the place of a fault of the pipeline, which is
// reported again if it lasts.
func (d *delivery) sessionOpened() {
	d.collecting = true
	if d.fault != nil {
		d.health.SetRetrying(*d.fault, d.outage.Attempts(), d.outage.Deadline())
	}
}

// close waits for the answer to a batch that the pipeline still holds, until the source's shutdown is out of time, and
// ends the handover. A pipeline that blocked for so long that the stream has stopped may have accepted the batch after
// all, and then its records must not be read again.
func (d *delivery) close() {
	d.collecting = false // the stream has ended, whatever the pipeline answers
	if d.held != nil {
		select {
		case answer := <-d.held.answer:
			d.settle(answer)
		case <-d.abort.Done():
			_ = d.lastAnswer() // without one, the batch goes on counting as missing
		}
	}
	if d.held == nil && d.stop.Err() != nil && len(d.aside.records) > 0 {
		_ = d.retryAside() // for the last time; what is refused again is read from the archive
	}
	d.abandonAside()
	d.handover.close()
}
