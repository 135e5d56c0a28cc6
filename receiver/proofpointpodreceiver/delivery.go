package proofpointpodreceiver

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/health"
	"github.com/proofpointpod/otelcol/internal/record"
)

const (
	// blockedAfter is how long the pipeline may take for a batch before that counts as refusing.
	blockedAfter = 30 * time.Second
	// stoppingWait is the longest wait between two attempts while the source stops.
	stoppingWait = time.Second
	// abortWait is how long the pipeline has for its answer when the source's shutdown is out of time.
	abortWait = 50 * time.Millisecond
	// dataFormat is how the collector's own telemetry calls what was received.
	dataFormat = "json"
)

var (
	// errGaveUp: the pipeline did not take a batch, and the stream has quit.
	errGaveUp = errors.New("the pipeline did not accept a batch in time")
	// errAborted: the source's shutdown ran out of time.
	errAborted = errors.New("shut down before the pipeline accepted a batch")
	// errHeldTooLong: the pipeline did not take a batch of the archive for as long as the live session may pause.
	errHeldTooLong = errors.New("the pipeline did not accept a batch of the archive before the live session had to go on")
)

// delivery hands batches on to the pipeline, one at a time, until each is accepted or refused for good. It belongs to
// its stream's goroutine.
type delivery struct {
	handover *handover
	format   *record.Format
	obs      *receiverhelper.ObsReport
	health   *health.Stream
	metrics  *streamMetrics
	flow     *flow
	logger   *zap.Logger
	outage   *outage // of the pipeline

	stop  context.Context // ended: hurry
	abort context.Context // ended: return at once

	// aside: another delivery of the stream tells how the pipeline is, and when to give up. This one never does: what it
	// holds stays in a gap as long as it is not accepted.
	aside bool
	// recovers: what is not handed on is a gap for the next process, which reads it from the archive.
	recovers bool
	// until is when a batch counts as held for too long; zero: never.
	until time.Time
	// held is a batch that the pipeline has not answered, and which nobody waits for any more; nil: there is none.
	held *held
	// offered: the flow knows that the pipeline has to take a batch.
	offered bool
	// collecting: a session is open, and Collecting is the state to return to.
	collecting bool
	// faulty: the newest state reported is a fault of the pipeline.
	faulty bool
	// discarded is how many records in a row the pipeline refused for good.
	discarded int
}

// held is a batch that the pipeline was given, and what is told of its answer when that comes late.
type held struct {
	answer <-chan error
	late   func(answer error)
}

// deliver hands on one batch. It returns nil when that is accepted, or refused for good and counted; errGaveUp when the
// pipeline has refused for too long and the stream has quit; errAborted when the source's shutdown is out of time;
// errHeldTooLong when until has passed.
//
// After an error the pipeline may still hold the batch, which busy says. It can accept it yet, so late is told of its
// answer: before another batch is offered, or while close waits.
//
// The pipeline may change what it is given, so every attempt gets logs built anew from the records.
func (d *delivery) deliver(records []record.Record, late func(answer error)) error {
	d.metrics.received(records)
	operation := d.obs.StartLogsOp(d.handover.ctx)
	err := d.deliverUntilAccepted(operation, records, late)
	d.obs.EndLogsOp(operation, dataFormat, len(records), err)
	switch {
	case err == nil:
		d.taken()
		d.accepted()
	case consumererror.IsPermanent(err):
		d.taken()
		d.discard(records, err)
		return nil
	}
	return err
}

// unanswered says whether an error of deliver is our own, and not the pipeline's answer.
func unanswered(err error) bool {
	return errors.Is(err, errGaveUp) || errors.Is(err, errAborted) || errors.Is(err, errHeldTooLong)
}

func (d *delivery) deliverUntilAccepted(ctx context.Context, records []record.Record, late func(error)) error {
	for {
		err := d.offer(ctx, records, late)
		if err == nil || consumererror.IsPermanent(err) || unanswered(err) {
			return err
		}
		wait, err := d.refused(health.PipelineRefuses(err), len(records))
		if err != nil {
			return err
		}
		if err := d.pause(wait); err != nil {
			return err
		}
	}
}

// offer makes one attempt. While the pipeline neither accepts nor refuses, there is no other: it may still accept.
func (d *delivery) offer(ctx context.Context, records []record.Record, late func(error)) error {
	if d.abort.Err() != nil {
		return errAborted // or the pipeline might accept what then counts as missing
	}
	if d.held != nil {
		if err := d.await(len(records)); unanswered(err) {
			return err
		}
	}
	if !d.offered {
		d.offered = true
		d.flow.offered()
	}
	var answer error
	d.held = &held{
		answer: d.handover.offer(ctx, d.format.Logs(records)),
		late:   func(err error) { answer = err },
	}
	if err := d.await(len(records)); unanswered(err) {
		d.held.late = func(answer error) {
			if answer == nil {
				d.taken()
			}
			late(answer)
		}
		return err
	}
	return answer
}

// await waits for the pipeline's answer to the batch that it holds. The error is why there is none yet.
func (d *delivery) await(waiting int) error {
	started := time.Now()
	blocked := time.NewTimer(blockedAfter)
	defer blocked.Stop()
	var over <-chan time.Time
	if !d.until.IsZero() {
		timer := time.NewTimer(time.Until(d.until))
		defer timer.Stop()
		over = timer.C
	}
	for {
		select {
		case answer := <-d.held.answer:
			d.settle(answer)
			return nil
		case <-d.abort.Done():
			return d.lastAnswer()
		case <-over:
			return errHeldTooLong
		case <-blocked.C:
		}
		fault := health.PipelineBlocks(time.Since(started).Round(time.Second))
		if _, err := d.refused(fault, waiting); err != nil {
			return err
		}
		// There is no next attempt before an answer. Nothing changes now but by an answer, or at the deadline.
		if deadline := d.outage.deadline(); !deadline.IsZero() {
			blocked.Reset(time.Until(deadline))
		}
	}
}

// lastAnswer is the pipeline's answer to a batch that it was just given when the time was up, or errAborted: what it
// accepts at that moment must not count as missing.
func lastAnswer(result <-chan error) error {
	last := time.NewTimer(abortWait)
	defer last.Stop()
	select {
	case err := <-result:
		return err
	case <-last.C:
		return errAborted
	}
}

// lastAnswer is that to the batch which the pipeline holds.
func (d *delivery) lastAnswer() error {
	answer := lastAnswer(d.held.answer)
	if errors.Is(answer, errAborted) {
		return errAborted
	}
	d.settle(answer)
	return nil
}

// settle passes on the pipeline's answer to the batch that it held.
func (d *delivery) settle(answer error) {
	late := d.held.late
	d.held = nil
	late(answer)
}

// busy says whether the pipeline still holds a batch that nobody waits for.
func (d *delivery) busy() bool {
	if d.held == nil {
		return false
	}
	select {
	case answer := <-d.held.answer:
		d.settle(answer)
		return false
	default:
		return true
	}
}

// refused counts one refusal, reports it, and returns how long to wait before the next attempt, or errGaveUp.
func (d *delivery) refused(fault health.Fault, count int) (time.Duration, error) {
	wait, giveUp := d.outage.failed(time.Now(), 0)
	d.faulty = true
	if giveUp {
		fault.Outlook = gaveUp(d.outage)
		d.health.Quit(fault, d.outage.attempts)
		d.logger.Error("not collecting any more",
			zap.String("error", fault.Text()), zap.String("error.type", string(fault.Type)))
		return 0, errGaveUp
	}
	if d.aside {
		d.health.Trouble(health.BackfillTrouble, health.FillFails(fault))
	} else {
		d.health.Failing(fault, d.outage.attempts, d.outage.deadline())
	}
	d.logger.Warn("a batch is held until the pipeline accepts it; nothing is read meanwhile",
		zap.String("error", fault.Text()),
		zap.String("error.type", string(fault.Type)),
		zap.Int("records", count),
		zap.Int("attempt", d.outage.attempts),
	)
	return wait, nil
}

// pause waits between two attempts. The error is why there is no other.
func (d *delivery) pause(wait time.Duration) error {
	if !d.until.IsZero() {
		wait = min(wait, time.Until(d.until))
	}
	switch {
	case !pauseForPipeline(d.stop, d.abort, wait):
		return errAborted
	case !d.until.IsZero() && !time.Now().Before(d.until):
		return errHeldTooLong
	}
	return nil
}

// pauseForPipeline waits between two attempts. A stop that comes meanwhile ends the wait, and then waits are short: the
// pipeline has until the end of the shutdown, abort, to accept. It returns false when that has come.
func pauseForPipeline(stop, abort context.Context, wait time.Duration) bool {
	if stop.Err() != nil {
		return pause(abort, min(wait, stoppingWait))
	}
	return pause(stop, wait) || abort.Err() == nil
}

// taken notes in the flow that the pipeline has taken what was offered.
func (d *delivery) taken() {
	d.offered = false
	d.flow.taken()
}

// accepted ends the pipeline's outage.
func (d *delivery) accepted() {
	d.outage.over()
	if d.discarded > 0 {
		d.logger.Error("the pipeline accepts records again; those that it refused for good are lost", zap.Int("records", d.discarded))
		d.discarded = 0
	}
	if d.faulty && d.aside {
		d.health.Clear(health.BackfillTrouble)
	}
	if d.faulty && !d.aside {
		d.health.PipelineWell()
	}
	if d.faulty && d.collecting {
		d.health.Is(health.Collecting)
		d.logger.Info("the pipeline accepts records again")
	}
	d.faulty = false
}

// discard accounts for records that the pipeline refused for good.
func (d *delivery) discard(records []record.Record, err error) {
	d.metrics.refused(len(records))
	fault := health.PipelineDiscards(err)
	first := d.discarded == 0
	if first { // one line for a run of them, and one at its end
		d.logger.Error("the pipeline refuses records for good",
			zap.String("error", fault.Text()), zap.String("error.type", string(fault.Type)), zap.Int("records", len(records)))
	}
	d.discarded += len(records)
	// The pipeline answers, so its outage, if there was one, is over.
	d.outage.over()
	switch {
	case !d.aside:
		d.health.Failing(fault, 0, time.Time{})
	case first: // the live session goes on, so there is no state to tell of
		d.health.Lost(fault)
	}
	d.faulty = true
}

// lost accounts for records that were read and can't be handed on any more.
func (d *delivery) lost(records []record.Record, err error) {
	d.metrics.refused(len(records))
	fate := "they are lost, unless the service sends them again by itself"
	if d.recovers {
		fate = "they are read from the archive after the next start"
	}
	d.logger.Error("records that were read are not handed on: "+fate,
		zap.Int("records", len(records)), zap.Error(err))
}

// open makes the delivery ready. It is called once, before the first batch, and close after the last.
func (d *delivery) open() { d.handover.start() }

// close waits for the answer to a batch that the pipeline still holds, until the source's shutdown is out of time, and
// ends the handover. A pipeline that blocked for so long that the stream has quit may have accepted the batch after all,
// and then its records must not be read again.
func (d *delivery) close() {
	if d.held != nil {
		select {
		case answer := <-d.held.answer:
			d.settle(answer)
		case <-d.abort.Done():
			_ = d.lastAnswer() // without one, the batch goes on counting as missing
		}
	}
	d.handover.close()
}
