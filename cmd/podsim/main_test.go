package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/proofpointpod/otelcol/internal/podsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs the command with free ports until the end of the test, and returns what it says once all is up.
func start(t *testing.T, args ...string) ready {
	t.Helper()
	out, in := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, append(args, "-listen", "127.0.0.1:0", "-ready-file", "-"), in, io.Discard)
		_ = in.CloseWithError(io.EOF)
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	text := make([]byte, 4096)
	n, err := out.Read(text)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text[:n])), "\n")
	var r ready
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &r))
	assert.Contains(t, string(text[:n]), r.Endpoint)
	return r
}

// dial makes a handshake for message records.
func dial(t *testing.T, r ready, d websocket.Dialer) *websocket.Conn {
	t.Helper()
	conn, _, err := d.DialContext(t.Context(), r.Endpoint+"?type=message&cid="+r.ClusterID,
		http.Header{"Authorization": {"Bearer " + podsim.Token}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// trusting is a client that trusts the CA of a file.
func trusting(t *testing.T, caFile string) websocket.Dialer {
	t.Helper()
	text, err := os.ReadFile(caFile)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(text))
	return websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: pool}}
}

func TestRun_replaysFilesOnceInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.json")
	require.NoError(t, os.WriteFile(path, []byte(`[{"a": 1}, {"a": 2}]`), 0o600))
	r := start(t, "-plaintext", "-replay", "message="+path, "-replay-once", "-admin", "127.0.0.1:0")
	conn := dial(t, r, websocket.Dialer{})
	for i := range 2 {
		_, payload, err := conn.ReadMessage()
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintf(`{"a":%d}`, i+1), string(payload))
	}
	answer, err := http.Get(r.Admin + "/records?type=message")
	require.NoError(t, err)
	defer http.DefaultClient.CloseIdleConnections()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, "{\"a\":1}\n{\"a\":2}\n", string(body))
}

func TestRun_replaysFilesAgainAndAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "records.json")
	require.NoError(t, os.WriteFile(path, []byte("{\"a\":1}\n{\"a\":2}\n"), 0o600))
	conn := dial(t, start(t, "-plaintext", "-replay", "message="+path, "-replay-rate", "1000"), websocket.Dialer{})
	for i := range 10 {
		_, payload, err := conn.ReadMessage()
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintf(`{"a":%d}`, 1+i%2), string(payload))
	}
}

func TestRun_generatesAndFailsAsPlanned(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	plan := filepath.Join(t.TempDir(), "plan.json")
	require.NoError(t, os.WriteFile(plan, []byte(`[{"do":"close","records":3,"code":1013}]`), 0o600))
	r := start(t, "-ca-out", ca, "-rate", "message=200", "-plan", plan, "-past", "message=48")
	conn := dial(t, r, trusting(t, ca))
	var err error
	n := 0
	for ; err == nil; n++ {
		_, _, err = conn.ReadMessage()
	}
	assert.True(t, websocket.IsCloseError(err, 1013), err)
	assert.Equal(t, 3, n-1)
}

func TestRun_leadsEveryHostThroughItsProxyToItself(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.pem")
	r := start(t, "-ca-out", ca, "-proxy", "127.0.0.1:0", "-proxy-auth", "me:secret", "-past", "message=96")
	u, err := url.Parse(strings.Replace(r.Proxy, "http://", "http://me:secret@", 1))
	require.NoError(t, err)
	d := trusting(t, ca)
	d.Proxy = http.ProxyURL(u)
	r.Endpoint = "wss://logstream.proofpoint.com:443/v1/stream"
	_, _, err = dial(t, r, d).ReadMessage()
	require.NoError(t, err)
}

func TestRun_demandsClientCertificates(t *testing.T) {
	dir := t.TempDir()
	ca, client := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "client")
	r := start(t, "-ca-out", ca, "-client-cert-out", client)
	d := trusting(t, ca)
	_, _, err := d.DialContext(t.Context(), r.Endpoint, nil)
	assert.ErrorContains(t, err, "certificate")
	cert, err := tls.LoadX509KeyPair(client+".crt", client+".key")
	require.NoError(t, err)
	d.TLSClientConfig.Certificates = []tls.Certificate{cert}
	dial(t, r, d)
}

func TestRun_namesMistakes(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-rate", "mail=1"}, `"mail" is none of`},
		{[]string{"-rate", "message=x"}, "message=x: must be a number"},
		{[]string{"-types", "mail"}, `"mail" is none of`},
		{[]string{"-plan", `[{"do":"x"}]`}, "unknown action"},
		{[]string{"-plan", "/no/such/file"}, "no such file"},
		{[]string{"-replay", "file"}, "must be type=file"},
		{[]string{"-replay", "message=/no/such/file"}, "no such file"},
		{[]string{"-replay", "message=" + os.DevNull}, "no record in"},
		{[]string{"-replay-rate", "0"}, "must be more than 0"},
		{[]string{"-resume", "x"}, "must be written or received"},
		{[]string{"-plaintext", "-ca-out", "x"}, "-plaintext has no certificates"},
		{[]string{"-listen", "nowhere:x"}, "-listen"},
		{[]string{"-ca-out", "/no/such/dir/ca.pem"}, "-ca-out"},
		{[]string{"more"}, `unexpected argument "more"`},
	} {
		assert.ErrorContains(t, run(t.Context(), c.args, io.Discard, io.Discard), c.want, c.args)
	}
}
