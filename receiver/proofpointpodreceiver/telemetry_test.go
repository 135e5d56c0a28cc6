package proofpointpodreceiver

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// The metrics of metadata.yaml.
const (
	metricBytes      = "otelcol_proofpointpod_receiver_bytes_received"
	metricFailures   = "otelcol_proofpointpod_receiver_connect_failures"
	metricState      = "otelcol_proofpointpod_receiver_connection_state"
	metricError      = "otelcol_proofpointpod_receiver_error"
	metricHandshakes = "otelcol_proofpointpod_receiver_handshakes"
	metricLag        = "otelcol_proofpointpod_receiver_lag"
	metricRecordAge  = "otelcol_proofpointpod_receiver_last_record_age"
	metricLifeAge    = "otelcol_proofpointpod_receiver_last_sign_of_life_age"
	metricReconnects = "otelcol_proofpointpod_receiver_reconnects"
	metricProblems   = "otelcol_proofpointpod_receiver_records_problem"
	metricReceived   = "otelcol_proofpointpod_receiver_records_received"
	metricRefused    = "otelcol_proofpointpod_receiver_records_refused"
)

// metric returns the values of a metric by their attributes, written `event_type=message status=101`, without the one
// that every metric has, `receiver`; nil: none yet.
func (s *scenario) metric(name string) map[string]float64 {
	metric, err := s.telemetry.GetMetric(name)
	if err != nil {
		return nil
	}
	values := map[string]float64{}
	switch data := metric.Data.(type) {
	case metricdata.Sum[int64]:
		put(values, data.DataPoints)
		maps.DeleteFunc(values, func(_ string, value float64) bool { return value == 0 })
		if len(values) == 0 {
			return nil
		}
	case metricdata.Gauge[int64]:
		put(values, data.DataPoints)
	case metricdata.Gauge[float64]:
		put(values, data.DataPoints)
	default:
		require.Fail(s.t, "not a metric of this receiver", "%s is a %T", name, data)
	}
	return values
}

func put[N int64 | float64](values map[string]float64, points []metricdata.DataPoint[N]) {
	for _, point := range points {
		values[labels(point.Attributes)] = float64(point.Value)
	}
}

func labels(set attribute.Set) string {
	var list []string
	for _, label := range set.ToSlice() {
		if label.Key != "receiver" {
			list = append(list, fmt.Sprintf("%s=%s", label.Key, label.Value.String()))
		}
	}
	return strings.Join(list, " ")
}

func TestTelemetry_lossesAreKnownWhenThereAreNone(t *testing.T) {
	play(t, podsim.Options{}, nil, func(s *scenario) {
		s.state("Collecting")
		for name, count := range map[string]int{"records_refused": 1, "records_problem": 3, "save_failures": 1, "gaps_unrecoverable": 1} {
			metric, err := s.telemetry.GetMetric("otelcol_proofpointpod_receiver_" + name)
			require.NoError(s.t, err)
			points := metric.Data.(metricdata.Sum[int64]).DataPoints
			assert.Len(t, points, count, name)
			for _, point := range points {
				assert.Zero(t, point.Value, name)
			}
		}
	})
}

func TestTelemetry_records(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.SupportedEvents = []podlog.EventType{podlog.Message, podlog.Maillog}
	}, func(s *scenario) {
		var bytes float64
		for _, payload := range s.service.Generate(podlog.Message, 130) {
			bytes += float64(len(payload))
		}
		s.service.Push(podlog.Maillog, []byte("{}\n"), []byte("no JSON"))
		s.elapse(time.Second)

		assert.Equal(t, map[string]float64{"event_type=message": 130, "event_type=maillog": 2}, s.metric(metricReceived))
		assert.Equal(t, map[string]float64{"event_type=message": bytes, "event_type=maillog": 9}, s.metric(metricBytes))
		assert.Equal(t, map[string]float64{"event_type=maillog problem=invalid_json": 1}, s.metric(metricProblems))
		assert.Nil(t, s.metric(metricRefused))
	})
}

func TestTelemetry_recordsAreCountedOnceHoweverOftenTheyAreTried(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.service.Generate(podlog.Message, 50)
		s.sink.answers(refuse)
	}, func(s *scenario) {
		s.elapse(10 * time.Minute)
		assert.Greater(t, s.sink.offers(), 5)
		s.sink.answers(nil)
		s.collects(podlog.Message)
		assert.Equal(t, map[string]float64{"event_type=message": 50}, s.metric(metricReceived))
		assert.Nil(t, s.metric(metricRefused))
		assert.Equal(t, map[string]float64{s.transport(): 50}, s.metric("otelcol_receiver_accepted_log_records"))
	})
}

func TestTelemetry_rejected(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.service.Generate(podlog.Message, 50)
		s.sink.answers(refuseForGood(bodyOf(s, 20)))
	}, func(s *scenario) {
		s.elapse(10 * time.Second)
		assert.Equal(t, map[string]float64{"event_type=message": 50}, s.metric(metricReceived))
		assert.Equal(t, map[string]float64{"event_type=message": 1}, s.metric(metricRefused))
		assert.Equal(t, map[string]float64{s.transport(): 49}, s.metric("otelcol_receiver_accepted_log_records"))
		assert.Equal(t, 1., s.metric("otelcol_receiver_refused_log_records")[s.transport()]+
			s.metric("otelcol_receiver_failed_log_records")[s.transport()])
	})
}

// transport are the attributes of the collector's own metrics of the receiver.
func (s *scenario) transport() string { return "transport=websocket" }

func TestTelemetry_handshakesAndReconnects(t *testing.T) {
	play(t, podsim.Options{SlotHold: -1}, func(s *scenario) {
		s.config.SupportedEvents = []podlog.EventType{podlog.Message, podlog.Audit}
		s.service.Plan(
			podsim.Step{Type: podlog.Message, Do: podsim.Refuse, Status: 502, Times: 2},
			podsim.Step{Type: podlog.Message, Do: podsim.Abort},
			podsim.Step{Type: podlog.Message, Do: podsim.Hang},
			podsim.Step{Type: podlog.Message, Do: podsim.Refuse, Status: 409},
			podsim.Step{Type: podlog.Message, Do: podsim.Drop},
			podsim.Step{Type: podlog.Message, Do: podsim.Close, Code: 1012},
			podsim.Step{Type: podlog.Audit, Do: podsim.Refuse, Status: 401},
		)
	}, func(s *scenario) {
		s.elapse(10 * time.Minute)
		assert.Equal(t, map[string]float64{
			"event_type=message status=502":  2,
			"event_type=message status=none": 2,
			"event_type=message status=409":  1,
			"event_type=message status=101":  3,
			"event_type=audit status=401":    1,
		}, s.metric(metricHandshakes))
		assert.Equal(t, map[string]float64{
			"event_type=message reason=status_502":        2,
			"event_type=message reason=handshake":         1,
			"event_type=message reason=handshake_timeout": 1,
			"event_type=message reason=status_409":        1,
			"event_type=audit reason=status_401":          1,
		}, s.metric(metricFailures))
		assert.Equal(t, map[string]float64{
			"event_type=message reason=dropped":     1,
			"event_type=message reason=closed_1012": 1,
		}, s.metric(metricReconnects), "a session that is lost is one, however many attempts follow")
	})
}

func TestTelemetry_connectionState(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.SupportedEvents = []podlog.EventType{podlog.Message, podlog.Audit}
		s.service.Plan(podsim.Step{Type: podlog.Audit, Do: podsim.Refuse, Status: 401})
	}, func(s *scenario) {
		s.elapse(time.Second)
		states := s.metric(metricState)
		assert.Len(t, states, 2*7, "each state of each stream")
		for labels, value := range states {
			var want float64
			if labels == "event_type=message state=Collecting" || labels == "event_type=audit state=Error" {
				want = 1
			}
			assert.Equal(t, want, value, labels)
		}
	})
}

func TestTelemetry_errors(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.SupportedEvents = []podlog.EventType{podlog.Message, podlog.Audit}
		s.service.Plan(
			podsim.Step{Type: podlog.Message, Do: podsim.Refuse, Status: 502, Times: 3},
			podsim.Step{Type: podlog.Audit, Do: podsim.Refuse, Status: 401},
		)
	}, func(s *scenario) {
		const refused = "effect=stopped error_type=ThirdPartyConfig event_type=audit reason=status_401"
		s.elapse(time.Second / 4)
		assert.Equal(t, map[string]float64{
			"effect=retrying error_type=ThirdPartyGeneric event_type=message reason=status_502": 1,
			refused: 1,
		}, s.metric(metricError))
		s.elapse(time.Minute)
		assert.Equal(t, map[string]float64{refused: 1}, s.metric(metricError), "message collects again")
	})
}

// Two sources in a collector share its meter reader, which tells them apart by attributes only.
func TestTelemetry_everyMetricNamesItsSource(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.APISecret = configopaque.String(expiring(time.Now().Add(time.Hour)))
		s.service.AcceptTokens(string(s.config.APISecret))
		s.service.Generate(podlog.Message, 10)
	}, func(s *scenario) {
		s.elapse(time.Minute)
		var all metricdata.ResourceMetrics
		require.NoError(t, s.telemetry.Reader.Collect(context.Background(), &all))
		checked := 0
		for _, scope := range all.ScopeMetrics {
			for _, m := range scope.Metrics {
				for _, set := range attributeSets(t, m.Data) {
					id, _ := set.Value("receiver")
					assert.Equal(t, s.source.settings.ID.String(), id.AsString(), m.Name)
					checked++
				}
			}
		}
		assert.Greater(t, checked, 20)
	})
}

// attributeSets are those of each point of a metric.
func attributeSets(t *testing.T, data metricdata.Aggregation) []attribute.Set {
	t.Helper()
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		return sets(data.DataPoints)
	case metricdata.Gauge[int64]:
		return sets(data.DataPoints)
	case metricdata.Gauge[float64]:
		return sets(data.DataPoints)
	}
	require.Failf(t, "not a metric of this receiver", "a %T", data)
	return nil
}

func sets[N int64 | float64](points []metricdata.DataPoint[N]) []attribute.Set {
	var list []attribute.Set
	for _, point := range points {
		list = append(list, point.Attributes)
	}
	return list
}

func TestTelemetry_ages(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.SupportedEvents = []podlog.EventType{podlog.Message, podlog.Audit}
		s.service.Plan(podsim.Step{Type: podlog.Audit, Do: podsim.Refuse, Status: 401})
	}, func(s *scenario) {
		s.elapse(10 * time.Second)
		assert.Nil(t, s.metric(metricRecordAge), "there was no record")
		assert.Nil(t, s.metric(metricLag), "there was no record")
		assert.Equal(t, map[string]float64{"event_type=message": 10}, s.metric(metricLifeAge), "audit was never connected")

		ts := time.Now().Add(-5 * time.Second).Format(time.RFC3339Nano)
		s.service.Push(podlog.Message, []byte(`{"ts":"`+ts+`"}`))
		s.elapse(30 * time.Second)
		s.service.Push(podlog.Message, []byte(`{"guid":"without ts"}`))
		s.elapse(20 * time.Second)
		assert.Equal(t, map[string]float64{"event_type=message": 20}, s.metric(metricRecordAge))
		assert.Equal(t, map[string]float64{"event_type=message": 20}, s.metric(metricLifeAge))
		assert.Equal(t, map[string]float64{"event_type=message": 5}, s.metric(metricLag), "as it was when the record was read")

		s.elapse(2 * time.Hour)
		assert.Equal(t, map[string]float64{"event_type=message": 2*3600 + 20}, s.metric(metricRecordAge))
		assert.Less(t, s.metric(metricLifeAge)["event_type=message"], 120., "pongs are a sign of life")
	})
}
