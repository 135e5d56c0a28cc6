package podsim_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a service with TLS on a network in memory, and a client that trusts it.
type world struct {
	*podsim.Service
	t        *testing.T
	endpoint string
	dialer   websocket.Dialer
}

func newWorld(t *testing.T, o podsim.Options) *world {
	t.Helper()
	ca, err := podsim.NewCA()
	require.NoError(t, err)
	tc, err := ca.ServerConfig()
	require.NoError(t, err)
	pipe := podsim.NewPipe()
	w := &world{Service: podsim.New(o), t: t}
	t.Cleanup(w.Close)
	w.endpoint = w.Start(pipe, tc)
	w.dialer = websocket.Dialer{
		NetDialContext:  pipe.DialContext,
		TLSClientConfig: &tls.Config{RootCAs: ca.Pool()},
	}
	return w
}

// try makes one handshake for an event type, with further query parameters as pairs.
func (w *world) try(ctx context.Context, t podlog.EventType, more ...string) (*websocket.Conn, *http.Response, error) {
	q := url.Values{"cid": {podsim.ClusterID}, "type": {string(t)}}
	for i := 0; i+1 < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	conn, answer, err := w.dialer.DialContext(ctx, w.endpoint+"?"+q.Encode(),
		http.Header{"Authorization": {"Bearer " + podsim.Token}})
	if conn != nil {
		w.t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, answer, err
}

// dial is try that must be accepted.
func (w *world) dial(t podlog.EventType, more ...string) *websocket.Conn {
	w.t.Helper()
	conn, answer, err := w.try(w.t.Context(), t, more...)
	if answer != nil {
		require.NoError(w.t, err, answer.Status)
	}
	require.NoError(w.t, err)
	return conn
}

// status is the answer to a handshake that must be refused, and its body.
func (w *world) status(t podlog.EventType, more ...string) (int, string) {
	w.t.Helper()
	_, answer, err := w.try(w.t.Context(), t, more...)
	require.ErrorIs(w.t, err, websocket.ErrBadHandshake)
	body, err := io.ReadAll(answer.Body)
	require.NoError(w.t, err)
	return answer.StatusCode, string(body)
}

// wait waits until cond holds, at most a minute.
func (w *world) wait(cond func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	require.NoError(w.t, w.WaitFor(ctx, cond))
}

// read takes n messages.
func read(t *testing.T, conn *websocket.Conn, n int) []string {
	t.Helper()
	var all []string
	for range n {
		_, payload, err := conn.ReadMessage()
		require.NoError(t, err, "after %d messages", len(all))
		all = append(all, string(payload))
	}
	return all
}

// readAll takes messages until the session ends, and returns the end.
func readAll(conn *websocket.Conn) ([]string, error) {
	var all []string
	for {
		_, payload, err := conn.ReadMessage()
		if err != nil {
			return all, err
		}
		all = append(all, string(payload))
	}
}

// records are n payloads, numbered from first on.
func records(first, n int) [][]byte {
	var all [][]byte
	for i := range n {
		all = append(all, fmt.Appendf(nil, `{"id":"%d"}`, first+i))
	}
	return all
}

// texts are records as strings.
func texts(first, n int) []string {
	var all []string
	for _, r := range records(first, n) {
		all = append(all, string(r))
	}
	return all
}
