package status

import (
	"time"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// rule says when the health events of a subject end.
type rule struct {
	// ends says why they are resolved, in the event that resolves and in docs/troubles.md.
	ends string
	// openFor is how long they stay open after the last occurrence. 0: until the subject is well again.
	openFor time.Duration
	// isDistinct: every message is an event of its own, not a repeat of its kind.
	isDistinct bool
}

// hasState says whether the subject is either well or wrong. Other faults happen in a moment.
func (r rule) hasState() bool { return r.openFor == 0 }

// ruleOf returns the rule of a subject. Lint fails where a subject has none.
func ruleOf(subject sourcehealth.Subject) rule {
	switch subject {
	case sourcehealth.Collection:
		return rule{ends: "collecting again"}
	case sourcehealth.Pipeline:
		return rule{ends: "the pipeline accepts records again"}
	case sourcehealth.Storage:
		return rule{ends: "positions are saved again"}
	case sourcehealth.Backfill:
		return rule{ends: "the archive can be read again"}
	case sourcehealth.Gaps:
		return rule{ends: "no gap is open any more"}
	case sourcehealth.Lost:
		return rule{ends: "nothing more was lost for 24 hours; what was lost stays so", openFor: 24 * time.Hour, isDistinct: true}
	case sourcehealth.Records:
		return rule{ends: "no more such records came for an hour", openFor: time.Hour}
	case sourcehealth.LiveToken, sourcehealth.ArchiveToken:
		return rule{ends: "there is another token"}
	case sourcehealth.Clock:
		return rule{ends: "the clocks agree again"}
	}
	return rule{}
}
