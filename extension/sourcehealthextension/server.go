package sourcehealthextension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// The addresses of what is served beside the page and its parts.
const (
	pathSources = "/api/v1/sources"
	pathEvents  = "/api/v1/health-events"
	pathStream  = "/api/v1/stream"
)

// writeWait is how long a client may take to read an answer, or what it is sent in a stream of events. Then it is dropped.
const writeWait = 10 * time.Second

// handler serves the page and the API. It answers GET and HEAD only, and changes nothing.
type handler struct {
	running  context.Context //nolint:containedctx // the life of the extension, not of a request
	observer *observer
	history  *history
	watchers *watchers
	// writeWait is how long a watcher may take to read what it is sent; one that takes longer is dropped.
	writeWait time.Duration
}

// newHandler returns what serves the page until running ends. local says that only this machine may ask.
func newHandler(running context.Context, o *observer, h *history, w *watchers, local bool) http.Handler {
	s := &handler{running: running, observer: o, history: h, watchers: w, writeWait: writeWait}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathSources, s.sources)
	mux.HandleFunc("GET "+pathEvents, s.events)
	mux.HandleFunc("GET "+pathStream, s.stream)
	addAssets(mux)
	return guard(mux, local)
}

// sources tells how all sources are at this moment.
func (s *handler) sources(w http.ResponseWriter, r *http.Request) {
	view, err := s.observer.ask(r.Context(), s.running)
	if err != nil {
		fail(w, http.StatusServiceUnavailable, err)
		return
	}
	answer(w, view)
}

// eventsView is the answer of /api/v1/health-events.
type eventsView struct {
	Time   time.Time   `json:"time"`
	Events []eventView `json:"events"` // newest first
}

// events lists the health events that the query asks for.
func (s *handler) events(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err == nil {
		err = validQuery(query)
	}
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	wanted := filter{
		severity: query.Get("severity"), name: query.Get("name"), status: query.Get("status"), source: query.Get("source"),
	}
	list, _ := s.history.since(0)
	answer(w, eventsView{
		Time:   time.Now(),
		Events: slices.DeleteFunc(list, func(v eventView) bool { return !wanted.matches(v) }),
	})
}

// validQuery names what a filter can't be, so that a slip of the pen does not pass for an empty list.
func validQuery(query url.Values) error {
	allowed := map[string][]string{
		"severity": {sourcehealth.SeverityError, sourcehealth.SeverityWarning, sourcehealth.SeverityInfo},
		"status":   {sourcehealth.UnHealthy, sourcehealth.Healthy, stateOpen, stateResolved},
		"name":     nil,
		"source":   nil,
	}
	var errs []error
	for name, values := range query {
		possible, known := allowed[name]
		switch {
		case !known:
			errs = append(errs, fmt.Errorf("%q is no filter; there are severity, name, status and source", name))
		case len(values) > 1:
			errs = append(errs, fmt.Errorf("%s is given twice", name))
		case possible != nil && !slices.Contains(possible, values[0]):
			errs = append(errs, fmt.Errorf("%s can be %s, not %q", name, strings.Join(possible, ", "), values[0]))
		}
	}
	return errors.Join(errs...)
}

// answer writes JSON.
func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(value) // whoever asked may have gone
}

// fail writes an error as JSON.
func fail(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}
