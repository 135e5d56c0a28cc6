package status

import (
	"strings"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// kind is one kind of trouble. Its entry in [kind.entry] is the one place that describes it.
type kind int

// entry describes a kind of trouble. Metrics, component status, health events, the page, log lines and docs/troubles.md
// follow from it. A word in braces, such as {cause}, stands for what varies. When the trouble is over, the rule of its
// subject says.
type entry struct {
	// label is the error in metrics and events, a contract. Several labels are separated by ", "; an N is a digit.
	label     string
	errorType sourcehealth.ErrorType
	// severity is that of the event while the stream continues or retries. A stream that stops is always an Error.
	severity string
	subject  sourcehealth.Subject
	// means says what happened, advice what the user can do.
	means, advice string
	// outlook says what the receiver does about it. Empty: that depends on the retries of the stream.
	outlook string
	// newTokenHelps is true where another token can end it.
	newTokenHelps bool
}

// entry returns the description of a kind.
func (k kind) entry() entry { return entries()[k] }

// newFault returns the fault of a kind. values are pairs: a word in braces, and what takes its place.
func (k kind) newFault(values ...string) sourcehealth.Fault {
	e := k.entry()
	fault := e.fault(values)
	fault.Message = fill(e.means+"; "+e.advice, values)
	return fault
}

// newFaultOf is newFault for an error whose text comes first.
func (k kind) newFaultOf(err error, values ...string) sourcehealth.Fault {
	e := k.entry()
	fault := e.fault(values)
	fault.Message = err.Error() + "; " + fill(e.means+": "+e.advice, values)
	return fault
}

func (e entry) fault(values []string) sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: e.errorType, Label: e.label, Severity: e.severity, Subject: e.subject,
		Outlook: fill(e.outlook, values), NewTokenHelps: e.newTokenHelps,
	}
}

func fill(text string, values []string) string { return strings.NewReplacer(values...).Replace(text) }
