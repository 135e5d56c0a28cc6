package sourcehealthextension

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configauth"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// parts are the addresses of the files of the page.
func parts(t *testing.T) map[string]string {
	t.Helper()
	files, err := assets.ReadDir("assets")
	require.NoError(t, err)
	texts := map[string]string{}
	for _, file := range files {
		text, err := assets.ReadFile("assets/" + file.Name())
		require.NoError(t, err)
		texts["/"+strings.TrimSuffix(file.Name(), "index.html")] = string(text)
	}
	return texts
}

func TestPage_keepsBrowsersStrict(t *testing.T) {
	p := startPage(t, host{}, nil)
	paths := []string{pathSources, pathEvents, "/nowhere"}
	for path := range parts(t) {
		paths = append(paths, path)
	}
	for _, path := range paths {
		answer, _ := p.do(http.MethodGet, path, nil)
		policy := answer.Header.Get("Content-Security-Policy")
		for _, rule := range []string{
			"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self'",
			"frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'",
		} {
			assert.Contains(t, strings.Split(policy, "; "), rule, path)
		}
		assert.NotContains(t, policy, "unsafe", path)
		assert.Equal(t, "nosniff", answer.Header.Get("X-Content-Type-Options"), path)
		assert.Equal(t, "no-referrer", answer.Header.Get("Referrer-Policy"), path)
		assert.Equal(t, "same-origin", answer.Header.Get("Cross-Origin-Resource-Policy"), path)
	}
}

func TestPage_isServedWithItsParts(t *testing.T) {
	p := startPage(t, host{}, nil)
	for path, text := range parts(t) {
		answer, got := p.do(http.MethodGet, path, nil)
		require.Equal(t, http.StatusOK, answer.StatusCode, path)
		assert.Equal(t, text, got)
		assert.Contains(t, []string{
			"text/html; charset=utf-8", "text/javascript; charset=utf-8", "text/css; charset=utf-8", "image/svg+xml",
		}, answer.Header.Get("Content-Type"), path)
		assert.Equal(t, "no-cache", answer.Header.Get("Cache-Control"), "asked for each time")
		again, _ := p.do(http.MethodGet, path, func(r *http.Request) { r.Header.Set("If-None-Match", answer.Header.Get("ETag")) })
		assert.Equal(t, http.StatusNotModified, again.StatusCode, path)
	}
	answer, _ := p.do(http.MethodGet, pathSources, nil)
	assert.Equal(t, "no-store", answer.Header.Get("Cache-Control"))
}

func TestAssets_needNothingFromElsewhere(t *testing.T) {
	elsewhere := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9-]+\.[a-z]`)
	markup := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|setAttribute\('style'|setAttribute\('on`)
	inline := regexp.MustCompile(`(?i)<script(>| [^>]*[^>]>\s*[^<\s])|<style|\sstyle=|\son[a-z]+=|javascript:`)
	for path, text := range parts(t) {
		namespace := strings.ReplaceAll(text, "http://www.w3.org/2000/svg", "")
		assert.NotRegexp(t, elsewhere, namespace, path)
		assert.NotRegexp(t, markup, text, "%s makes HTML of text", path)
		if path == "/" || strings.HasSuffix(path, ".svg") {
			assert.NotRegexp(t, inline, text, "%s has scripts or styles in it, which the policy forbids", path)
		}
	}
}

func TestPage_isForReadingOnly(t *testing.T) {
	p := startPage(t, host{}, nil)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions} {
		for _, path := range []string{"/", pathSources, pathEvents, pathStream} {
			answer, _ := p.do(method, path, func(r *http.Request) {
				r.Header.Set("Origin", "https://example.com")
				r.Header.Set("Access-Control-Request-Method", http.MethodGet)
			})
			assert.Equal(t, http.StatusMethodNotAllowed, answer.StatusCode, "%s %s", method, path)
			assert.Empty(t, answer.Header.Get("Access-Control-Allow-Origin"))
		}
	}
	for _, path := range []string{"/", pathSources, pathEvents, pathStream} {
		answer, _ := p.do(http.MethodHead, path, nil)
		assert.Equal(t, http.StatusOK, answer.StatusCode, path)
	}
}

// A page elsewhere can have its own name lead to this machine, and would then be of the same origin as ours.
func TestPage_onLocalhostAnswersToItsOwnNamesOnly(t *testing.T) {
	p := startPage(t, host{}, nil)
	for name, want := range map[string]int{
		"localhost:13134": http.StatusOK, "LOCALHOST": http.StatusOK, "pod.localhost": http.StatusOK, "127.0.0.1": http.StatusOK,
		"127.8.9.1:80": http.StatusOK, "[::1]:13134": http.StatusOK,
		"evil.example:13134": http.StatusForbidden, "localhost.evil.example": http.StatusForbidden, "192.168.1.1": http.StatusForbidden,
		"127.0.0.1.evil.example": http.StatusForbidden,
	} {
		answer, text := p.do(http.MethodGet, pathSources, func(r *http.Request) { r.Host = name })
		assert.Equal(t, want, answer.StatusCode, name)
		if want == http.StatusForbidden {
			assert.Contains(t, text, "localhost")
		}
	}
	open := guard(http.NotFoundHandler(), false)
	answer := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	request.Host = "pod.example.com"
	open.ServeHTTP(answer, request)
	assert.Equal(t, http.StatusNotFound, answer.Code, "a page that others reach has names that it does not know")
}

// doorman lets in who has the word.
type doorman struct {
	component.StartFunc
	component.ShutdownFunc
}

func (doorman) Authenticate(ctx context.Context, header map[string][]string) (context.Context, error) {
	if !slices.Equal(header["Authorization"], []string{"Basic bWFkZS11cA=="}) {
		return ctx, errors.New("who are you?")
	}
	return ctx, nil
}

func TestPage_withAuthShowsNothingToOthers(t *testing.T) {
	p := startPage(t, host{doorman{}}, func(config *Config) {
		config.HTTP.Auth = configoptional.Some(confighttp.AuthConfig{Config: configauth.Config{AuthenticatorID: storageID}})
	})
	for _, path := range []string{"/", "/page.js", pathSources, pathEvents, pathStream} {
		answer, text := p.do(http.MethodGet, path, nil)
		assert.Equal(t, http.StatusUnauthorized, answer.StatusCode, path)
		assert.Equal(t, "who are you?\n", text)
		answer, _ = p.do(http.MethodHead, path, func(r *http.Request) { r.Header.Set("Authorization", "Basic bWFkZS11cA==") })
		assert.Equal(t, http.StatusOK, answer.StatusCode, path)
	}
}

// Texts come from elsewhere. JSON keeps them from being taken for markup even where a browser sniffs.
func TestAPI_escapesTexts(t *testing.T) {
	p := startPage(t, host{}, nil)
	report := collecting(sourceID)
	report.Name = `</script><img src=x onerror=alert(1)>`
	p.AddSource(sourceID, func() sourcehealth.Report { return report })
	answer, text := p.do(http.MethodGet, pathSources, nil)
	assert.Equal(t, "application/json; charset=utf-8", answer.Header.Get("Content-Type"))
	assert.NotContains(t, text, "<img")
	assert.Equal(t, report.Name, get[sourcesAnswer](p, pathSources).Sources[0].Name)
}

// The configuration of the collector holds the secrets of all its components. The collector hands it to whoever asks.
func TestExtension_doesNotAskForTheConfiguration(t *testing.T) {
	var e component.Component = newSourceHealth(settingsOf(t), createDefaultConfig().(*Config))
	_, asks := e.(extensioncapabilities.ConfigSnapshotWatcher)
	assert.False(t, asks)
	_, asks = e.(interface {
		NotifyConfig(context.Context, any) error
	})
	assert.False(t, asks)
	for method := range reflect.TypeOf(e).Methods() {
		assert.NotContains(t, method.Name, "Config")
	}
}

// listener reads the stream of events.
type listener struct {
	t      *testing.T
	answer *http.Response
	lines  *bufio.Scanner
}

func (p *page) listen() *listener {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+pathStream, http.NoBody)
	require.NoError(p.t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	require.NoError(p.t, err)
	p.t.Cleanup(func() { answer.Body.Close() })
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 16<<20)
	return &listener{t: p.t, answer: answer, lines: lines}
}

// next is the next event. It is "" at the end of the stream.
func (l *listener) next() (name, data string) {
	for l.lines.Scan() {
		if l.lines.Text() == "" {
			return name, data
		}
		if value, ok := strings.CutPrefix(l.lines.Text(), "event: "); ok {
			name = value
		}
		if value, ok := strings.CutPrefix(l.lines.Text(), "data: "); ok {
			data = value
		}
	}
	return "", ""
}

// events is the next event of health events.
func (l *listener) events() eventsAnswer {
	l.t.Helper()
	for {
		name, data := l.next()
		require.NotEmpty(l.t, name, "the stream has ended")
		if name == "health-events" {
			var answer eventsAnswer
			require.NoError(l.t, json.Unmarshal([]byte(data), &answer))
			return answer
		}
	}
}

func TestStream_tellsOfEveryChange(t *testing.T) {
	t.Parallel()
	p := startPage(t, host{}, nil)
	p.AddSource(sourceID, func() sourcehealth.Report { return collecting(sourceID) })
	p.HealthEvent(trouble("1", "collection"))
	l := p.listen()
	assert.Equal(t, "text/event-stream", l.answer.Header.Get("Content-Type"))
	name, data := l.next()
	assert.Equal(t, "sources", name)
	var all sourcesAnswer
	require.NoError(t, json.Unmarshal([]byte(data), &all))
	assert.Equal(t, "Collecting", all.Sources[0].State)
	assert.NotNil(t, all.Sources[0].Streams[0].Plot, "at first all there is")
	assert.Equal(t, []string{"1"}, l.events().ids())

	p.HealthEvent(good("2", "collection"))
	changed := l.events()
	assert.Equal(t, []string{"2", "1"}, changed.ids())
	assert.Equal(t, "resolved", changed.Events[1].State)
	name, data = l.next()
	assert.Equal(t, "sources", name)
	all = sourcesAnswer{}
	require.NoError(t, json.Unmarshal([]byte(data), &all))
	assert.Nil(t, all.Sources[0].Streams[0].Plot, "the plot has not changed")
	name, _ = l.next()
	assert.Equal(t, "sources", name, "nothing is said of health events that have not changed")
}

func TestStream_endsAtShutdown(t *testing.T) {
	p := startPage(t, host{}, nil)
	l := p.listen()
	l.next()
	began := time.Now()
	require.NoError(t, p.Shutdown(t.Context()))
	assert.Less(t, time.Since(began), shutdownWait, "it is told, not cut off")
	for name, _ := l.next(); name != ""; name, _ = l.next() {
		assert.Contains(t, []string{"sources", "health-events"}, name)
	}
	assert.NoError(t, l.lines.Err(), "the end is in order")
}

// One who opens the stream and does not read is dropped; nobody waits for him, and no memory grows.
func TestStream_dropsWhoDoesNotRead(t *testing.T) {
	t.Parallel()
	h := newHistory(10)
	for i := range 10 {
		event := trouble(string(rune('a'+i)), "collection")
		event.Details.ErrorInfo = strings.Repeat("long ", 1<<18)
		h.add(event)
	}
	running, stop := context.WithCancel(t.Context())
	defer stop()
	o := newObserver(newRegistry(), newComponents(), h, component.BuildInfo{})
	ended := make(chan struct{})
	go func() { defer close(ended); o.run(running) }()
	s := &handler{running: running, observer: o, history: h, watchers: newWatchers(10), writeWait: 50 * time.Millisecond}
	dropped := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.stream(w, r)
		close(dropped)
	}))
	defer server.Close()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	defer connection.Close()
	_, err = connection.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	require.NoError(t, err)
	select {
	case <-dropped:
	case <-time.After(30 * time.Second):
		require.FailNow(t, "it still waits")
	}
	assert.Empty(t, s.watchers.present, "there is room again")
	stop()
	<-ended
}
