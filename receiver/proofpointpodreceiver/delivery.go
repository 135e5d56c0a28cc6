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
	// collecting: a session is open, and Collecting is the state to return to.
	collecting bool
	// faulty: the newest state reported is a fault of the pipeline.
	faulty bool
	// discarded is how many records in a row the pipeline refused for good.
	discarded int
}

// deliver hands on one batch. It returns nil when that is accepted, or refused for good and counted; errGaveUp when the
// pipeline has refused for too long and the stream has quit; errAborted when the source's shutdown is out of time.
//
// The pipeline may change what it is given, so every attempt gets logs built anew from the records.
func (d *delivery) deliver(records []record.Record) error {
	d.metrics.received(records)
	operation := d.obs.StartLogsOp(d.handover.ctx)
	d.flow.offered()
	err := d.deliverUntilAccepted(operation, records)
	d.obs.EndLogsOp(operation, dataFormat, len(records), err)
	switch {
	case err == nil:
		d.flow.taken()
		d.accepted()
	case consumererror.IsPermanent(err):
		d.flow.taken()
		d.discard(records, err)
		return nil
	}
	return err
}

func (d *delivery) deliverUntilAccepted(ctx context.Context, records []record.Record) error {
	for {
		err := d.offer(ctx, records)
		if err == nil || consumererror.IsPermanent(err) || errors.Is(err, errGaveUp) || errors.Is(err, errAborted) {
			return err
		}
		wait, err := d.refused(health.PipelineRefuses(err), len(records))
		if err != nil {
			return err
		}
		if !pauseForPipeline(d.stop, d.abort, wait) {
			return errAborted
		}
	}
}

// offer makes one attempt. While the pipeline neither accepts nor refuses, there is no other: it may still accept.
func (d *delivery) offer(ctx context.Context, records []record.Record) error {
	if d.abort.Err() != nil {
		return errAborted // or the pipeline might accept what then counts as missing
	}
	started := time.Now()
	result := d.handover.offer(ctx, d.format.Logs(records))
	blocked := time.NewTimer(blockedAfter)
	defer blocked.Stop()
	for {
		select {
		case err := <-result:
			return err
		case <-d.abort.Done():
			return lastAnswer(result)
		case <-blocked.C:
		}
		fault := health.PipelineBlocks(time.Since(started).Round(time.Second))
		if _, err := d.refused(fault, len(records)); err != nil {
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

// refused counts one refusal, reports it, and returns how long to wait before the next attempt, or errGaveUp.
func (d *delivery) refused(fault health.Fault, count int) (time.Duration, error) {
	wait, giveUp := d.outage.failed(time.Now(), 0)
	d.faulty = true
	if giveUp {
		fault.Message += ". " + gaveUp(d.outage)
		d.health.Quit(fault, d.outage.attempts)
		d.logger.Error("not collecting any more",
			zap.String("error", fault.Message), zap.String("error.type", string(fault.Type)))
		return 0, errGaveUp
	}
	if d.aside {
		d.health.Trouble(health.BackfillTrouble, health.FillFails(fault))
	} else {
		d.health.Failing(fault, d.outage.attempts, d.outage.deadline())
	}
	d.logger.Warn("a batch is held until the pipeline accepts it; nothing is read meanwhile",
		zap.String("error", fault.Message),
		zap.String("error.type", string(fault.Type)),
		zap.Int("records", count),
		zap.Int("attempt", d.outage.attempts),
	)
	return wait, nil
}

// pauseForPipeline waits between two attempts. A stop that comes meanwhile ends the wait, and then waits are short: the
// pipeline has until the end of the shutdown, abort, to accept. It returns false when that has come.
func pauseForPipeline(stop, abort context.Context, wait time.Duration) bool {
	if stop.Err() != nil {
		return pause(abort, min(wait, stoppingWait))
	}
	return pause(stop, wait) || abort.Err() == nil
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
	if d.discarded == 0 { // one line for a run of them, and one at its end
		d.logger.Error("the pipeline refuses records for good",
			zap.String("error", fault.Message), zap.String("error.type", string(fault.Type)), zap.Int("records", len(records)))
	}
	d.discarded += len(records)
	// The pipeline answers, so its outage, if there was one, is over.
	d.outage.over()
	if !d.aside {
		d.health.Failing(fault, 0, time.Time{})
	}
	d.faulty = true
}

// lost accounts for records that were read and can't be handed on any more.
func (d *delivery) lost(records []record.Record, err error) {
	d.metrics.refused(len(records))
	d.logger.Error("records that were read are not handed on",
		zap.Int("records", len(records)), zap.Error(err))
}

// open makes the delivery ready. It is called once, before the first batch, and close after the last.
func (d *delivery) open() { d.handover.start() }

// close ends the handover.
func (d *delivery) close() { d.handover.close() }
