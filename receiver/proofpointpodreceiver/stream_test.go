package proofpointpodreceiver

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

func TestSource_collects(t *testing.T) {
	play(t, podsim.Options{}, nil, func(s *scenario) {
		s.service.Generate(podlog.Message, 250)
		s.collects(podlog.Message)
		assert.Equal(t, []string{"Initialized", "Authenticated", "Collecting"}, s.host.states())
		for _, event := range s.host.all() {
			assert.Equal(t, componentstatus.StatusOK, event.Status())
		}
	})
}

func TestSource_handshakeIsLiveAndNamesTheClient(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.config.Headers.Set("X-Team", "mail")
		s.config.SupportedEvents = []podlog.EventType{podlog.Message, podlog.Maillog}
	}, func(s *scenario) {
		s.state("Collecting")
		s.service.DropAll(podsim.Drop)
		s.until("both streams again", func() bool { return len(s.service.Handshakes()) >= 4 })
		for _, h := range s.service.Handshakes() {
			assert.Equal(t, map[string][]string{"cid": {podsim.ClusterID}, "type": {string(h.Type)}}, map[string][]string(h.Query))
			assert.True(t, strings.HasPrefix(h.Header.Get("Authorization"), "Bearer"))
			assert.Equal(t, "mail", h.Header.Get("X-Team"))
			assert.Regexp(t, `^proofpointpodreceiver/1\.2\.3 \(otelcol-test; `, h.Header.Get("User-Agent"))
			assert.Empty(t, h.Header.Get("Sec-WebSocket-Extensions"))
		}
	})
}

func TestStream_quitsWhenTheServiceRefusesTheConfiguration(t *testing.T) {
	advice := map[int]string{
		301: "endpoint", 302: "endpoint", 400: "cluster_id", 401: "token", 403: "token", 404: "endpoint",
		405: "endpoint", 407: "proxy", 410: "endpoint", 418: "cluster_id", 426: "removes `Upgrade`",
	}
	for status, word := range advice {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			play(t, podsim.Options{}, func(s *scenario) {
				s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: status, Times: -1})
			}, func(s *scenario) {
				event := s.state("Error")
				assert.Equal(t, componentstatus.StatusPermanentError, event.Status())
				assert.Equal(t, "ThirdPartyConfig", attr(event, "error.type"))
				assert.Equal(t, "ThirdPartyConfigError", attr(event, "health_event"))
				assert.EqualValues(t, status, attr(event, "http.response.status_code"))
				require.ErrorContains(s.t, event.Err(), word)
				s.elapse(3 * time.Hour)
				assert.Equal(t, []int{status}, s.handshakes(podlog.Message), "it was tried again")
			})
		})
	}
}

// 1xx answers are no answer (RFC 9110, 15.2).
func TestStream_skipsAnswersBeforeTheAnswer(t *testing.T) {
	play(t, podsim.Options{}, func(s *scenario) {
		s.service.Plan(
			podsim.Step{Do: podsim.Refuse, Status: 503, Interim: []int{103}},
			podsim.Step{Interim: []int{100, 102, 103, 103}},
		)
		s.service.Generate(podlog.Message, 10)
	}, func(s *scenario) {
		s.collects(podlog.Message)
		assert.Equal(t, []int{503, 101}, s.handshakes(podlog.Message))
		assert.EqualValues(t, 503, attr(s.host.all()[1], "http.response.status_code"))
	})
}

func TestStream_triesAgainWhenTheServiceHasTrouble(t *testing.T) {
	for _, status := range []int{200, 408, 409, 425, 429, 500, 502, 503, 504} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			play(t, podsim.Options{}, func(s *scenario) {
				s.service.Plan(podsim.Step{Do: podsim.Refuse, Status: status, Times: 3})
				s.service.Generate(podlog.Message, 10)
			}, func(s *scenario) {
				event := s.state("Error")
				assert.Equal(t, componentstatus.StatusRecoverableError, event.Status())
				assert.Equal(t, "ThirdPartyGeneric", attr(event, "error.type"))
				assert.EqualValues(t, status, attr(event, "http.response.status_code"))
				assert.EqualValues(t, 1, attr(event, "retry.attempt"))
				deadline, err := time.Parse(time.RFC3339, attr(event, "retry.deadline").(string))
				require.NoError(t, err)
				assert.WithinDuration(t, time.Now().Add(90*time.Minute), deadline, 2*time.Second)
				s.collects(podlog.Message)
				assert.Equal(t, []int{status, status, status, 101}, s.handshakes(podlog.Message))
				assert.Equal(t, []string{"Initialized", "Error", "Authenticated", "Collecting"}, s.host.states(),
					"an attempt that fails as the one before is no change")
			})
		})
	}
}
