package e2e

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// backend is an OTLP/HTTP endpoint in the process of the test: for what a test wants to know of the requests.
type backend struct {
	*httptest.Server
	t *testing.T

	mu       sync.Mutex
	requests []request
	records  []received
}

// request is what a test may ask about an export request.
type request struct {
	path    string
	header  http.Header
	records int
	bytes   int // before compression
}

func startBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{t: t}
	b.Server = httptest.NewServer(b)
	t.Cleanup(b.Close)
	return b
}

// ServeHTTP takes an export request.
func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	logs := plogotlp.NewExportRequest()
	if err := readRequest(r, logs); !assert.NoError(b.t, err) {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.requests = append(b.requests, request{
		path:    r.URL.Path,
		header:  r.Header.Clone(),
		records: logs.Logs().LogRecordCount(),
		bytes:   new(plog.ProtoMarshaler).LogsSize(logs.Logs()),
	})
	b.records = append(b.records, flatten(logs.Logs())...)
}

// readRequest reads the body of an export request, which our configurations compress.
func readRequest(r *http.Request, into plogotlp.ExportRequest) error {
	body, err := gzip.NewReader(r.Body)
	if err != nil {
		return fmt.Errorf("read a compressed request: %w", err)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("read a request: %w", err)
	}
	return into.UnmarshalProto(text)
}

// seen is the requests and the records so far.
func (b *backend) seen() ([]request, []received) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests), slices.Clone(b.records)
}

// waitCount waits until there are n records, or more.
func (b *backend) waitCount(n int) ([]request, []received) {
	b.t.Helper()
	count := func() int { _, records := b.seen(); return len(records) }
	eventually(b.t, func() bool { return count() >= n },
		func() string { return fmt.Sprintf("%d of %d records arrived", count(), n) })
	return b.seen()
}
