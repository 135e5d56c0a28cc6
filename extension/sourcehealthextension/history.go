package sourcehealthextension

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// The states of an event that tells of trouble.
const (
	stateOpen     = "open"
	stateResolved = "resolved"
)

// Why an event is resolved that is not over.
const (
	// toldAnew: another process has left it open, and this one has told of it.
	toldAnew = "told anew after a restart or reload"
	// goesOn: another event of its tracker has taken its place.
	goesOn = "it goes on, and a newer event says what is wrong now"
)

// eventView is a health event, and what has become of it.
type eventView struct {
	sourcehealth.Event
	// State is `open` or `resolved` of an event that tells of trouble, empty of one that tells of its end.
	State string `json:"state,omitempty"`
	// ResolvedTime is when it was resolved. Resolution says why, where no event of the source did.
	ResolvedTime *time.Time `json:"resolvedTime,omitempty"`
	Resolution   string     `json:"resolution,omitempty"`
	// Count is how often the same went wrong, LastTime when last.
	Count    int       `json:"count"`
	LastTime time.Time `json:"lastTime"`

	// past: from before a restart or reload. What it told of may be over without a word.
	past    bool
	version uint64 // grows with every change
}

// history holds the health events, in the order in which they came. It holds no more than limit: the oldest that are over
// are forgotten first. It is safe for concurrent use.
type history struct {
	limit int

	mu      sync.Mutex
	events  []*eventView
	version uint64 // of the newest change
	news    uint64 // of the newest change that is more than a repeat
}

func newHistory(limit int) *history { return &history{limit: limit} }

// add takes an event. One that tells of an end, or takes the place of others, resolves what is open of the same tracker.
func (h *history) add(event sourcehealth.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	view := &eventView{Event: event, Count: 1, LastTime: event.EventTime}
	open := h.open(func(v *eventView) bool { return sameTracker(v.Event, event) })
	if event.Status == sourcehealth.UnHealthy {
		view.State = stateOpen
		for _, v := range open {
			switch {
			case v.past:
				h.resolve(v, event.EventTime, toldAnew)
			case event.Details.Since != "":
				h.resolve(v, event.EventTime, goesOn)
			}
		}
	} else {
		for _, v := range open {
			if len(open) == 1 {
				repeated(v, event.Details)
			}
			h.resolve(v, event.EventTime, "")
		}
	}
	h.append(view)
}

func sameTracker(a, b sourcehealth.Event) bool {
	return a.ResourceIdentity.ID == b.ResourceIdentity.ID && a.Details.TrackerID == b.Details.TrackerID
}

// repeated takes how often the same went wrong from the event that tells of its end.
func repeated(v *eventView, details sourcehealth.Details) {
	if count, err := strconv.Atoi(details.Count); err == nil {
		v.Count = max(v.Count, count)
	}
	if last, err := time.Parse(time.RFC3339, details.LastTime); err == nil && last.After(v.LastTime) {
		v.LastTime = last
	}
}

// observe takes from the reports how often the same went wrong. It resolves what was left open before a restart,
// where the stream collects again and does not tell of it; or where the source is gone for good, because gone is true and
// no report is its own.
func (h *history) observe(reports []sourcehealth.Report, gone bool, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	repeats := map[string]sourcehealth.RepeatReport{}
	for _, report := range reports {
		maps.Copy(repeats, report.Repeats)
		for _, stream := range report.Streams {
			maps.Copy(repeats, stream.Repeats)
		}
	}
	for _, v := range h.open(func(*eventView) bool { return true }) {
		repeat, told := repeats[v.EventID]
		switch {
		case told && (repeat.Count != v.Count || !repeat.LastTime.Equal(v.LastTime)):
			v.Count, v.LastTime = repeat.Count, repeat.LastTime
			h.stamp(v)
		case told || !v.past:
		case v.ResourceIdentity.Type == exporterResource:
			if gone {
				h.resolve(v, now, "not seen again after a restart or reload")
			}
		case collects(reports, v):
			h.resolve(v, now, "over after a restart or reload")
		case gone && !slices.ContainsFunc(reports, func(r sourcehealth.Report) bool { return r.ID == v.ResourceIdentity.ID }):
			h.resolve(v, now, "the source is not in the configuration any more")
		}
	}
}

// repeat takes how often the same went wrong that an open event tells of, and when last.
func (h *history) repeat(eventID string, count int, last time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range h.open(func(v *eventView) bool { return v.EventID == eventID }) {
		v.Count, v.LastTime = count, last
		h.stamp(v)
	}
}

// openDrops lists the open events of exporters that drop records.
func (h *history) openDrops() []eventView {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []eventView
	for _, v := range h.open(func(v *eventView) bool { return v.ResourceIdentity.Type == exporterResource }) {
		list = append(list, *v)
	}
	return list
}

// collects says whether what an event is about collects: a stream, or where it names none, or one that is not in the
// configuration any more, any of its source. What is of the whole source was judged by then.
func collects(reports []sourcehealth.Report, v *eventView) bool {
	for _, report := range reports {
		if report.ID != v.ResourceIdentity.ID {
			continue
		}
		for _, stream := range report.Streams {
			if stream.EventType == v.Details.EventType {
				return stream.State == sourcehealth.Collecting
			}
		}
		return slices.ContainsFunc(report.Streams, func(s sourcehealth.StreamReport) bool { return s.State == sourcehealth.Collecting })
	}
	return false
}

// restore puts events of an earlier process before those of this one, which resolve what they tell anew. It returns the
// versions of those that it has not changed, by eventId.
func (h *history) restore(old []eventView) map[string]uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	known := map[string]bool{}
	for _, v := range h.events {
		known[v.EventID] = true
	}
	added := make([]*eventView, 0, len(old)+len(h.events))
	unchanged := map[string]uint64{}
	for i := range old {
		if v := &old[i]; !known[v.EventID] {
			v.past = true
			h.touch(v)
			added = append(added, v)
			later := slices.IndexFunc(h.events, func(now *eventView) bool { return sameTracker(v.Event, now.Event) })
			if v.State == stateOpen && later >= 0 {
				h.resolve(v, h.events[later].EventTime, toldAnew)
				continue
			}
			unchanged[v.EventID] = v.version
		}
	}
	h.events = append(added, h.events...)
	h.trim()
	return unchanged
}

// open lists the open events for which keep is true. The caller holds the lock.
func (h *history) open(keep func(*eventView) bool) []*eventView {
	var open []*eventView
	for _, v := range h.events {
		if v.State == stateOpen && keep(v) {
			open = append(open, v)
		}
	}
	return open
}

func (h *history) append(v *eventView) {
	h.touch(v)
	h.events = append(h.events, v)
	h.trim()
}

func (h *history) resolve(v *eventView, at time.Time, why string) {
	v.State, v.ResolvedTime, v.Resolution = stateResolved, &at, why
	h.touch(v)
}

// touch notes a change of an event.
func (h *history) touch(v *eventView) {
	h.stamp(v)
	h.news = h.version
}

// stamp gives an event a new version. The caller holds the lock.
func (h *history) stamp(v *eventView) {
	h.version++
	v.version = h.version
}

func (h *history) trim() {
	for len(h.events) > h.limit {
		oldest := max(slices.IndexFunc(h.events, func(v *eventView) bool { return v.State != stateOpen }), 0)
		h.events = slices.Delete(h.events, oldest, oldest+1)
	}
}

// since lists what has changed after a version, newest first, and the version that this is. After 0, it is all there is.
func (h *history) since(version uint64) ([]eventView, uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := []eventView{}
	for _, v := range slices.Backward(h.events) {
		if v.version > version {
			list = append(list, *v)
		}
	}
	return list, h.version
}

// changes returns the version of the newest change, and of the newest one that is more than a repeat.
func (h *history) changes() (version, news uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.version, h.news
}

// all lists every event, oldest first, and the version that this is.
func (h *history) all() ([]eventView, uint64) {
	list, version := h.since(0)
	slices.Reverse(list)
	return list, version
}

// counts are the open errors and warnings of a source, or of the collector.
type counts struct {
	OpenErrors   int `json:"openErrors"`
	OpenWarnings int `json:"openWarnings"`
}

// counts of the open events, by the ID of the source.
func (h *history) counts() map[string]counts {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string]counts{}
	for _, v := range h.open(func(*eventView) bool { return true }) {
		of := all[v.ResourceIdentity.ID]
		if v.SeverityLevel == sourcehealth.SeverityError {
			of.OpenErrors++
		} else {
			of.OpenWarnings++
		}
		all[v.ResourceIdentity.ID] = of
	}
	return all
}

// filter says which events are wanted. What is empty filters nothing.
type filter struct{ severity, name, status, source string }

// matches says whether an event is wanted. The status is that of the event, or open or resolved.
func (f filter) matches(v eventView) bool {
	return cmp.Or(f.severity, v.SeverityLevel) == v.SeverityLevel &&
		cmp.Or(f.name, v.EventName) == v.EventName &&
		(f.status == "" || f.status == v.Status || f.status == v.State) &&
		(f.source == "" || f.source == v.ResourceIdentity.ID || f.source == v.ResourceIdentity.Name)
}
