package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// watched is YAML that adds the health page to a configuration of README.md, and writes records to a file.
func watched(health, records string, extensions ...string) string {
	return fmt.Sprintf(`
extensions:
  health_check:
    http:
      endpoint: %s
      status:
        enabled: true
        path: /status
        include_attributes: true
exporters:
  file:
    path: %s
    flush_interval: 100ms
service:
  extensions: [%s]
  telemetry:
    metrics:
      level: none
  pipelines:
    logs:
      exporters: [file]
`, health, records, strings.Join(append(extensions, "health_check"), ", "))
}

// startWithTokenFile starts the collector with the configuration of README.md whose token is in a file, the one at path.
func startWithTokenFile(t *testing.T, s *service, path string) (collector *process, records *recordFile, health string) {
	t.Helper()
	health = reservedAddress(t)
	records = &recordFile{t: t, path: filepath.Join(t.TempDir(), "records.json")}
	text := with(t, configuration(t, "bearertokenauth/pod"), tokenFile, path)
	collector = startCollector(t, s, file(t, "readme.yaml", text), t.TempDir(),
		watched(health, records.path, "bearertokenauth/pod"))
	return collector, records, health
}

func TestAuth_tokenFileThatComesLateStartsTheSource(t *testing.T) {
	t.Parallel()
	s := startService(t, podsim.Options{})
	s.Generate(podlog.Message, 10)
	path := filepath.Join(t.TempDir(), "pod_token")
	collector, records, health := startWithTokenFile(t, s, path)
	status := waitState(t, health, "Error")
	assert.Equal(t, "StatusRecoverableError", status.Status)
	assert.Contains(t, status.Error, "has no token")
	assert.Empty(t, s.Handshakes(), "it connected without a token")

	require.NoError(t, os.WriteFile(path, []byte(podsim.Token+"\n"), 0o600))
	records.waitCount(10)
	waitState(t, health, "Collecting")
	collector.stop()
	assertExactlyOnce(t, s.produced(podlog.Message), records.read())
}

func TestAuth_tokenFileThatIsRewrittenBringsTheSourceBack(t *testing.T) {
	t.Parallel()
	s := startService(t, podsim.Options{})
	s.Generate(podlog.Message, 10)
	path := file(t, "pod_token", "expired-token\n")
	collector, records, health := startWithTokenFile(t, s, path)
	answers := func(status int) (n int) {
		for _, handshake := range s.Handshakes() {
			if handshake.Status == status {
				n++
			}
		}
		return n
	}
	s.waitFor(func() bool { return answers(http.StatusUnauthorized) == 3 }) // one for each event type
	status := waitState(t, health, "Error")
	assert.Equal(t, "StatusRecoverableError", status.Status)
	assert.Equal(t, "ThirdPartyConfig", status.Attributes.ErrorType)
	assert.Contains(t, status.Error, "401")

	// A failure that is tried again is tried three times in this time, and more.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	require.ErrorIs(t, s.WaitFor(ctx, func() bool { return len(s.Handshakes()) > 3 }), context.DeadlineExceeded,
		"the refused token was tried again")

	require.NoError(t, os.WriteFile(path, []byte(podsim.Token+"\n"), 0o600))
	s.waitLive(podlog.EventTypes()...)
	records.waitCount(10)
	waitState(t, health, "Collecting")

	// The token expires, and what renews it puts another file in its place.
	const renewed = "renewed-token"
	s.RejectTokens(podsim.Token)
	s.AcceptTokens(renewed)
	s.DropAll(podsim.Close)
	s.waitFor(func() bool { return answers(http.StatusUnauthorized) == 6 })
	require.NoError(t, os.WriteFile(path+".new", []byte(renewed+"\n"), 0o600))
	require.NoError(t, os.Rename(path+".new", path))
	s.waitLive(podlog.EventTypes()...)
	s.Generate(podlog.Message, 10)
	records.waitCount(20)
	waitState(t, health, "Collecting")
	collector.stop()

	assertExactlyOnce(t, s.produced(podlog.Message), records.read())
	assert.Equal(t, 6, answers(http.StatusUnauthorized))
	assert.Equal(t, 6, answers(http.StatusSwitchingProtocols))
	assert.Equal(t, 1, strings.Count(collector.out.String(), ready), "without a restart")
	for _, token := range []string{"expired-token", renewed} {
		assert.NotContains(t, collector.out.String(), token, "the secret was printed")
	}
}

func TestTLS_clientCertificateOpensTheService(t *testing.T) {
	dir := folder(t)
	sent := capture(t, filepath.Join(dir, "captured.json"))
	simulator, s := startSimulator(t, dir,
		"bin/podsim -ca-out ca.pem -client-cert-out client -replay message=captured.json -replay-once")
	s.caFile = filepath.Join(dir, s.caFile)
	least := file(t, "readme.yaml", configuration(t, "api_secret:"))

	// Without it the source says which keys are missing.
	health := reservedAddress(t)
	records := &recordFile{t: t, path: filepath.Join(t.TempDir(), "records.json")}
	collector := startCollector(t, s, least, t.TempDir(), watched(health, records.path))
	status := waitState(t, health, "Error")
	assert.Equal(t, "StatusRecoverableError", status.Status)
	assert.Equal(t, "ThirdPartyGeneric", status.Attributes.ErrorType)
	assert.Contains(t, status.Error, "tls.cert_file and tls.key_file")
	collector.stop()
	assert.Empty(t, records.read())

	collector = startCollector(t, s, least, t.TempDir(), watched(health, records.path)+fmt.Sprintf(`
receivers:
  proofpointpod:
    tls:
      cert_file: %[1]s.crt
      key_file: %[1]s.key
`, filepath.Join(dir, "client")))
	records.waitCount(len(sent))
	waitState(t, health, "Collecting")
	collector.stop()
	ctrlC(simulator)
	assertExactlyOnce(t, sent, records.read())
}

func TestTLS_certificateThatIsNotTrustedGetsNoToken(t *testing.T) {
	s := startService(t, podsim.Options{})
	s.caFile = "" // the CA is none of the system's
	health := reservedAddress(t)
	records := filepath.Join(t.TempDir(), "records.json")
	collector := startCollector(t, s, file(t, "readme.yaml", configuration(t, "api_secret:")), t.TempDir(),
		watched(health, records))
	status := waitState(t, health, "Error")
	assert.Equal(t, "StatusRecoverableError", status.Status)
	assert.Equal(t, "ThirdPartyGeneric", status.Attributes.ErrorType)
	assert.Contains(t, status.Error, "tls.ca_file")
	collector.stop()
	assert.Contains(t, collector.out.String(), "give its CA in tls.ca_file")
	assert.Empty(t, s.Handshakes(), "the token was told to somebody who is not trusted")
}
