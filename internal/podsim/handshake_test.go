package podsim_test

import (
	"cmp"
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

func TestHandshake_answersAsTheTableSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{EventTypes: []podlog.EventType{podlog.Message, podlog.Maillog}})
		client := &http.Client{Transport: &http.Transport{
			DialContext:       w.dialer.NetDialContext,
			TLSClientConfig:   w.dialer.TLSClientConfig,
			DisableKeepAlives: true,
		}}
		const good = "cid=" + podsim.ClusterID + "&type=message"
		for _, c := range []struct {
			name   string
			method string
			path   string
			query  string
			token  string
			plain  bool // no upgrade
			key    string
			want   int
		}{
			{name: "wrong path, even without a token", path: "/v2/stream", query: good, want: 404},
			{name: "not GET", method: http.MethodPost, query: good, token: podsim.Token, want: 405},
			{name: "no upgrade", query: good, token: podsim.Token, plain: true, want: 404},
			{name: "bad key", query: good, token: podsim.Token, key: "x", want: 400},
			{name: "no cid", query: "type=message", token: podsim.Token, want: 400},
			{name: "no type", query: "cid=" + podsim.ClusterID, token: podsim.Token, want: 400},
			{name: "wrong type, even without a token", query: "cid=" + podsim.ClusterID + "&type=mail", want: 400},
			{name: "no time", query: good + "&sinceTime=yesterday", token: podsim.Token, want: 400},
			{name: "an offset whose plus became a blank", query: good + "&sinceTime=2000-01-01T00:00:00.000+0000", token: podsim.Token, want: 400},
			{name: "no offset", query: good + "&sinceTime=1999-12-31T00:00:00.000", token: podsim.Token, want: 400},
			{name: "31 days ago", query: good + "&sinceTime=1999-12-01T00:00:00.000-0000", token: podsim.Token, want: 400},
			{name: "nothing between the times", query: good + "&sinceTime=1999-12-31T00:00:00Z&toTime=1999-12-31T00:00:00Z", token: podsim.Token, want: 400},
			{name: "no token", query: good, want: 401},
			{name: "wrong token", query: good, token: "x", want: 401},
			{name: "wrong cluster", query: "cid=other&type=message", token: podsim.Token, want: 401},
			{name: "no licence", query: "cid=" + podsim.ClusterID + "&type=audit", token: podsim.Token, want: 401},
		} {
			if c.path == "" {
				c.path = podsim.Path
			}
			r, err := http.NewRequestWithContext(t.Context(), c.method, "https://localhost"+c.path+"?"+c.query, nil)
			require.NoError(t, err)
			if c.token != "" {
				r.Header.Set("Authorization", "Bearer "+c.token)
			}
			if !c.plain {
				r.Header.Set("Connection", "Upgrade")
				r.Header.Set("Upgrade", "websocket")
				r.Header.Set("Sec-WebSocket-Version", "13")
				r.Header.Set("Sec-WebSocket-Key", cmp.Or(c.key, "dGhlIHNhbXBsZSBub25jZQ=="))
			}
			answer, err := client.Do(r)
			require.NoError(t, err, c.name)
			require.NoError(t, answer.Body.Close())
			assert.Equal(t, c.want, answer.StatusCode, c.name)
			assert.NotEmpty(t, answer.Header.Get("Date"), c.name)
			last := w.Handshakes()[len(w.Handshakes())-1]
			assert.Equal(t, c.want, last.Status, c.name)
			if c.token != "" {
				assert.Equal(t, "Bearer ***", last.Header.Get("Authorization"))
			}
		}
	})
}

func TestHandshake_acceptsWithADate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{})
		_, answer, err := w.try(t.Context(), podlog.Audit)
		require.NoError(t, err)
		date, err := http.ParseTime(answer.Header.Get("Date"))
		require.NoError(t, err)
		assert.Equal(t, time.Now().UTC(), date)
		assert.Equal(t, http.StatusSwitchingProtocols, w.Handshakes()[0].Status)
		assert.Equal(t, "audit", w.Handshakes()[0].Query.Get("type"))
	})
}

func TestHandshake_oneSessionPerTokenAndType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{})
		conn := w.dial(podlog.Message)
		w.dial(podlog.Maillog)
		status, body := w.status(podlog.Message)
		assert.Equal(t, http.StatusConflict, status)
		assert.Equal(t, "Exceeded maximum number of sessions per token\r\n", body)

		require.NoError(t, conn.NetConn().Close()) // no close frame: the slot is held
		synctest.Wait()
		for range 5 {
			status, _ = w.status(podlog.Message)
			assert.Equal(t, http.StatusConflict, status)
			<-time.After(time.Second)
		}
		w.dial(podlog.Message)
	})
}

func TestHandshake_tokensExpireAndAreRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{SlotHold: -1})
		conn := w.dial(podlog.Message)
		w.RejectTokens(podsim.Token)
		w.Push(podlog.Message, records(0, 1)...)
		read(t, conn, 1) // a session that there is goes on
		status, _ := w.status(podlog.Maillog)
		assert.Equal(t, http.StatusUnauthorized, status)
		w.AcceptTokens(podsim.Token)
		w.dial(podlog.Maillog)
	})
}

func TestHandshake_stepsOfThePlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, podsim.Options{})
		w.Plan(
			podsim.Step{Do: podsim.Refuse, Times: 2},
			podsim.Step{Do: podsim.Refuse, Type: podlog.Maillog, Status: 429, Headers: map[string]string{"Retry-After": "7"}},
			podsim.Step{Do: podsim.Abort},
			podsim.Step{Do: podsim.Hang},
			podsim.Step{Do: podsim.Refuse, Status: 409, Times: -1},
		)
		status, _ := w.status(podlog.Message)
		assert.Equal(t, http.StatusBadGateway, status)
		status, _ = w.status(podlog.Message)
		assert.Equal(t, http.StatusBadGateway, status)

		_, answer, _ := w.try(t.Context(), podlog.Maillog)
		assert.Equal(t, 429, answer.StatusCode)
		assert.Equal(t, "7", answer.Header.Get("Retry-After"))

		_, answer, err := w.try(t.Context(), podlog.Message)
		assert.ErrorContains(t, err, "connection reset")
		assert.Nil(t, answer)

		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		_, answer, err = w.try(ctx, podlog.Message)
		assert.Error(t, err)
		assert.Nil(t, answer)
		assert.Equal(t, time.Hour, time.Since(start))

		for range 3 {
			status, body := w.status(podlog.Message)
			assert.Equal(t, http.StatusConflict, status)
			assert.Equal(t, "Exceeded maximum number of sessions per token\r\n", body)
		}
		assert.Len(t, w.PlanLeft(), 1)
		w.ClearPlan()
		w.dial(podlog.Message)
	})
}
