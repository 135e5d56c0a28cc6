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
	closing chan struct{}
	// file, if it is not nil, is where records arrive instead.
	file *recordFile

	mu       sync.Mutex
	arrived  map[identity]arrival
	standing answer        // to every request for which none is planned
	planned  []answer      // to the next requests
	dropped  int           // how many records were in requests that were not accepted, and not to be retried
	poison   string        // a request with this in a record is answered with 400
	poisoned int           // how many were
	hang     chan struct{} // not nil: it accepts requests, and answers when this is closed
	choked   int           // how many it accepted so
}

// answer is how the far end answers a request.
type answer struct {
	status     int
	retryAfter string
	// delay is how long the answer takes.
	delay time.Duration
	// drops: no record of the request is accepted, whatever the status says.
	drops bool
	// rejects is how many records, from the first on, are rejected by a partial success.
	rejects int
}

// accepts is how many of so many records the answer accepts.
func (a *answer) accepts(records int) int {
	if a.status != http.StatusOK || a.drops {
		return 0
	}
	return records - min(a.rejects, records)
}

// final says whether the sender is not to send the request again.
func (a *answer) final() bool {
	switch a.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return false
	}
	return a.delay == 0
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
	f := &farEnd{
		closing:  make(chan struct{}),
		arrived:  map[identity]arrival{},
		standing: answer{status: http.StatusOK},
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	t.Cleanup(func() { // Close waits for requests
		close(f.closing)
		f.letGo()
	})
	return f
}

// answer sets the status of answers. Whatever is not 200 accepts nothing.
func (f *farEnd) answer(status int) { f.answerBy(answer{status: status}) }

// answerBy sets how every request is answered for which nothing is planned.
func (f *farEnd) answerBy(a answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.standing = a
}

// plan sets the answers to the next requests.
func (f *farEnd) plan(answers ...answer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.planned = append(f.planned, answers...)
}

// planLeft is how many planned answers are still to come.
func (f *farEnd) planLeft() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.planned)
}

// drops is how many records were in requests that were neither accepted nor to be retried.
func (f *farEnd) drops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.dropped
}

// choke lets the far end accept requests without an answer, until letGo.
func (f *farEnd) choke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hang = make(chan struct{})
}

// choking is how many requests it accepted so.
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

// refuseFor makes a record with some text in it one that is never accepted.
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

// ServeHTTP accepts an export request, or does not. Whoever sent half of one, because it was killed, gets an answer that
// nobody hears.
func (f *farEnd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	logs := plogotlp.NewExportRequest()
	if err := readRequest(r, logs); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, hang := f.take(flatten(logs.Logs()))
	if hang != nil {
		<-hang
	}
	if answer.delay > 0 {
		select {
		case <-time.After(answer.delay):
		case <-r.Context().Done():
		case <-f.closing:
		}
	}
	if answer.retryAfter != "" {
		w.Header().Set("Retry-After", answer.retryAfter)
	}
	answer.write(w)
}

// write writes the answer: a page for people where it drops the records, a partial success where it rejects some.
func (a *answer) write(w http.ResponseWriter) {
	switch {
	case a.status == http.StatusOK && a.drops:
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html>Please log in.</html>"))
	case a.rejects > 0:
		response := plogotlp.NewExportResponse()
		response.PartialSuccess().SetRejectedLogRecords(int64(a.rejects))
		response.PartialSuccess().SetErrorMessage("made up")
		text, err := response.MarshalProto()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write(text)
	default:
		w.WriteHeader(a.status)
	}
}

func (f *farEnd) take(records []received) (a answer, hang <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a = f.next(records)
	accepted := a.accepts(len(records))
	if a.final() {
		f.dropped += len(records) - accepted
	}
	for _, r := range records[len(records)-accepted:] {
		f.note(r)
	}
	if accepted > 0 && f.hang != nil {
		f.choked++
		hang = f.hang
	}
	return a, hang
}

// next decides on the answer to a request. The caller holds mu.
func (f *farEnd) next(records []received) answer {
	for _, r := range records {
		if f.poison != "" && strings.Contains(text(r.record.Body()), f.poison) {
			f.poisoned++
			return answer{status: http.StatusBadRequest}
		}
	}
	if len(f.planned) == 0 {
		return f.standing
	}
	a := f.planned[0]
	f.planned = f.planned[1:]
	return a
}

// note notes that a record has arrived. The caller holds mu.
func (f *farEnd) note(r received) {
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

// missing is how many of some records have not arrived.
func (f *farEnd) missing(records []string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		known := len(f.file.all)
		for _, r := range f.file.read()[known:] {
			f.note(r)
		}
	}
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
