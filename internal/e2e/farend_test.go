package e2e

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// farEnd is the backend in the tests of the promise: it counts how often each record arrives, and can refuse. It keeps
// no records, only what identifies them, so that it can run for hours.
type farEnd struct {
	*httptest.Server

	mu       sync.Mutex
	arrived  map[identity]arrival
	status   int           // of its answers; 200: it takes what comes
	poison   string        // a request with this in a record is answered with 400
	poisoned int           // how many were
	hang     chan struct{} // not nil: it takes requests, and answers when this is closed
	choked   int           // how many it took so
}

// identity stands for a record, byte for byte.
type identity [sha256.Size]byte

func identityOf(record string) identity { return sha256.Sum256([]byte(record)) }

// arrival is what is known of a record that arrived.
type arrival struct {
	times int
	// read is when the receiver read the frame of the copy that it read first.
	read time.Time
	// came is when the first copy arrived.
	came time.Time
}

func startFarEnd(t *testing.T) *farEnd {
	t.Helper()
	f := &farEnd{arrived: map[identity]arrival{}, status: http.StatusOK}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	t.Cleanup(f.letGo) // Close waits for requests
	return f
}

// answer sets the status of answers. Whatever is not 200 takes nothing.
func (f *farEnd) answer(status int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.status = status
}

// choke lets the far end take requests without an answer, until letGo.
func (f *farEnd) choke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hang = make(chan struct{})
}

// choking is how many requests it took so.
func (f *farEnd) choking() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.choked
}

func (f *farEnd) letGo() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hang != nil {
		close(f.hang)
		f.hang = nil
	}
}

// refuseFor makes a record with some text in it one that is never taken.
func (f *farEnd) refuseFor(poison string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.poison = poison
}

// refusals is how many requests were refused for good.
func (f *farEnd) refusals() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.poisoned
}

// ServeHTTP takes an export request, or does not. Whoever sent half of one, because it was killed, gets an answer that
// nobody hears.
func (f *farEnd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	logs := plogotlp.NewExportRequest()
	if err := readRequest(r, logs); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	status, hang := f.take(flatten(logs.Logs()))
	if hang != nil {
		<-hang
	}
	w.WriteHeader(status)
}

func (f *farEnd) take(records []received) (status int, hang <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.status != http.StatusOK {
		return f.status, nil
	}
	for _, r := range records {
		if f.poison != "" && strings.Contains(text(r.record.Body()), f.poison) {
			f.poisoned++
			return http.StatusBadRequest, nil
		}
	}
	for _, r := range records {
		id, read := identityOf(text(r.record.Body())), r.record.ObservedTimestamp().AsTime()
		one := f.arrived[id]
		if one.times == 0 {
			one.came = time.Now()
		}
		if one.times == 0 || read.Before(one.read) {
			one.read = read
		}
		one.times++
		f.arrived[id] = one
	}
	if f.hang != nil {
		f.choked++
	}
	return http.StatusOK, f.hang
}

// missing is how many of some records have not arrived.
func (f *farEnd) missing(records []string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, record := range records {
		if f.arrived[identityOf(record)].times == 0 {
			n++
		}
	}
	return n
}

// compare tells of each record whether it arrived, of each that arrived whether it was one of them, and which came more
// than once.
func (f *farEnd) compare(records []string) (missing, strange int, repeated []arrival) {
	missing = f.missing(records)
	f.mu.Lock()
	defer f.mu.Unlock()
	strange = len(f.arrived) - (len(records) - missing)
	for _, one := range f.arrived {
		if one.times > 1 {
			repeated = append(repeated, one)
		}
	}
	return missing, strange, repeated
}
