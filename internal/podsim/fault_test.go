package podsim_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

func TestFault_dropDeliversWhatWasWrittenAndResumesBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{})
		w.Push(podlog.Message, records(0, 10)...)
		w.Plan(podsim.Step{Do: podsim.Drop, Records: 4})
		got, err := readAll(w.dial(podlog.Message))
		assert.True(t, websocket.IsCloseError(err, websocket.CloseAbnormalClosure) || strings.Contains(err.Error(), "unexpected EOF"), err)
		assert.Equal(t, texts(0, 4), got)

		status, _ := w.status(podlog.Message)
		assert.Equal(t, 409, status)
		<-time.After(5 * time.Second)
		assert.Equal(t, texts(4, 6), read(t, w.dial(podlog.Message), 6))
	})
}

func TestFault_lostRecordsByTheTwoReadingsOfResume(t *testing.T) {
	byTheTwoReadings(t, func(w *world, first int) {
		w.Plan(podsim.Step{Do: podsim.Drop, Records: 4, Lose: 2})
		got, _ := readAll(w.dial(podlog.Message))
		assert.Equal(w.t, texts(0, 4), got)
		assert.Equal(w.t, texts(first, 10-first), read(w.t, w.dial(podlog.Message), 10-first))
		synctest.Wait() // a client may have a record before the service has noted that it is written
		assert.Equal(w.t, 2, w.Sessions()[0].Lost)
		assert.Len(w.t, w.Written(podlog.Message), 14-first)
	})
}

// The service opens a session, and its answer does not arrive.
func TestFault_lostRecordsOfASessionThatNobodyHearsOf(t *testing.T) {
	byTheTwoReadings(t, func(w *world, first int) {
		w.Plan(podsim.Step{Do: podsim.Drop, Records: 4}, podsim.Step{Do: podsim.Abort, Lose: 2}, podsim.Step{Do: podsim.Abort})
		got, _ := readAll(w.dial(podlog.Message))
		assert.Equal(w.t, texts(0, 4), got)
		for range 2 {
			_, _, err := w.try(w.t.Context(), podlog.Message)
			require.Error(w.t, err)
		}
		assert.Equal(w.t, texts(first, 10-first), read(w.t, w.dial(podlog.Message), 10-first))
	})
}

// byTheTwoReadings plays a story of ten records, of which four arrive and two are lost, under both readings of where the
// service goes on. first is the record that comes first after that.
func byTheTwoReadings(t *testing.T, story func(w *world, first int)) {
	t.Helper()
	for name, c := range map[string]struct {
		resume podsim.Resume
		first  int
	}{
		"after written":  {podsim.ResumeAfterWritten, 6},
		"after received": {podsim.ResumeAfterReceived, 4},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, podsim.Options{Resume: c.resume, SlotHold: -1})
				w.Push(podlog.Message, records(0, 10)...)
				story(w, c.first)
			})
		})
	}
}

func TestFault_resetIsSeenAsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{})
		w.Plan(podsim.Step{Do: podsim.Reset, After: 10 * time.Second})
		conn := w.dial(podlog.Message)
		_, err := readAll(conn)
		assert.ErrorContains(t, err, "connection reset")
		assert.Equal(t, "reset", w.Sessions()[0].EndedBy)
	})
}

func TestFault_freezeNeitherReadsNorWritesNorCloses(t *testing.T) {
	for name, pushed := range map[string]int{"quiet": 1, "with a backlog that nobody reads": 10_000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, podsim.Options{})
				w.Push(podlog.Message, records(0, pushed)...)
				w.Plan(podsim.Step{Do: podsim.Freeze, After: 10 * time.Second})
				conn := w.dial(podlog.Message)
				w.wait(func() bool { return w.Live(podlog.Message) == 0 })
				require.NoError(t, conn.WriteControl(websocket.PingMessage, nil, time.Time{}))
				require.NoError(t, conn.SetReadDeadline(time.Now().Add(24*time.Hour)))
				_, err := readAll(conn)
				assert.ErrorContains(t, err, "timeout")
				assert.Zero(t, w.Sessions()[0].Pings)

				w.dial(podlog.Message) // the slot has been free since
				w.DropAll(podsim.Drop)
				w.wait(func() bool { return w.Live(podlog.Message) == 0 })
			})
		})
	}
}

func TestFault_closeWithACode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{})
		w.Push(podlog.Message, records(0, 3)...)
		w.Plan(
			podsim.Step{Do: podsim.Close, Records: 1, Code: 1012, Reason: "restart"},
			podsim.Step{Do: podsim.Close, Records: 1, Code: 1005},
			podsim.Step{Do: podsim.Close},
		)
		want := []*websocket.CloseError{{Code: 1012, Text: "restart"}, {Code: 1005}, {Code: 1000}}
		for i, want := range want {
			got, err := readAll(w.dial(podlog.Message)) // the slot is free at once
			assert.Equal(t, want, err)
			assert.Len(t, got, min(1, 2-i))
		}
	})
}

func TestFault_stepsWaitForTheirTypeAndForAnAcceptedHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{})
		w.Plan(
			podsim.Step{Do: podsim.Drop, Type: podlog.Maillog},
			podsim.Step{Do: podsim.Drop, Type: podlog.Maillog},
		)
		w.dial(podlog.Message)
		assert.Len(t, w.PlanLeft(), 2)
		_, err := readAll(w.dial(podlog.Maillog))
		assert.Error(t, err)
		status, _ := w.status(podlog.Maillog)
		assert.Equal(t, 409, status)
		assert.Len(t, w.PlanLeft(), 1)
		<-time.After(5 * time.Second)
		_, err = readAll(w.dial(podlog.Maillog))
		assert.Error(t, err)
		assert.Empty(t, w.PlanLeft())
		assert.Equal(t, 1, w.Live(podlog.Message))
	})
}

func TestFault_framesOfAllKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{})
		w.Push(podlog.Message, records(0, 7)...)
		w.Plan(podsim.Step{
			Do: podsim.Serve,
			Frames: []podsim.Frame{
				{},
				{Text: "{\"id\":\"a\"}\n{\"id\":\"b\"}\n"},
				{Base64: []byte{0xff, 0xfe}, Binary: true},
				{Size: 3 << 20},
				{Size: 70_000, Fragments: 4},
				{Text: "abc", Fragments: 5},
			},
			Group: 3, Newline: true, Binary: true, Fragments: 2,
		})
		conn := w.dial(podlog.Message)
		got := read(t, conn, 6)
		assert.Empty(t, got[0])
		assert.Equal(t, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n", got[1])
		assert.Equal(t, "\xff\xfe", got[2])
		assert.Len(t, got[3], 3<<20)
		assert.Len(t, got[4], 70_000)
		assert.Equal(t, "abc", got[5])

		opcode, payload, err := conn.ReadMessage()
		require.NoError(t, err)
		assert.Equal(t, websocket.BinaryMessage, opcode)
		assert.Equal(t, string(bytes.Join(records(0, 3), []byte("\n")))+"\n", string(payload))
		read(t, conn, 2)
		synctest.Wait()
		assert.Equal(t, 7, w.Sessions()[0].Records)
	})
}

func TestFault_recordsOutOfOrderAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{Seed: 1, SlotHold: -1})
		w.Push(podlog.Message, records(0, 25)...)
		w.Plan(
			podsim.Step{Do: podsim.Drop, Records: 20, Shuffle: 10},
			podsim.Step{Do: podsim.Serve, Rewind: 3},
		)
		got, _ := readAll(w.dial(podlog.Message))
		assert.NotEqual(t, texts(0, 20), got)
		assert.ElementsMatch(t, texts(0, 20), got)
		assert.Equal(t, texts(17, 8), read(t, w.dial(podlog.Message), 8))
	})
}

func TestFault_pongsLateOrNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{PongDelay: time.Second})
		w.Plan(
			podsim.Step{Do: podsim.Serve, Type: podlog.Message, PongDelay: 25 * time.Second},
			podsim.Step{Do: podsim.Serve, Type: podlog.Maillog, NoPong: true},
		)
		late, never := w.dial(podlog.Message), w.dial(podlog.Maillog)
		start := time.Now()
		var pongs []time.Duration
		pong := func(string) error { pongs = append(pongs, time.Since(start)); return nil }
		for _, conn := range []*websocket.Conn{late, never} {
			conn.SetPongHandler(pong)
			require.NoError(t, conn.WriteControl(websocket.PingMessage, nil, time.Time{}))
		}
		for _, conn := range []*websocket.Conn{late, never} {
			_, err := readAll(conn)
			assert.Error(t, err) // of idleness
		}
		assert.Equal(t, []time.Duration{25 * time.Second}, pongs)
	})
}

func TestFault_orderedEndsForAllThatLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{})
		for _, et := range podlog.EventTypes() {
			w.dial(et)
		}
		assert.Equal(t, 1, w.Drop(podlog.Audit, podsim.Close))
		w.wait(func() bool { return w.Live(podlog.Audit) == 0 })
		assert.Equal(t, 2, w.DropAll(podsim.Reset))
		w.wait(func() bool { return w.Live(podlog.Message)+w.Live(podlog.Maillog) == 0 })
		assert.Zero(t, w.DropAll(podsim.Reset))
	})
}

func TestLive_resumesWithinTheHourAndElseStartsAnHourAgo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{SlotHold: -1})
		w.Push(podlog.Message, records(0, 2)...)
		w.Plan(podsim.Step{Do: podsim.Drop, Records: 2})
		_, _ = readAll(w.dial(podlog.Message))

		w.Push(podlog.Message, records(2, 2)...)
		<-time.After(59 * time.Minute)
		w.Plan(podsim.Step{Do: podsim.Drop, Records: 2})
		got, _ := readAll(w.dial(podlog.Message))
		assert.Equal(t, texts(2, 2), got, "back within the hour")

		w.Push(podlog.Message, records(4, 2)...) // too old in a moment
		<-time.After(30 * time.Minute)
		w.Push(podlog.Message, records(6, 2)...)
		<-time.After(40 * time.Minute)
		assert.Equal(t, texts(6, 2), read(t, w.dial(podlog.Message), 2), "back after the hour")
	})
}
