package status

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// NoToken is the fault of an authenticator that adds no header to a request.
func NoToken() sourcehealth.Fault { return noToken.newFault() }

// AuthenticatorFails is the fault of an authenticator that returned err.
func AuthenticatorFails(err error) sourcehealth.Fault {
	return authenticatorFails.newFault("{cause}", brief(err))
}

// AddQuietHabit adds to the fault of a session's end that the session before it had ended after the same time without
// data.
func AddQuietHabit(fault sourcehealth.Fault, quiet time.Duration) sourcehealth.Fault {
	fault.Message += fmt.Sprintf(". Sessions end again and again when nothing has come for %v: a proxy, firewall or load balancer in between may end quiet connections. Set keepalive.interval to less, such as %v",
		quiet.Round(time.Second), min(quiet/2, 30*time.Second).Round(time.Second))
	return fault
}

// PipelineRefuses is the fault of a pipeline that returned err for a batch that it may accept later.
func PipelineRefuses(err error) sourcehealth.Fault {
	return pipelineRefuses.newFault("{cause}", brief(err))
}

// PipelineRefusesAll is the fault of a pipeline that returned a permanent err for every batch.
func PipelineRefusesAll(err error) sourcehealth.Fault {
	return pipelineRefusesAll.newFault("{cause}", brief(err))
}

// PipelineRejects is the fault of a pipeline that returned a permanent err for the record with a name, and accepts others.
func PipelineRejects(name string, err error) sourcehealth.Fault {
	return pipelineDiscards.newFault("{name}", name, "{cause}", brief(err))
}

// PipelineBlocks is the fault of a pipeline that has not answered a batch for a time.
func PipelineBlocks(since time.Duration) sourcehealth.Fault {
	return pipelineBlocks.newFault("{time}", since.String())
}

// StorageFails is the fault of a storage extension that returned err.
func StorageFails(err error) sourcehealth.Fault { return storageFails.newFault("{cause}", brief(err)) }

// SecondTokenNeeded is the fault of gaps that cannot be read with the one token, for the reason given.
func SecondTokenNeeded(reason string) sourcehealth.Fault {
	return secondTokenNeeded.newFault("{cause}", reason)
}

// BackfillFails is the fault of an archive that can't be read because of a fault, whose type and status it keeps.
func BackfillFails(because sourcehealth.Fault) sourcehealth.Fault {
	e := backfillFails.entry()
	fault := because
	fault.Label = strings.TrimSuffix(e.label, "*") + because.Label
	fault.Subject, fault.Severity = e.subject, e.severity
	fault.Message = fill(e.means, []string{"{fault}", because.Message})
	fault.Outlook = e.outlook
	return fault
}

// NotTheArchive is the fault of a service that ignores the requested hour.
func NotTheArchive(err error) sourcehealth.Fault {
	return notTheArchive.newFault("{cause}", brief(err))
}

// GapUnrecoverable is the fault of a gap that the archive does not reach any more.
func GapUnrecoverable(from, to time.Time) sourcehealth.Fault {
	return gapUnrecoverable.newFault("{from}", rfc3339(from), "{to}", rfc3339(to))
}

// GapsUnrecoverable is the fault of several such gaps, which lie in an interval.
func GapsUnrecoverable(count int, from, to time.Time) sourcehealth.Fault {
	return gapsUnrecoverable.newFault("{count}", strconv.Itoa(count), "{from}", rfc3339(from), "{to}", rfc3339(to))
}

// RecordsUnrecoverable is the fault of records whose `ts` was older than the archive reaches when they came.
func RecordsUnrecoverable(count int) sourcehealth.Fault {
	return recordsUnrecoverable.newFault("{count}", strconv.Itoa(count))
}

// RecordsInvalid is the fault of records that are not JSON.
func RecordsInvalid() sourcehealth.Fault { return recordsInvalid.newFault() }

// RecordsTruncated is the fault of records that are longer than max_record_size.
func RecordsTruncated() sourcehealth.Fault { return recordsTruncated.newFault() }

// RecordsTooLargeForMap is the fault of records that exceed max_record_size once they are parsed.
func RecordsTooLargeForMap() sourcehealth.Fault { return recordsTooLargeForMap.newFault() }

// gapsOpenFault is the fault of open gaps. hasBackfill: they are read from the archive.
func gapsOpenFault(open int, oldest time.Time, hasBackfill bool) sourcehealth.Fault {
	k := gapsKept
	if hasBackfill {
		k = gapsOpen
	}
	return k.newFault("{count}", strconv.Itoa(open), "{from}", rfc3339(oldest))
}

// clockFault is the fault of a clock that is behind the service's, or ahead of it if the difference is negative.
func clockFault(behind time.Duration) sourcehealth.Fault {
	direction := " behind"
	if behind < 0 {
		direction = " ahead of"
	}
	return clockDiffers.newFault("{difference}", behind.Abs().Round(time.Second).String()+direction)
}

// withRetry adds to a fault that the stream retries until a deadline; zero: it never gives up.
func withRetry(fault sourcehealth.Fault, deadline time.Time) sourcehealth.Fault {
	switch {
	case fault.Outlook != "":
	case fault.Type == sourcehealth.ThirdPartyConfig:
		fault.Outlook = "Collection continues when there is another token"
	case deadline.IsZero():
		fault.Outlook = "It is retried until it succeeds"
	default:
		fault.Outlook = "It is retried; if the source gives up, an error says so"
	}
	return fault
}

// maxErrorText bounds the text of errors of other components, in bytes. Hundreds of events are kept, and an exporter may
// return all that its backend has answered.
const maxErrorText = 2000

// brief returns the beginning of an error's text.
func brief(err error) string {
	text := err.Error()
	if len(text) <= maxErrorText {
		return text
	}
	return strings.ToValidUTF8(text[:maxErrorText], "") + "…"
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }
