package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/proofpointpod/otelcol/internal/podsim"
)

const (
	// chunkSize is how many bytes are written at once, about: several TLS records.
	chunkSize = 256 << 10
	// scenePause is how long the server waits between the scenes of a play.
	scenePause = time.Second
)

// service is what the server says of itself when it is ready.
type service struct {
	// Address is where it listens, host:port, with TLS.
	Address string
	// CA is the certificate, in PEM, that the server's is signed with.
	CA string
	// Workloads are those it has.
	Workloads map[string]figures
}

// server plays the PoD Log Service at next to no cost: its records are made beforehand.
type server struct {
	ctx       context.Context //nolint:containedctx // the life of the sessions, not of a call
	workloads map[string]*workload
	sessions  sync.WaitGroup
}

// serve makes n records of each event type, says on out where it listens, and serves until in ends, which is when the
// program that started it does.
func serve(in io.Reader, out io.Writer, n int) error {
	workloads, err := prepare(n)
	if err != nil {
		return err
	}
	ca, err := podsim.NewCA()
	if err != nil {
		return err
	}
	secure, err := ca.ServerConfig()
	if err != nil {
		return err
	}
	// Full TLS records from the first byte on, or a short run would meet others than a long one.
	secure.DynamicRecordSizingDisabled = true
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &server{ctx: ctx, workloads: workloads}
	accepting := &http.Server{Handler: s, TLSConfig: secure, ReadHeaderTimeout: 10 * time.Second}
	var serving sync.WaitGroup
	serving.Go(func() { _ = accepting.ServeTLS(listener, "", "") }) // it ends by Close

	says := service{Address: listener.Addr().String(), CA: string(ca.PEM()), Workloads: map[string]figures{}}
	for name, w := range workloads {
		says.Workloads[name] = w.figures
	}
	err = json.NewEncoder(out).Encode(says)
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	cancel()
	err = errors.Join(err, accepting.Close())
	serving.Wait()
	s.sessions.Wait()
	return err
}

// usagePath is where the server says what it has used so far, in seconds of CPU.
const usagePath = "/usage"

// ServeHTTP serves one session, or says what the server has used. The query parameter `play` says what is sent: scenes,
// with commas between them, each the name of a workload, or none for that of the event type, and, behind a colon, a
// number of records. Without the number there is no end to it. After the last scene the session stays open until the
// client closes.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == usagePath {
		used, err := cpuTime()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, used.Seconds())
		return
	}
	s.sessions.Add(1)
	defer s.sessions.Done()
	scenes, err := s.scenes(r.URL.Query().Get("play"), r.URL.Query().Get("type"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	upgrader := websocket.Upgrader{ReadBufferSize: 4096, WriteBufferSize: 4096}
	conn, err := upgrader.Upgrade(w, r, http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}})
	if err != nil {
		return // the client has its answer
	}
	session := &session{conn: conn, scenes: scenes, closed: make(chan struct{}), players: map[*workload]*player{}}
	stop := context.AfterFunc(s.ctx, session.abort)
	defer stop()
	session.run()
}

// scene is a number of records of a workload; negative: without end.
type scene struct {
	workload *workload
	records  int
}

func (s *server) scenes(play, eventType string) ([]scene, error) {
	var list []scene
	for text := range strings.SplitSeq(play, ",") {
		name, number, limited := strings.Cut(text, ":")
		if name == "" {
			name = eventType
		}
		next := scene{workload: s.workloads[name], records: -1}
		if next.workload == nil {
			return nil, fmt.Errorf("no workload %q; there are %s", name, names(s.workloads))
		}
		if limited {
			n, err := strconv.Atoi(number)
			if err != nil {
				return nil, fmt.Errorf("play: %w", err)
			}
			next.records = n
		}
		list = append(list, next)
	}
	return list, nil
}

// session is one client's.
type session struct {
	conn    *websocket.Conn
	scenes  []scene
	closed  chan struct{} // closed when the client has closed, or is gone
	players map[*workload]*player
}

// abort ends the connection at once: that of TLS would wait for a client that does not read.
func (s *session) abort() {
	if secure, ok := s.conn.NetConn().(interface{ NetConn() net.Conn }); ok {
		_ = secure.NetConn().Close() // nobody is left to be told
	}
}

func (s *session) run() {
	// Between two frames only may ours be sent.
	s.conn.SetCloseHandler(func(int, string) error { return nil })
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(s.closed)
		for {
			if _, _, err := s.conn.NextReader(); err != nil {
				return
			}
		}
	})
	for i, next := range s.scenes {
		if i > 0 && !s.pause() || !s.send(next) {
			break
		}
	}
	<-s.closed
	message := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	_ = s.conn.WriteControl(websocket.CloseMessage, message, time.Now().Add(time.Second)) // or it is gone
	s.abort()
	reading.Wait()
}

// pause waits between two scenes. It returns false if the client has closed meanwhile.
func (s *session) pause() bool {
	select {
	case <-s.closed:
		return false
	case <-time.After(scenePause):
		return true
	}
}

// send sends a scene. It returns false if the client has closed, or is gone.
func (s *session) send(next scene) bool {
	p := s.players[next.workload]
	if p == nil {
		p = next.workload.player()
		s.players[next.workload] = p
	}
	for left := next.records; left != 0; {
		select {
		case <-s.closed:
			return false
		default:
		}
		limit := left
		if left < 0 {
			limit = len(next.workload.ends)
		}
		frames, count := p.chunk(limit, chunkSize)
		if _, err := s.conn.NetConn().Write(frames); err != nil {
			return false
		}
		if left > 0 {
			left -= count
		}
	}
	return true
}
