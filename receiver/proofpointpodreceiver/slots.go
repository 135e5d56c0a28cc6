package proofpointpodreceiver

import (
	"slices"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// slots knows which sources of a collector run, and with which tokens: the service admits one session for each token and
// event type, so two sources that share one end each other's sessions. All sources of a factory share it; it is safe for
// concurrent use. The collector validates each configuration by itself, so nobody can know before the sources start.
type slots struct {
	mu    sync.Mutex
	taken map[slot]component.ID
}

// slot is what the service admits one session for.
type slot struct {
	endpoint, cluster string
	token             configopaque.String // empty with an authenticator
	authenticator     component.ID
	eventType         podlog.EventType
}

func newSlots() *slots { return &slots{taken: map[slot]component.ID{}} }

// slotsOf lists the slots of the live sessions of a source.
func slotsOf(config *Config) []slot {
	s := slot{endpoint: config.Endpoint, cluster: config.ClusterID, token: config.APISecret}
	if config.Auth.HasValue() {
		s.authenticator = config.Auth.Get().AuthenticatorID
	}
	list := make([]slot, 0, len(config.SupportedEvents))
	for _, s.eventType = range config.SupportedEvents {
		list = append(list, s)
	}
	return list
}

// take takes the slots of a source. It returns the event types whose slots other sources have, and those sources.
func (s *slots) take(id component.ID, config *Config) (shared []podlog.EventType, others []component.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, slot := range slotsOf(config) {
		other, isTaken := s.taken[slot]
		if !isTaken {
			s.taken[slot] = id
			continue
		}
		shared = append(shared, slot.eventType)
		if !slices.Contains(others, other) {
			others = append(others, other)
		}
	}
	return shared, others
}

// free frees the slots of a source.
func (s *slots) free(id component.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for slot, user := range s.taken {
		if user == id {
			delete(s.taken, slot)
		}
	}
}
