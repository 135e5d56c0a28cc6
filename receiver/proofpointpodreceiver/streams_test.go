package proofpointpodreceiver

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// of returns what an event says of one stream.
func of(event *componentstatus.Event, t podlog.EventType) map[string]any {
	streams, _ := attr(event, "streams").(map[string]any)
	stream, _ := streams[string(t)].(map[string]any)
	return stream
}

// streams has the source collect these event types.
func (s *scenario) streams(types ...podlog.EventType) { s.config.SupportedEvents = types }

func TestStreams_oneRefusedAndTheOtherCollecting(t *testing.T) {
	// The service has no licence for audit.
	options := podsim.Options{EventTypes: []podlog.EventType{podlog.Message}}
	play(t, options, func(s *scenario) { s.streams(podlog.Message, podlog.Audit) }, func(s *scenario) {
		s.service.Generate(podlog.Message, 30)
		s.collects(podlog.Message)
		event := s.host.last()
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
		assert.Equal(t, "Error", attr(event, "state"))
		assert.Equal(t, "ThirdPartyConfig", attr(event, "error.type"))
		assert.Equal(t, "ThirdPartyConfigError", attr(event, "health_event"))
		assert.EqualValues(t, 401, attr(event, "http.response.status_code"))
		require.ErrorContains(t, event.Err(), "audit: ")
		require.ErrorContains(t, event.Err(), "licence")
		assert.NotContains(t, event.Err().Error(), "message: ")

		assert.Equal(t, map[string]any{"state": "Collecting"}, of(event, podlog.Message))
		audit := of(event, podlog.Audit)
		assert.Equal(t, "Error", audit["state"])
		assert.Equal(t, "ThirdPartyConfig", audit["error.type"])
		assert.EqualValues(t, 401, audit["http.response.status_code"])
		assert.Contains(t, audit["error"], "licence")

		s.elapse(3 * time.Hour)
		assert.Equal(t, []int{401}, s.handshakes(podlog.Audit))
		assert.Equal(t, []int{101}, s.handshakes(podlog.Message))
	})
}

func TestStreams_allRefused(t *testing.T) {
	play(t, podsim.Options{Tokens: []string{}}, func(s *scenario) { s.streams(podlog.Message, podlog.Maillog) }, func(s *scenario) {
		s.elapse(time.Second)
		event := s.host.last()
		assert.Equal(t, componentstatus.StatusPermanentError, event.Status())
		require.ErrorContains(t, event.Err(), "message: ")
		require.ErrorContains(t, event.Err(), "maillog: ")
		assert.Equal(t, componentstatus.StatusRecoverableError, s.host.all()[1].Status(), "one of them might go on by then")
		assert.Len(t, s.host.all(), 3)
	})
}

func TestStreams_oneTriesAgainAndTheOtherHasQuit(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.streams(podlog.Message, podlog.Audit)
		s.service.Plan(
			podsim.Step{Type: podlog.Message, Do: podsim.Refuse, Status: 503, Times: -1},
			podsim.Step{Type: podlog.Audit, Do: podsim.Refuse, Status: 403},
		)
	}, func(s *scenario) {
		s.elapse(time.Minute)
		event := s.host.last()
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status(), "message may come back")
		assert.EqualValues(t, 403, attr(event, "http.response.status_code"), "that of the worst")
		assert.EqualValues(t, 503, of(event, podlog.Message)["http.response.status_code"])
		assert.NotEmpty(t, of(event, podlog.Message)["retry.deadline"])
		s.elapse(2 * time.Hour)
		assert.Equal(t, componentstatus.StatusPermanentError, s.host.last().Status(), "both have quit")
	})
}

func TestStreams_statesInOrder(t *testing.T) {
	order := map[any]int{"Initialized": 0, "Authenticated": 1, "Collecting": 2}
	types := podlog.EventTypes()
	play(t, podsim.Options{}, func(s *scenario) { s.streams(types...) }, func(s *scenario) {
		s.elapse(time.Second)
		last := map[podlog.EventType]int{}
		for _, event := range s.host.all() {
			assert.Equal(t, componentstatus.StatusOK, event.Status())
			least := order["Collecting"]
			for _, eventType := range types {
				at, known := order[of(event, eventType)["state"]]
				require.True(t, known)
				assert.GreaterOrEqual(t, at, last[eventType], "%s went back", eventType)
				last[eventType] = at
				least = min(least, at)
			}
			assert.Equal(t, least, order[attr(event, "state")], "the source is as far as the least advanced")
		}
		assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
	})
}

func TestStreams_sourceIsAsFarAsTheLeastAdvanced(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.streams(podlog.Message, podlog.Audit)
		s.service.Plan(podsim.Step{Type: podlog.Audit, Do: podsim.Hang})
	}, func(s *scenario) {
		s.elapse(10 * time.Second)
		event := s.host.last()
		assert.Equal(t, "Initialized", attr(event, "state"))
		assert.Equal(t, "Collecting", of(event, podlog.Message)["state"])
		assert.Equal(t, "Initialized", of(event, podlog.Audit)["state"])
		s.state("Collecting")
	})
}

func TestStreams_oneThatIsDroppedDoesNotDisturbTheOther(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) { s.streams(podlog.Message, podlog.Maillog) }, func(s *scenario) {
		s.state("Collecting")
		s.service.Generate(podlog.Message, 30)
		s.service.Generate(podlog.Maillog, 30)
		s.service.Drop(podlog.Maillog, podsim.Drop)
		s.until("the drop", func() bool { return of(s.host.last(), podlog.Maillog)["state"] == "Error" })
		assert.Equal(t, "Collecting", of(s.host.last(), podlog.Message)["state"])
		s.collects(podlog.Message)
		s.collects(podlog.Maillog)
		s.state("Collecting")
		assert.Equal(t, []int{101}, s.handshakes(podlog.Message))
	})
}

func TestStreams_pipelineThatRefusesOneEventTypeDoesNotHoldTheOther(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.streams(podlog.Message, podlog.Audit)
		s.sink.answers(func(_ context.Context, logs plog.Logs) error {
			if id := eventIDs(logs); id[0] == "AUDIT" {
				return errBackendDown
			}
			return nil
		})
	}, func(s *scenario) {
		s.service.Generate(podlog.Audit, 5)
		s.elapse(10 * time.Second)
		s.service.Generate(podlog.Message, 30)
		s.collects(podlog.Message)
		event := s.host.last()
		assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
		assert.Equal(t, "FirstPartyGeneric", of(event, podlog.Audit)["error.type"])
		assert.Equal(t, "Collecting", of(event, podlog.Message)["state"])
		s.sink.answers(nil)
		s.collects(podlog.Audit)
		assert.Equal(t, "Collecting", attr(s.host.last(), "state"))
	})
}

// eventIDs lists the `_siemEventID` of each record.
func eventIDs(logs plog.Logs) []string {
	var list []string
	for _, resource := range logs.ResourceLogs().All() {
		for _, scope := range resource.ScopeLogs().All() {
			for _, record := range scope.LogRecords().All() {
				id, _ := record.Attributes().Get("_siemEventID")
				list = append(list, id.Str())
			}
		}
	}
	return list
}

func TestStreams_resourceOfOneEventType(t *testing.T) {
	types := podlog.EventTypes()
	play(t, podsim.Options{}, func(s *scenario) {
		s.streams(types...)
		for range 50 { // mixed as much as can be
			for _, eventType := range types {
				s.service.Generate(eventType, 1)
			}
		}
	}, func(s *scenario) {
		for _, eventType := range types {
			s.collects(eventType)
		}
		for _, logs := range s.sink.batches() {
			require.Equal(t, 1, logs.ResourceLogs().Len())
			ids := eventIDs(logs)
			for _, id := range ids {
				assert.Equal(t, ids[0], id)
			}
		}
	})
}
