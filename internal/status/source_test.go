package status_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/goleak"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
	"github.com/proofpointpod/otelcol/internal/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watcher is the collector: it keeps what is reported to it.
type watcher struct {
	mu   sync.Mutex
	list []*componentstatus.Event
}

func (w *watcher) report(event *componentstatus.Event) {
	w.mu.Lock()
	w.list = append(w.list, event)
	w.mu.Unlock()
}

func (w *watcher) events() []*componentstatus.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.list)
}

// source is the health of a source that has started, and what it reports.
type source struct {
	*status.Source
	*watcher
	t *testing.T
}

// watch runs a story of a source that is Initialized, in a synctest bubble, and stops it at the end.
func watch(t *testing.T, types []podlog.EventType, story func(*source)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &source{watcher: &watcher{}, t: t}
		s.Source = status.NewSource(types, s.report)
		s.SetStarted()
		s.ReportInitialized()
		story(s)
		s.Stop()
		<-s.Done()
	})
}

// last waits until all is reported and returns the newest event, which must be the want-th.
func (s *source) last(want int) *componentstatus.Event {
	s.t.Helper()
	synctest.Wait()
	events := s.events()
	require.Len(s.t, events, want)
	return events[want-1]
}

func attributes(event *componentstatus.Event) map[string]any { return event.Attributes().AsRaw() }

func message() []podlog.EventType { return []podlog.EventType{podlog.Message} }

func both() []podlog.EventType { return []podlog.EventType{podlog.Message, podlog.Maillog} }

// What is told of a fault that is tried again, behind it.
const (
	retried        = ". It is retried; if the source gives up, an error says so"
	retriedForEver = ". It is retried until it succeeds"
)

// refused and dropped are two faults.
func refused() sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.ThirdPartyConfig, Label: "status_401", Status: 401, Message: "the service refuses the token",
		Subject: sourcehealth.Collection, Severity: sourcehealth.SeverityError,
	}
}

func dropped() sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.ThirdPartyGeneric, Label: "dropped", Message: "the connection ended",
		Subject: sourcehealth.Collection, Severity: sourcehealth.SeverityWarning,
	}
}

func TestSource_reportsThatItIsInitializedBeforeStartReturns(t *testing.T) {
	var w watcher
	s := status.NewSource(both(), w.report)
	assert.Equal(t, sourcehealth.Pending, s.Stream(podlog.Maillog).State())
	s.SetStarted()
	assert.Equal(t, sourcehealth.Started, s.Stream(podlog.Maillog).State())
	assert.Empty(t, w.events(), "the collector itself reports that")

	s.ReportInitialized()

	events := w.events() // at once, whatever another goroutine does
	require.Len(t, events, 1)
	assert.Equal(t, componentstatus.StatusOK, events[0].Status())
	require.NoError(t, events[0].Err())
	assert.Equal(t, map[string]any{
		"state": "Initialized",
		"streams": map[string]any{
			"message": map[string]any{"state": "Initialized"},
			"maillog": map[string]any{"state": "Initialized"},
		},
	}, attributes(events[0]))
	s.Stop()
	<-s.Done()
}

func TestSource_isDoneOnlyAfterItStarted(t *testing.T) {
	s := status.NewSource(message(), func(*componentstatus.Event) { t.Error("nothing is to be said") })
	s.SetStarted()
	s.Stop() // Start failed, or was never called
	assert.Nil(t, s.Done())
	assert.Equal(t, sourcehealth.Stopping, s.Stream(podlog.Message).State())
}

func TestSource_knowsItsStreams(t *testing.T) {
	s := status.NewSource(both(), nil)
	assert.Equal(t, podlog.Message, s.Stream(podlog.Message).Type)
	assert.Equal(t, podlog.Maillog, s.Stream(podlog.Maillog).Type)
	assert.Nil(t, s.Stream(podlog.Audit))
}

func TestSource_comesToCollect(t *testing.T) {
	watch(t, message(), func(s *source) {
		stream := s.Stream(podlog.Message)
		for i, state := range []sourcehealth.State{sourcehealth.Authenticated, sourcehealth.Collecting} {
			stream.SetState(state)
			event := s.last(i + 2)
			assert.Equal(s.t, state, stream.State())
			assert.Equal(s.t, componentstatus.StatusOK, event.Status())
			require.NoError(s.t, event.Err())
			assert.Equal(s.t, map[string]any{
				"state":   string(state),
				"streams": map[string]any{"message": map[string]any{"state": string(state)}},
			}, attributes(event))
		}
	})
}

func TestSource_isAsFarAsItsLastStream(t *testing.T) {
	watch(t, both(), func(s *source) {
		s.Stream(podlog.Message).SetState(sourcehealth.Authenticated)
		s.Stream(podlog.Message).SetState(sourcehealth.Collecting)
		assert.Equal(s.t, "Initialized", attributes(s.last(3))["state"])
		s.Stream(podlog.Maillog).SetState(sourcehealth.Authenticated)
		assert.Equal(s.t, "Authenticated", attributes(s.last(4))["state"])
		s.Stream(podlog.Maillog).SetState(sourcehealth.Collecting)
		assert.Equal(s.t, "Collecting", attributes(s.last(5))["state"])
	})
}

func TestSource_tellsAFaultThatMayPass(t *testing.T) {
	watch(t, both(), func(s *source) {
		zone := time.FixedZone("", 3600)
		deadline := time.Date(2000, 1, 1, 2, 30, 0, 5, zone)
		fault := sourcehealth.Fault{Type: sourcehealth.ThirdPartyGeneric, Subject: sourcehealth.Collection, Severity: sourcehealth.SeverityWarning, Label: "status_409", Status: 409, Message: "another session"}
		s.Stream(podlog.Maillog).SetState(sourcehealth.Collecting)
		s.Stream(podlog.Message).SetRetrying(fault, 3, deadline)

		event := s.last(3)
		assert.Equal(s.t, componentstatus.StatusRecoverableError, event.Status())
		require.EqualError(s.t, event.Err(), "message: another session"+retried)
		assert.Equal(s.t, sourcehealth.Error, s.Stream(podlog.Message).State())
		assert.Equal(s.t, map[string]any{
			"state":                     "Error",
			"error.type":                "ThirdPartyGeneric",
			"health_event":              "ThirdPartyGenericError",
			"http.response.status_code": int64(409),
			"retry.attempt":             int64(3),
			"retry.deadline":            "2000-01-01T01:30:00Z",
			"streams": map[string]any{
				"maillog": map[string]any{"state": "Collecting"},
				"message": map[string]any{
					"state":                     "Error",
					"error.type":                "ThirdPartyGeneric",
					"health_event":              "ThirdPartyGenericError",
					"http.response.status_code": int64(409),
					"retry.attempt":             int64(3),
					"retry.deadline":            "2000-01-01T01:30:00Z",
					"error":                     "another session" + retried,
				},
			},
		}, attributes(event))

		s.Stream(podlog.Message).SetState(sourcehealth.Collecting)
		event = s.last(4)
		assert.Equal(s.t, componentstatus.StatusOK, event.Status())
		require.NoError(s.t, event.Err())
		assert.Equal(s.t, "Collecting", attributes(event)["state"])
		assert.Len(s.t, attributes(event), 2, "nothing of the fault is left")
	})
}

func TestSource_saysNoMoreOfAFaultThanThereIs(t *testing.T) {
	watch(t, message(), func(s *source) {
		s.Stream(podlog.Message).SetRetrying(dropped(), 0, time.Time{})
		assert.Equal(s.t, map[string]any{
			"state":        "Error",
			"error.type":   "ThirdPartyGeneric",
			"health_event": "ThirdPartyGenericError",
			"streams": map[string]any{"message": map[string]any{
				"state":        "Error",
				"error.type":   "ThirdPartyGeneric",
				"health_event": "ThirdPartyGenericError",
				"error":        "the connection ended" + retriedForEver,
			}},
		}, attributes(s.last(2)))
	})
}

func TestSource_goesOnWhileOneOfItsStreamsCan(t *testing.T) {
	watch(t, both(), func(s *source) {
		s.Stream(podlog.Maillog).SetState(sourcehealth.Collecting)
		s.Stream(podlog.Message).SetStopped(refused(), 1)
		event := s.last(3)
		assert.Equal(s.t, componentstatus.StatusRecoverableError, event.Status(), "one still collects")
		require.EqualError(s.t, event.Err(), "message: the service refuses the token")
		assert.Equal(s.t, "ThirdPartyConfig", attributes(event)["error.type"])

		s.Stream(podlog.Maillog).SetRetrying(dropped(), 7, time.Time{})
		event = s.last(4)
		assert.Equal(s.t, componentstatus.StatusRecoverableError, event.Status(), "one still tries")
		require.EqualError(s.t, event.Err(), "message: the service refuses the token; maillog: the connection ended"+retriedForEver)
		assert.Equal(s.t, "ThirdPartyConfig", attributes(event)["error.type"], "the one that quit is worse off")
		assert.Equal(s.t, int64(401), attributes(event)["http.response.status_code"])
		assert.Equal(s.t, int64(1), attributes(event)["retry.attempt"])

		s.Stream(podlog.Maillog).SetStopped(dropped(), 99)
		event = s.last(5)
		assert.Equal(s.t, componentstatus.StatusPermanentError, event.Status(), "none goes on by itself")
		require.EqualError(s.t, event.Err(), "message: the service refuses the token; maillog: the connection ended")
	})
}

func TestSource_theStreamThatQuitIsWorstWhereverItStands(t *testing.T) {
	for _, quits := range both() {
		t.Run(string(quits), func(t *testing.T) {
			watch(t, both(), func(s *source) {
				for _, each := range both() {
					if each == quits {
						s.Stream(each).SetStopped(refused(), 1)
					} else {
						s.Stream(each).SetRetrying(dropped(), 1, time.Time{})
					}
				}
				assert.Equal(s.t, "ThirdPartyConfig", attributes(s.last(3))["error.type"])
			})
		})
	}
}

func TestSource_aSingleStreamThatQuitsIsPermanent(t *testing.T) {
	watch(t, message(), func(s *source) {
		s.Stream(podlog.Message).SetStopped(refused(), 1)
		assert.Equal(s.t, componentstatus.StatusPermanentError, s.last(2).Status())
	})
}

func TestSource_reportsOnChangeOnly(t *testing.T) {
	watch(t, both(), func(s *source) {
		stream := s.Stream(podlog.Message)
		stream.SetState(sourcehealth.Initialized)
		s.last(1)
		stream.SetState(sourcehealth.Collecting)
		stream.SetState(sourcehealth.Collecting)
		s.last(2)

		stream.SetRetrying(dropped(), 1, time.Now().Add(time.Hour))
		s.last(3)
		again := dropped()
		again.Message = "the connection ended, on port 4711"
		for attempt := range 100 {
			stream.SetRetrying(again, attempt+2, time.Now().Add(time.Hour))
		}
		s.last(3)

		other := dropped()
		other.Label = "silent"
		stream.SetRetrying(other, 2, time.Time{})
		s.last(4)
		other.Type = sourcehealth.FirstPartyGeneric
		stream.SetRetrying(other, 2, time.Time{})
		s.last(5)
		s.Stream(podlog.Maillog).SetRetrying(other, 2, time.Time{})
		s.last(6)
		stream.SetStopped(other, 2)
		s.last(7)
		stream.SetStopped(other, 2)
		s.last(7)
	})
}

// Each stream counts up; whatever the interleaving, no event may show one going back.
func TestSource_keepsTheOrderOfEachStream(t *testing.T) {
	const changes = 200
	watch(t, podlog.EventTypes(), func(s *source) {
		var streams sync.WaitGroup
		for _, each := range podlog.EventTypes() {
			streams.Go(func() {
				for i := range changes {
					text := strconv.Itoa(i + 1)
					s.Stream(each).SetRetrying(sourcehealth.Fault{Type: sourcehealth.ThirdPartyGeneric, Subject: sourcehealth.Collection, Severity: sourcehealth.SeverityWarning, Label: text, Message: text}, 1, time.Time{})
				}
			})
		}
		streams.Wait()
		event := s.last(1 + len(podlog.EventTypes())*changes)
		require.EqualError(s.t, event.Err(), fmt.Sprintf("message: %[1]d%[2]s; maillog: %[1]d%[2]s; audit: %[1]d%[2]s", changes, retriedForEver))

		newest := map[string]int{}
		for i, event := range s.events() {
			for stream, of := range attributes(event)["streams"].(map[string]any) {
				text, failed := of.(map[string]any)["error"].(string)
				if !failed {
					continue
				}
				n, err := strconv.Atoi(strings.TrimSuffix(text, retriedForEver))
				require.NoError(s.t, err)
				require.GreaterOrEqual(s.t, n, newest[stream], "event %d, stream %s", i, stream)
				newest[stream] = n
			}
		}
	})
}

func TestSource_doesNotWaitForAWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watcher
		entered, leave := make(chan struct{}), make(chan struct{})
		s := status.NewSource(both(), func(event *componentstatus.Event) {
			w.report(event)
			if len(w.events()) > 1 {
				entered <- struct{}{}
				<-leave
			}
		})
		s.ReportInitialized()
		s.Stream(podlog.Message).SetState(sourcehealth.Authenticated)
		<-entered
		// The watcher holds the report. None of this blocks, or the bubble would end in a deadlock.
		s.Stream(podlog.Message).SetState(sourcehealth.Collecting)
		s.Stream(podlog.Maillog).SetState(sourcehealth.Authenticated)
		s.Stream(podlog.Maillog).SetRetrying(dropped(), 1, time.Time{})
		assert.Equal(t, sourcehealth.Error, s.Stream(podlog.Maillog).State())
		assert.Len(t, w.events(), 2)
		leave <- struct{}{}
		<-entered
		assert.Len(t, w.events(), 3, "they follow one by one")
		s.Stop()
		s.Stream(podlog.Message).SetState(sourcehealth.Collecting)
		synctest.Wait()
		select {
		case <-s.Done():
			t.Error("done while a report has not returned")
		default:
		}
		leave <- struct{}{}
		<-s.Done()
		assert.Len(t, w.events(), 3, "what was not reported before Stopping never is")
	})
}

func TestSource_reportsNothingWhenItStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watcher
		s := status.NewSource(both(), w.report)
		s.ReportInitialized()
		s.Stop()
		s.Stop() // Shutdown may come twice
		s.Stream(podlog.Message).SetState(sourcehealth.Collecting)
		s.Stream(podlog.Message).SetRetrying(dropped(), 1, time.Time{})
		s.Stream(podlog.Maillog).SetStopped(refused(), 1)
		synctest.Wait()
		<-s.Done()
		assert.Len(t, w.events(), 1)
		for _, each := range both() {
			assert.Equal(t, sourcehealth.Stopping, s.Stream(each).State(), "and its streams stay so")
		}
	})
}

func TestSource_stopsInTheMiddleOfChanges(t *testing.T) {
	s := status.NewSource(podlog.EventTypes(), func(*componentstatus.Event) {})
	s.ReportInitialized()
	var streams sync.WaitGroup
	for _, each := range podlog.EventTypes() {
		streams.Go(func() {
			for s.Stream(each).State() != sourcehealth.Stopping {
				s.Stream(each).SetState(sourcehealth.Authenticated)
				s.Stream(each).SetState(sourcehealth.Collecting)
			}
		})
	}
	s.Stop()
	streams.Wait()
	<-s.Done()
	for _, each := range podlog.EventTypes() {
		assert.Equal(t, sourcehealth.Stopping, s.Stream(each).State())
	}
}

func TestStates_inOrder(t *testing.T) {
	assert.Equal(t, []sourcehealth.State{
		"Pending", "Started", "Initialized", "Authenticated", "Collecting", "Error", "Stopping",
	}, sourcehealth.States())
}

// A health check counts how long a fault lasts from the newest event, so faults that alternate must not go on making
// events.
func TestSource_reportsFaultsThatAlternateOnceEach(t *testing.T) {
	watch(t, message(), func(s *source) {
		stream := s.Stream(podlog.Message)
		for attempt := range 20 {
			status := 502 + attempt%2
			stream.SetRetrying(sourcehealth.Fault{
				Type: sourcehealth.ThirdPartyGeneric, Label: "status_" + strconv.Itoa(status), Status: status, Message: "trouble",
			}, attempt+1, time.Time{})
		}
		event := s.last(3)
		assert.EqualValues(t, 503, attributes(event)["http.response.status_code"])
		stream.SetState(sourcehealth.Collecting)
		stream.SetRetrying(dropped(), 1, time.Time{})
		s.last(5)
	})
}

func TestSource_showsWhatPeopleCallIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &watcher{}
		s := status.NewSource(message(), w.report)
		s.SetIdentity(status.Identity{Name: "proofpointpod/east", Description: "the eastern cluster"})
		s.SetStarted()
		s.ReportInitialized()
		assert.Equal(t, "proofpointpod/east", attributes(w.events()[0])["name"])
		assert.Equal(t, "the eastern cluster", attributes(w.events()[0])["description"])
		s.Stop()
		<-s.Done()
	})
}
