package main

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/record"
)

// readBarely reads as the receiver does, session, records and batches, and leaves out the rest: position and
// identities remembered, telemetry, health, the handing over. The receiver can't be configured to do without positions,
// so this is what their cost is measured against.
func readBarely(ctx context.Context, v *variant, from service, play string, count counter) error {
	endpoint, err := url.Parse(from.endpoint(play))
	if err != nil {
		return err
	}
	client := &podlog.Client{
		Endpoint:         endpoint,
		TLS:              from.secure(),
		HandshakeTimeout: 10 * time.Second,
		Keepalive:        podlog.Keepalive{Interval: 2 * time.Minute, Timeout: time.Minute},
		MaxRecordSize:    64 << 20,
	}
	t := eventType(v.workloads[0])
	session, err := client.Open(ctx, ctx, t, http.Header{})
	if err != nil {
		return ended(ctx, err)
	}
	resource := pcommon.NewMap()
	resource.PutStr("service.name", "proofpoint-on-demand")
	attributes := pcommon.NewMap()
	record.PutSIEM(attributes, t)
	return ended(ctx, session.Receive(ctx, &barePath{
		splitter: record.Splitter{EventType: t},
		format:   record.Format{Body: record.BodyText, Resource: resource, Attributes: attributes},
		count:    func(records int) { count(v.workloads[0], records) },
	}))
}

// barePath implements [podlog.Handler].
type barePath struct {
	splitter record.Splitter
	format   record.Format
	count    func(records int)
	batch    []record.Record
	due      time.Time
}

func (b *barePath) Frame(data []byte, read time.Time, truncated bool) error {
	if len(b.batch) == 0 {
		b.due = time.Now().Add(100 * time.Millisecond)
	}
	b.splitter.Begin(data, truncated, read)
	for b.splitter.More() {
		b.batch = b.splitter.Next(b.batch, record.Portion{Records: batchRecords - len(b.batch), Bytes: 1 << 20})
		if len(b.batch) < batchRecords {
			continue
		}
		if err := b.Flush(); err != nil {
			return err
		}
	}
	return nil
}

func (b *barePath) Due() time.Time { return b.due }

func (b *barePath) Flush() error {
	b.count(b.format.Logs(b.batch).LogRecordCount())
	clear(b.batch)
	b.batch = b.batch[:0]
	b.due = time.Time{}
	return nil
}
