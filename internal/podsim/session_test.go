package podsim_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

func TestSession_sendsBacklogThenNewRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{})
		w.Push(podlog.Message, records(0, 3)...)
		conn := w.dial(podlog.Message)
		assert.Equal(t, texts(0, 3), read(t, conn, 3))
		w.Push(podlog.Message, records(3, 2)...)
		assert.Equal(t, texts(3, 2), read(t, conn, 2))
		assert.Equal(t, 1, w.Live(podlog.Message))
	})
}

func TestSession_diesOfIdleness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{IdleTimeout: 6 * time.Minute})
		conn := w.dial(podlog.Message)
		start := time.Now()
		_, err := readAll(conn)
		assert.True(t, websocket.IsCloseError(err, websocket.CloseAbnormalClosure), err)
		assert.Equal(t, 6*time.Minute, time.Since(start))
		assert.Equal(t, "idle", w.Sessions()[0].EndedBy)
	})
}

func TestSession_livesOnPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{PongDelay: 20 * time.Second})
		conn := w.dial(podlog.Message)
		var pongs []time.Duration
		start := time.Now()
		conn.SetPongHandler(func(string) error { pongs = append(pongs, time.Since(start)); return nil })
		for i := range 4 {
			time.AfterFunc(time.Duration(i)*4*time.Minute, func() {
				assert.NoError(t, conn.WriteControl(websocket.PingMessage, nil, time.Time{}))
			})
		}
		time.AfterFunc(16*time.Minute, func() { w.Push(podlog.Message, records(0, 1)...) })
		read(t, conn, 1)
		assert.Equal(t, []time.Duration{
			20 * time.Second, 4*time.Minute + 20*time.Second, 8*time.Minute + 20*time.Second, 12*time.Minute + 20*time.Second,
		}, pongs)
		assert.Equal(t, 4, w.Sessions()[0].Pings)
	})
}

func TestSession_clientCloseFreesTheSlotAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{CloseTail: 2})
		w.Push(podlog.Message, records(0, 10_000)...) // more than the buffers hold
		conn := w.dial(podlog.Message)
		synctest.Wait()
		message := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		require.NoError(t, conn.WriteControl(websocket.CloseMessage, message, time.Time{}))
		synctest.Wait()
		first, err := readAll(conn)
		assert.True(t, websocket.IsCloseError(err, websocket.CloseNormalClosure), err)
		assert.Less(t, len(first), 10_000)

		second := w.dial(podlog.Message)
		assert.Equal(t, texts(len(first), 10_000-len(first)), read(t, second, 10_000-len(first)))
		info := w.Sessions()[0]
		assert.Equal(t, "client close", info.EndedBy)
		assert.Equal(t, len(first), info.Records)
	})
}

func TestSession_clientCloseIsAnsweredWithAnotherCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{SlotHold: 5 * time.Second})
		w.Plan(podsim.Step{AnswerCode: websocket.CloseInternalServerErr, Lose: 3})
		w.Push(podlog.Message, records(0, 10_000)...) // more than the buffers hold
		conn := w.dial(podlog.Message)
		synctest.Wait()
		message := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		require.NoError(t, conn.WriteControl(websocket.CloseMessage, message, time.Time{}))
		synctest.Wait()
		first, err := readAll(conn)
		assert.True(t, websocket.IsCloseError(err, websocket.CloseInternalServerErr), err)
		assert.Equal(t, "client close", w.Sessions()[0].EndedBy)
		assert.Equal(t, 3, w.Sessions()[0].Lost)
		<-time.After(5 * time.Second)
		second := w.dial(podlog.Message)
		assert.Equal(t, texts(len(first)+3, 1), read(t, second, 1))
	})
}

func TestSession_clientCloseIsAnsweredByADrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{CloseDrops: true, CloseTail: 3, SlotHold: 5 * time.Second})
		w.Push(podlog.Message, records(0, 10_000)...) // more than the buffers hold
		conn := w.dial(podlog.Message)
		synctest.Wait()
		message := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
		require.NoError(t, conn.WriteControl(websocket.CloseMessage, message, time.Time{}))
		synctest.Wait()
		_, err := readAll(conn)
		assert.True(t, websocket.IsCloseError(err, websocket.CloseAbnormalClosure), err)
		assert.Equal(t, "client close", w.Sessions()[0].EndedBy)
		<-time.After(5 * time.Second)
		w.dial(podlog.Message) // the slot is free
	})
}
