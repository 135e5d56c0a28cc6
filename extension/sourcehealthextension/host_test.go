package sourcehealthextension

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pipeline"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	zapobserver "go.uber.org/zap/zaptest/observer"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

var (
	sourceID  = component.MustNewID(sourceType)
	storageID = component.MustNewID("memory_storage")
)

// host is a collector with a storage extension.
type host struct{ storage component.Component }

func (h host) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{storageID: h.storage}
}

// page is the extension, running, and what a test does to it.
type page struct {
	*sourceHealth
	t    *testing.T
	url  string
	logs *zapobserver.ObservedLogs
}

// startPage starts the extension on a port that is free. change can be nil.
func startPage(t *testing.T, h host, change func(*Config)) *page {
	t.Helper()
	config := createDefaultConfig().(*Config)
	config.HTTP.NetAddr.Endpoint = "127.0.0.1:0"
	if change != nil {
		change(config)
	}
	core, logs := zapobserver.New(zapcore.InfoLevel)
	settings := extensiontest.NewNopSettings(typ)
	settings.ID = component.NewID(typ)
	settings.Logger = zap.New(core)
	created, err := NewFactory().Create(t.Context(), settings, config)
	require.NoError(t, err)
	p := &page{sourceHealth: created.(*sourceHealth), t: t, logs: logs}
	require.NoError(t, p.Start(t.Context(), h))
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.WithoutCancel(t.Context()))) })
	said := logs.FilterMessage("the health of sources is shown").All()
	require.Len(t, said, 1)
	p.url = said[0].ContextMap()["address"].(string)
	return p
}

// do asks the page.
func (p *page) do(method, path string, change func(*http.Request)) (*http.Response, string) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, http.NoBody)
	require.NoError(p.t, err)
	if change != nil {
		change(request)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	require.NoError(p.t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(p.t, err)
	return answer, string(text)
}

// get reads JSON from the page.
func get[T any](p *page, path string) T {
	p.t.Helper()
	answer, text := p.do(http.MethodGet, path, nil)
	require.Equal(p.t, http.StatusOK, answer.StatusCode, text)
	var value T
	require.NoError(p.t, json.Unmarshal([]byte(text), &value), text)
	return value
}

// The answers as a user reads them.
type (
	sourcesAnswer struct {
		Time                     time.Time
		OpenErrors, OpenWarnings int
		Sources                  []struct {
			ID, Name, Description, Category, ClusterID, State, Status string
			OpenErrors, OpenWarnings                                  int
			SameName                                                  []string
			Streams                                                   []struct {
				EventType, State                 string
				Records                          int64
				RecordsPerSecond, BytesPerSecond *float64
				Errors                           []string
				Plot                             *struct {
					StepSeconds      float64
					RecordsPerSecond []*float64
				}
			}
		}
		Components []struct {
			Kind, ID, Status, Error string
			Pipelines               []string
			Since                   time.Time
		}
	}
	eventsAnswer struct {
		Events []struct {
			EventID, EventName, SeverityLevel, Status, State, Resolution string
			ResolvedTime                                                 *time.Time
			Count                                                        int
			Details                                                      struct{ ErrorInfo, TrackerID string }
		}
	}
)

// ids are those of the events, newest first.
func (a eventsAnswer) ids() []string {
	ids := []string{}
	for _, event := range a.Events {
		ids = append(ids, event.EventID)
	}
	return ids
}

// collecting is a report of a source that is well.
func collecting(id component.ID) sourcehealth.Report {
	return sourcehealth.Report{
		ID: id.String(), Name: id.String(), ClusterID: "example", State: sourcehealth.Collecting,
		Streams: []sourcehealth.StreamReport{{EventType: "message", State: sourcehealth.Collecting, Since: time.Now()}},
	}
}

// trouble is an event that opens; good is one that resolves it.
func trouble(eventID, tracker string) sourcehealth.Event {
	return sourcehealth.Event{
		EventID: eventID, EventTime: time.Now(), EventType: "Health-Change", EventName: "ThirdPartyConfigError",
		SeverityLevel: "Error", Status: sourcehealth.UnHealthy, Subsystem: "Collection",
		ResourceIdentity: sourcehealth.ResourceIdentity{ID: sourceID.String(), Name: "PoD", Type: sourceType},
		Details:          sourcehealth.Details{TrackerID: tracker, Error: "status_401", ErrorCode: "401", ErrorInfo: "check the token", EventType: "message"},
	}
}

func warning(eventID, tracker string) sourcehealth.Event {
	event := trouble(eventID, tracker)
	event.EventName, event.SeverityLevel = "FirstPartyGenericError", "Warning"
	return event
}

func good(eventID, tracker string) sourcehealth.Event {
	event := trouble(eventID, tracker)
	event.Status = sourcehealth.Healthy
	return event
}

// report tells the extension of a status, as the collector does.
func (p *page) report(kind component.Kind, id component.ID, event *componentstatus.Event) {
	p.ComponentStatusChanged(componentstatus.NewInstanceID(id, kind, pipeline.NewID(pipeline.SignalLogs)), event)
}

// memoryStorage is a storage extension whose content outlives the pages that use it.
type memoryStorage struct {
	component.StartFunc
	component.ShutdownFunc
	t *testing.T

	mu      sync.Mutex
	stored  map[string][]byte
	open    bool
	written int           // bytes, in all
	failure error         // what every call answers; nil: they work
	held    chan struct{} // reading and saving wait until it is closed; nil: they do not
}

func newMemoryStorage(t *testing.T) *memoryStorage {
	t.Helper()
	return &memoryStorage{t: t, stored: map[string][]byte{}}
}

func (m *memoryStorage) GetClient(_ context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	assert.Equal(m.t, component.KindExtension, kind)
	assert.Equal(m.t, "source_health", id.String())
	assert.Empty(m.t, name)
	if m.open {
		return nil, errors.New("open already")
	}
	if m.failure != nil {
		return nil, m.failure
	}
	m.open = true
	return m, nil
}

func (m *memoryStorage) Get(_ context.Context, key string) ([]byte, error) {
	m.wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stored[key], m.failure
}

func (m *memoryStorage) Set(ctx context.Context, key string, value []byte) error {
	m.wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failure == nil {
		m.set(key, value)
	}
	return errors.Join(m.failure, ctx.Err())
}

func (m *memoryStorage) set(key string, value []byte) {
	m.stored[key] = value
	m.written += len(key) + len(value)
}

// wait waits while the storage hangs. It does not hear of a context's end.
func (m *memoryStorage) wait() {
	m.mu.Lock()
	held := m.held
	m.mu.Unlock()
	if held != nil {
		<-held
	}
}

func (m *memoryStorage) Delete(context.Context, string) error { return errors.ErrUnsupported }

func (m *memoryStorage) Batch(ctx context.Context, operations ...*storage.Operation) error {
	m.wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failure != nil {
		return m.failure
	}
	for _, o := range operations {
		switch o.Type {
		case storage.Get:
			o.Value = m.stored[o.Key]
		case storage.Set:
			m.set(o.Key, o.Value)
		case storage.Delete:
			delete(m.stored, o.Key)
		}
	}
	return ctx.Err()
}

// text is all that is stored.
func (m *memoryStorage) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(m.stored)) {
		text.Write(m.stored[key])
	}
	return text.String()
}

// writes returns how many bytes were written since it was asked last.
func (m *memoryStorage) writes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.written
	m.written = 0
	return n
}

func (m *memoryStorage) Close(context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open = false
	return nil
}

// in has a page use the storage.
func in(config *Config) { config.Storage = &storageID }

// settingsOf are those of an extension that is not started by startPage.
func settingsOf(t *testing.T) extension.Settings {
	t.Helper()
	settings := extensiontest.NewNopSettings(typ)
	settings.ID = component.NewID(typ)
	return settings
}

// pass lets time pass, in a bubble.
func pass(d time.Duration) { <-time.After(d) }
