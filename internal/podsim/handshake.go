package podsim

import (
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// Path is where the service answers.
const Path = "/v1/stream"

// tooManySessions is the body of the real service's 409.
const tooManySessions = "Exceeded maximum number of sessions per token\r\n"

// answer is how a handshake ends that opens no session. The zero answer is none.
type answer struct {
	interim []int
	status  int
	body    string
	headers map[string]string
}

// ServeHTTP answers one handshake and, if it is accepted, serves the session. It returns when the session ends.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		http.Error(w, "closed", http.StatusServiceUnavailable)
		return
	}
	defer s.work.Done()

	t := podlog.EventType(r.URL.Query().Get("type"))
	if step, ok := s.takeHandshakeStep(t); ok {
		s.meet(w, r, step)
		return
	}
	archive, refusal := s.check(r)
	if refusal.status != 0 {
		s.refuse(w, r, refusal)
		return
	}
	key := slotKey{token: bearer(r), eventType: t}
	c, ok := s.claim(key, archive)
	if !ok {
		s.refuse(w, r, answer{status: http.StatusConflict, body: tooManySessions})
		return
	}
	s.open(w, r, c)
}

// takeHandshakeStep takes the next step of the plan if it is one that meets handshakes.
func (s *Service) takeHandshakeStep(t podlog.EventType) (Step, bool) {
	s.mu.Lock()
	defer s.unlockAndWake()
	step := s.plan.peek(t)
	if !step.Do.meetsHandshake() {
		return Step{}, false
	}
	s.plan.take(t)
	return step, true
}

// meet does what a step has in store for a handshake.
func (s *Service) meet(w http.ResponseWriter, r *http.Request, step Step) {
	switch step.Do {
	case Hang:
		s.note(r, 0)
		select {
		case <-r.Context().Done():
		case <-s.ctx.Done():
		}
		s.swallow(r, step.Lose)
		panic(http.ErrAbortHandler) // ends the connection without an answer
	case Abort:
		s.note(r, 0)
		s.swallow(r, step.Lose)
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			reset(conn)
		}
	default:
		s.refuse(w, r, stepAnswer(step))
	}
}

// stepAnswer is the answer of a step that refuses.
func stepAnswer(step Step) answer {
	a := answer{interim: step.Interim, status: step.Status, body: step.Body, headers: step.Headers}
	if a.status == 0 {
		a.status = http.StatusBadGateway
	}
	switch {
	case a.body != "":
	case a.status == http.StatusConflict:
		a.body = tooManySessions
	default:
		a.body = http.StatusText(a.status) + "\r\n"
	}
	return a
}

// check judges a request as the service does, in this order: what it asks for (404, 405), how it asks (400), and
// who asks (401). It returns the span of the archive, if that is what is asked for.
func (s *Service) check(r *http.Request) (*span, answer) {
	no := func(status int, why string) (*span, answer) { return nil, answer{status: status, body: why + "\r\n"} }
	query := r.URL.Query()
	t := podlog.EventType(query.Get("type"))
	switch {
	case r.URL.Path != Path:
		return no(http.StatusNotFound, "Not found")
	case r.Method != http.MethodGet:
		return no(http.StatusMethodNotAllowed, "Method not allowed")
	case !websocket.IsWebSocketUpgrade(r):
		return no(http.StatusNotFound, "Not a WebSocket upgrade")
	case !wellFormed(r):
		return no(http.StatusBadRequest, "Bad WebSocket handshake")
	case query.Get("cid") == "":
		return no(http.StatusBadRequest, "Missing cid")
	case !slices.Contains(podlog.EventTypes(), t):
		return no(http.StatusBadRequest, "Missing or wrong type")
	}
	archive, err := s.parseSpan(query, s.now())
	if err != nil {
		return no(http.StatusBadRequest, err.Error())
	}
	if archive != nil && s.opts.ArchiveRefuses != 0 {
		return no(s.opts.ArchiveRefuses, "No archive")
	}
	s.mu.Lock()
	valid := slices.Contains(s.tokens, bearer(r))
	s.mu.Unlock()
	switch {
	case !valid:
		return no(http.StatusUnauthorized, "Missing or invalid token")
	case query.Get("cid") != s.opts.ClusterID:
		return no(http.StatusUnauthorized, "Token is not valid for this cluster")
	case !slices.Contains(s.opts.EventTypes, t):
		return no(http.StatusUnauthorized, "No licence")
	}
	return archive, answer{}
}

// wellFormed tells whether an upgrade request has the version and the key that RFC 6455 wants.
func wellFormed(r *http.Request) bool {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-Websocket-Key"))
	return err == nil && len(key) == 16 && r.Header.Get("Sec-Websocket-Version") == "13"
}

// bearer is the token of a request.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// refuse answers a handshake that opens no session.
func (s *Service) refuse(w http.ResponseWriter, r *http.Request, a answer) {
	s.note(r, a.status)
	writeInterim(w, a.interim)
	w.Header().Set("Content-Type", "text/plain")
	for k, v := range a.headers {
		w.Header().Set(k, v)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body) // a client that is gone needs no answer
}

// writeInterim writes answers that have another behind them.
func writeInterim(w http.ResponseWriter, statuses []int) {
	for _, status := range statuses {
		w.WriteHeader(status)
	}
}

// note keeps a handshake for inspection, without its token.
func (s *Service) note(r *http.Request, status int) {
	h := Handshake{
		Time:   time.Now(),
		Type:   podlog.EventType(r.URL.Query().Get("type")),
		Query:  r.URL.Query(),
		Header: r.Header.Clone(),
		Status: status,
	}
	for i, v := range h.Header["Authorization"] {
		scheme, _, _ := strings.Cut(v, " ")
		h.Header["Authorization"][i] = scheme + " ***"
	}
	s.mu.Lock()
	if len(s.handshakes) >= 2*keep {
		s.handshakes = slices.Delete(s.handshakes, 0, keep)
	}
	s.handshakes = append(s.handshakes, h)
	s.unlockAndWake()
}

// claim takes the slot for a new session, and the plan's step for it. It is false if the slot is taken.
func (s *Service) claim(key slotKey, archive *span) (*session, bool) {
	s.mu.Lock()
	defer s.unlockAndWake()
	now := s.now()
	place := s.free(key, now)
	if place == nil {
		return nil, false
	}
	place.busy = true
	step := s.plan.peek(key.eventType)
	s.plan.take(key.eventType)
	c := &session{
		svc:    s,
		slot:   place,
		step:   step,
		info:   SessionInfo{Type: key.eventType, Archive: archive != nil, Started: now},
		log:    s.logs[key.eventType],
		active: time.Now(),
		tail:   s.opts.CloseTail,
		orders: make(chan Action, 1),
	}
	if len(s.sessions) >= 2*keep {
		s.sessions = s.withoutOldest()
	}
	s.sessions = append(s.sessions, c)
	if archive != nil {
		c.archive = s.archived(c.log, *archive, now)
		return c, true
	}
	c.position = max(s.resume(place, c.log, now)-int64(step.Rewind), c.log.first)
	return c, true
}

// free is the slot for a session, nil if that is taken. Call it with mu held.
func (s *Service) free(key slotKey, now time.Time) *slot {
	place := s.slots[key]
	if place == nil {
		place = &slot{}
		s.slots[key] = place
	}
	if place.busy || now.Before(place.heldTill) {
		return nil
	}
	return place
}

// resume is the first record of a live session. Call it with mu held.
func (s *Service) resume(place *slot, log *recordLog, now time.Time) int64 {
	switch {
	case place.stood && now.Sub(place.ended) <= s.opts.Memory:
		return place.position
	case !place.stood && s.opts.StartsNow:
		return log.next()
	}
	return log.since(now.Add(-s.opts.Memory))
}

// swallow is a live session whose opening the client never hears of, and in which records are taken for written.
func (s *Service) swallow(r *http.Request, records int) {
	archive, refusal := s.check(r)
	if records == 0 || archive != nil || refusal.status != 0 {
		return
	}
	s.mu.Lock()
	defer s.unlockAndWake()
	t, now := podlog.EventType(r.URL.Query().Get("type")), s.now()
	place := s.free(slotKey{token: bearer(r), eventType: t}, now)
	if place == nil {
		return
	}
	log := s.logs[t]
	position := s.resume(place, log, now)
	if s.opts.Resume == ResumeAfterWritten {
		lost, first := log.from(position, records)
		position = first + int64(len(lost))
	}
	place.stood, place.position, place.ended = true, position, now
}

// open upgrades the connection and serves the session on it. What a client can see of the answer is in the books
// before the answer goes out.
func (s *Service) open(w http.ResponseWriter, r *http.Request, c *session) {
	s.note(r, http.StatusSwitchingProtocols)
	upgrader := websocket.Upgrader{
		WriteBufferSize:   32 << 10,
		EnableCompression: s.opts.Compression,
		CheckOrigin:       func(*http.Request) bool { return true },
	}
	// A hijacked answer gets no Date from net/http.
	header := http.Header{"Date": {s.now().UTC().Format(http.TimeFormat)}}
	for k, v := range c.step.Headers {
		header.Set(k, v)
	}
	writeInterim(w, c.step.Interim)
	conn, err := upgrader.Upgrade(w, r, header)
	if err != nil {
		c.settle(ending{by: "client gone"})
		c.over()
		return
	}
	c.conn = conn
	c.run()
}

// withoutOldest is the list of sessions without those that ended, but for the last ones. Call it with mu held.
func (s *Service) withoutOldest() []*session {
	var left []*session
	for i, c := range s.sessions {
		if !c.gone || i >= len(s.sessions)-keep {
			left = append(left, c)
		}
	}
	return left
}

// bare is the connection beneath TLS.
func bare(conn net.Conn) net.Conn {
	if t, ok := conn.(*tls.Conn); ok {
		return t.NetConn()
	}
	return conn
}

// reset closes a connection so that the peer sees a TCP reset.
func reset(conn net.Conn) {
	conn = bare(conn)
	if l, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = l.SetLinger(0) // without it the peer sees an ordinary end
	}
	_ = conn.Close()
}
