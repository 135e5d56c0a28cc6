package status

import (
	"errors"
	"net/http"
	"strings"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// SessionFault returns the fault of a session that could not be opened, or that ended. from is the origin of its token.
//
// Only an answer that the service itself has sent is a fault of ThirdPartyConfig. Anybody on the way can cause what else
// looks like a mistake in the configuration, so it has the same advice, and is retried. Without TLS, and where TLS does
// not verify the certificate, nobody knows who has answered.
func SessionFault(err *podlog.Error, from Origin) sourcehealth.Fault {
	return sessionFault(kindOfError(err), err, from)
}

// ArchiveFault is SessionFault for an archive session.
func ArchiveFault(err *podlog.Error, from Origin) sourcehealth.Fault {
	if err.Reason == podlog.ReasonStatus && err.Status == http.StatusBadRequest {
		return sessionFault(archiveRefusesHour, err, from)
	}
	return SessionFault(err, from)
}

func sessionFault(k kind, err *podlog.Error, from Origin) sourcehealth.Fault {
	fault := k.newFaultOf(err, "{token}", from.token())
	fault.Label, fault.Status = err.Label(), err.Status
	if err.Reason != podlog.ReasonStatus {
		return fault
	}
	if !err.Verified {
		fault.Type, fault.Severity, fault.NewTokenHelps = sourcehealth.ThirdPartyGeneric, sourcehealth.SeverityWarning, false
	}
	if isPage(err.Body) {
		fault.Message += ". The answer is a web page: a proxy or firewall in between may have written it, and not the service"
	}
	return fault
}

// kindOfError returns the kind of trouble that a session's error is. Lint fails where a reason has none.
func kindOfError(err *podlog.Error) kind {
	switch err.Reason {
	case podlog.ReasonDNS:
		return dns
	case podlog.ReasonDial:
		return dial
	case podlog.ReasonProxy:
		return proxyFails
	case podlog.ReasonProxyAuth:
		if errors.Is(err, podlog.ErrOtherLogin) {
			return proxyLogin
		}
		return proxyAuth
	case podlog.ReasonTLS:
		return tlsFails
	case podlog.ReasonCertificate:
		return certificate
	case podlog.ReasonClientCertificate:
		return clientCertificate
	case podlog.ReasonNoClientCertificate:
		return noClientCertificate
	case podlog.ReasonTimeout:
		return handshakeTimeout
	case podlog.ReasonHandshake:
		return handshake
	case podlog.ReasonStatus:
		return kindOfAnswer(err.Status)
	case podlog.ReasonClosed:
		return closed
	case podlog.ReasonDropped:
		return dropped
	case podlog.ReasonSilent:
		return silent
	case podlog.ReasonProtocol:
		return protocol
	}
	return dropped
}

// kindOfAnswer returns the kind of an answer to a handshake. 3xx and 4xx are mistakes in the configuration, but for those
// that name a passing state of the other side. All others, 1xx, 2xx and 5xx, are the service's trouble.
func kindOfAnswer(status int) kind {
	switch status {
	case http.StatusBadRequest:
		return answerBadRequest
	case http.StatusUnauthorized, http.StatusForbidden:
		return answerTokenRefused
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return answerNotFound
	case http.StatusProxyAuthRequired:
		return answerProxyAuth
	case http.StatusRequestTimeout, http.StatusTooEarly:
		return answerOther
	case http.StatusConflict:
		return answerConflict
	case http.StatusUpgradeRequired:
		return answerUpgradeRequired
	case http.StatusTooManyRequests:
		return answerTooManyRequests
	}
	switch {
	case status >= 300 && status < 400:
		return answerRedirect
	case status >= 400 && status < 500:
		return answerRefused
	case status >= 500:
		return answerServerError
	default:
		return answerOther
	}
}

// isPage says whether an answer's body is a web page. The service's own are a line of text.
func isPage(body string) bool {
	body = strings.ToLower(body)
	return strings.HasPrefix(body, "<!doctype html") || strings.HasPrefix(body, "<html")
}
