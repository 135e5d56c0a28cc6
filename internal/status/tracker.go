package status

import (
	"cmp"
	"crypto/rand"
	"slices"
	"strconv"
	"time"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// subject is what a tracker tracks.
type subject string

// The subjects. Those of the second group are of the source, the others of each stream.
const (
	collection subject = "collection" // records are read as they come; every Error is of this subject
	pipeline   subject = "pipeline"   // the pipeline accepts them
	storage    subject = "storage"    // positions are saved
	backfill   subject = "backfill"   // the archive can be read
	gaps       subject = "gaps"       // nothing may have been missed
	lost       subject = "lost"       // nothing is lost for good
	records    subject = "records"    // records are JSON, and whole

	liveToken    subject = "token"         // it does not expire soon
	archiveToken subject = "archive_token" // the same of the second one
	clocks       subject = "clock"         // this machine's clock is that of the service
)

const (
	// settleTime is how long a thing has to be well before its events are resolved: what comes and goes is one event. It
	// doubles, up to maxSettleTime, each time that the thing goes wrong again within calmTime of its resolution: sessions
	// that are cut off every minute for hours are one event, too.
	settleTime    = 10 * time.Second
	maxSettleTime = 10 * time.Minute
	calmTime      = time.Hour
	// What happens in a moment, and does not last, is over when it has not happened again for so long.
	recordsTime = time.Hour
	lostTime    = 24 * time.Hour

	// judgeInterval is how often the age of the tokens is judged.
	judgeInterval = time.Hour

	// maxOpen is how many events of one tracker can be open, or can follow each other at one severity. What comes then
	// counts as a repeat of the newest.
	maxOpen = 50
)

// momentary is how long events of a subject stay open that has no end of its own; 0: it has one.
func (s subject) momentary() time.Duration {
	switch s {
	case records:
		return recordsTime
	case lost:
		return lostTime
	default:
		return 0
	}
}

// lasts says whether a subject has a state: it is well or wrong, and not only what happens in a moment.
func (s subject) lasts() bool { return s.momentary() == 0 }

// ending says why events are resolved.
func (s subject) ending() string {
	switch s {
	case collection:
		return "collecting again"
	case pipeline:
		return "the pipeline accepts records again"
	case storage:
		return "positions are saved again"
	case backfill:
		return "the archive can be read again"
	case gaps:
		return "no gap is open any more"
	case lost:
		return "nothing more was lost for 24 hours; what was lost stays so"
	case records:
		return "no more such records came for an hour"
	case clocks:
		return "the clocks agree again"
	default:
		return "over"
	}
}

// resourceType is the type of the resource that an event is about.
const resourceType = "proofpointpod"

// tracker makes the health events of one thing. It is guarded by its source's lock.
type tracker struct {
	stream  *Stream // nil: it is of the source
	subject subject
	// open are the events that are open. What happens in a moment has one for each kind of it. What lasts has one at the
	// most: another reason takes the place of the one before, so that an outage counts once, and says what is wrong now.
	open      []*spell
	resolveAt time.Time // when what is open is resolved, unless it goes wrong again; zero: it is wrong

	settle     time.Duration // how long it has to be well; 0: it never went wrong
	resolvedAt time.Time     // when it was resolved last; zero: never
}

// spell is an event that is open, and how often the same has happened.
type spell struct {
	// keys are what it stands for: its own, and those of events of the same severity whose place it has taken. Two
	// reasons that alternate would otherwise be an event each time.
	keys    []string
	message string // what happened, without what becomes of it
	event   sourcehealth.Event
	repeats sourcehealth.RepeatReport
}

// follows makes it the successor of the event whose place it takes.
func (s *spell) follows(before *spell) {
	s.repeats.Count += before.repeats.Count
	first, now := before.event.Details, &s.event.Details
	now.Since = cmp.Or(first.Since, before.event.EventTime.Format(time.RFC3339))
	now.BeganWith = cmp.Or(first.BeganWith, before.message)
	if now.BeganWith == s.message { // a token that expires sooner, or a stream that has given up
		now.BeganWith = ""
	}
	if before.event.SeverityLevel == s.event.SeverityLevel {
		s.keys = append(before.keys, s.keys...)
	}
}

// tracker returns the tracker of a subject of a stream, or of the source if stream is nil. The caller holds the lock.
func (s *Source) tracker(stream *Stream, of subject) *tracker {
	for _, t := range s.trackers {
		if t.stream == stream && t.subject == of {
			return t
		}
	}
	t := &tracker{stream: stream, subject: of}
	s.trackers = append(s.trackers, t)
	return t
}

// wrong notes that something went wrong so many times. The first of its kind since all was well is an event, and so is
// another severity; more of it are repeats. The caller holds the lock.
func (s *Source) wrong(t *tracker, severity string, fault sourcehealth.Fault, times int) {
	now := time.Now()
	t.resolveAt = time.Time{}
	if d := t.subject.momentary(); d > 0 {
		t.resolveAt = now.Add(d)
	}
	key := severity + " " + fault.Label
	if fault.Label == labelUnrecoverable || fault.Label == labelRejects { // each is another one
		key += " " + fault.Message
	}
	if same := t.same(key, severity); same != nil {
		same.repeats.Count += times
		same.repeats.LastTime = now.UTC()
		return
	}
	if len(t.open) == 0 {
		t.settleAfter(now)
	}
	event := s.newEvent(t, now)
	event.EventName = fault.Type.HealthEvent()
	event.SeverityLevel = severity
	event.Status = sourcehealth.UnHealthy
	event.Details.Error = fault.Label
	event.Details.ErrorInfo = fault.Text()
	if fault.Status != 0 {
		event.Details.ErrorCode = strconv.Itoa(fault.Status)
	}
	one := &spell{keys: []string{key}, message: fault.Message, event: event, repeats: sourcehealth.RepeatReport{Count: times, LastTime: now.UTC()}}
	if len(t.open) > 0 && t.subject.lasts() {
		one.follows(t.open[0])
		t.open = t.open[:0]
	}
	t.open = append(t.open, one)
	s.publish(one.event)
}

// same is the open event of which a fault is a repeat; nil: it is one of its own.
func (t *tracker) same(key, severity string) *spell {
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

// settleAfter says how long a thing that goes wrong now has to be well.
func (t *tracker) settleAfter(now time.Time) {
	if t.resolvedAt.IsZero() || now.Sub(t.resolvedAt) >= calmTime {
		t.settle = settleTime
		return
	}
	t.settle = min(2*t.settle, maxSettleTime)
}

// well notes that a thing is well. The caller holds the lock.
func (s *Source) well(t *tracker) {
	if len(t.open) > 0 && t.resolveAt.IsZero() {
		t.resolveAt = time.Now().Add(t.settle)
	}
}

// resolve makes the event that ends all open ones of a tracker. The caller holds the lock.
func (s *Source) resolve(t *tracker, why string) {
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
	if t.subject == collection && !t.stream.collected {
		t.stream.collected = true
		event.EventName, event.SeverityLevel = sourcehealth.EventCollecting, sourcehealth.SeverityInfo
	}
	t.open = nil
	t.resolveAt = time.Time{}
	t.resolvedAt = event.EventTime
	s.publish(event)
}

// collects makes the event that a stream collects for the first time in this process, so that what an earlier process
// could not resolve is over: a token that was refused then, say. Where something is open, its resolution says so. The
// caller holds the lock.
func (s *Source) collects(stream *Stream) {
	t := s.tracker(stream, collection)
	if stream.collected || len(t.open) > 0 {
		return
	}
	stream.collected = true
	event := s.newEvent(t, time.Now())
	event.EventName = sourcehealth.EventCollecting
	event.SeverityLevel = sourcehealth.SeverityInfo
	event.Status = sourcehealth.Healthy
	event.Details.ErrorInfo = "collecting"
	s.publish(event)
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
		event.Details.EventType = string(t.stream.Type)
		event.Details.TrackerID = s.identity.ID + "/" + string(t.stream.Type) + "/" + string(t.subject)
	}
	return event
}

// publish queues an event for the reporting goroutine. The caller holds the lock, and nudges when it has let it go.
func (s *Source) publish(event sourcehealth.Event) {
	s.events = append(s.events, event)
	s.events = s.events[max(len(s.events)-maxPending, 0):]
}

// settle makes the events that time brings, and returns when there may be more of them. The caller holds the lock.
func (s *Source) settle(now time.Time) time.Time {
	for _, of := range Tokens() {
		s.judgeToken(of, now)
	}
	next := now.Add(judgeInterval)
	for _, t := range s.trackers {
		switch {
		case t.resolveAt.IsZero():
		case now.Before(t.resolveAt):
			if t.resolveAt.Before(next) {
				next = t.resolveAt
			}
		default:
			s.resolve(t, t.subject.ending())
		}
	}
	return next
}

// retire resolves what is degraded when the source stops: it is judged anew at the next start. What keeps a stream from
// collecting stays open until the next process collects. The caller holds the lock.
func (s *Source) retire() {
	for _, t := range s.trackers {
		if t.subject != collection {
			s.resolve(t, "the source has stopped, and tells it again after the next start if it is still so")
		}
	}
}
