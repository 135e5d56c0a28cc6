package status

import "github.com/proofpointpod/otelcol/internal/sourcehealth"

// Effect is what a fault does to a stream.
type Effect string

// The effects.
const (
	// Stopped: the stream does not collect and does not retry.
	Stopped Effect = "stopped"
	// Retrying: the stream does not collect and retries.
	Retrying Effect = "retrying"
	// Degraded: the stream collects.
	Degraded Effect = "degraded"
)

// ActiveFault is one thing that is wrong with a stream now.
type ActiveFault struct {
	Fault  sourcehealth.Fault
	Effect Effect
}

// ActiveFaults lists what is wrong with the stream now: first what keeps it from collecting.
func (s *Stream) ActiveFaults() []ActiveFault {
	s.source.mu.Lock()
	defer s.source.mu.Unlock()
	var list []ActiveFault
	for i, fault := range s.faultsLocked() {
		effect := Degraded
		if i == 0 && s.condition.state == sourcehealth.Error {
			effect = Retrying
			if s.condition.hasStopped {
				effect = Stopped
			}
		}
		list = append(list, ActiveFault{Fault: fault, Effect: effect})
	}
	return list
}
