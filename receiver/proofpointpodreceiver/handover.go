package proofpointpodreceiver

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
)

// handoverWait is how long close waits for a consumer that has a batch, after its context has ended.
const handoverWait = 100 * time.Millisecond

// handover calls the pipeline from a goroutine of its own, so that a consumer that blocks, without looking at its
// context, holds nothing but that goroutine. Its stream's goroutine calls it.
type handover struct {
	// ctx is for what is offered; it ends with the handover.
	ctx     context.Context //nolint:containedctx // the life of the goroutine, not of a call
	cancel  context.CancelFunc
	next    consumer.Logs
	offers  chan offered
	results chan error // has room for one, so that a result nobody waits for any more is no hindrance
	done    chan struct{}
}

type offered struct {
	ctx  context.Context //nolint:containedctx // an argument on its way to the goroutine
	logs plog.Logs
}

func newHandover(ctx context.Context, next consumer.Logs) *handover {
	h := &handover{
		next:    next,
		offers:  make(chan offered, 1),
		results: make(chan error, 1),
		done:    make(chan struct{}),
	}
	h.ctx, h.cancel = context.WithCancel(ctx)
	return h
}

// start starts the goroutine.
func (h *handover) start() { go h.run() }

func (h *handover) run() {
	defer close(h.done)
	for o := range h.offers {
		h.results <- h.next.ConsumeLogs(o.ctx, o.logs)
	}
}

// offer passes logs to the pipeline; its answer comes on the channel. ctx is handover.ctx or one made from it. There
// is no other offer before the answer.
func (h *handover) offer(ctx context.Context, logs plog.Logs) <-chan error {
	h.offers <- offered{ctx: ctx, logs: logs}
	return h.results
}

// close ends the goroutine and waits for it, unless the consumer holds it.
func (h *handover) close() {
	h.cancel()
	close(h.offers)
	held := time.NewTimer(handoverWait)
	defer held.Stop()
	select {
	case <-h.done:
	case <-held.C:
	}
}
