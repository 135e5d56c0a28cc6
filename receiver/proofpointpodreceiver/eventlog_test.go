package proofpointpodreceiver

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

const metricEventsDropped = "otelcol_proofpointpod_receiver_health_events_dropped"

// sentEvent is a health event as the pipeline got it.
type sentEvent struct {
	sourcehealth.Event
	resource map[string]any
	record   plog.LogRecord
}

// isEvent says whether logs are a health event.
func isEvent(logs plog.Logs) bool {
	_, ok := logs.ResourceLogs().At(0).Resource().Attributes().Get("proofpointpod.health_event")
	return ok
}

// sentEvents lists the health events that the pipeline accepted, in order.
func (s *scenario) sentEvents() []sentEvent {
	s.t.Helper()
	var list []sentEvent
	for _, logs := range s.sink.batches() {
		if !isEvent(logs) {
			continue
		}
		require.Equal(s.t, 1, logs.LogRecordCount())
		resource := logs.ResourceLogs().At(0)
		sent := sentEvent{resource: resource.Resource().Attributes().AsRaw(), record: resource.ScopeLogs().At(0).LogRecords().At(0)}
		require.NoError(s.t, json.Unmarshal([]byte(sent.record.Body().Str()), &sent.Event))
		list = append(list, sent)
	}
	return list
}

// sentShort lists them in short.
func (s *scenario) sentShort() []string {
	s.t.Helper()
	var list []string
	for _, sent := range s.sentEvents() {
		list = append(list, shortEvent(sent.Event))
	}
	return list
}

func TestEventLog_isOffByDefault(t *testing.T) {
	play(t, podsim.Options{}, nil, func(s *scenario) {
		s.state("Collecting")
		s.elapse(time.Hour)
		assert.Zero(t, s.sink.offers())
		_, err := s.telemetry.GetMetric(metricEventsDropped)
		require.Error(t, err)
	})
}

func TestEventLog_sendsEventsAsLogRecords(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.HealthEvents = true
		s.config.Name = "Europe"
		s.config.Category = "mail"
		s.config.Fields = map[string]any{"team": "soc"}
		s.config.SIEMMetadata = siemMetadataResource
		s.streams(podlog.Message, podlog.Audit)
		s.service.Plan(podsim.Step{Type: podlog.Audit, Do: podsim.Refuse, Status: 401})
	}, func(s *scenario) {
		s.elapse(time.Minute)
		v := map[string]sentEvent{}
		for _, sent := range s.sentEvents() {
			v[shortEvent(sent.Event)] = sent
		}
		require.Len(t, v, 2)
		refused, collects := v["audit/collection UnHealthy Error status_401"], v["message/collection Healthy Info"]

		resource := map[string]any{
			"service.name":               "proofpoint-on-demand",
			"proofpoint.cluster_id":      podsim.ClusterID,
			"_source":                    "Europe",
			"_sourceName":                "Europe",
			"_sourceCategory":            "mail",
			"team":                       "soc",
			"proofpointpod.health_event": "ThirdPartyConfigError",
		}
		assert.Equal(t, resource, refused.resource)
		assert.Equal(t, plog.SeverityNumberError, refused.record.SeverityNumber())
		assert.Equal(t, "Error", refused.record.SeverityText())
		assert.Equal(t, "proofpointpod.health_event", refused.record.EventName())
		assert.Equal(t, refused.EventTime, refused.record.Timestamp().AsTime())
		assert.Equal(t, refused.EventTime, refused.record.ObservedTimestamp().AsTime())
		assert.Zero(t, refused.record.Attributes().Len(), "an attribute would hide the body in Sumo Logic")
		assert.Equal(t, "Europe", refused.ResourceIdentity.Name)
		assert.Contains(t, refused.Details.ErrorInfo, "refuses the token in api_secret: check that it")

		resource["proofpointpod.health_event"] = "Collecting"
		assert.Equal(t, resource, collects.resource)
		assert.Equal(t, plog.SeverityNumberInfo, collects.record.SeverityNumber())
		assert.Equal(t, "Info", collects.record.SeverityText())
	})
}

func TestEventLog_severityOfWarningsAndTheirEnd(t *testing.T) {
	play(t, podsim.Options{SlotHold: -1}, func(s *scenario) {
		s.config.HealthEvents = true
		s.service.Plan(podsim.Step{Do: podsim.Drop, After: time.Minute})
	}, func(s *scenario) {
		s.elapse(5 * time.Minute)
		bySeverity := map[string]string{}
		for _, sent := range s.sentEvents() {
			bySeverity[shortEvent(sent.Event)] = sent.record.SeverityText()
		}
		assert.Equal(t, "Warning", bySeverity["message/collection UnHealthy Warning dropped"])
		assert.Equal(t, "Info", bySeverity["message/collection Healthy Warning dropped"])
	})
}

// The streams do not wait for the events, nor the other way round: what a refusing pipeline does to one, it does to both.
func TestEventLog_waitsForAPipelineThatRefuses(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.HealthEvents = true
		s.sink.answers(refuse)
		s.service.Generate(podlog.Message, 10)
	}, func(s *scenario) {
		s.elapse(time.Hour)
		assert.Empty(t, s.sentEvents())
		s.sink.answers(nil)
		s.collects(podlog.Message)
		s.elapse(2 * time.Minute)
		assert.Equal(t, []string{
			"message/collection Healthy Info",
			"message/pipeline UnHealthy Warning pipeline_refuses",
			"message/pipeline Healthy Warning pipeline_refuses",
		}, s.sentShort(), "in order")
		assert.Nil(t, s.metric(metricEventsDropped))
	})
}

func TestEventLog_aPipelineThatHoldsAnEventHoldsNoRecord(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.HealthEvents = true
		s.sink.answers(func(ctx context.Context, logs plog.Logs) error {
			if isEvent(logs) {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
	}, func(s *scenario) {
		s.state("Collecting")
		s.service.Generate(podlog.Message, 500)
		s.collects(podlog.Message)
		assert.LessOrEqual(t, s.stops(s.t.Context()), 11*time.Second)
		assert.Equal(t, 1, s.logged("health events are not sent down the pipeline, and are dropped; the log tells of the same"))
	})
}

// A pipeline that does not look at its context can't hold the shutdown.
func TestEventLog_aPipelineThatHoldsAnEventForGood(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		release := make(chan struct{}) // of the bubble
		s.t.Cleanup(func() { close(release) })
		s.config.HealthEvents = true
		s.sink.answers(func(_ context.Context, logs plog.Logs) error {
			if isEvent(logs) {
				<-release
			}
			return nil
		})
	}, func(s *scenario) {
		s.state("Collecting")
		for range 5 {
			s.source.eventLog.take(sourcehealth.Event{})
		}
		assert.LessOrEqual(t, s.stops(s.t.Context()), 11*time.Second)
		assert.Equal(t, map[string]float64{"": 6}, s.dropped())
		assert.Equal(t, 1, s.logged("health events are not sent down the pipeline, and are dropped; the log tells of the same"), "once for all of them")
	})
}

func TestEventLog_outagesDoNotAddUp(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.HealthEvents = true
		s.service.Push(podlog.Message, []byte("no JSON"))
	}, func(s *scenario) {
		s.elapse(time.Minute)
		for range 3 {
			s.sink.answers(refuse)
			s.source.eventLog.take(sourcehealth.Event{})
			s.elapse(80 * time.Minute)
			s.sink.answers(nil)
			s.elapse(2 * time.Minute)
		}
		assert.Len(t, s.sentEvents(), 2+1+3, "the first two, the end of the second, and those three")
		assert.Nil(t, s.dropped())
	})
}

func TestEventLog_givesUpAsRetryOnFailureSays(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.HealthEvents = true
		s.sink.answers(func(_ context.Context, logs plog.Logs) error {
			if isEvent(logs) {
				return errBackendDown
			}
			return nil
		})
	}, func(s *scenario) {
		s.elapse(89 * time.Minute)
		assert.Nil(t, s.metric(metricEventsDropped))
		s.elapse(2 * time.Minute)
		assert.Equal(t, map[string]float64{"": 1}, s.dropped())
		assert.Equal(t, 1, s.logged("health events are not sent down the pipeline, and are dropped; the log tells of the same"))

		s.sink.answers(nil)
		s.service.Push(podlog.Message, []byte("no JSON"))
		s.elapse(time.Minute)
		assert.Equal(t, []string{"message/records UnHealthy Warning records_invalid_json"}, s.sentShort(), "others are sent")
	})
}

func TestEventLog_dropsWhatIsRefusedForGood(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.HealthEvents = true
		s.sink.answers(func(context.Context, plog.Logs) error { return consumererror.NewPermanent(errBackendDown) })
	}, func(s *scenario) {
		s.elapse(time.Second)
		assert.Equal(t, 1, s.sink.offers())
		assert.Equal(t, map[string]float64{"": 1}, s.dropped())
	})
}

// dropped is the counter of events that were not sent.
func (s *scenario) dropped() map[string]float64 { return s.metric(metricEventsDropped) }

func TestEventLog_sendsAtShutdownWhatIsResolvedThen(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.HealthEvents = true
		s.config.Storage = &storageID
		s.storage.fails(errDiskFull)
	}, func(s *scenario) {
		s.state("Collecting")
		s.elapse(time.Minute)
		assert.Zero(t, s.stops(s.t.Context()))
		assert.Equal(t, []string{
			"message/storage UnHealthy Warning storage_fails",
			"message/collection Healthy Info",
			"message/storage Healthy Warning storage_fails",
		}, s.sentShort())
	})
}

func TestEventLog_triesAgainDuringAShutdown(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.HealthEvents = true
		s.sink.answers(refuse)
	}, func(s *scenario) {
		s.elapse(20 * time.Minute) // the waits are long by now
		time.AfterFunc(3*time.Second, func() { s.sink.answers(nil) })
		assert.Less(t, s.stops(s.t.Context()), 5*time.Second)
		assert.Equal(t, []string{"message/collection Healthy Info"}, s.sentShort())
	})
}

func TestEventLog_isBounded(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.HealthEvents = true
		s.sink.answers(refuse)
	}, func(s *scenario) {
		s.state("Collecting")
		for range maxWaitingEvents + 10 {
			s.source.eventLog.take(sourcehealth.Event{})
		}
		assert.Equal(t, map[string]float64{"": 10}, s.dropped())
	})
}
