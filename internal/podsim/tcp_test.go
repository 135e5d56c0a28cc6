package podsim_test

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// newTCPWorld is a world on the loopback interface.
func newTCPWorld(t *testing.T, o podsim.Options) *world {
	t.Helper()
	ca, err := podsim.NewCA()
	require.NoError(t, err)
	tc, err := ca.ServerConfig()
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &world{Service: podsim.New(o), t: t}
	t.Cleanup(w.Close)
	w.endpoint = w.Start(l, tc)
	w.dialer = websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}
	return w
}

func TestTCP_sessionsEndAsTheyAreToldTo(t *testing.T) {
	w := newTCPWorld(t, podsim.Options{SlotHold: -1})
	w.Push(podlog.Message, records(0, 1000)...)
	w.Plan(
		podsim.Step{Do: podsim.Drop, Records: 500},
		podsim.Step{Do: podsim.Close, Records: 300, Code: 1011},
		podsim.Step{Do: podsim.Reset, Records: 200},
		podsim.Step{Do: podsim.Freeze},
	)
	conn := w.dial(podlog.Message)
	require.NoError(t, conn.WriteControl(websocket.PingMessage, []byte("unread bytes make no reset of a drop"), time.Time{}))
	got, err := readAll(conn)
	assert.Equal(t, texts(0, 500), got)
	assert.True(t, websocket.IsCloseError(err, websocket.CloseAbnormalClosure), err)

	got, err = readAll(w.dial(podlog.Message))
	assert.Equal(t, texts(500, 300), got)
	assert.True(t, websocket.IsCloseError(err, websocket.CloseInternalServerErr), err)

	got, err = readAll(w.dial(podlog.Message))
	assert.LessOrEqual(t, len(got), 200)
	assert.ErrorIs(t, err, syscall.ECONNRESET)

	conn = w.dial(podlog.Message)
	w.wait(func() bool { return w.Live(podlog.Message) == 0 })
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err = readAll(conn)
	assert.True(t, errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(err.Error(), "timeout"), err)
}

func TestTCP_closeEndsSessionsThatNobodyReads(t *testing.T) {
	w := newTCPWorld(t, podsim.Options{})
	for range 200 { // more than the buffers hold
		w.Push(podlog.Message, make([]byte, 200_000))
	}
	conn := w.dial(podlog.Message)
	read(t, conn, 1)
	start := time.Now()
	w.Close()
	assert.Less(t, time.Since(start), 5*time.Second)
	_, err := readAll(conn)
	assert.Error(t, err)
	assert.Equal(t, "shutdown", w.Sessions()[0].EndedBy)
}
