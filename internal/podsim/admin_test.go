package podsim_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
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

func TestAdmin_controlsAndShowsTheService(t *testing.T) {
	w := newWorld(t, podsim.Options{SlotHold: -1})
	admin := w.Admin()
	do := func(method, target, body string) (int, string) {
		answer := httptest.NewRecorder()
		admin.ServeHTTP(answer, httptest.NewRequest(method, target, strings.NewReader(body)))
		return answer.Code, answer.Body.String()
	}
	done := func(method, target, body string) {
		t.Helper()
		status, text := do(method, target, body)
		assert.Contains(t, []int{http.StatusOK, http.StatusNoContent}, status, text)
	}

	done("POST", "/push?type=message", `{"id": "not compact"}`)
	done("POST", "/push?type=message&lines=true", "{\"id\":1}\n\n{\"id\":2}")
	done("POST", "/generate?type=maillog&n=3", "")
	_, text := do("GET", "/records?type=message", "")
	assert.Equal(t, "{\"id\": \"not compact\"}\n{\"id\":1}\n{\"id\":2}\n", text)

	done("POST", "/plan", `{"do":"drop","records":2,"type":"message"}`)
	_, text = do("GET", "/plan", "")
	assert.JSONEq(t, `[{"do":"drop","records":2,"type":"message"}]`, text)
	_, err := readAll(w.dial(podlog.Message))
	assert.Error(t, err)
	_, text = do("GET", "/written?type=message", "")
	assert.Equal(t, 2, strings.Count(text, "\n"))

	done("POST", "/plan", `[{"do":"hang","times":-1}]`)
	done("DELETE", "/plan", "")
	assert.Empty(t, w.PlanLeft())

	w.dial(podlog.Message)
	_, text = do("POST", "/drop?type=message&how=reset", "")
	assert.Equal(t, "1\n", text)
	w.wait(func() bool { return w.Live(podlog.Message) == 0 })
	done("POST", "/drop", "")

	done("POST", "/tokens", `{"reject":["`+podsim.Token+`"],"accept":["new"]}`)
	status, _ := w.status(podlog.Message)
	assert.Equal(t, http.StatusUnauthorized, status)

	_, text = do("GET", "/handshakes", "")
	assert.NotContains(t, text, podsim.Token)
	var handshakes []podsim.Handshake
	require.NoError(t, json.Unmarshal([]byte(text), &handshakes))
	assert.Len(t, handshakes, 3)
	var sessions []podsim.SessionInfo
	_, text = do("GET", "/sessions", "")
	require.NoError(t, json.Unmarshal([]byte(text), &sessions))
	assert.Len(t, sessions, 2)
	var stats podsim.Stats
	_, text = do("GET", "/stats", "")
	require.NoError(t, json.Unmarshal([]byte(text), &stats))
	assert.Equal(t, int64(3), stats[podlog.Message].Produced)
	assert.Equal(t, map[int]int{101: 2, 401: 1}, stats[podlog.Message].Handshakes)

	for _, wrong := range [][3]string{
		{"POST", "/push?type=x"}, {"POST", "/generate?type=message&n=x"}, {"POST", "/drop?how=x"}, {"POST", "/drop?type=x"},
		{"POST", "/plan", "{"}, {"POST", "/plan", `{"do":"x"}`}, {"POST", "/tokens", "{}"}, {"POST", "/tokens", ""}, {"GET", "/records"},
	} {
		status, _ := do(wrong[0], wrong[1], wrong[2])
		assert.Equal(t, http.StatusBadRequest, status, wrong)
	}
}

func TestParsePlan_roundTripsAndRefusesMistakes(t *testing.T) {
	steps, err := podsim.ParsePlan([]byte(`[
		{"do":"refuse","status":503,"headers":{"Retry-After":"3"},"times":2},
		{"type":"maillog","do":"freeze","after":"1m30s","lose":2,"pong_delay":"25s"},
		{"do":"serve","frames":[{"text":"a"},{"base64":"//4=","binary":true},{"size":100},{}]}
	]`))
	require.NoError(t, err)
	assert.Equal(t, []podsim.Step{
		{Do: podsim.Refuse, Status: 503, Headers: map[string]string{"Retry-After": "3"}, Times: 2},
		{Type: podlog.Maillog, Do: podsim.Freeze, After: 90 * time.Second, Lose: 2, PongDelay: 25 * time.Second},
		{Do: podsim.Serve, Frames: []podsim.Frame{{Text: "a"}, {Base64: []byte{0xff, 0xfe}, Binary: true}, {Size: 100}, {}}},
	}, steps)
	text, err := json.Marshal(steps)
	require.NoError(t, err)
	again, err := podsim.ParsePlan(text)
	require.NoError(t, err)
	assert.Equal(t, steps, again)

	for text, want := range map[string]string{
		`[{"do":"explode"}]`:             `step 1 of the plan: do: unknown action "explode"`,
		`[{},{"type":"mail"}]`:           `step 2 of the plan: type: unknown event type "mail"`,
		`[{"after":"soon"}]`:             `after: time: invalid duration "soon"`,
		`[{"pong_delay":"x"}]`:           `pong_delay: time: invalid duration`,
		`[{"do":"drop","record":1}]`:     `unknown field "record"`,
		`[{"do":"drop","lose":-1}]`:      `negative number in a step that does "drop"`,
		`[{"do":"refuse","status":101}]`: `status: 101`,
		`[{"do":"close","reason":"` + strings.Repeat("x", 124) + `"}]`: `at most 123`,
		`[] []`: `something follows`,
		``:      `read the plan`,
	} {
		_, err := podsim.ParsePlan([]byte(text))
		assert.ErrorContains(t, err, want, text)
	}
}

func TestReadRecords_keepsTheBytesOfEachRecord(t *testing.T) {
	want := []string{`{"a":1.0,"b":"<é\u00e9>"}`, `{"":null,"a":1e2}`}
	for name, text := range map[string]string{
		"array":            " [ {\"a\": 1.0,\n \"b\":\"<é\\u00e9>\" } ,\r\n{ \"\" : null, \"a\":1e2}\n]\n",
		"lines":            "{\"a\":1.0,\"b\":\"<é\\u00e9>\"}\n{\"\":null,\"a\":1e2}\n",
		"objects, pretty":  "{\n  \"a\": 1.0,\n  \"b\": \"<é\\u00e9>\"\n}{\n  \"\": null,\n  \"a\": 1e2\n}",
		"array with a BOM": "\xef\xbb\xbf[{\"a\":1.0,\"b\":\"<é\\u00e9>\"},{\"\":null,\"a\":1e2}]",
		"several arrays":   "[{\"a\":1.0,\"b\":\"<é\\u00e9>\"}]\n[{\"\":null,\"a\":1e2}]",
	} {
		path := filepath.Join(t.TempDir(), "records.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		got, err := podsim.ReadRecords(path)
		require.NoError(t, err, name)
		assert.Equal(t, strings.Join(want, "\n"), string(bytes.Join(got, []byte("\n"))), name)
	}
	path := filepath.Join(t.TempDir(), "records.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"a":1} {`), 0o600))
	_, err := podsim.ReadRecords(path)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = podsim.ReadRecords(path + ".not")
	assert.ErrorIs(t, err, os.ErrNotExist)
}
