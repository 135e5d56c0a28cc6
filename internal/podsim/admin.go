package podsim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// maxAdminBody is how many bytes a request to Admin may have.
const maxAdminBody = 256 << 20

// Admin is an HTTP interface to the service's controls. It knows no access control: it is for the local machine.
//
//	GET    /stats                          Stats, as JSON
//	GET    /handshakes, GET /sessions      what there was, as JSON arrays
//	GET    /records?type=message           Produced, one record per line, bytes as they are
//	GET    /written?type=message           Written, likewise
//	GET    /plan                           the steps still to come
//	POST   /plan                           adds the steps in the body
//	DELETE /plan                           ClearPlan
//	POST   /push?type=message              adds the body as one record; with lines=true, each of its lines
//	POST   /generate?type=message&n=100    Generate
//	POST   /drop?type=message&how=reset    Drop; without type, DropAll; how is drop by default
//	POST   /tokens                         {"accept": ["…"], "reject": ["…"]}
//
// What is done is answered with 204 or a count as JSON, a mistake with 400 and a text.
func (s *Service) Admin() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, f func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxAdminBody)
			answer, err := f(r)
			reply(w, answer, err)
		})
	}
	handle("GET /stats", func(*http.Request) (any, error) { return s.Stats(), nil })
	handle("GET /handshakes", func(*http.Request) (any, error) { return s.Handshakes(), nil })
	handle("GET /sessions", func(*http.Request) (any, error) { return s.Sessions(), nil })
	handle("GET /records", s.adminRecords(s.Produced))
	handle("GET /written", s.adminRecords(s.Written))
	handle("GET /plan", func(*http.Request) (any, error) { return s.PlanLeft(), nil })
	handle("POST /plan", s.adminPlan)
	handle("DELETE /plan", func(*http.Request) (any, error) { s.ClearPlan(); return nil, nil })
	handle("POST /push", s.adminPush)
	handle("POST /generate", s.adminGenerate)
	handle("POST /drop", s.adminDrop)
	handle("POST /tokens", s.adminTokens)
	return mux
}

// lines is an answer of one record per line.
type lines [][]byte

// reply writes an answer or a mistake. A client that is gone needs neither.
func reply(w http.ResponseWriter, answer any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	switch answer := answer.(type) {
	case nil:
		w.WriteHeader(http.StatusNoContent)
	case lines:
		w.Header().Set("Content-Type", "application/x-ndjson")
		for _, l := range answer {
			_, _ = w.Write(l)
			_, _ = w.Write([]byte{'\n'})
		}
	default:
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(answer)
	}
}

// adminType is the event type that a request names.
func adminType(r *http.Request) (podlog.EventType, error) {
	t := podlog.EventType(r.URL.Query().Get("type"))
	if !slices.Contains(podlog.EventTypes(), t) {
		return "", fmt.Errorf("type=%s: must be one of %v", t, podlog.EventTypes())
	}
	return t, nil
}

func (s *Service) adminRecords(list func(podlog.EventType) [][]byte) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		t, err := adminType(r)
		if err != nil {
			return nil, err
		}
		return lines(list(t)), nil
	}
}

func (s *Service) adminPlan(r *http.Request) (any, error) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	steps, err := ParsePlan(text)
	if err != nil {
		return nil, err
	}
	s.Plan(steps...)
	return nil, nil
}

func (s *Service) adminPush(r *http.Request) (any, error) {
	t, err := adminType(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("read the record: %w", err)
	}
	if r.URL.Query().Get("lines") != "true" {
		s.Push(t, body)
		return nil, nil
	}
	for l := range bytes.Lines(body) {
		if l = bytes.TrimSuffix(l, []byte{'\n'}); len(l) > 0 {
			s.Push(t, l)
		}
	}
	return nil, nil
}

func (s *Service) adminGenerate(r *http.Request) (any, error) {
	t, err := adminType(r)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(r.URL.Query().Get("n"))
	if err != nil || n < 0 {
		return nil, fmt.Errorf("n=%s: must be a number of records", r.URL.Query().Get("n"))
	}
	s.Generate(t, n)
	return nil, nil
}

func (s *Service) adminDrop(r *http.Request) (any, error) {
	how := Action(r.URL.Query().Get("how"))
	if how == "" {
		how = Drop
	}
	if !how.ends() {
		return nil, fmt.Errorf("how=%s: must be drop, reset, freeze or close", how)
	}
	if !r.URL.Query().Has("type") {
		return s.DropAll(how), nil
	}
	t, err := adminType(r)
	if err != nil {
		return nil, err
	}
	return s.Drop(t, how), nil
}

func (s *Service) adminTokens(r *http.Request) (any, error) {
	var change struct{ Accept, Reject []string }
	if err := json.NewDecoder(r.Body).Decode(&change); err != nil {
		return nil, fmt.Errorf("read the tokens: %w", err)
	}
	if len(change.Accept)+len(change.Reject) == 0 {
		return nil, errors.New("neither accept nor reject names a token")
	}
	s.RejectTokens(change.Reject...)
	s.AcceptTokens(change.Accept...)
	return nil, nil
}
