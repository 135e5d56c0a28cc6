package status

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// retried is a fault with what becomes of it by itself until a deadline, or for as long as it takes if that is zero.
func retried(f sourcehealth.Fault, deadline time.Time) sourcehealth.Fault {
	switch {
	case f.Outlook != "": // it says so itself
	case f.Type == sourcehealth.ThirdPartyConfig:
		f.Outlook = "It goes on by itself when there is another token"
	case deadline.IsZero():
		f.Outlook = "It is tried again by itself, for as long as it takes"
	default:
		f.Outlook = "It is tried again by itself; should it give up, an error says so"
	}
	return f
}

// The labels of losses for good.
const (
	labelUnrecoverable = "gap_unrecoverable"
	labelRejects       = "pipeline_discards"
)

// aboutProxy is for when not even the first host was reached. The error's first words say whether that is a proxy.
const aboutProxy = "A proxy is taken from proxy_url, or else from HTTPS_PROXY of the environment: correct it there, or set it if only a proxy reaches the internet"

// Of returns the fault of a session that could not be opened, or that ended. from is the origin of its token. Only an
// answer that the service itself has sent is a fault of ThirdPartyConfig: whatever else looks like a mistake in the
// configuration, anybody on the way can cause, so it has the same advice, and is retried. Without TLS, and where TLS
// does not verify the certificate, nobody knows who has answered.
func Of(err *podlog.Error, from Origin) sourcehealth.Fault {
	return newFault(err, adviceFor(err, from))
}

// OfArchive is Of for a session with the archive.
func OfArchive(err *podlog.Error, from Origin) sourcehealth.Fault {
	if err.Reason == podlog.ReasonStatus && err.Status == http.StatusBadRequest {
		return newFault(err, "the archive refuses the hour that it was asked for: check the clock of this machine. If it lasts, ask Proofpoint's support about sinceTime and toTime of the archive")
	}
	return Of(err, from)
}

// newFault returns the fault of an error with advice.
func newFault(err *podlog.Error, advice string) sourcehealth.Fault {
	fault := sourcehealth.Fault{Type: sourcehealth.ThirdPartyGeneric, Label: err.Label(), Status: err.Status}
	if err.Reason == podlog.ReasonStatus && err.Verified {
		fault.Type = typeOfStatus(err.Status)
		fault.NewTokenHelps = fault.Type == sourcehealth.ThirdPartyConfig && newTokenHelps(err.Status)
	}
	if err.Reason == podlog.ReasonStatus && isPage(err.Body) {
		advice += ". The answer is a web page: a proxy or firewall in between may have written it, and not the service"
	}
	if err.Ended() {
		fault.Outlook = "A new session is opened by itself, and goes on where the service says that this one ended"
	}
	fault.Message = fmt.Sprintf("%v; %s", err, advice)
	return fault
}

// adviceFor returns what the user can do about an error.
func adviceFor(err *podlog.Error, from Origin) string {
	switch err.Reason {
	case podlog.ReasonStatus:
		return adviceForStatus(err.Status, from)
	case podlog.ReasonProxyAuth:
		if errors.Is(err, podlog.ErrOtherLogin) {
			return "only Basic authentication (user and password in proxy_url) is possible here: have the proxy let this machine pass without a login, or set proxy_url to one that takes Basic, such as a local proxy that does the other login"
		}
		return "the proxy refuses the credentials, or wants some: check user and password in proxy_url (http://user:password@host:port, socks5://user:password@host:port) or in the environment's HTTPS_PROXY"
	case podlog.ReasonProxy:
		return "the proxy does not connect to the service: check proxy_url (or HTTPS_PROXY of the environment), and that the proxy may reach the endpoint's host and port"
	case podlog.ReasonCertificate:
		return "the service's certificate is not trusted: if a proxy or firewall inspects TLS, give its CA in tls.ca_file; check the host name in endpoint and the clock of this machine"
	case podlog.ReasonClientCertificate:
		return "the other end refuses our certificate: check tls.cert_file and tls.key_file"
	case podlog.ReasonNoClientCertificate:
		return "the other end requires a client certificate, and none is configured: set tls.cert_file and tls.key_file"
	case podlog.ReasonDNS:
		return "the host name was not found: check endpoint and the DNS of this machine. " + aboutProxy
	case podlog.ReasonDial:
		return "no connection: check that a firewall lets this machine reach the host and port. " + aboutProxy
	case podlog.ReasonTLS:
		return "check that endpoint is a wss:// address and that nothing in between breaks TLS"
	case podlog.ReasonTimeout:
		return "check firewall and proxy; handshake_timeout says how long an attempt may take"
	case podlog.ReasonHandshake:
		return "the connection ended before the service answered: check that endpoint is the PoD Log Service and that a proxy in between lets WebSockets pass"
	case podlog.ReasonSilent:
		return "the connection is dead, or the service hangs. If it happens again and again, look for a proxy or firewall that ends idle connections"
	case podlog.ReasonProtocol:
		return "something in between may have changed the data: if it happens again and again, look for a proxy or firewall that inspects connections"
	default: // closed, dropped: usual for this service
		return "this happens now and then. If it happens every few minutes, look for a proxy or firewall that ends connections"
	}
}

// EndsWhenQuiet is a session's end that came, as did the one before, when nothing had come for so long.
func EndsWhenQuiet(fault sourcehealth.Fault, quiet time.Duration) sourcehealth.Fault {
	fault.Message += fmt.Sprintf(". Sessions end again and again when nothing has come for %v: a proxy, firewall or load balancer in between may end quiet connections. Set keepalive.interval to less, such as %v",
		quiet.Round(time.Second), min(quiet/2, 30*time.Second).Round(time.Second))
	return fault
}

// NoToken is the fault of an authenticator that adds no header to a request.
func NoToken() sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.ThirdPartyConfig, Label: "no_token", NewTokenHelps: true,
		Message: "the authenticator that auth names has no token: check its configuration, and that its token file exists, is readable and not empty. bearertokenauth gives up on a file that it could not read at the start, unless its retry_on_failure is enabled: then restart the collector once the file is there",
	}
}

// maxErrorText is how many bytes of an error of others are told. Events are remembered, in the hundreds, and an exporter
// may return all that its backend has answered.
const maxErrorText = 2000

// brief is the beginning of an error's text.
func brief(err error) string {
	text := err.Error()
	if len(text) <= maxErrorText {
		return text
	}
	return strings.ToValidUTF8(text[:maxErrorText], "") + "…"
}

// Authenticator is the fault of an authenticator that failed.
func Authenticator(err error) sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.ThirdPartyGeneric, Label: "authenticator",
		Message: fmt.Sprintf("%s; check the configuration of the extension and what it gets its token from", brief(err)),
	}
}

// PipelineRefuses is the fault of a pipeline that returned err for a batch that it may accept later.
func PipelineRefuses(err error) sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.FirstPartyGeneric, Label: "pipeline_refuses",
		Message: fmt.Sprintf("the pipeline refuses records: %s; check the exporters and their backends, and memory_limiter", brief(err)),
		Outlook: "Nothing is lost meanwhile: the same batch is tried again, and the service keeps what comes after it",
	}
}

// PipelineRefusesAll is the fault of a pipeline that returned err for good for whatever it was offered.
func PipelineRefusesAll(err error) sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.FirstPartyGeneric, Label: "pipeline_refuses_all",
		Message: fmt.Sprintf("the pipeline refuses every record, and says that it always will: %s; check the token, the address and the limits of the exporter's backend", brief(err)),
		Outlook: "Nothing is lost meanwhile: the records are held and offered again, and the service keeps what comes after them",
	}
}

// PipelineRejects is the fault of a pipeline that returned err for good for one record, and accepts others.
func PipelineRejects(name string, err error) sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.FirstPartyGeneric, Label: labelRejects,
		Message: fmt.Sprintf("a record is lost (%s): the pipeline refuses it for good while it accepts others: %s; check the processors and exporters that this names", name, brief(err)),
		Outlook: "It goes on with the next record. Records like it may be lost, too",
	}
}

// PipelineBlocks is the fault of a pipeline that has neither accepted nor refused a batch for so long.
func PipelineBlocks(so time.Duration) sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.FirstPartyGeneric, Label: "pipeline_blocks",
		Message: fmt.Sprintf("the pipeline has neither accepted nor refused a batch for %v; check the exporters, their queues and their backends", so),
		Outlook: "Nothing is lost meanwhile: the service keeps what comes after this batch",
	}
}

// StorageFails is the fault of a storage extension that returned err.
func StorageFails(err error) sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.FirstPartyGeneric, Label: "storage_fails",
		Message: fmt.Sprintf("the position is not saved: %s; check the storage extension, its directory, the space there, and that no other collector uses it", brief(err)),
		Outlook: "Records keep flowing, and it is tried again by itself; a restart meanwhile repeats records",
	}
}

// SecondTokenNeeded is the fault of gaps that cannot be filled with the one token, for the reason given.
func SecondTokenNeeded(reason string) sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.ThirdPartyConfig, Label: "second_token_needed",
		Message: reason + "; gaps stay open until a second token is set as backfill.api_secret, with which the archive is read beside the live session",
	}
}

// FillFails is the fault of an archive that can't be read.
func FillFails(fault sourcehealth.Fault) sourcehealth.Fault {
	fault.Label = "backfill_" + fault.Label
	fault.Message = "the archive can't be read, gaps stay open: " + fault.Message
	fault.Outlook = "It is tried again by itself"
	return fault
}

// NotTheArchive is the fault of a service that takes no notice of the times that it is asked for.
func NotTheArchive(err error) sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.ThirdPartyGeneric, Label: "not_the_archive",
		Message: fmt.Sprintf("%v; it is asked again in half an hour. If that does not help, ask Proofpoint's support for the archive", err),
	}
}

// Unrecoverable is the fault of records that the archive has no more.
func Unrecoverable(from, to time.Time) sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.ThirdPartyGeneric, Label: labelUnrecoverable,
		Message: fmt.Sprintf("records that reached the service from %s to %s may be missing for good: the archive keeps 30 days. Tell those who rely on them: nothing brings them back",
			from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339)),
	}
}

// UnrecoverableGaps is that of so many gaps, which lie within a span of time.
func UnrecoverableGaps(count int, from, to time.Time) sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.ThirdPartyGeneric, Label: labelUnrecoverable,
		Message: fmt.Sprintf("records that reached the service in %d intervals between %s and %s may be missing for good: the archive keeps 30 days. Tell those who rely on them: nothing brings them back",
			count, from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339)),
	}
}

// UnrecoverableRecords is that of so many records whose `ts` was older than the archive reaches when they came.
func UnrecoverableRecords(count int) sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.ThirdPartyGeneric, Label: labelUnrecoverable,
		Message: fmt.Sprintf("%d records may be missing for good: the pipeline had not stored them when the collector ended, and with a ts from more than 30 days before they came they are not in the archive. Look for records with such a ts in the backend: if they are there, nothing is missing",
			count),
	}
}

// RecordsInvalid is the fault of records that are not JSON.
func RecordsInvalid() sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.ThirdPartyGeneric, Label: "records_invalid_json",
		Message: "records came that are not one JSON object in valid UTF-8: they are handed on as they came, marked proofpointpod.problem=invalid_json; look for them in the backend, and show them to Proofpoint's support",
	}
}

// RecordsCut is the fault of records that are longer than max_record_size.
func RecordsCut() sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.FirstPartyGeneric, Label: "records_truncated",
		Message: "records came that are longer than max_record_size: what is beyond it is lost, the rest is handed on, marked proofpointpod.problem=truncated; raise max_record_size",
	}
}

// RecordsTooLargeForMap is the fault of records that exceed max_record_size once they are parsed.
func RecordsTooLargeForMap() sourcehealth.Fault {
	return sourcehealth.Fault{
		Type: sourcehealth.FirstPartyGeneric, Label: "records_too_large_for_map",
		Message: "records came that exceed max_record_size as a map: they are delivered as text, marked proofpointpod.problem=too_large_for_map; raise max_record_size and the limits behind it, or have body: text",
	}
}

// gapsOpen is the fault of gaps: so many are open, the oldest from a time on. backfill: they are read from the archive.
func gapsOpen(open int, oldest time.Time, backfill bool) sourcehealth.Fault {
	outlook := "Nothing is to be done: the archive is read as soon as it has them"
	if !backfill {
		outlook = "They stay open for 30 days, as backfill.enabled is false: set it to true to have them read from the archive"
	}
	return sourcehealth.Fault{
		Type: sourcehealth.ThirdPartyGeneric, Label: "gaps_open",
		Message: fmt.Sprintf("records may have been missed; gaps open: %d, the oldest from %s",
			open, oldest.UTC().Format(time.RFC3339)),
		Outlook: outlook,
	}
}

// typeOfStatus: 3xx and 4xx are the configuration's, but for those that name a passing state of the other side. All
// other answers, 1xx, 2xx and 5xx, are the service's trouble.
func typeOfStatus(status int) sourcehealth.ErrorType {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooEarly, http.StatusTooManyRequests:
		return sourcehealth.ThirdPartyGeneric
	}
	if status >= 300 && status < 500 {
		return sourcehealth.ThirdPartyConfig
	}
	return sourcehealth.ThirdPartyGeneric
}

// newTokenHelps: not where the answer is about the request's form or address, or the proxy.
func newTokenHelps(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusProxyAuthRequired,
		http.StatusUpgradeRequired:
		return false
	}
	return status >= 400
}

// isPage says whether an answer's body is a web page. The service's own are a line of text.
func isPage(body string) bool {
	body = strings.ToLower(body)
	return strings.HasPrefix(body, "<!doctype html") || strings.HasPrefix(body, "<html")
}

func adviceForStatus(status int, from Origin) string {
	switch status {
	case http.StatusBadRequest:
		return "the service does not understand the request: check cluster_id and supported_events"
	case http.StatusUnauthorized, http.StatusForbidden:
		return "the service refuses " + from.token() + ": check that it is complete, not expired and not deleted, without quotes or `Bearer` around it, that it belongs to this cluster_id, and that the cluster has the Remote Syslog licence"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return "there is no Log Service at this address: check endpoint"
	case http.StatusProxyAuthRequired:
		return "a proxy wants credentials: write user and password into proxy_url"
	case http.StatusUpgradeRequired:
		return "the request to open a WebSocket did not arrive as one: a proxy or firewall in between that removes `Upgrade` is the usual cause. Have it let WebSockets pass to the host of endpoint, or take another way with proxy_url"
	case http.StatusConflict:
		return "another session uses this token: the service allows one session for each token and event type. If this source was cut off or restarted just now, its old session still holds the slot and frees it by itself; otherwise stop the other client, or use another token"
	case http.StatusTooManyRequests:
		return "the service asks for fewer attempts: the next one waits for as long as it says"
	}
	switch {
	case status >= 300 && status < 400:
		return "the service has moved: set endpoint to its new address; redirects are not followed, as the token would go with them. If that is the address of a login page, it is a proxy in between that wants a login"
	case status >= 400 && status < 500 && typeOfStatus(status) == sourcehealth.ThirdPartyConfig:
		return "the service refuses the request: check endpoint, cluster_id and " + from.token()
	case status >= 500:
		return "the service, or a proxy before it, has trouble. If it lasts, see Proofpoint's status page"
	default:
		return "this is no answer of a WebSocket service: check endpoint and the proxy"
	}
}
