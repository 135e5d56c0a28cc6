package proofpointpodreceiver

import (
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/servicetime"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
	"github.com/proofpointpod/otelcol/internal/status"
)

// maxReported is how many gaps are reported one by one. More that come to light at once are reported as one.
const maxReported = 10

// gapReporter reports the gaps of a stream's position. It is safe for concurrent use: the stream, its filler and its
// keeper call it.
type gapReporter struct {
	position *position.Position
	health   *status.Stream
	metrics  *streamMetrics
	logger   *zap.Logger
	clock    *servicetime.Clock
	// backfill: gaps are read from the archive.
	backfill bool

	// mu is held from the reading of the position to its report, so that the newest reading is reported last.
	mu sync.Mutex
}

// show reports how many gaps are open.
func (g *gapReporter) show() {
	g.mu.Lock()
	defer g.mu.Unlock()
	var oldest time.Time
	open := g.position.Gaps()
	if len(open) > 0 {
		oldest = open[0].From
	}
	g.health.SetGaps(len(open), oldest, g.backfill)
}

// expire gives up what the archive has no more, and says whether there was a gap of that kind.
func (g *gapReporter) expire() bool {
	gone := g.position.DropUnreachable(g.clock.Now())
	switch n := len(gone.Gaps); {
	case n > maxReported:
		g.lost(status.GapsUnrecoverable(n, gone.Gaps[0].From, gone.Gaps[n-1].To), n)
	default:
		for _, gap := range gone.Gaps {
			g.lost(status.GapUnrecoverable(gap.From, gap.To), 1, zap.Time("from", gap.From), zap.Time("to", gap.To))
		}
	}
	if gone.Records > 0 {
		g.lost(status.RecordsUnrecoverable(gone.Records), 1, zap.Int("records", gone.Records))
	}
	if len(gone.Gaps) > 0 {
		g.show()
	}
	return len(gone.Gaps) > 0
}

// lost reports so many gaps that can't be filled.
func (g *gapReporter) lost(fault sourcehealth.Fault, count int, fields ...zap.Field) {
	g.logger.Error("gap unrecoverable", append(fields, zap.String("error", fault.Message))...)
	g.health.ReportLoss(fault)
	g.metrics.unrecoverable(count)
}
