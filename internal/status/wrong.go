package status

import "github.com/proofpointpod/otelcol/internal/sourcehealth"

// Effect is what a fault does to a stream.
type Effect string

// The effects.
const (
	// Stopped: the stream does not collect, and does not try again by itself.
	Stopped Effect = "stopped"
	// Retrying: the stream does not collect, and tries again.
	Retrying Effect = "retrying"
	// Degraded: the stream collects.
	Degraded Effect = "degraded"
)

// Wrong is one thing that is wrong with a stream.
type Wrong struct {
	Fault  sourcehealth.Fault
	Effect Effect
}

// Wrong lists what is wrong with the stream at the moment: first what keeps it from collecting.
func (s *Stream) Wrong() []Wrong {
	s.source.mu.Lock()
	defer s.source.mu.Unlock()
	var list []Wrong
	for i, fault := range s.faults() {
		effect := Degraded
		if i == 0 && s.status.state == sourcehealth.Error {
			effect = Retrying
			if s.status.quit {
				effect = Stopped
			}
		}
		list = append(list, Wrong{Fault: fault, Effect: effect})
	}
	return list
}
