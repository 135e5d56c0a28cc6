package status

import (
	"slices"
	"time"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// Report is how the source is: all of a [sourcehealth.Report] that its health knows.
func (s *Source) Report() sourcehealth.Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	worst := s.worst()
	report := sourcehealth.Report{
		ID:          s.identity.ID,
		Name:        s.identity.Name,
		Description: s.identity.Description,
		State:       worst.status.state,
		Reached:     worst.reached,
		Streams:     make([]sourcehealth.StreamReport, 0, len(s.streams)),
		Repeats:     s.repeats(nil),
		Errors:      s.notices(nil, liveToken, archiveToken, clocks),
	}
	for _, stream := range s.streams {
		report.Streams = append(report.Streams, stream.report())
	}
	return report
}

// report is all of a [sourcehealth.StreamReport] that the stream's health knows. The caller holds the lock.
func (s *Stream) report() sourcehealth.StreamReport {
	report := sourcehealth.StreamReport{
		EventType: string(s.Type),
		State:     s.status.state,
		Since:     s.since.UTC(),
		Gaps:      sourcehealth.GapsReport{Open: s.gaps, Oldest: timeOrNil(s.oldest)},
		Repeats:   s.source.repeats(s),
	}
	if s.status.attempt > 0 || s.status.quit { // a batch that is discarded is not tried again
		report.Retry = &sourcehealth.RetryReport{
			Attempt: s.status.attempt, Deadline: timeOrNil(s.status.deadline), Quit: s.status.quit,
			WaitsForToken: s.status.fault.Type == sourcehealth.ThirdPartyConfig && !s.status.quit,
		}
	}
	for _, fault := range s.faults() {
		report.Errors = append(report.Errors, fault.Text()) // of attempts, Retry tells
	}
	for _, notice := range s.source.notices(s, records, lost) {
		if !slices.Contains(report.Errors, notice) { // a batch that is discarded is in the state, too
			report.Errors = append(report.Errors, notice)
		}
	}
	return report
}

// repeats tells of the open events of a stream, or of the source if stream is nil, how often the same went wrong. The
// caller holds the lock.
func (s *Source) repeats(stream *Stream) map[string]sourcehealth.RepeatReport {
	repeats := map[string]sourcehealth.RepeatReport{}
	for _, t := range s.trackers {
		if t.stream != stream {
			continue
		}
		for _, open := range t.open {
			repeats[open.event.EventID] = open.repeats
		}
	}
	return repeats
}

// notices are the texts of the newest open events of subjects that are no part of the state. The caller holds the lock.
func (s *Source) notices(stream *Stream, subjects ...subject) []string {
	var texts []string
	for _, of := range subjects {
		if t := s.tracker(stream, of); len(t.open) > 0 {
			texts = append(texts, t.open[len(t.open)-1].event.Details.ErrorInfo)
		}
	}
	return texts
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.Round(0).UTC()
	return &t
}
