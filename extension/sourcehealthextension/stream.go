package sourcehealthextension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// streamStep is how often a watcher is told how all is.
const streamStep = time.Second

// stream tells a watcher once a second how all is, as server-sent events: `sources` is the answer of /api/v1/sources, in
// which the plots are there only when they have changed; `health-events` are the health events that are new or have
// changed, at first all of them. Each watcher is served by its own goroutine, so that one that does not read holds up
// nobody, and is dropped.
func (s *handler) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx would hold it back
	if r.Method == http.MethodHead {
		return
	}
	seated, leave := s.watchers.enter(r.Context(), clientOf(r.RemoteAddr))
	defer leave()
	told := &watcher{handler: s, writer: w, control: http.NewResponseController(w)}
	defer told.endWith(seated)()
	step := time.NewTicker(streamStep)
	defer step.Stop()
	for told.tell(seated) == nil {
		select {
		case <-step.C:
		case <-s.running.Done():
			return
		case <-seated.Done():
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

// endWith ends a write under way when ctx ends, so that who has lost the seat does not keep the connection. What it returns
// must be called before the handler returns.
func (t *watcher) endWith(ctx context.Context) (release func()) {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		_ = t.control.SetWriteDeadline(time.Now()) // where it is not possible, writeWait ends it
	})
	return func() {
		if !stop() {
			<-ended
		}
	}
}

// tell tells what is new. An error means that nobody listens any more.
func (t *watcher) tell(ctx context.Context) error {
	view, err := t.observer.ask(ctx, t.running)
	if err != nil {
		return err
	}
	if err := t.control.SetWriteDeadline(time.Now().Add(t.writeWait)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if ctx.Err() != nil { // it can have ended before this deadline, which takes the place of that of endWith
		return ctx.Err()
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
