package status

import sh "github.com/proofpointpod/otelcol/internal/sourcehealth"

// The kinds of trouble.
const (
	// Why no session is opened.
	dns kind = iota
	dial
	proxyFails
	proxyAuth
	proxyLogin
	tlsFails
	certificate
	clientCertificate
	noClientCertificate
	handshakeTimeout
	handshake
	noToken
	authenticatorFails

	// Answers to a handshake, by HTTP status.
	answerRedirect
	answerBadRequest
	answerTokenRefused
	answerNotFound
	answerProxyAuth
	answerConflict
	answerUpgradeRequired
	answerTooManyRequests
	answerRefused
	answerServerError
	answerOther

	// Why a session ends.
	closed
	dropped
	silent
	protocol

	// Trouble of the pipeline and of the storage.
	pipelineRefuses
	pipelineRefusesAll
	pipelineBlocks
	storageFails

	// Trouble with the archive, gaps, and losses.
	backfillFails
	archiveRefusesHour
	notTheArchive
	secondTokenNeeded
	gapsOpen
	gapsKept
	gapUnrecoverable
	gapsUnrecoverable
	recordsUnrecoverable
	pipelineDiscards

	// Records that are delivered with a problem.
	recordsInvalid
	recordsTruncated
	recordsTooLargeForMap

	// Trouble of the source as a whole.
	tokenExpires
	tokenExpired
	clockDiffers

	numKinds // is last
)

// The error types and severities, short for the table.
const (
	config  = sh.ThirdPartyConfig
	generic = sh.ThirdPartyGeneric
	ours    = sh.FirstPartyGeneric
	severe  = sh.SeverityError
	warning = sh.SeverityWarning
)

// Texts of several kinds.
const (
	// proxyAdvice is for when not even the first host was reached. The error's first words say whether that is a proxy.
	proxyAdvice = "A proxy is taken from proxy_url, or else from HTTPS_PROXY of the environment: correct it there, or set it if only a proxy reaches the internet"
	newSession  = "A new session is opened, and continues where the service says that this one ended"
	archiveAge  = "the archive keeps 30 days"
	lostAdvice  = "inform those who rely on them: they cannot be recovered"
)

// entries is the table of the kinds of trouble. It is as long as there are kinds. Tests fail where an entry is missing or
// incomplete, or docs/troubles.md differs from it.
func entries() [numKinds]entry {
	return [...]entry{
		dns: {label: "dns", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "the host name was not found",
			advice: "check endpoint and the DNS of this machine. " + proxyAdvice},
		dial: {label: "dial", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "no connection",
			advice: "check that a firewall lets this machine reach the host and port. " + proxyAdvice},
		proxyFails: {label: "proxy, proxy_NNN", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "the proxy does not connect to the service",
			advice: "check proxy_url (or HTTPS_PROXY of the environment), and that the proxy may reach the endpoint's host and port"},
		proxyAuth: {label: "proxy_auth, proxy_auth_NNN", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "the proxy refuses the credentials, or wants some",
			advice: "check user and password in proxy_url (http://user:password@host:port, socks5://user:password@host:port) or in the environment's HTTPS_PROXY"},
		proxyLogin: {label: "proxy_auth, proxy_auth_NNN", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "only Basic authentication (user and password in proxy_url) is possible here",
			advice: "have the proxy let this machine pass without a login, or set proxy_url to one that takes Basic, such as a local proxy that does the other login"},
		tlsFails: {label: "tls", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "the TLS handshake failed",
			advice: "check that endpoint is a wss:// address and that nothing in between breaks TLS"},
		certificate: {label: "certificate", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "the service's certificate is not trusted",
			advice: "if a proxy or firewall inspects TLS, give its CA in tls.ca_file; check the host name in endpoint and the clock of this machine"},
		clientCertificate: {label: "client_certificate", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "the other end refuses our certificate",
			advice: "check tls.cert_file and tls.key_file"},
		noClientCertificate: {label: "client_certificate_required", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "the other end requires a client certificate, and none is configured",
			advice: "set tls.cert_file and tls.key_file"},
		handshakeTimeout: {label: "handshake_timeout", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "the attempt took longer than handshake_timeout",
			advice: "check firewall and proxy"},
		handshake: {label: "handshake", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "the connection ended before the service answered",
			advice: "check that endpoint is the PoD Log Service and that a proxy in between lets WebSockets pass"},
		noToken: {label: "no_token", errorType: config, severity: severe, subject: sh.Collection, newTokenHelps: true,
			means:  "the authenticator that auth names has no token",
			advice: "check its configuration, and that its token file exists, is readable and not empty. bearertokenauth gives up on a file that it could not read at the start, unless its retry_on_failure is enabled: then restart the collector once the file is there"},
		authenticatorFails: {label: "authenticator", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "the authenticator that auth names failed: {cause}",
			advice: "check the configuration of the extension and where it gets its token from"},

		// The error types of answers are those of the service itself. An unverified answer is ThirdPartyGeneric.
		answerRedirect: {label: "status_3NN", errorType: config, severity: severe, subject: sh.Collection,
			means:  "the service has moved",
			advice: "set endpoint to its new address; redirects are not followed, as the token would go with them. If that is the address of a login page, it is a proxy in between that wants a login"},
		answerBadRequest: {label: "status_400", errorType: config, severity: severe, subject: sh.Collection,
			means:  "the service does not understand the request",
			advice: "check cluster_id and supported_events"},
		answerTokenRefused: {label: "status_401, status_403", errorType: config, severity: severe, subject: sh.Collection, newTokenHelps: true,
			means:  "the service refuses {token}",
			advice: "check that it is complete, not expired and not deleted, without quotes or `Bearer` around it, that it belongs to this cluster_id, and that the cluster has the Remote Syslog licence"},
		answerNotFound: {label: "status_404, status_405", errorType: config, severity: severe, subject: sh.Collection,
			means:  "there is no Log Service at this address",
			advice: "check endpoint"},
		answerProxyAuth: {label: "status_407", errorType: config, severity: severe, subject: sh.Collection,
			means:  "a proxy wants credentials",
			advice: "write user and password into proxy_url"},
		answerConflict: {label: "status_409", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "another session uses this token",
			advice: "the service allows one session for each token and event type. If this source was cut off or restarted just now, its old session still holds the slot and frees it by itself; otherwise stop the other client, or use another token"},
		answerUpgradeRequired: {label: "status_426", errorType: config, severity: severe, subject: sh.Collection,
			means:  "the request to open a WebSocket did not arrive as one",
			advice: "a proxy or firewall in between that removes `Upgrade` is the usual cause. Have it let WebSockets pass to the host of endpoint, or take another way with proxy_url"},
		answerTooManyRequests: {label: "status_429", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "the service asks for fewer attempts",
			advice: "the next one waits for as long as it says"},
		answerRefused: {label: "status_4NN", errorType: config, severity: severe, subject: sh.Collection, newTokenHelps: true,
			means:  "the service refuses the request",
			advice: "check endpoint, cluster_id and {token}"},
		answerServerError: {label: "status_5NN", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "the service, or a proxy before it, has trouble",
			advice: "if it lasts, see Proofpoint's status page"},
		answerOther: {label: "status_1NN, status_2NN, status_408, status_425", errorType: generic, severity: warning, subject: sh.Collection,
			means:  "this is no answer of a WebSocket service",
			advice: "check endpoint and the proxy"},

		closed: {label: "closed_NNNN", errorType: generic, severity: warning, subject: sh.Collection, outlook: newSession,
			means:  "the service closes sessions now and then",
			advice: "if it happens every few minutes, look for a proxy or firewall that ends connections"},
		dropped: {label: "dropped", errorType: generic, severity: warning, subject: sh.Collection, outlook: newSession,
			means:  "connections end now and then",
			advice: "if it happens every few minutes, look for a proxy or firewall that ends connections"},
		silent: {label: "silent", errorType: generic, severity: warning, subject: sh.Collection, outlook: newSession,
			means:  "the connection is dead, or the service hangs",
			advice: "if it happens repeatedly, look for a proxy or firewall that ends idle connections"},
		protocol: {label: "protocol", errorType: generic, severity: warning, subject: sh.Collection, outlook: newSession,
			means:  "something in between may have changed the data",
			advice: "if it happens repeatedly, look for a proxy or firewall that inspects connections"},

		pipelineRefuses: {label: "pipeline_refuses", errorType: ours, severity: warning, subject: sh.Pipeline,
			means:   "the pipeline refuses records: {cause}",
			advice:  "check the exporters and their backends, and memory_limiter",
			outlook: "Nothing is lost meanwhile: the same batch is retried, and the service keeps what comes after it"},
		pipelineRefusesAll: {label: "pipeline_refuses_all", errorType: ours, severity: warning, subject: sh.Pipeline,
			means:   "the pipeline refuses every record, permanently: {cause}",
			advice:  "check the token, the address and the limits of the exporter's backend",
			outlook: "Nothing is lost meanwhile: the records are held and retried, and the service keeps what comes after them"},
		pipelineBlocks: {label: "pipeline_blocks", errorType: ours, severity: warning, subject: sh.Pipeline,
			means:   "the pipeline has neither accepted nor refused a batch for {time}",
			advice:  "check the exporters, their queues and their backends",
			outlook: "Nothing is lost meanwhile: the service keeps what comes after this batch"},
		storageFails: {label: "storage_fails", errorType: ours, severity: warning, subject: sh.Storage,
			means:   "the position is not saved: {cause}",
			advice:  "check the storage extension, its directory, the space there, and that no other collector uses it",
			outlook: "Records keep flowing, and saving is retried; a restart meanwhile repeats records"},

		// An archive session that fails: the label, type and advice of its error are added to these.
		backfillFails: {label: "backfill_*", errorType: generic, severity: warning, subject: sh.Backfill,
			means:   "the archive can't be read, gaps stay open: {fault}",
			advice:  "as for the error without `backfill_`",
			outlook: "It is retried"},
		archiveRefusesHour: {label: "status_400", errorType: config, severity: warning, subject: sh.Backfill,
			means:  "the archive refuses the requested hour",
			advice: "check the clock of this machine. If it lasts, ask Proofpoint's support about sinceTime and toTime of the archive"},
		notTheArchive: {label: "not_the_archive", errorType: generic, severity: warning, subject: sh.Backfill,
			means:  "the archive does not return the requested hour: {cause}",
			advice: "it is asked again in half an hour. If that does not help, ask Proofpoint's support for the archive"},
		secondTokenNeeded: {label: "second_token_needed", errorType: config, severity: warning, subject: sh.Backfill,
			means:  "{cause}; gaps stay open with one token",
			advice: "set a second token as backfill.api_secret: with it the archive is read beside the live session"},
		gapsOpen: {label: "gaps_open", errorType: generic, severity: warning, subject: sh.Gaps,
			means:  "records may be missing; gaps open: {count}, the oldest from {from}",
			advice: "there is nothing to do: they are read from the archive as soon as it has them"},
		gapsKept: {label: "gaps_open", errorType: generic, severity: warning, subject: sh.Gaps,
			means:  "records may be missing, and backfill.enabled is false; gaps open: {count}, the oldest from {from}",
			advice: "set backfill.enabled to true to have them read from the archive. Until then they stay open, for 30 days"},
		gapUnrecoverable: {label: "gap_unrecoverable", errorType: generic, severity: warning, subject: sh.Lost,
			means:  "records that reached the service from {from} to {to} may be lost: " + archiveAge,
			advice: lostAdvice},
		gapsUnrecoverable: {label: "gap_unrecoverable", errorType: generic, severity: warning, subject: sh.Lost,
			means:  "records that reached the service in {count} intervals between {from} and {to} may be lost: " + archiveAge,
			advice: lostAdvice},
		recordsUnrecoverable: {label: "gap_unrecoverable", errorType: generic, severity: warning, subject: sh.Lost,
			means:  "{count} records may be lost: the pipeline had not stored them when the collector ended, and with a ts from more than 30 days before they came they are not in the archive",
			advice: "look for records with such a ts in the backend: if they are there, nothing is lost"},
		pipelineDiscards: {label: "pipeline_discards", errorType: ours, severity: warning, subject: sh.Lost,
			means:   "a record is lost ({name}): the pipeline rejects it and accepts others: {cause}",
			advice:  "check the processors and exporters that this names",
			outlook: "Collection continues with the next record. Records like it may be lost, too"},

		recordsInvalid: {label: "records_invalid_json", errorType: generic, severity: warning, subject: sh.Records,
			means:  "records came that are not one JSON object in valid UTF-8: they are delivered as they came, marked proofpointpod.problem=invalid_json",
			advice: "look for them in the backend, and show them to Proofpoint's support"},
		recordsTruncated: {label: "records_truncated", errorType: ours, severity: warning, subject: sh.Records,
			means:  "records came that are longer than max_record_size: the rest of each is lost, its beginning is delivered, marked proofpointpod.problem=truncated",
			advice: "raise max_record_size"},
		recordsTooLargeForMap: {label: "records_too_large_for_map", errorType: ours, severity: warning, subject: sh.Records,
			means:  "records came that exceed max_record_size as a map: they are delivered as text, marked proofpointpod.problem=too_large_for_map",
			advice: "raise max_record_size and the limits behind it, or set body: text"},

		tokenExpires: {label: "token_expires_14d, token_expires_7d, token_expires_1d", errorType: config, severity: warning, subject: sh.LiveToken,
			means:  "{token} expires at {time}",
			advice: "make another in the PoD administration portal (Settings > API Key Management), and {use}"},
		tokenExpired: {label: "token_expired", errorType: config, severity: warning, subject: sh.LiveToken,
			means:  "{token} has expired; open sessions may continue, but the service accepts no other. It expired at {time}",
			advice: "make another in the PoD administration portal (Settings > API Key Management), and {use}"},
		clockDiffers: {label: "clock_differs", errorType: ours, severity: warning, subject: sh.Clock,
			means:  "this machine's clock is {difference} the service's",
			advice: "check its time synchronisation. Nothing is lost by it: gaps are measured by the service's clock, but lag and log times are wrong"},
	}
}
