package status_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/sourcehealth"
	"github.com/proofpointpod/otelcol/internal/status"
)

func TestSessionFault_reasons(t *testing.T) {
	const (
		config  = sourcehealth.ThirdPartyConfig
		generic = sourcehealth.ThirdPartyGeneric
	)
	for _, test := range []struct {
		err    podlog.Error
		typ    sourcehealth.ErrorType
		label  string
		advice []string // what the user reads there
	}{
		{podlog.Error{Reason: podlog.ReasonDNS}, generic, "dns", []string{"endpoint", "DNS", "proxy_url", "HTTPS_PROXY"}},
		{podlog.Error{Reason: podlog.ReasonDial}, generic, "dial", []string{"firewall", "proxy_url", "HTTPS_PROXY"}},
		{podlog.Error{Reason: podlog.ReasonProxy}, generic, "proxy", []string{"proxy_url", "HTTPS_PROXY"}},
		{podlog.Error{Reason: podlog.ReasonProxy, Status: 403}, generic, "proxy_403", []string{"HTTP 403", "proxy_url"}},
		{podlog.Error{Reason: podlog.ReasonProxy, Status: 429}, generic, "proxy_429", []string{"HTTP 429", "proxy_url"}},
		{podlog.Error{Reason: podlog.ReasonProxy, Status: 503}, generic, "proxy_503", []string{"HTTP 503", "proxy_url"}},
		{podlog.Error{Reason: podlog.ReasonProxyAuth}, generic, "proxy_auth", []string{"user and password", "proxy_url"}},
		{podlog.Error{Reason: podlog.ReasonProxyAuth, Status: 407}, generic, "proxy_auth_407", []string{"user and password", "proxy_url"}},
		{podlog.Error{Reason: podlog.ReasonTLS}, generic, "tls", []string{"wss://"}},
		{podlog.Error{Reason: podlog.ReasonCertificate}, generic, "certificate", []string{"tls.ca_file", "endpoint", "clock"}},
		{podlog.Error{Reason: podlog.ReasonClientCertificate}, generic, "client_certificate", []string{"refuses our certificate", "tls.cert_file", "tls.key_file"}},
		{podlog.Error{Reason: podlog.ReasonNoClientCertificate}, generic, "client_certificate_required", []string{"none is configured", "tls.cert_file", "tls.key_file"}},
		{podlog.Error{Reason: podlog.ReasonTimeout}, generic, "handshake_timeout", []string{"firewall", "handshake_timeout"}},
		{podlog.Error{Reason: podlog.ReasonHandshake}, generic, "handshake", []string{"endpoint", "WebSockets"}},
		{podlog.Error{Reason: podlog.ReasonSilent}, generic, "silent", []string{"A new session is opened"}},
		{podlog.Error{Reason: podlog.ReasonProtocol}, generic, "protocol", []string{"A new session is opened"}},
		{podlog.Error{Reason: podlog.ReasonDropped}, generic, "dropped", []string{"A new session is opened"}},
		{podlog.Error{Reason: podlog.ReasonClosed, CloseCode: 1000}, generic, "closed_1000", []string{"close code 1000", "A new session"}},
		{podlog.Error{Reason: podlog.ReasonClosed, CloseCode: 1008}, generic, "closed_1008", []string{"close code 1008", "A new session"}},
	} {
		t.Run(test.label, func(t *testing.T) {
			test.err.Op, test.err.Err = "what was tried", errors.New("why it failed")
			fault := status.SessionFault(&test.err, status.FromConfig("api_secret"))
			assert.Equal(t, test.typ, fault.Type)
			assert.Equal(t, test.label, fault.Label)
			assert.Equal(t, test.err.Status, fault.Status)
			assert.False(t, fault.NewTokenHelps, "the token is not the cause")
			assert.Contains(t, fault.Message, test.err.Error()+"; ")
			for _, advice := range test.advice {
				assert.Contains(t, fault.Text(), advice)
			}
		})
	}
}

func TestSessionFault_statuses(t *testing.T) {
	const (
		config  = sourcehealth.ThirdPartyConfig
		generic = sourcehealth.ThirdPartyGeneric
	)
	for _, test := range []struct {
		status   int
		typ      sourcehealth.ErrorType
		newToken bool
		advice   string
	}{
		{101, generic, false, "no answer of a WebSocket service"},
		{200, generic, false, "no answer of a WebSocket service"},
		{204, generic, false, "no answer of a WebSocket service"},
		{300, config, false, "the service has moved"},
		{301, config, false, "set endpoint to its new address"},
		{307, config, false, "the service has moved"},
		{308, config, false, "the service has moved"},
		{400, config, false, "check cluster_id and supported_events"},
		{401, config, true, "not expired and not deleted, without quotes or `Bearer` around it, that it belongs to this cluster_id, and that the cluster has the Remote Syslog licence"},
		{402, config, true, "check endpoint, cluster_id and the token in api_secret"},
		{403, config, true, "the service refuses the token in api_secret: check that it is complete, "},
		{404, config, false, "check endpoint"},
		{405, config, false, "check endpoint"},
		{407, config, false, "a proxy wants credentials"},
		{408, generic, false, "no answer of a WebSocket service"},
		{409, generic, false, "another session uses this token: the service allows one session for each token and event type"},
		{410, config, true, "check endpoint, cluster_id and the token in api_secret"},
		{422, config, true, "check endpoint, cluster_id and the token in api_secret"},
		{425, generic, false, "no answer of a WebSocket service"},
		{426, config, false, "a proxy or firewall in between that removes `Upgrade` is the usual cause"},
		{429, generic, false, "the service asks for fewer attempts"},
		{451, config, true, "check endpoint, cluster_id and the token in api_secret"},
		{499, config, true, "check endpoint, cluster_id and the token in api_secret"},
		{500, generic, false, "has trouble: if it lasts, see Proofpoint's status page"},
		{502, generic, false, "has trouble: if it lasts, see Proofpoint's status page"},
		{503, generic, false, "has trouble: if it lasts, see Proofpoint's status page"},
		{504, generic, false, "has trouble: if it lasts, see Proofpoint's status page"},
		{599, generic, false, "has trouble: if it lasts, see Proofpoint's status page"},
	} {
		t.Run(fmt.Sprint(test.status, " ", http.StatusText(test.status)), func(t *testing.T) {
			fault := status.SessionFault(&podlog.Error{
				Op: "WebSocket handshake", Reason: podlog.ReasonStatus, Status: test.status, Verified: true, Body: "its words",
			}, status.FromConfig("api_secret"))
			assert.Equal(t, test.typ, fault.Type)
			assert.Equal(t, fmt.Sprintf("status_%d", test.status), fault.Label)
			assert.Equal(t, test.status, fault.Status)
			assert.Equal(t, test.newToken, fault.NewTokenHelps)
			assert.Contains(t, fault.Message, fmt.Sprintf("HTTP %d", test.status))
			assert.Contains(t, fault.Message, "(its words); ")
			assert.Contains(t, fault.Message, test.advice)
			assert.NotContains(t, fault.Text(), "retried", "that is not known here")

			anybody := status.SessionFault(&podlog.Error{
				Op: "WebSocket handshake", Reason: podlog.ReasonStatus, Status: test.status, Body: "its words",
			}, status.FromConfig("api_secret"))
			fault.Type, fault.Severity, fault.NewTokenHelps = generic, sourcehealth.SeverityWarning, false
			assert.Equal(t, fault, anybody, "where nobody knows who has answered, the advice is the same")
		})
	}
}

// Who reads that a token is refused has one place to look at.
func TestSessionFault_aRefusedTokenIsNamed(t *testing.T) {
	for want, from := range map[string]status.Origin{
		"refuses the token in api_secret: check that it":                          status.FromConfig("api_secret"),
		"refuses the token in backfill.api_secret: check that it":                 status.FromConfig("backfill.api_secret"),
		"refuses the token from the extension bearertokenauth/pod: check that it": status.FromExtension("bearertokenauth/pod"),
	} {
		fault := status.SessionFault(&podlog.Error{Op: "WebSocket handshake", Reason: podlog.ReasonStatus, Status: 401}, from)
		assert.Contains(t, fault.Message, want)
	}
}

// The cluster_id that a live session is open with need not be checked.
func TestArchiveFault_refusesTheHour(t *testing.T) {
	failed := &podlog.Error{Op: "WebSocket handshake", Reason: podlog.ReasonStatus, Status: 400, Verified: true}
	fault := status.ArchiveFault(failed, live())
	assert.Equal(t, sourcehealth.ThirdPartyConfig, fault.Type)
	assert.Equal(t, "status_400", fault.Label)
	assert.Contains(t, fault.Message, "the archive refuses the requested hour")
	assert.NotContains(t, fault.Message, "cluster_id")
	for _, other := range []*podlog.Error{
		{Reason: podlog.ReasonStatus, Status: 401, Verified: true},
		{Reason: podlog.ReasonProxy, Status: 400},
		{Reason: podlog.ReasonDropped},
	} {
		assert.Equal(t, status.SessionFault(other, live()), status.ArchiveFault(other, live()))
	}
}

// A token that was right is not to be replaced because a firewall answers.
func TestSessionFault_aWebPage(t *testing.T) {
	const page = "The answer is a web page: a proxy or firewall in between may have written it"
	for body, want := range map[string]bool{
		"<!DOCTYPE html><title>Blocked</title>": true,
		"<html><body>502 Bad Gateway":           true,
		"<?xml version=\"1.0\"?><Error/>":       false,
		"Missing or invalid token":              false,
		"":                                      false,
	} {
		message := status.SessionFault(&podlog.Error{Reason: podlog.ReasonStatus, Status: 403, Body: body}, live()).Message
		assert.Equal(t, want, strings.Contains(message, page), "%q", body)
		assert.Contains(t, message, "the service refuses the token")
	}
}

func TestSessionFault_anotherLoginOfAProxy(t *testing.T) {
	fault := status.SessionFault(&podlog.Error{
		Reason: podlog.ReasonProxyAuth, Status: 407, Err: fmt.Errorf("%w: NTLM", podlog.ErrOtherLogin),
	}, live())
	assert.Equal(t, sourcehealth.ThirdPartyGeneric, fault.Type)
	assert.Equal(t, "proxy_auth_407", fault.Label)
	assert.Contains(t, fault.Message, "another kind of login than Basic: NTLM; only Basic authentication")
	assert.NotContains(t, fault.Message, "check user and password", "they are not the cause")
}

func TestFault_ofTheSourceItself(t *testing.T) {
	cause := errors.New("the cause")
	for _, test := range []struct {
		fault  sourcehealth.Fault
		typ    sourcehealth.ErrorType
		label  string
		advice []string
	}{
		{status.NoToken(), sourcehealth.ThirdPartyConfig, "no_token", []string{"auth", "token file"}},
		{status.AuthenticatorFails(cause), sourcehealth.ThirdPartyGeneric, "authenticator", []string{"the cause; ", "extension"}},
		{status.PipelineRefuses(cause), sourcehealth.FirstPartyGeneric, "pipeline_refuses", []string{"the cause; ", "exporters", "memory_limiter", "Nothing is lost"}},
		{status.PipelineRefusesAll(cause), sourcehealth.FirstPartyGeneric, "pipeline_refuses_all", []string{"the cause; ", "token", "Nothing is lost"}},
		{status.PipelineRejects("guid a", cause), sourcehealth.FirstPartyGeneric, "pipeline_discards", []string{"guid a", "the cause; ", "lost"}},
		{status.PipelineBlocks(90 * time.Second), sourcehealth.FirstPartyGeneric, "pipeline_blocks", []string{"1m30s", "queues", "Nothing is lost"}},
	} {
		t.Run(test.label, func(t *testing.T) {
			assert.Equal(t, test.typ, test.fault.Type)
			assert.Equal(t, test.label, test.fault.Label)
			assert.Zero(t, test.fault.Status)
			assert.Equal(t, test.label == "no_token", test.fault.NewTokenHelps)
			for _, advice := range test.advice {
				assert.Contains(t, test.fault.Text(), advice)
			}
		})
	}
}

func TestErrorType_healthEvent(t *testing.T) {
	assert.Equal(t, "ThirdPartyConfigError", sourcehealth.ThirdPartyConfig.HealthEvent())
	assert.Equal(t, "ThirdPartyGenericError", sourcehealth.ThirdPartyGeneric.HealthEvent())
	assert.Equal(t, "FirstPartyGenericError", sourcehealth.FirstPartyGeneric.HealthEvent())
}

// What others return is told as far as it is read, and what to do is never cut off.
func TestFault_anErrorOfOthersIsCut(t *testing.T) {
	long := errors.New(strings.Repeat("ä", 1_000_000))
	for name, fault := range map[string]sourcehealth.Fault{
		"authenticator": status.AuthenticatorFails(long),
		"refuses":       status.PipelineRefuses(long),
		"refuses all":   status.PipelineRefusesAll(long),
		"rejects":       status.PipelineRejects("guid a", long),
		"storage":       status.StorageFails(long),
	} {
		t.Run(name, func(t *testing.T) {
			assert.Less(t, len(fault.Message), 3000)
			assert.True(t, utf8.ValidString(fault.Message))
			assert.Contains(t, fault.Message, "ää…")
			assert.Contains(t, fault.Message, "; check")
		})
	}
	assert.Contains(t, status.StorageFails(errors.New("disk full")).Message, "not saved: disk full; check")
}
