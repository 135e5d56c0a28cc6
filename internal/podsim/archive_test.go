package podsim_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

const isoMillis = "2006-01-02T15:04:05.000-0700"

// hourly pushes record i at the i-th half hour, and returns at the end of the last one.
func hourly(w *world, n int) {
	for i := range n {
		w.Push(podlog.Message, records(i, 1)...)
		<-time.After(30 * time.Minute)
	}
}

func TestArchive_tellsWholeHoursAndEndsByANormalClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now().UTC()
		w := newWorld(t, podsim.Options{})
		hourly(w, 8)
		for name, c := range map[string]struct{ since, to string }{
			"with an offset":          {start.Add(61 * time.Minute).In(time.FixedZone("", 3600)).Format(isoMillis), start.Add(121 * time.Minute).Format(isoMillis)},
			"-0000":                   {"2000-01-01T01:01:00.000-0000", "2000-01-01T02:01:00.000-0000"},
			"Z, without milliseconds": {"2000-01-01T01:01:00Z", "2000-01-01T02:01:00Z"},
			"offset with a colon":     {"2000-01-01T01:01:00.000+00:00", "2000-01-01T02:01:00.000+00:00"},
			"bounds on the hour":      {"2000-01-01T01:00:00.000-0000", "2000-01-01T03:00:00.000-0000"},
		} {
			got, err := readAll(w.dial(podlog.Message, "sinceTime", c.since, "toTime", c.to))
			assert.True(t, websocket.IsCloseError(err, websocket.CloseNormalClosure), "%s: %v", name, err)
			assert.ElementsMatch(t, texts(2, 4), got, name)
		}
	})
}

func TestArchive_lagsAndRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{ArchiveDelay: 45 * time.Minute, ArchiveRepeats: 0.5, ArchiveDrops: true, Past: map[podlog.EventType]int{podlog.Audit: 960}})
		w.Push(podlog.Audit, records(0, 5)...) // too young for the archive
		got, err := readAll(w.dial(podlog.Audit, "sinceTime", time.Now().UTC().Add(-25*time.Hour).Format(isoMillis)))
		assert.False(t, websocket.IsCloseError(err, websocket.CloseNormalClosure), err)
		all := make(map[string]int)
		for _, r := range got {
			all[r]++
		}
		assert.Len(t, all, 960-30) // one for each 90 s
		assert.InDelta(t, 1.5*930, len(got), 75)
		assert.NotContains(t, got, texts(0, 1)[0])
	})
}

func TestArchive_takesTheSlotAndLeavesTheLivePositionAlone(t *testing.T) {
	for name, moves := range map[string]bool{"leaves the live position": false, "moves the live position": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, podsim.Options{ArchiveMovesLive: moves})
				hourly(w, 5)
				w.Plan(podsim.Step{Do: podsim.Close, Records: 2})
				live, _ := readAll(w.dial(podlog.Message)) // starts an hour ago
				assert.Equal(t, texts(3, 2), live)

				conn := w.dial(podlog.Message, "sinceTime", time.Now().UTC().Add(-time.Hour).Format(isoMillis), "toTime", time.Now().UTC().Format(isoMillis))
				_, _ = readAll(conn)
				w.Push(podlog.Message, records(5, 1)...)
				first := 5
				if moves {
					first = 4 // the archive ended half an hour ago
				}
				assert.Equal(t, texts(first, 1), read(t, w.dial(podlog.Message), 1))
				status, _ := w.status(podlog.Message, "sinceTime", "1999-12-31T23:00:00.000-0000")
				assert.Equal(t, http.StatusConflict, status)
			})
		})
	}
}

func TestArchive_theOpenQuestionsBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recent := []string{"sinceTime", time.Now().UTC().Add(-5 * time.Minute).Format(isoMillis)}
		future := []string{"toTime", time.Now().UTC().Add(5 * time.Minute).Format(isoMillis)}

		w := newWorld(t, podsim.Options{})
		for _, q := range [][]string{recent, future} {
			_, err := readAll(w.dial(podlog.Message, q...))
			assert.True(t, websocket.IsCloseError(err, websocket.CloseNormalClosure), err)
			assert.True(t, w.Sessions()[0].Archive)
		}

		w = newWorld(t, podsim.Options{IgnoreRecentSince: true, RefuseFuture: true})
		w.Push(podlog.Message, records(0, 1)...)
		read(t, w.dial(podlog.Message, recent...), 1)
		assert.False(t, w.Sessions()[0].Archive)
		status, _ := w.status(podlog.Maillog, future...)
		assert.Equal(t, http.StatusBadRequest, status)
	})
}
