package status_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
	"github.com/proofpointpod/otelcol/internal/status"
)

// subscriber keeps the health events of a source that has started.
type subscriber struct {
	*status.Source
	t *testing.T

	mu   sync.Mutex
	list []sourcehealth.Event
}

// subscribe runs a story of the health events of a source, in a synctest bubble, and stops it at the end.
func subscribe(t *testing.T, types []podlog.EventType, story func(*subscriber)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &subscriber{Source: status.NewSource(types, func(*componentstatus.Event) {}), t: t}
		s.SetIdentity(status.Identity{ID: "proofpointpod/eu", Name: "Europe"})
		s.Subscribe(func(event sourcehealth.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.list = append(s.list, event)
		})
		s.SetStarted()
		s.ReportInitialized()
		story(s)
		s.Stop()
		<-s.Done()
	})
}

// events lists all so far, in short: tracker, status, severity, name, error.
func (s *subscriber) events() []string {
	s.t.Helper()
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, e := range s.list {
		list = append(list, fmt.Sprintf("%s %s %s %s %s", e.Details.TrackerID, e.Status, e.SeverityLevel, e.EventName, e.Details.Error))
	}
	return list
}

// takes checks what has been told since the last time.
func (s *subscriber) takes(want ...string) []sourcehealth.Event {
	s.t.Helper()
	got := s.events()
	require.Equal(s.t, want, got)
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.list
	s.list = nil
	return taken
}

// elapse lets time pass, and what is due be reported.
func (s *subscriber) elapse(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func collecting(s *subscriber) *status.Stream {
	s.t.Helper()
	stream := s.Stream(podlog.Message)
	stream.SetState(sourcehealth.Collecting)
	s.takes("proofpointpod/eu/message/collection Healthy Info Collecting ")
	return stream
}

func TestEvent_saysWhatSumosSay(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		began := time.Now().UTC()
		s.elapse(time.Minute)
		s.Stream(podlog.Message).SetStopped(refused(), 1)
		event := s.takes("proofpointpod/eu/message/collection UnHealthy Error ThirdPartyConfigError status_401")[0]

		assert.NotEmpty(t, event.EventID)
		event.EventID = "one of its own"
		text, err := json.Marshal(event)
		require.NoError(t, err)
		assert.JSONEq(t, `{
			"eventId": "one of its own",
			"eventTime": "`+began.Add(time.Minute).Format(time.RFC3339)+`",
			"eventType": "Health-Change",
			"eventName": "ThirdPartyConfigError",
			"severityLevel": "Error",
			"status": "UnHealthy",
			"subsystem": "Collection",
			"resourceIdentity": {"id": "proofpointpod/eu", "name": "Europe", "type": "proofpointpod"},
			"details": {
				"trackerId": "proofpointpod/eu/message/collection",
				"error": "status_401",
				"errorCode": "401",
				"errorInfo": "the service refuses the token",
				"eventType": "message"
			}
		}`, string(text))
	})
}

func TestEvent_firstCollectingIsToldOnce(t *testing.T) {
	subscribe(t, both(), func(s *subscriber) {
		for _, stream := range []podlog.EventType{podlog.Message, podlog.Maillog} {
			s.Stream(stream).SetState(sourcehealth.Authenticated)
			s.Stream(stream).SetState(sourcehealth.Collecting)
			s.Stream(stream).SetState(sourcehealth.Collecting)
		}
		s.takes(
			"proofpointpod/eu/message/collection Healthy Info Collecting ",
			"proofpointpod/eu/maillog/collection Healthy Info Collecting ",
		)
	})
}

func TestEvent_anOutageOpensAndIsResolved(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		stream := collecting(s)
		stream.SetRetrying(dropped(), 1, time.Now().Add(90*time.Minute))
		opened := s.takes("proofpointpod/eu/message/collection UnHealthy Warning ThirdPartyGenericError dropped")[0]
		assert.Equal(t, "the connection ended"+retried, opened.Details.ErrorInfo)
		s.elapse(time.Minute)
		stream.SetRetrying(dropped(), 2, time.Time{})
		last := time.Now().UTC()
		s.elapse(time.Minute)

		report := s.Report().Streams[0]
		assert.Equal(t, map[string]sourcehealth.RepeatReport{opened.EventID: {Count: 2, LastTime: last}}, report.Repeats)

		stream.SetState(sourcehealth.Collecting)
		s.elapse(time.Hour)
		s.takes() // the session may end at once

		stream.EndServiceOutage()
		s.elapse(9 * time.Second)
		s.takes()
		stream.EndServiceOutage()
		s.elapse(time.Second)
		resolved := s.takes("proofpointpod/eu/message/collection Healthy Warning ThirdPartyGenericError dropped")[0]
		assert.NotEqual(t, opened.EventID, resolved.EventID)
		assert.Equal(t, "collecting again; it was: the connection ended", resolved.Details.ErrorInfo)
		assert.Equal(t, "2", resolved.Details.Count)
		assert.Equal(t, opened.EventTime.Format(time.RFC3339), resolved.Details.Since)
		assert.Equal(t, last.Format(time.RFC3339), resolved.Details.LastTime)
		assert.Empty(t, s.Report().Streams[0].Repeats)

		stream.SetRetrying(dropped(), 1, time.Time{})
		again := s.takes("proofpointpod/eu/message/collection UnHealthy Warning ThirdPartyGenericError dropped")[0]
		assert.NotEqual(t, opened.EventID, again.EventID)
	})
}

// A service that sends a record and drops the session, again and again, is one event.
func TestEvent_flappingIsOneEvent(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		stream := collecting(s)
		for range 1000 {
			stream.SetRetrying(dropped(), 1, time.Time{})
			s.elapse(time.Second)
			stream.SetState(sourcehealth.Collecting)
			stream.EndServiceOutage()
			s.elapse(8 * time.Second)
		}
		s.elapse(2 * time.Second)
		events := s.takes(
			"proofpointpod/eu/message/collection UnHealthy Warning ThirdPartyGenericError dropped",
			"proofpointpod/eu/message/collection Healthy Warning ThirdPartyGenericError dropped",
		)
		assert.Equal(t, "1000", events[1].Details.Count)
	})
}

// Sessions that live for longer than it takes to resolve, and are cut off all the same, do not fill the history.
func TestEvent_flappingThatIsSlowIsNoStormOfEvents(t *testing.T) {
	for _, lives := range []time.Duration{15 * time.Second, time.Minute, 9 * time.Minute} {
		t.Run(lives.String(), func(t *testing.T) {
			subscribe(t, message(), func(s *subscriber) {
				stream := collecting(s)
				fails := func() {
					stream.SetRetrying(dropped(), 1, time.Time{})
					stream.SetState(sourcehealth.Collecting)
					stream.EndServiceOutage()
				}
				for began := time.Now(); time.Since(began) < 6*time.Hour; s.elapse(lives) {
					fails()
				}
				assert.LessOrEqual(t, len(s.events()), 13, "six times it was over, as it seemed")
				s.elapse(10 * time.Minute)
				events := s.events()
				assert.Contains(t, events[len(events)-1], "Healthy", "it is over in the end")

				// After an hour without a fault, the next one is over as soon as the first.
				s.elapse(time.Hour)
				s.list = nil
				fails()
				s.elapse(10 * time.Second)
				s.takes(
					"proofpointpod/eu/message/collection UnHealthy Warning ThirdPartyGenericError dropped",
					"proofpointpod/eu/message/collection Healthy Warning ThirdPartyGenericError dropped",
				)
			})
		})
	}
}

func conflict() sourcehealth.Fault {
	return sourcehealth.Fault{Type: sourcehealth.ThirdPartyGeneric, Subject: sourcehealth.Collection, Severity: sourcehealth.SeverityWarning, Label: "status_409", Status: 409, Message: "another session"}
}

// An outage is one open event, whatever is wrong with the attempts: the drop, and the answer to what follows.
func TestEvent_anOutageIsOneOpenEventThatSaysWhatIsWrongNow(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		stream := collecting(s)
		began := time.Now().UTC().Format(time.RFC3339)
		stream.SetRetrying(dropped(), 1, time.Time{})
		first := s.takes("proofpointpod/eu/message/collection UnHealthy Warning ThirdPartyGenericError dropped")[0]
		assert.Empty(t, first.Details.Since)
		assert.Empty(t, first.Details.BeganWith)

		s.elapse(time.Second)
		stream.SetRetrying(conflict(), 2, time.Time{})
		second := s.takes("proofpointpod/eu/message/collection UnHealthy Warning ThirdPartyGenericError status_409")[0]
		assert.Equal(t, "another session"+retriedForEver, second.Details.ErrorInfo, "what is wrong now, and what becomes of it")
		assert.Equal(t, began, second.Details.Since)
		assert.Equal(t, "the connection ended", second.Details.BeganWith)

		for range 2 { // what was told before is no news
			stream.SetRetrying(dropped(), 3, time.Time{})
			stream.SetRetrying(conflict(), 4, time.Time{})
		}
		s.elapse(time.Minute)
		stream.SetRetrying(dropped(), 7, time.Time{})
		last := time.Now().UTC()
		s.takes()
		assert.Equal(t, map[string]sourcehealth.RepeatReport{second.EventID: {Count: 7, LastTime: last}}, s.Report().Streams[0].Repeats)

		stream.EndServiceOutage()
		s.elapse(time.Minute)
		resolved := s.takes("proofpointpod/eu/message/collection Healthy Warning ThirdPartyGenericError status_409")[0]
		assert.Equal(t, "409", resolved.Details.ErrorCode)
		assert.Equal(t, "7", resolved.Details.Count, "the first included")
		assert.Equal(t, began, resolved.Details.Since)
		assert.Equal(t, "the connection ended", resolved.Details.BeganWith)
		assert.Equal(t, last.Format(time.RFC3339), resolved.Details.LastTime, "whichever it was")
	})
}

func TestEvent_thatRetriesEndTakesThePlaceOfTheWarning(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		stream := collecting(s)
		began := time.Now().UTC().Format(time.RFC3339)
		stream.SetRetrying(dropped(), 1, time.Time{})
		s.elapse(time.Minute)
		stream.SetRetrying(conflict(), 2, time.Time{})
		s.elapse(time.Minute)
		stream.SetStopped(conflict(), 3)
		quit := s.takes(
			"proofpointpod/eu/message/collection UnHealthy Warning ThirdPartyGenericError dropped",
			"proofpointpod/eu/message/collection UnHealthy Warning ThirdPartyGenericError status_409",
			"proofpointpod/eu/message/collection UnHealthy Error ThirdPartyGenericError status_409",
		)[2]
		assert.Equal(t, began, quit.Details.Since)
		assert.Equal(t, "the connection ended", quit.Details.BeganWith)
		assert.Equal(t, map[string]sourcehealth.RepeatReport{quit.EventID: {Count: 3, LastTime: quit.EventTime}},
			s.Report().Streams[0].Repeats, "it alone is open")
		s.elapse(48 * time.Hour)
		s.takes()
	})
}

// An error is told each time that a warning was told in between: it is somebody's to do.
func TestEvent_anErrorAfterAWarningIsToldAgain(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		stream := collecting(s)
		for range 2 {
			stream.SetRetrying(refused(), 1, time.Time{}) // another token comes, and
			stream.SetRetrying(dropped(), 1, time.Time{})
			s.takes(
				"proofpointpod/eu/message/collection UnHealthy Error ThirdPartyConfigError status_401",
				"proofpointpod/eu/message/collection UnHealthy Warning ThirdPartyGenericError dropped",
			)
		}
	})
}

// A service that thinks of a new close code each time is no storm of events, and that it is given up is told all the same.
func TestEvent_theReasonsOfAnOutageAreBounded(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		stream := collecting(s)
		fault := dropped()
		for code := range 200 {
			fault.Label = fmt.Sprint("closed_", 4000+code)
			stream.SetRetrying(fault, 1+code, time.Time{})
		}
		stream.SetStopped(fault, 201)
		events := s.events()
		assert.Len(t, events, 51)
		assert.Contains(t, events[50], "UnHealthy Error")
	})
}

// Collection stops for a pipeline, too, and begins again in another process. So that is where its end is told.
func TestEvent_everyErrorIsOfTheCollection(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		stream := collecting(s)
		fault := status.PipelineRefuses(errors.New("full"))
		stream.SetRetrying(fault, 1, time.Time{})
		stream.SetStopped(fault, 2)
		s.takes(
			"proofpointpod/eu/message/pipeline UnHealthy Warning FirstPartyGenericError pipeline_refuses",
			"proofpointpod/eu/message/collection UnHealthy Error FirstPartyGenericError pipeline_refuses",
			"proofpointpod/eu/message/pipeline Healthy Warning FirstPartyGenericError pipeline_refuses",
		)
		assert.Len(t, s.Report().Streams[0].Repeats, 1, "it counts once")
	})
}

func TestEvent_waitingForAnotherTokenIsAnError(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		stream := s.Stream(podlog.Message)
		stream.SetRetrying(refused(), 1, time.Time{})
		event := s.takes("proofpointpod/eu/message/collection UnHealthy Error ThirdPartyConfigError status_401")[0]
		assert.Contains(t, event.Details.ErrorInfo, ". Collection continues when there is another token")
		stream.SetState(sourcehealth.Collecting)
		stream.EndServiceOutage()
		s.elapse(time.Minute)
		event = s.takes("proofpointpod/eu/message/collection Healthy Info Collecting status_401")[0]
		assert.Contains(t, event.Details.ErrorInfo, "it was: the service refuses the token", "the first good news resolves, too")
		stream.SetState(sourcehealth.Collecting)
		s.takes()
	})
}

func TestEvent_pipeline(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		stream := collecting(s)
		stream.SetRetrying(status.PipelineBlocks(30*time.Second), 1, time.Time{})
		stream.EndServiceOutage() // the service has no part in it
		s.elapse(time.Minute)
		s.takes("proofpointpod/eu/message/pipeline UnHealthy Warning FirstPartyGenericError pipeline_blocks")
		stream.EndPipelineOutage()
		s.elapse(time.Minute)
		s.takes("proofpointpod/eu/message/pipeline Healthy Warning FirstPartyGenericError pipeline_blocks")
	})
}

func TestEvent_troubles(t *testing.T) {
	for _, fault := range []sourcehealth.Fault{diskFull(), status.SecondTokenNeeded("a")} {
		t.Run(string(fault.Subject), func(t *testing.T) {
			subscribe(t, message(), func(s *subscriber) {
				stream := collecting(s)
				tracker := "proofpointpod/eu/message/" + string(fault.Subject)
				name := fault.Type.HealthEvent()
				stream.SetDegraded(fault)
				stream.SetDegraded(fault)
				s.takes(tracker + " UnHealthy Warning " + name + " " + fault.Label)
				stream.ClearDegraded(fault.Subject)
				s.elapse(9 * time.Second)
				stream.SetDegraded(fault)
				s.elapse(time.Minute)
				s.takes()
				stream.ClearDegraded(fault.Subject)
				s.elapse(10 * time.Second)
				event := s.takes(tracker + " Healthy Warning " + name + " " + fault.Label)[0]
				assert.Equal(t, "3", event.Details.Count)
				stream.ClearDegraded(fault.Subject)
				s.elapse(time.Minute)
				s.takes()
			})
		})
	}
}

func TestEvent_gaps(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		stream := collecting(s)
		from := time.Date(2026, 1, 12, 12, 10, 0, 0, time.UTC)
		stream.SetGaps(0, time.Time{}, true)
		stream.SetGaps(1, from, true)
		stream.SetGaps(2, from, true)
		stream.SetGaps(2, from, true)
		event := s.takes("proofpointpod/eu/message/gaps UnHealthy Warning ThirdPartyGenericError gaps_open")[0]
		assert.Contains(t, event.Details.ErrorInfo, "gaps open: 1, the oldest from 2026-01-12T12:10:00Z; there is nothing to do")
		assert.Equal(t, 2, s.Report().Streams[0].Repeats[event.EventID].Count)
		stream.SetGaps(1, from, true)
		s.elapse(time.Minute)
		s.takes()
		stream.SetGaps(0, time.Time{}, true)
		s.elapse(time.Minute)
		s.takes("proofpointpod/eu/message/gaps Healthy Warning ThirdPartyGenericError gaps_open")
	})
}

// Who has switched the archive off is not told to wait for it.
func TestEvent_gapsThatAreNotFilled(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		s.Stream(podlog.Message).SetGaps(1, time.Now(), false)
		event := s.takes("proofpointpod/eu/message/gaps UnHealthy Warning ThirdPartyGenericError gaps_open")[0]
		assert.Contains(t, event.Details.ErrorInfo, "backfill.enabled is false")
		assert.NotContains(t, event.Details.ErrorInfo, "there is nothing to do")
	})
}

// What is lost stays lost. Its events are open for a day, so that they are seen.
func TestEvent_losses(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		stream := collecting(s)
		gone := func(hour int) sourcehealth.Fault {
			from := time.Date(2026, 1, 12, hour, 0, 0, 0, time.UTC)
			return status.GapUnrecoverable(from, from.Add(time.Hour))
		}
		stream.ReportLoss(gone(12))
		stream.ReportLoss(gone(14))
		rejects := func(guid string) sourcehealth.Fault { return status.PipelineRejects(guid, errors.New("invalid")) }
		stream.ReportLoss(rejects("guid a"))
		stream.ReportLoss(rejects("guid b"))
		s.takes(
			"proofpointpod/eu/message/lost UnHealthy Warning ThirdPartyGenericError gap_unrecoverable",
			"proofpointpod/eu/message/lost UnHealthy Warning ThirdPartyGenericError gap_unrecoverable",
			"proofpointpod/eu/message/lost UnHealthy Warning FirstPartyGenericError pipeline_discards",
			"proofpointpod/eu/message/lost UnHealthy Warning FirstPartyGenericError pipeline_discards",
		)
		s.elapse(24*time.Hour - time.Second)
		s.takes()
		s.elapse(time.Second)
		s.takes("proofpointpod/eu/message/lost Healthy Warning FirstPartyGenericError pipeline_discards")
	})
}

func TestEvent_markedRecords(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		stream := collecting(s)
		stream.ReportMarked(status.RecordsTruncated(), 1)
		event := s.takes("proofpointpod/eu/message/records UnHealthy Warning FirstPartyGenericError records_truncated")[0]
		s.elapse(50 * time.Minute)
		stream.ReportMarked(status.RecordsTruncated(), 6)
		assert.Equal(t, 7, s.Report().Streams[0].Repeats[event.EventID].Count)
		assert.Equal(t, []string{status.RecordsTruncated().Message}, s.Report().Streams[0].Errors)
		s.elapse(59 * time.Minute)
		stream.ReportMarked(status.RecordsInvalid(), 2)
		s.takes("proofpointpod/eu/message/records UnHealthy Warning ThirdPartyGenericError records_invalid_json")
		s.elapse(time.Hour)
		resolved := s.takes("proofpointpod/eu/message/records Healthy Warning ThirdPartyGenericError records_invalid_json")[0]
		assert.Equal(t, "9", resolved.Details.Count)
		assert.Empty(t, s.Report().Streams[0].Errors)
	})
}

func TestEvent_clock(t *testing.T) {
	subscribe(t, both(), func(s *subscriber) {
		s.Stream(podlog.Message).SetClockBehind(time.Minute)
		s.takes()
		s.Stream(podlog.Message).SetClockBehind(90 * time.Second)
		s.Stream(podlog.Maillog).SetClockBehind(91 * time.Second)
		event := s.takes("proofpointpod/eu/clock UnHealthy Warning FirstPartyGenericError clock_differs")[0]
		assert.Contains(t, event.Details.ErrorInfo, "1m30s behind the service's")
		assert.Empty(t, event.Details.EventType, "it is of the source")
		report := s.Report()
		assert.Equal(t, []string{event.Details.ErrorInfo}, report.Errors)
		assert.Equal(t, 2, report.Repeats[event.EventID].Count)
		s.Stream(podlog.Maillog).SetClockBehind(-2 * time.Second)
		s.elapse(time.Minute)
		s.takes("proofpointpod/eu/clock Healthy Warning FirstPartyGenericError clock_differs")
		s.Stream(podlog.Maillog).SetClockBehind(-time.Hour)
		event = s.takes("proofpointpod/eu/clock UnHealthy Warning FirstPartyGenericError clock_differs")[0]
		assert.Contains(t, event.Details.ErrorInfo, "1h0m0s ahead of the service's")
	})
}

func live() status.Origin { return status.FromConfig("api_secret") }

func second() status.Origin { return status.FromConfig("backfill.api_secret") }

func TestEvent_aTokenExpires(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		const day = 24 * time.Hour
		expires := time.Now().Add(20 * day).UTC()
		s.SetTokenExpiry(status.LiveToken, live(), expires)
		s.SetTokenExpiry(status.ArchiveToken, second(), time.Time{})
		s.elapse(6*day - time.Minute)
		s.takes()
		s.elapse(time.Hour)
		event := s.takes("proofpointpod/eu/token UnHealthy Warning ThirdPartyConfigError token_expires_14d")[0]
		assert.Contains(t, event.Details.ErrorInfo, "expires at "+expires.Format(time.RFC3339)+"; make another")
		assert.Contains(t, event.Details.ErrorInfo, "the token in api_secret expires")
		assert.Contains(t, event.Details.ErrorInfo, "restart the collector")
		s.SetTokenExpiry(status.LiveToken, live(), expires)
		s.elapse(7 * day)
		since := event.EventTime.Format(time.RFC3339)
		event = s.takes("proofpointpod/eu/token UnHealthy Warning ThirdPartyConfigError token_expires_7d")[0]
		assert.Equal(t, since, event.Details.Since)
		assert.Empty(t, event.Details.BeganWith, "that would be the same once more")
		s.elapse(6 * day)
		s.takes("proofpointpod/eu/token UnHealthy Warning ThirdPartyConfigError token_expires_1d")
		s.elapse(day)
		event = s.takes("proofpointpod/eu/token UnHealthy Warning ThirdPartyConfigError token_expired")[0]
		assert.Contains(t, event.Details.ErrorInfo, "has expired")
		assert.Len(t, s.Report().Repeats, 1, "one token, one warning")
		s.elapse(100 * day)
		s.takes()

		s.SetTokenExpiry(status.LiveToken, live(), time.Now().Add(30*day))
		event = s.takes("proofpointpod/eu/token Healthy Warning ThirdPartyConfigError token_expired")[0]
		assert.Contains(t, event.Details.ErrorInfo, "there is another token")
		s.SetTokenExpiry(status.ArchiveToken, second(), time.Now().Add(time.Hour))
		event = s.takes("proofpointpod/eu/archive_token UnHealthy Warning ThirdPartyConfigError token_expires_1d")[0]
		assert.Contains(t, event.Details.ErrorInfo, "backfill.api_secret")
		s.SetTokenExpiry(status.ArchiveToken, second(), time.Now().Add(2*day))
		s.takes(
			"proofpointpod/eu/archive_token Healthy Warning ThirdPartyConfigError token_expires_1d",
			"proofpointpod/eu/archive_token UnHealthy Warning ThirdPartyConfigError token_expires_7d",
		)
		s.SetTokenExpiry(status.ArchiveToken, second(), time.Time{})
		s.takes("proofpointpod/eu/archive_token Healthy Warning ThirdPartyConfigError token_expires_7d")
	})
}

// Nobody needs to restart a collector that takes up the token by itself.
func TestEvent_aTokenThatAnAuthenticatorGivesExpires(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		s.SetTokenExpiry(status.LiveToken, status.FromExtension("bearertokenauth/pod"), time.Now().Add(time.Hour))
		event := s.takes("proofpointpod/eu/token UnHealthy Warning ThirdPartyConfigError token_expires_1d")[0]
		assert.Contains(t, event.Details.ErrorInfo, "the token from the extension bearertokenauth/pod expires at")
		assert.Contains(t, event.Details.ErrorInfo, "the source uses it as soon as")
		assert.NotContains(t, event.Details.ErrorInfo, "restart")
	})
}

// Whether a token has expired is the service's to say.
func TestEvent_aTokenExpiresByTheClockOfTheService(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		s.SetTokenExpiry(status.LiveToken, live(), time.Now().Add(20*24*time.Hour))
		s.takes()
		s.Stream(podlog.Message).SetClockBehind(365 * 24 * time.Hour)
		s.takes(
			"proofpointpod/eu/clock UnHealthy Warning FirstPartyGenericError clock_differs",
			"proofpointpod/eu/token UnHealthy Warning ThirdPartyConfigError token_expired",
		)
	})
}

// Warnings are told anew by the next process. What keeps a stream from collecting is over when the next one collects.
func TestEvent_stoppingResolvesWarnings(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		stream := collecting(s)
		stream.SetDegraded(diskFull())
		stream.SetStopped(refused(), 1)
		s.SetTokenExpiry(status.LiveToken, live(), time.Now())
		s.events()
		s.list = nil
		s.Stop()
		<-s.Done()
		events := s.takes(
			"proofpointpod/eu/message/storage Healthy Warning FirstPartyGenericError storage_fails",
			"proofpointpod/eu/token Healthy Warning ThirdPartyConfigError token_expired",
		)
		assert.Contains(t, events[0].Details.ErrorInfo, "the source has stopped")
		s.Stop()
		stream.SetDegraded(diskFull())
		s.takes()
	})
}

func TestEvent_whatHappensBeforeTheStartIsToldAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &subscriber{Source: status.NewSource(message(), func(*componentstatus.Event) {}), t: t}
		s.Subscribe(func(event sourcehealth.Event) { s.list = append(s.list, event) })
		s.Stream(podlog.Message).SetDegraded(diskFull())
		synctest.Wait()
		assert.Empty(t, s.list)
		s.ReportInitialized()
		s.takes("/message/storage UnHealthy Warning FirstPartyGenericError storage_fails")
		s.Stop()
		<-s.Done()
	})
}

func TestEvent_aSlowSubscriberHoldsNobodyUpAndMissesTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		var got []sourcehealth.Event
		s := status.NewSource(message(), func(*componentstatus.Event) {})
		s.Subscribe(func(event sourcehealth.Event) {
			<-hold
			got = append(got, event)
		})
		s.ReportInitialized()
		stream := s.Stream(podlog.Message)
		stream.SetState(sourcehealth.Collecting)
		synctest.Wait() // it is being told
		for range 1500 {
			stream.SetRetrying(dropped(), 1, time.Time{})
			stream.EndServiceOutage()
			<-time.After(time.Minute)
			s.SetTokenExpiry(status.LiveToken, live(), time.Now().Add(time.Hour))
		}
		close(hold)
		synctest.Wait()
		require.Len(t, got, 1001)
		assert.True(t, slices.IsSortedFunc(got, func(a, b sourcehealth.Event) int { return a.EventTime.Compare(b.EventTime) }))
		s.Stop()
		<-s.Done()
	})
}

// A tracker of which ever more goes wrong stays small.
func TestEvent_openEventsAreBounded(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		for hour := range 200 {
			from := time.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC)
			s.Stream(podlog.Message).ReportLoss(status.GapUnrecoverable(from, from.Add(time.Hour)))
		}
		assert.Len(t, s.events(), 50)
		total := 0
		for _, repeats := range s.Report().Streams[0].Repeats {
			total += repeats.Count
		}
		assert.Equal(t, 200, total)
	})
}

func TestReport(t *testing.T) {
	subscribe(t, both(), func(s *subscriber) {
		stream := s.Stream(podlog.Message)
		s.Stream(podlog.Maillog).SetState(sourcehealth.Collecting)
		s.elapse(time.Minute)
		failed := time.Now().UTC()
		stream.SetRetrying(dropped(), 3, failed.Add(90*time.Minute))
		stream.SetDegraded(diskFull())
		s.elapse(time.Minute)
		stream.SetRetrying(dropped(), 4, failed.Add(90*time.Minute))

		report := s.Report()
		assert.Equal(t, "proofpointpod/eu", report.ID)
		assert.Equal(t, "Europe", report.Name)
		assert.Equal(t, sourcehealth.Error, report.State)
		require.Len(t, report.Streams, 2)
		assert.EqualValues(t, "message", report.Streams[0].EventType)
		assert.Equal(t, failed, report.Streams[0].Since, "an attempt more is no change")
		deadline := failed.Add(90 * time.Minute)
		assert.Equal(t, &sourcehealth.RetryReport{Attempt: 4, Deadline: &deadline}, report.Streams[0].Retry)
		assert.Equal(t, []string{"the connection ended", diskFull().Text()}, report.Streams[0].Errors)
		assert.Equal(t, sourcehealth.Collecting, report.Streams[1].State)
		assert.Equal(t, failed.Add(-time.Minute), report.Streams[1].Since)
		assert.Nil(t, report.Streams[1].Retry)
		assert.Empty(t, report.Streams[1].Errors)

		assert.Equal(t, sourcehealth.Initialized, report.Reached)

		stream.SetRetrying(refused(), 1, time.Time{})
		assert.Equal(t, &sourcehealth.RetryReport{Attempt: 1, WaitsForToken: true}, s.Report().Streams[0].Retry)
		stream.SetStopped(dropped(), 5)
		assert.Equal(t, &sourcehealth.RetryReport{Attempt: 5, Quit: true}, s.Report().Streams[0].Retry)
		stream.SetStopped(refused(), 0)
		assert.Equal(t, &sourcehealth.RetryReport{Quit: true}, s.Report().Streams[0].Retry)
		s.Stop()
		assert.Equal(t, sourcehealth.Stopping, s.Report().State)
	})
}

// How far a source had come when it failed is how far the least of its failed streams had.
func TestReport_saysHowFarTheSourceHadCome(t *testing.T) {
	subscribe(t, both(), func(s *subscriber) {
		stream := s.Stream(podlog.Message)
		stream.SetState(sourcehealth.Collecting)
		assert.Empty(t, s.Report().Reached, "it has not failed")
		stream.SetRetrying(dropped(), 1, time.Time{})
		assert.Equal(t, sourcehealth.Collecting, s.Report().Reached)
		stream.SetRetrying(conflict(), 2, time.Time{})
		assert.Equal(t, sourcehealth.Collecting, s.Report().Reached, "it is the same outage")
		s.Stream(podlog.Maillog).SetRetrying(conflict(), 1, time.Time{})
		assert.Equal(t, sourcehealth.Initialized, s.Report().Reached)
		stream.SetStopped(conflict(), 3)
		assert.Equal(t, sourcehealth.Collecting, s.Report().Reached, "that of the stream whose state is shown")
		stream.SetState(sourcehealth.Authenticated)
		s.Stream(podlog.Maillog).SetState(sourcehealth.Collecting)
		report := s.Report()
		assert.Equal(t, sourcehealth.Authenticated, report.State)
		assert.Empty(t, report.Reached)
	})
}

// A record that is lost is named, and the stream goes on.
func TestReport_rejectedRecordIsNamed(t *testing.T) {
	subscribe(t, message(), func(s *subscriber) {
		stream := collecting(s)
		fault := status.PipelineRejects(`guid "a"`, errors.New("invalid"))
		stream.ReportLoss(fault)
		report := s.Report().Streams[0]
		assert.Equal(t, sourcehealth.Collecting, report.State)
		assert.Equal(t, []string{fault.Text()}, report.Errors, "for a day")
		assert.Contains(t, fault.Text(), `guid "a"`)
	})
}
