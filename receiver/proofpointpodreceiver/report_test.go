package proofpointpodreceiver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// viewer is an extension that shows how sources are.
type viewer struct {
	component.StartFunc
	component.ShutdownFunc

	mu    sync.Mutex
	looks map[component.ID]func() sourcehealth.Report
	calls []string
	list  []sourcehealth.Event
}

func (v *viewer) AddSource(id component.ID, look func() sourcehealth.Report) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looks[id] = look
	v.calls = append(v.calls, "add "+id.String())
}

func (v *viewer) RemoveSource(id component.ID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.looks, id)
	v.calls = append(v.calls, "remove "+id.String())
}

func (v *viewer) HealthEvent(event sourcehealth.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.list = append(v.list, event)
	v.calls = append(v.calls, shortEvent(event))
}

// look asks the only source how it is.
func (v *viewer) look(t *testing.T) sourcehealth.Report {
	t.Helper()
	synctest.Wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	require.Len(t, v.looks, 1)
	for _, look := range v.looks {
		return look()
	}
	panic("not reached")
}

// said is what the viewer was told since the last time.
func (v *viewer) said() []string {
	synctest.Wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	calls := v.calls
	v.calls = nil
	return calls
}

// events lists the health events so far.
func (v *viewer) events() []sourcehealth.Event {
	synctest.Wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]sourcehealth.Event{}, v.list...)
}

// shortEvent is an event's stream and subject, status, severity, and error.
func shortEvent(e sourcehealth.Event) string {
	subject := strings.TrimPrefix(e.Details.TrackerID, e.ResourceIdentity.ID+"/")
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", subject, e.Status, e.SeverityLevel, e.Details.Error))
}

// watched has a viewer among the extensions.
func (s *scenario) watched() *viewer {
	v := &viewer{looks: map[component.ID]func() sourcehealth.Report{}}
	s.host.extensions[component.MustNewID("source_health")] = v
	return v
}

func TestReport_aViewerSeesASourceFromItsStartToItsEnd(t *testing.T) {
	var v *viewer
	play(t, podsim.Options{}, func(s *scenario) { v = s.watched() }, func(s *scenario) {
		s.state("Collecting")
		assert.Equal(t, []string{"add proofpointpod", "message/collection Healthy Info"}, v.said())
		s.shutdown()
		assert.Equal(t, []string{"remove proofpointpod"}, v.said())
		s.start()
		s.state("Collecting")
		assert.Equal(t, []string{"add proofpointpod", "message/collection Healthy Info"}, v.said())
	})
}

func TestReport_ofASourceThatCollects(t *testing.T) {
	var v *viewer
	expires := time.Date(2000, 6, 1, 0, 0, 0, 0, time.UTC)
	play(t, podsim.Options{ClockSkew: 3 * time.Hour, SlotHold: -1}, func(s *scenario) {
		v = s.watched()
		s.config.Name = "Europe"
		s.config.Description = "the eastern cluster"
		s.config.Category = "mail"
		s.config.Storage = &storageID
		s.config.APISecret = configopaque.String(expiring(expires))
		s.service.AcceptTokens(string(s.config.APISecret))
		s.streams(podlog.Message, podlog.Audit)
	}, func(s *scenario) {
		s.elapse(time.Second) // a second handshake has agreed on the time
		began := s.state("Collecting").Timestamp().UTC()
		s.elapse(10 * time.Second)
		ts := time.Now().Add(3*time.Hour - 5*time.Second).Format(time.RFC3339Nano)
		record := []byte(`{"guid":"a","ts":"` + ts + `"}`)
		s.service.Push(podlog.Message, record, record)
		pushed := time.Now().UTC()
		s.elapse(20 * time.Second)

		report := v.look(t)
		assert.Equal(t, "proofpointpod", report.ID)
		assert.Equal(t, "Europe", report.Name)
		assert.Equal(t, "the eastern cluster", report.Description)
		assert.Equal(t, "mail", report.Category)
		assert.Equal(t, podsim.ClusterID, report.ClusterID)
		assert.Equal(t, sourcehealth.Collecting, report.State)
		require.Len(t, report.Streams, 2)
		message := report.Streams[0]
		require.NotNil(t, message.PositionSaved)
		assert.WithinRange(t, *message.PositionSaved, pushed, time.Now(), "by the clock of this machine")
		require.NotNil(t, message.LagSeconds)
		lag := 5 - (3 * time.Hour).Seconds()
		assert.Equal(t, sourcehealth.StreamReport{
			EventType: "message", State: sourcehealth.Collecting, Since: began,
			LastRecord: &pushed, LastSignOfLife: &pushed,
			Records: 1, Bytes: int64(len(record)), Duplicates: 1, LagSeconds: &lag,
			PositionSaved: message.PositionSaved, TokenExpires: &expires,
			Repeats: map[string]sourcehealth.RepeatReport{},
		}, message)
		audit := report.Streams[1]
		assert.Equal(t, sourcehealth.EventType("audit"), audit.EventType)
		assert.Nil(t, audit.LastRecord)
		assert.Equal(t, began, *audit.LastSignOfLife)
		assert.Nil(t, audit.LagSeconds)
		assert.Len(t, report.Errors, 1, "the clocks differ")

		s.service.DropAll(podsim.Drop)
		s.elapse(time.Minute)
		report = v.look(t)
		assert.EqualValues(t, 1, report.Streams[0].Reconnects)
		assert.Zero(t, report.Streams[0].ConnectFailures)
	})
}

func TestReport_ofAnOutage(t *testing.T) {
	var v *viewer
	play(t, podsim.Options{}, func(s *scenario) {
		v = s.watched()
		s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: 503, Times: 5})
	}, func(s *scenario) {
		began := time.Now().UTC()
		s.until("the third attempt", func() bool { return len(s.service.Handshakes()) == 3 })
		report := v.look(t)
		deadline := began.Add(90 * time.Minute)
		assert.Equal(t, &sourcehealth.RetryReport{Attempt: 3, Deadline: &deadline}, report.Streams[0].Retry)
		assert.Equal(t, began, report.Streams[0].Since)
		require.Len(t, report.Streams[0].Errors, 1)
		assert.Contains(t, report.Streams[0].Errors[0], "503")
		assert.EqualValues(t, 3, report.Streams[0].ConnectFailures)
		assert.Zero(t, report.Streams[0].Reconnects, "there was no session yet")
		opened := v.events()[0]
		assert.Equal(t, 3, report.Streams[0].Repeats[opened.EventID].Count)

		s.state("Collecting")
		s.elapse(39 * time.Second)
		require.Len(t, v.events(), 1, "the session may end at once")
		s.elapse(2 * time.Second)
		events := v.events()
		require.Len(t, events, 2)
		assert.Equal(t, "message/collection Healthy Info status_503", shortEvent(events[1]), "the first good news, and the end")
		assert.Equal(t, "5", events[1].Details.Count)
		assert.Equal(t, opened.Details.TrackerID, events[1].Details.TrackerID)
	})
}

func TestReport_aSessionThatOpensAndEndsIsNoRecovery(t *testing.T) {
	var v *viewer
	play(t, podsim.Options{SlotHold: -1}, func(s *scenario) {
		v = s.watched()
		s.config.Backfill.Enabled = false
		s.service.Plan(podsim.Step{Do: podsim.Drop, Times: 20})
	}, func(s *scenario) {
		s.until("the last drop", func() bool { return len(s.service.Handshakes()) == 21 })
		s.elapse(time.Minute)
		assert.Equal(t, []string{
			"add proofpointpod",
			"message/collection Healthy Info",
			"message/collection UnHealthy Warning dropped",
			"message/collection Healthy Warning dropped",
		}, withoutGaps(v.said()))
	})
}

// withoutGaps leaves out what is told of gaps.
func withoutGaps(said []string) []string {
	var rest []string
	for _, text := range said {
		if !strings.Contains(text, "/gaps ") {
			rest = append(rest, text)
		}
	}
	return rest
}

func TestReport_aRefusedTokenIsResolvedByTheNextProcess(t *testing.T) {
	var v *viewer
	play(t, podsim.Options{}, func(s *scenario) {
		v = s.watched()
		s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: 401})
	}, func(s *scenario) {
		s.state("Error")
		s.elapse(time.Hour)
		report := v.look(t)
		assert.Equal(t, &sourcehealth.RetryReport{Attempt: 0, Quit: true}, report.Streams[0].Retry)
		s.restart()
		s.state("Collecting")
		events := v.events()
		require.Len(t, events, 2)
		assert.Equal(t, "message/collection UnHealthy Error status_401", shortEvent(events[0]))
		assert.Equal(t, "401", events[0].Details.ErrorCode)
		assert.Contains(t, events[0].Details.ErrorInfo, "the service refuses the token in api_secret: check")
		assert.Contains(t, events[0].Details.ErrorInfo, "restart the collector")
		assert.Equal(t, "message/collection Healthy Info", shortEvent(events[1]))
		assert.Equal(t, events[0].Details.TrackerID, events[1].Details.TrackerID)
	})
}

func TestReport_thePipelineRefuses(t *testing.T) {
	var v *viewer
	play(t, podsim.Options{}, func(s *scenario) {
		v = s.watched()
		s.service.Generate(podlog.Message, 5)
		s.sink.answers(refuse)
	}, func(s *scenario) {
		s.elapse(10 * time.Minute)
		s.sink.answers(nil)
		s.collects(podlog.Message)
		s.elapse(time.Minute)
		assert.Equal(t, []string{
			"add proofpointpod",
			"message/collection Healthy Info",
			"message/pipeline UnHealthy Warning pipeline_refuses",
			"message/pipeline Healthy Warning pipeline_refuses",
		}, v.said())
	})
}

func TestReport_gapsAndTheirFill(t *testing.T) {
	var v *viewer
	play(t, podsim.Options{}, func(s *scenario) {
		v = s.watched()
		s.config.Storage = &storageID
	}, func(s *scenario) {
		s.mails(10)
		s.elapse(time.Minute)
		s.away(3)
		report := v.look(t).Streams[0]
		assert.Equal(t, 1, report.Gaps.Open)
		assert.InDelta(t, 3*3600, report.Gaps.Seconds, 120)
		require.NotNil(t, report.Gaps.Oldest)
		assert.Positive(t, report.Gaps.WindowsLeft)
		require.NotNil(t, report.Gaps.NextRead)
		next := time.Until(*report.Gaps.NextRead)
		assert.InDelta(t, 0, next.Hours(), 1, "the oldest of three hours is old enough for the archive, or soon")
		s.withTraffic(15)
		s.elapse(10 * time.Second)
		report = v.look(t).Streams[0]
		assert.Zero(t, report.Gaps.Open)
		assert.Zero(t, report.Gaps.WindowsLeft)
		assert.Nil(t, report.Gaps.NextRead)
		assert.GreaterOrEqual(t, report.Gaps.WindowsRead, int64(4))
		assert.Positive(t, report.Gaps.Recovered)
		said := v.said()
		assert.Contains(t, said, "message/gaps UnHealthy Warning gaps_open")
		assert.Contains(t, said, "message/gaps Healthy Warning gaps_open")
	})
}

func TestReport_storageFails(t *testing.T) {
	var v *viewer
	play(t, podsim.Options{}, func(s *scenario) {
		v = s.watched()
		s.config.Storage = &storageID
	}, func(s *scenario) {
		s.state("Collecting")
		s.storage.fails(errDiskFull)
		s.service.Generate(podlog.Message, 5)
		s.elapse(21 * time.Second)
		events := v.events()
		require.Len(t, events, 2)
		assert.Equal(t, "message/storage UnHealthy Warning storage_fails", shortEvent(events[1]))
		assert.Greater(t, v.look(t).Streams[0].Repeats[events[1].EventID].Count, 3)
		s.storage.fails(nil)
		s.elapse(time.Minute)
		assert.Equal(t, "message/storage Healthy Warning storage_fails", shortEvent(v.events()[2]))
	})
}

func TestReport_recordsThatAreCutOrNoJSON(t *testing.T) {
	var v *viewer
	play(t, podsim.Options{}, func(s *scenario) {
		v = s.watched()
		s.config.MaxRecordSize = 1000
		s.service.Push(podlog.Message, []byte("no JSON"), []byte("nor this"), []byte(`{"a":"`+strings.Repeat("a", 2000)+`"}`))
	}, func(s *scenario) {
		s.elapse(time.Minute)
		assert.Equal(t, []string{
			"add proofpointpod",
			"message/collection Healthy Info",
			"message/records UnHealthy Warning records_invalid_json",
			"message/records UnHealthy Warning records_truncated",
		}, v.said())
		s.shutdown()
		assert.Equal(t, []string{"message/records Healthy Warning records_truncated", "remove proofpointpod"}, v.said())
	})
}

// A session outlives the token that it was opened with. That another one has been put in its place is seen all the same.
func TestReport_anAuthenticatorHasAnotherToken(t *testing.T) {
	const day = 24 * time.Hour
	first := expiring(time.Date(2000, 1, 2, 2, 0, 0, 0, time.UTC))
	extension := bearing(first)
	var v *viewer
	play(t, podsim.Options{}, func(s *scenario) {
		s.auth(extension)
		v = s.watched()
		s.service.AcceptTokens(first)
	}, func(s *scenario) {
		s.state("Collecting")
		assert.Equal(t, 1, strings.Count(s.said(), "warn the token from the extension bearertokenauth/pod expires at"), "the log does not tell")
		s.elapse(3 * time.Hour)
		second := expiring(time.Now().Add(100 * day))
		extension.set("", nil) // it is being written
		s.elapse(2 * time.Minute)
		extension.set("Bearer "+second, nil)
		s.elapse(2 * time.Minute)
		assert.Equal(t, []string{
			"add proofpointpod",
			"token UnHealthy Warning token_expires_7d",
			"message/collection Healthy Info",
			"token UnHealthy Warning token_expires_1d",
			"token Healthy Warning token_expires_1d",
		}, v.said())
		assert.Equal(t, []int{101}, s.handshakes(podlog.Message))
	})
}

// whatAViewerKnows is all that a viewer and the pipeline were told of the source's health, and the log.
func (s *scenario) whatAViewerKnows(v *viewer) string {
	s.t.Helper()
	text, err := json.Marshal(struct {
		Report sourcehealth.Report
		Events []sourcehealth.Event
		Sent   []sentEvent
	}{v.look(s.t), v.events(), s.sentEvents()})
	require.NoError(s.t, err)
	return string(text) + s.said()
}

// The service, or what stands before it, may repeat what it was sent.
func TestReport_holdsNoSecret(t *testing.T) {
	claims := func(name string) string {
		return jwt(fmt.Sprintf(`{"sub":"%s-subject","exp":%d}`, name, time.Date(2000, 1, 3, 0, 0, 0, 0, time.UTC).Unix()))
	}
	first, second := claims("first"), claims("second")
	var v *viewer
	play(t, podsim.Options{SlotHold: -1}, func(s *scenario) {
		v = s.watched()
		s.config.APISecret = configopaque.String(first)
		s.config.Backfill.APISecret = configopaque.String(second)
		s.config.Headers = configopaque.MapList{{Name: "X-Gateway-Key", Value: "made-up-gateway-key"}}
		s.config.HealthEvents = true
		s.config.Backfill.Since = "3h"
		s.service.AcceptTokens(first, second)
		said := "you sent " + first + " and made-up-gateway-key"
		s.service.Plan(
			podsim.Step{Type: podlog.Message, Do: podsim.Refuse, Status: 503, Body: said},
			podsim.Step{Type: podlog.Message, Do: podsim.Close, Code: 1008, Reason: first},
			podsim.Step{Type: podlog.Message, Do: podsim.Close, Code: 1008, Reason: "made-up-gateway-key"},
			podsim.Step{Type: podlog.Audit, Do: podsim.Refuse, Status: 401, Body: said},
		)
		s.streams(podlog.Message, podlog.Audit)
	}, func(s *scenario) {
		s.elapse(time.Minute)
		s.service.Plan(podsim.Step{Type: podlog.Message, Do: podsim.Refuse, Status: 503, Body: "you sent " + second, Times: -1})
		s.elapse(4 * time.Hour)
		known := s.whatAViewerKnows(v)
		s.shutdown()
		known += s.said() + fmt.Sprint(v.said(), s.sentShort())
		for _, said := range []string{"token_expires_7d", "status_503", "status_401", "closed_1008", "backfill_status_503", "you sent"} {
			assert.Contains(t, known, said, "the story is not told")
		}
		for _, secret := range []string{"first-subject", "second-subject", "made-up-gateway-key"} {
			assert.NotContains(t, known, secret)
		}
		for _, token := range []string{first, second} {
			for part := range strings.SplitSeq(token, ".") {
				assert.NotContains(t, known, part)
			}
		}
	})
}

// Each question that an authenticator holds is a goroutine.
func TestAuth_anAuthenticatorThatHangsIsAskedOnce(t *testing.T) {
	var hang atomic.Bool
	var asked, unanswered atomic.Int32
	answered := make(chan struct{})
	play(t, podsim.Options{}, func(s *scenario) {
		answered = make(chan struct{}) // of the bubble
		s.streams(podlog.Message, podlog.Maillog)
		good := bearing(podsim.Token)
		s.auth(roundTripper(func(request *http.Request, base http.RoundTripper) (*http.Response, error) {
			asked.Add(1)
			if hang.Load() {
				unanswered.Add(1)
				<-answered // whatever its context says
			}
			transport, _ := good.RoundTripper(base)
			return transport.RoundTrip(request)
		}))
	}, func(s *scenario) {
		s.state("Collecting")
		s.elapse(time.Hour)
		assert.InDelta(t, 60, asked.Load(), 5, "once a minute")
		hang.Store(true)
		s.service.DropAll(podsim.Drop)
		s.elapse(80 * time.Minute)
		assert.EqualValues(t, 1, unanswered.Load())
		assert.Equal(t, "Error", attr(s.host.last(), "state"))
		hang.Store(false)
		close(answered)
		s.state("Collecting")
	})
}

// roundTripper is an authenticator.
type roundTripper func(request *http.Request, base http.RoundTripper) (*http.Response, error)

func (roundTripper) Start(context.Context, component.Host) error { return nil }
func (roundTripper) Shutdown(context.Context) error              { return nil }

func (f roundTripper) RoundTripper(base http.RoundTripper) (http.RoundTripper, error) {
	return roundTrip(func(request *http.Request) (*http.Response, error) { return f(request, base) }), nil
}
