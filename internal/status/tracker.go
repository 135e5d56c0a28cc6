package status

import (
	"cmp"
	"crypto/rand"
	"slices"
	"strconv"
	"time"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

const (
	// settleTime is how long a subject has to be well before its events are resolved, so that what comes and goes is one
	// event. It doubles, up to maxSettleTime, each time that the subject goes wrong again within calmTime of its
	// resolution: sessions that are cut off every minute for hours are one event, too.
	settleTime    = 10 * time.Second
	maxSettleTime = 10 * time.Minute
	calmTime      = time.Hour

	// tokenCheckInterval is how often the age of the tokens is checked.
	tokenCheckInterval = time.Hour

	// maxOpen is how many events of one tracker can be open, or can follow each other at one severity. More of them count
	// as repeats of the newest.
	maxOpen = 50
)

// resourceType is the type of the resource that an event is about.
const resourceType = "proofpointpod"

// tracker makes the health events of one subject of a stream or of the source. Its source's lock guards it.
type tracker struct {
	stream  *Stream // nil: it is of the source
	subject sourcehealth.Subject
	// open are the open events. A subject with a state has one at most: another fault takes the place of the one before,
	// so that an outage counts once, and says what is wrong now. Other subjects have one for each kind of fault.
	open      []*openEvent
	resolveAt time.Time // when the open events are resolved, unless another fault comes; zero: the subject is wrong

	settle     time.Duration // how long the subject has to be well; 0: it never went wrong
	resolvedAt time.Time     // when it was resolved last; zero: never
}

// openEvent is an event that is open, and how often the same has happened.
type openEvent struct {
	// keys are the faults that it stands for: its own, and those of events of the same severity whose place it has taken.
	// Two faults that alternate would otherwise be an event each time.
	keys    []string
	message string // the fault's, without its outlook
	event   sourcehealth.Event
	repeats sourcehealth.RepeatReport
}

// replace makes it the successor of the event whose place it takes.
func (e *openEvent) replace(before *openEvent) {
	e.repeats.Count += before.repeats.Count
	first, now := before.event.Details, &e.event.Details
	now.Since = cmp.Or(first.Since, before.event.EventTime.Format(time.RFC3339))
	now.BeganWith = cmp.Or(first.BeganWith, before.message)
	if now.BeganWith == e.message { // a token that expires sooner, or a stream that has given up
		now.BeganWith = ""
	}
	if before.event.SeverityLevel == e.event.SeverityLevel {
		e.keys = append(before.keys, e.keys...)
	}
}

// trackerLocked returns the tracker of a subject of a stream, or of the source if stream is nil.
func (s *Source) trackerLocked(stream *Stream, subject sourcehealth.Subject) *tracker {
	for _, t := range s.trackers {
		if t.stream == stream && t.subject == subject {
			return t
		}
	}
	t := &tracker{stream: stream, subject: subject}
	s.trackers = append(s.trackers, t)
	return t
}

// recordFaultLocked records that a fault occurred so many times. The first of its kind since the subject was well is an
// event, and so is another severity; others are repeats.
func (s *Source) recordFaultLocked(stream *Stream, fault sourcehealth.Fault, times int) {
	now := time.Now()
	t := s.trackerLocked(stream, fault.Subject)
	rule := ruleOf(fault.Subject)
	t.resolveAt = time.Time{}
	if !rule.hasState() {
		t.resolveAt = now.Add(rule.openFor)
	}
	key := fault.Severity + " " + fault.Label
	if rule.isDistinct {
		key += " " + fault.Message
	}
	if same := t.repeatOf(key, fault.Severity); same != nil {
		same.repeats.Count += times
		same.repeats.LastTime = now.UTC()
		return
	}
	if len(t.open) == 0 {
		t.extendSettle(now)
	}
	opened := &openEvent{
		keys: []string{key}, message: fault.Message, event: s.faultEvent(t, fault, now),
		repeats: sourcehealth.RepeatReport{Count: times, LastTime: now.UTC()},
	}
	if len(t.open) > 0 && rule.hasState() {
		opened.replace(t.open[0])
		t.open = t.open[:0]
	}
	t.open = append(t.open, opened)
	s.outbox.addEvent(opened.event)
}

// faultEvent returns the event that a fault opens.
func (s *Source) faultEvent(t *tracker, fault sourcehealth.Fault, at time.Time) sourcehealth.Event {
	event := s.newEvent(t, at)
	event.EventName = fault.Type.HealthEvent()
	event.SeverityLevel = fault.Severity
	event.Status = sourcehealth.UnHealthy
	event.Details.Error = fault.Label
	event.Details.ErrorInfo = fault.Text()
	if fault.Status != 0 {
		event.Details.ErrorCode = strconv.Itoa(fault.Status)
	}
	return event
}

// repeatOf returns the open event of which a fault is a repeat, nil if the fault opens an event.
func (t *tracker) repeatOf(key, severity string) *openEvent {
	for i, open := range t.open {
		if slices.Contains(open.keys, key) || i == maxOpen-1 {
			return open
		}
		if len(open.keys) == maxOpen && open.event.SeverityLevel == severity {
			return open
		}
	}
	return nil
}

// extendSettle sets how long a subject that goes wrong now has to be well.
func (t *tracker) extendSettle(now time.Time) {
	if t.resolvedAt.IsZero() || now.Sub(t.resolvedAt) >= calmTime {
		t.settle = settleTime
		return
	}
	t.settle = min(2*t.settle, maxSettleTime)
}

// recordWellLocked records that a subject is well. Its events are resolved if it stays so.
func (s *Source) recordWellLocked(stream *Stream, subject sourcehealth.Subject) {
	t := s.trackerLocked(stream, subject)
	if len(t.open) > 0 && t.resolveAt.IsZero() {
		t.resolveAt = time.Now().Add(t.settle)
	}
}

// resolveLocked makes the event that ends all open ones of a tracker.
func (s *Source) resolveLocked(t *tracker, why string) {
	if len(t.open) == 0 {
		return
	}
	newest := t.open[len(t.open)-1]
	count, last := 0, newest.repeats.LastTime
	for _, open := range t.open {
		count += open.repeats.Count
		if open.repeats.LastTime.After(last) {
			last = open.repeats.LastTime
		}
	}
	event := newest.event
	event.EventID = rand.Text()
	event.EventTime = time.Now().UTC()
	event.Status = sourcehealth.Healthy
	event.Details.ErrorInfo = why + "; it was: " + newest.message
	event.Details.Since = cmp.Or(newest.event.Details.Since, t.open[0].event.EventTime.Format(time.RFC3339))
	event.Details.Count = strconv.Itoa(count)
	event.Details.LastTime = last.Format(time.RFC3339)
	if t.subject == sourcehealth.Collection && !t.stream.collected {
		t.stream.collected = true
		event.EventName, event.SeverityLevel = sourcehealth.EventCollecting, sourcehealth.SeverityInfo
	}
	t.open = nil
	t.resolveAt = time.Time{}
	t.resolvedAt = event.EventTime
	s.outbox.addEvent(event)
}

// recordCollectingLocked makes the event that a stream collects for the first time in this process. It ends what an
// earlier process could not resolve, such as a refused token. Where an event is open, its resolution says the same.
func (s *Source) recordCollectingLocked(stream *Stream) {
	t := s.trackerLocked(stream, sourcehealth.Collection)
	if stream.collected || len(t.open) > 0 {
		return
	}
	stream.collected = true
	event := s.newEvent(t, time.Now())
	event.EventName = sourcehealth.EventCollecting
	event.SeverityLevel = sourcehealth.SeverityInfo
	event.Status = sourcehealth.Healthy
	event.Details.ErrorInfo = "collecting"
	s.outbox.addEvent(event)
}

func (s *Source) newEvent(t *tracker, at time.Time) sourcehealth.Event {
	event := sourcehealth.Event{
		EventID:          rand.Text(),
		EventTime:        at.UTC(),
		EventType:        sourcehealth.HealthChange,
		Subsystem:        sourcehealth.Subsystem,
		ResourceIdentity: sourcehealth.ResourceIdentity{ID: s.identity.ID, Name: s.identity.Name, Type: resourceType},
	}
	event.Details.TrackerID = s.identity.ID + "/" + string(t.subject)
	if t.stream != nil {
		event.Details.EventType = sourcehealth.EventType(t.stream.Type)
		event.Details.TrackerID = s.identity.ID + "/" + string(t.stream.Type) + "/" + string(t.subject)
	}
	return event
}

// applyTimeLocked makes the events that time brings, and returns when there may be more of them.
func (s *Source) applyTimeLocked(now time.Time) time.Time {
	for _, token := range Tokens() {
		s.checkTokenAgeLocked(token, now)
	}
	next := now.Add(tokenCheckInterval)
	for _, t := range s.trackers {
		switch {
		case t.resolveAt.IsZero():
		case now.Before(t.resolveAt):
			if t.resolveAt.Before(next) {
				next = t.resolveAt
			}
		default:
			s.resolveLocked(t, ruleOf(t.subject).ends)
		}
	}
	return next
}

// resolveAllLocked resolves what is degraded when the source stops: the next start opens it again if it is still so. What
// keeps a stream from collecting stays open until the next process collects.
func (s *Source) resolveAllLocked() {
	for _, t := range s.trackers {
		if t.subject != sourcehealth.Collection {
			s.resolveLocked(t, "the source has stopped; the next start opens it again if it is still so")
		}
	}
}
