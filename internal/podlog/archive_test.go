package podlog_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

func TestClient_asksForTheArchive(t *testing.T) {
	hour := time.Date(2026, 1, 12, 8, 0, 0, 0, time.UTC)
	east := time.FixedZone("", 5*3600+1800)
	for name, test := range map[string]struct {
		since, to         time.Time
		wantSince, wantTo string
	}{
		"an hour":                       {hour, hour.Add(time.Hour), "2026-01-12T08:00:00.000-0000", "2026-01-12T09:00:00.000-0000"},
		"in another zone":               {hour.In(east), hour.Add(time.Hour).In(east), "2026-01-12T08:00:00.000-0000", "2026-01-12T09:00:00.000-0000"},
		"rounding is the service's":     {hour.Add(61 * time.Second), hour.Add(62 * time.Minute), "2026-01-12T08:01:01.000-0000", "2026-01-12T09:02:00.000-0000"},
		"to the millisecond, in digits": {hour.Add(time.Millisecond), hour.Add(1500 * time.Microsecond), "2026-01-12T08:00:00.001-0000", "2026-01-12T08:00:00.001-0000"},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.client.Endpoint.RawQuery = "tenant=a+b&sinceTime=other"
				var asked *http.Request
				w.serve(func(p *peer) {
					asked = p.request()
					p.say("HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n")
				})

				_, err := w.client.OpenArchive(context.Background(), podlog.Maillog, bearer(), test.since, test.to)

				assert.Equal(w.t, http.StatusConflict, asError(w.t, err).Status)
				w.peers.Wait()
				assert.Equal(w.t, url.Values{
					"cid": {"podsim_hosted"}, "type": {"maillog"}, "tenant": {"a b"},
					"sinceTime": {test.wantSince}, "toTime": {test.wantTo},
				}, asked.URL.Query(), "both times")
				for part := range strings.SplitSeq(asked.URL.RawQuery, "&") {
					if strings.Contains(part, "Time=") {
						assert.NotContains(w.t, strings.ReplaceAll(part, "%3A", ":"), "%", "no sign that a proxy could change")
						assert.NotContains(w.t, part, "+")
					}
				}
				assert.Equal(w.t, "Bearer "+token, asked.Header.Get("Authorization"))
				assert.Equal(w.t, "tenant=a+b&sinceTime=other", w.client.Endpoint.RawQuery)
			})
		})
	}
}

func TestSession_tellsTheServicesTime(t *testing.T) {
	for name, test := range map[string]struct {
		header string
		want   time.Time
	}{
		"as HTTP has it": {"Date: Mon, 12 Jan 2026 08:15:30 GMT\r\n", time.Date(2026, 1, 12, 8, 15, 30, 0, time.UTC)},
		"in an old form": {"Date: Monday, 12-Jan-26 08:15:30 GMT\r\n", time.Date(2026, 1, 12, 8, 15, 30, 0, time.UTC)},
		"none":           {"", time.Time{}},
		"nonsense":       {"Date: today\r\n", time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, func(w *world) {
				w.serve(func(p *peer) {
					answer := switching(p.request())
					p.say(strings.TrimSuffix(answer, "\r\n") + test.header + "\r\n" + closing(1000, ""))
				})
				session, err := w.client.Open(context.Background(), context.Background(), podlog.Message, bearer())
				require.NoError(w.t, err)
				assert.True(w.t, test.want.Equal(session.Date()), session.Date())
				assert.Error(w.t, session.Receive(context.Background(), &handler{}))
			})
		})
	}
}
