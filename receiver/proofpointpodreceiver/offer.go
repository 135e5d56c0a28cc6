package proofpointpodreceiver

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/record"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
	"github.com/proofpointpod/otelcol/internal/status"
	"github.com/proofpointpod/otelcol/receiver/proofpointpodreceiver/internal/retry"
)

const (
	// blockedAfter is how long the pipeline may take for a batch before that counts as refusing.
	blockedAfter = 30 * time.Second
	// abortWait is how long the pipeline has for its answer when the source's shutdown is out of time.
	abortWait = 50 * time.Millisecond
)

// held is a batch that the pipeline was given, and what is called with its answer when that comes late.
type held struct {
	answer <-chan error
	late   func(answer error)
}

// isUnanswered says whether an error is our own, and not the pipeline's answer.
func isUnanswered(err error) bool {
	return errors.Is(err, errGaveUp) || errors.Is(err, errAborted) || errors.Is(err, errHeldTooLong)
}

// offerUntilAnswered offers records until the pipeline accepts them or refuses them for good, which is the refusal it
// returns. logs are the records as the pipeline gets them, at the first attempt: it may change what it is given.
func (d *delivery) offerUntilAnswered(logs plog.Logs, records []record.Record, owner recordOwner) (refusal, err error) {
	operation := d.obs.StartLogsOp(d.handover.ctx)
	answer := d.offerWithRetry(operation, logs, records, owner)
	accepted := 0
	if answer == nil {
		accepted = len(records)
	}
	// What is not accepted is offered again, or counted when it is given up.
	d.obs.EndLogsOp(operation, dataFormat, accepted, answer)
	switch {
	case answer == nil:
		d.acceptances++
		d.accepted()
		owner.accepted(records)
		return nil, nil
	case consumererror.IsPermanent(answer):
		return answer, nil
	default:
		return nil, answer
	}
}

func (d *delivery) offerWithRetry(ctx context.Context, logs plog.Logs, records []record.Record, owner recordOwner) error {
	for {
		err := d.offer(ctx, logs, records, owner)
		if err == nil || consumererror.IsPermanent(err) {
			d.taken()
			return err
		}
		if isUnanswered(err) {
			return err
		}
		wait, err := d.refused(status.PipelineRefuses(err), len(records))
		if err == nil {
			err = d.pause(wait)
		}
		if err != nil {
			d.withdrawn()
			return err
		}
		logs = d.format.Logs(records)
	}
}

// offer makes one attempt. While the pipeline neither accepts nor refuses, there is no other: it may still accept.
func (d *delivery) offer(ctx context.Context, logs plog.Logs, records []record.Record, owner recordOwner) error {
	if d.abort.Err() != nil {
		d.withdrawn()
		return errAborted // or the pipeline might accept what then counts as missing
	}
	if err := d.awaitHeld(len(records)); err != nil {
		return err
	}
	if !d.isOffered {
		d.isOffered = true
		d.flow.offered()
	}
	var answer error
	d.held = &held{
		answer: d.handover.offer(ctx, logs),
		late:   func(err error) { answer = err },
	}
	if err := d.await(len(records)); err != nil {
		d.held.late = func(answer error) {
			if answer == nil || consumererror.IsPermanent(answer) {
				d.taken()
			}
			d.withdrawn()
			if answer == nil {
				d.acceptances++
				d.accepted()
			}
			owner.late(records, answer)
		}
		return err
	}
	return answer
}

// awaitHeld waits for the answer to a batch of which deliver has returned that it is held, if there is one.
func (d *delivery) awaitHeld(waiting int) error {
	if d.held == nil {
		return nil
	}
	return d.await(waiting)
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
		fault := status.PipelineBlocks(time.Since(started).Round(time.Second))
		if _, err := d.refused(fault, waiting); err != nil {
			return err
		}
		// There is no next attempt before an answer. Nothing changes now but by an answer, or at the deadline.
		if deadline := d.outage.Deadline(); !deadline.IsZero() {
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

// taken notes in the flow that the pipeline has taken what was offered.
func (d *delivery) taken() {
	d.isOffered = false
	d.flow.taken()
}

// withdrawn notes in the flow that nothing is offered any more. What the pipeline holds stays offered.
func (d *delivery) withdrawn() {
	if d.isOffered && d.held == nil {
		d.isOffered = false
		d.flow.withdrawn()
	}
}

// refused counts one refusal, reports it, and returns how long to wait before the next attempt, or errGaveUp.
func (d *delivery) refused(fault sourcehealth.Fault, count int) (time.Duration, error) {
	wait, giveUp := d.outage.Fail(time.Now(), 0)
	d.fault = &fault
	if giveUp {
		fault.Outlook = d.outage.GiveUpAdvice()
		d.health.SetStopped(fault, d.outage.Attempts())
		d.logger.Error("not collecting any more",
			zap.String("error", fault.Text()), zap.String("error.type", string(fault.Type)))
		return 0, errGaveUp
	}
	if d.isBackground {
		d.health.SetDegraded(status.BackfillFails(fault))
	} else {
		d.health.SetRetrying(fault, d.outage.Attempts(), d.outage.Deadline())
	}
	d.logger.Warn("a batch is held until the pipeline accepts it; nothing is read meanwhile",
		zap.String("error", fault.Text()),
		zap.String("error.type", string(fault.Type)),
		zap.Int("records", count),
		zap.Int("attempt", d.outage.Attempts()),
	)
	return wait, nil
}

// pause waits between two attempts. The error is why there is no other.
func (d *delivery) pause(wait time.Duration) error {
	if !d.until.IsZero() {
		wait = min(wait, time.Until(d.until))
	}
	switch {
	case !retry.WaitUntilAborted(d.stop, d.abort, wait):
		return errAborted
	case !d.until.IsZero() && !time.Now().Before(d.until):
		return errHeldTooLong
	}
	return nil
}

// accepted ends the pipeline's outage.
func (d *delivery) accepted() {
	d.outage.End()
	d.aside.hurry()
	if d.fault == nil {
		return
	}
	d.fault = nil
	if d.isBackground {
		d.health.ClearDegraded(sourcehealth.Backfill)
		return
	}
	d.health.EndPipelineOutage()
	if d.collecting {
		d.health.SetState(sourcehealth.Collecting)
		d.logger.Info("the pipeline accepts records again")
	}
}

// lost accounts for so many records that were read and can't be delivered any more.
func (d *delivery) lost(records int, err error) {
	d.metrics.refused(records)
	fate := "they are lost, unless the service sends them again by itself"
	if d.recovers {
		fate = "they are read from the archive after the next start"
	}
	d.logger.Error("records that were read are not handed on: "+fate,
		zap.Int("records", records), zap.Error(err))
}
