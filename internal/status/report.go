package status

import (
	"slices"
	"time"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// Report returns the part of a [sourcehealth.Report] that follows from states and faults.
func (s *Source) Report() sourcehealth.Report {
	s.mu.Lock()
	defer s.mu.Unlock()
	worst := s.worstLocked()
	report := sourcehealth.Report{
		ID:          s.identity.ID,
		Name:        s.identity.Name,
		Description: s.identity.Description,
		State:       worst.condition.state,
		Reached:     worst.reached,
		Streams:     make([]sourcehealth.StreamReport, 0, len(s.streams)),
		Repeats:     s.repeatsLocked(nil),
		Errors:      s.noticesLocked(nil, sourcehealth.LiveToken, sourcehealth.ArchiveToken, sourcehealth.Clock),
	}
	for _, stream := range s.streams {
		report.Streams = append(report.Streams, stream.reportLocked())
	}
	return report
}

// reportLocked returns the part of a [sourcehealth.StreamReport] that follows from states and faults.
func (s *Stream) reportLocked() sourcehealth.StreamReport {
	report := sourcehealth.StreamReport{
		EventType: sourcehealth.EventType(s.Type),
		State:     s.condition.state,
		Since:     s.since.UTC(),
		Gaps:      sourcehealth.GapsReport{Open: s.gaps, Oldest: timeOrNil(s.oldest)},
		Repeats:   s.source.repeatsLocked(s),
	}
	if s.condition.attempt > 0 || s.condition.hasStopped { // a loss is not retried
		report.Retry = &sourcehealth.RetryReport{
			Attempt: s.condition.attempt, Deadline: timeOrNil(s.condition.deadline), Quit: s.condition.hasStopped,
			WaitsForToken: s.condition.fault.Type == sourcehealth.ThirdPartyConfig && !s.condition.hasStopped,
		}
	}
	for _, fault := range s.faultsLocked() {
		report.Errors = append(report.Errors, fault.Text()) // the attempts are in Retry
	}
	for _, notice := range s.source.noticesLocked(s, sourcehealth.Records, sourcehealth.Lost) {
		if !slices.Contains(report.Errors, notice) { // a loss that is being reported is in both
			report.Errors = append(report.Errors, notice)
		}
	}
	return report
}

// repeatsLocked returns how often the open events of a stream, or of the source if stream is nil, occurred.
func (s *Source) repeatsLocked(stream *Stream) map[string]sourcehealth.RepeatReport {
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

// noticesLocked returns the texts of the newest open events of subjects that are no part of the state.
func (s *Source) noticesLocked(stream *Stream, subjects ...sourcehealth.Subject) []string {
	var texts []string
	for _, subject := range subjects {
		if t := s.trackerLocked(stream, subject); len(t.open) > 0 {
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
