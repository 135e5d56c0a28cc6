package proofpointpodreceiver

import (
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
	"github.com/proofpointpod/otelcol/internal/status"
)

// viewersOf lists the extensions that show people how sources are.
func viewersOf(host component.Host) []sourcehealth.Viewer {
	extensions := host.GetExtensions()
	ids := make([]component.ID, 0, len(extensions))
	for id := range extensions {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b component.ID) int { return strings.Compare(a.String(), b.String()) })
	var viewers []sourcehealth.Viewer
	for _, id := range ids {
		if viewer, ok := extensions[id].(sourcehealth.Viewer); ok {
			viewers = append(viewers, viewer)
		}
	}
	return viewers
}

// reporter says how a source is at the moment of the call. It is safe for concurrent use at any time, and never waits
// for a stream, the service, the pipeline or the storage.
type reporter struct {
	config  *Config
	health  *status.Source
	streams []*streamMetrics // in the order of the health's streams
}

func (r *reporter) report() sourcehealth.Report {
	report := r.health.Report()
	report.Category = r.config.Category
	report.ClusterID = r.config.ClusterID
	for i, m := range r.streams {
		m.fillIn(&report.Streams[i], r.config.Backfill.Enabled)
		report.Streams[i].TokenExpires = timeOrNil(r.health.TokenExpiry(status.LiveToken))
	}
	return report
}

// fillIn tells of the stream what the health does not know. backfill: gaps are read from the archive.
func (m *streamMetrics) fillIn(report *sourcehealth.StreamReport, backfill bool) {
	report.Records = m.totals.records.Load()
	report.Bytes = m.totals.bytes.Load()
	report.Duplicates = m.totals.duplicates.Load()
	report.Reconnects = m.totals.reconnects.Load()
	report.ConnectFailures = m.totals.connectFailures.Load()
	if last := m.lastRecord.Load(); last != 0 {
		report.LastRecord = timeOrNil(time.Unix(0, last))
	}
	if session := m.session.Load(); session != nil {
		report.LastSignOfLife = timeOrNil(session.LastByte())
	}
	if m.hasLag.Load() {
		lag := time.Duration(m.lag.Load()).Seconds()
		report.LagSeconds = &lag
	}
	if saved := m.position.Stats().Saved; !saved.IsZero() {
		report.PositionSaved = timeOrNil(m.clock.Local(saved))
	}
	report.Gaps = m.gapsReport(backfill)
}

// gapsReport tells of the open gaps. Their times are the service's, that of the next read is ours.
func (m *streamMetrics) gapsReport(backfill bool) sourcehealth.GapsReport {
	open, left := m.position.Gaps(), m.position.Windows()
	report := sourcehealth.GapsReport{
		Open:        len(open),
		WindowsLeft: len(left),
		WindowsRead: m.totals.windows.Load(),
		Recovered:   m.totals.recovered.Load(),
	}
	for _, gap := range open {
		report.Seconds += gap.To.Sub(gap.From).Seconds()
	}
	if len(open) > 0 {
		report.Oldest = timeOrNil(open[0].From)
	}
	if backfill && len(left) > 0 {
		next := slices.MinFunc(left, func(a, b position.Window) int { return a.Due.Compare(b.Due) })
		report.NextRead = timeOrNil(m.clock.Local(next.Due))
	}
	return report
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.Round(0).UTC()
	return &t
}
