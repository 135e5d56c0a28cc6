package sourcehealthextension

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// streamStep is how often a watcher is told how all is.
	streamStep = time.Second
	// maxWatchers is how many may watch at the same time.
	maxWatchers = 100
)

// watchers counts who watches.
type watchers struct{ n atomic.Int32 }

// enter says whether there is room for one more. If so, leave is called at the end.
func (w *watchers) enter() bool {
	if w.n.Add(1) > maxWatchers {
		w.n.Add(-1)
		return false
	}
	return true
}

func (w *watchers) leave() { w.n.Add(-1) }

// stream tells a watcher once a second how all is, as server-sent events: `sources` is the answer of /api/v1/sources, in
// which the plots are there only when they have changed; `health-events` are the health events that are new or have
// changed, at first all of them. Each watcher is served by its own goroutine, so that one that does not read holds up
// nobody, and is dropped.
func (s *handler) stream(w http.ResponseWriter, r *http.Request) {
	if !s.watchers.enter() {
		fail(w, http.StatusServiceUnavailable, fmt.Errorf("%d others are watching, and there is no room for more", maxWatchers))
		return
	}
	defer s.watchers.leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold it back
	if r.Method == http.MethodHead {
		return
	}
	told := &watcher{handler: s, writer: w, control: http.NewResponseController(w)}
	step := time.NewTicker(streamStep)
	defer step.Stop()
	for told.tell(r) == nil {
		select {
		case <-step.C:
		case <-s.running.Done():
			return
		case <-r.Context().Done():
			return
		}
	}
}

// watcher is one who watches, and what it has been told.
type watcher struct {
	*handler
	writer  http.ResponseWriter
	control *http.ResponseController
	plotted time.Time
	version uint64 // of the health events
	begun   bool
}

// tell tells what is new. An error means that nobody listens any more.
func (t *watcher) tell(r *http.Request) error {
	view, err := t.observer.ask(r.Context(), t.running)
	if err != nil {
		return err
	}
	if err := t.control.SetWriteDeadline(time.Now().Add(t.writeWait)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if plotted := view.plotted(); t.begun && plotted.Equal(t.plotted) {
		view = view.withoutPlots()
	} else {
		t.plotted = plotted
	}
	if err := t.send("sources", view); err != nil {
		return err
	}
	events, version := t.history.since(t.version)
	if !t.begun || len(events) > 0 {
		if err := t.send("health-events", eventsView{Time: view.Time, Events: events}); err != nil {
			return err
		}
	}
	t.version, t.begun = version, true
	return t.control.Flush()
}

func (t *watcher) send(name string, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.writer, "event: %s\ndata: %s\n\n", name, data)
	return err
}
