package position_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/goleak"

	"github.com/proofpointpod/otelcol/internal/memstore"
	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/positionstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// errDisk is how the storage of the tests fails.
var errDisk = errors.New("no space left on device")

// memory is a storage client.
type memory struct {
	memstore.Client
	mu   sync.Mutex
	data memstore.Store
	// fail is what every call returns; nil: it works.
	fail error
	// during is called in the middle of a batch, without the lock; nil: nothing is.
	during func()
	// wrote is the number of bytes that the newest batch has written, and deleted how many keys it has removed.
	wrote, deleted int
	batches        int
}

func newMemory() *memory { return memoryOf(memstore.Store{}) }

func memoryOf(data memstore.Store) *memory {
	m := &memory{data: data}
	m.Client = m.batch
	return m
}

func (m *memory) batch(_ context.Context, operations ...*storage.Operation) error {
	if m.during != nil {
		m.during()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.batches++
	m.wrote, m.deleted = 0, 0
	for _, o := range operations {
		switch o.Type {
		case storage.Get:
		case storage.Set:
			m.wrote += len(o.Value)
		case storage.Delete:
			m.deleted++
		}
	}
	m.data.Do(operations...)
	return nil
}

// copy is what a process that starts now would find.
func (m *memory) copy() *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return memoryOf(maps.Clone(m.data))
}

// noon is when the stories begin.
func noon() time.Time { return time.Date(2026, 1, 12, 12, 0, 0, 0, time.UTC) }

// at is a time of the day of noon, or of another that is so many hours later: at(25, 30) is half past one on the next.
func at(hour, minute int) time.Time {
	return noon().Add(time.Duration(hour-12)*time.Hour + time.Duration(minute)*time.Minute)
}

func owner() positionstore.Owner {
	return positionstore.Owner{Cluster: "example_cluster", Stream: "message"}
}

func options() position.Options {
	return position.Options{
		ServerMemory: time.Hour,
		ArchiveDelay: time.Hour,
		Margin:       time.Hour,
		Unflushed:    5*time.Minute + 30*time.Second,
		Depth:        4,
		Remember:     24 * time.Hour,
		MaxEntries:   2_000_000,
	}
}

// story is a stream's position over the processes that keep it, and the storage between them.
type story struct {
	*position.Position
	t       *testing.T
	options position.Options
	owner   positionstore.Owner
	disk    *memory
	now     time.Time
	loaded  positionstore.Loaded
	nextID  uint64
}

// begin starts the first process at noon.
func begin(t *testing.T, o position.Options) *story {
	t.Helper()
	s := &story{t: t, options: o, owner: owner(), disk: newMemory(), now: noon()}
	s.start()
	return s
}

// start starts a process: it reads what is stored, and saves that it runs.
func (s *story) start() {
	s.t.Helper()
	s.Position = position.New(s.options)
	s.load()
	s.save()
}

func (s *story) load() {
	s.t.Helper()
	var err error
	s.loaded, err = s.store().Load(s.t.Context(), s.Position)
	require.NoError(s.t, err)
}

func (s *story) save() {
	s.t.Helper()
	s.flows(s.now)
	require.NoError(s.t, s.trySave())
}

// trySave saves, and returns how that fails.
func (s *story) trySave() error { return s.store().Save(s.t.Context(), s.Position, s.now) }

// store is where the position is stored.
func (s *story) store() *positionstore.Store { return positionstore.New(s.disk, s.owner) }

// flows has the pipeline run up to a time, without a wait.
func (s *story) flows(now time.Time) {
	running := now.Sub(noon())
	s.UpdateFlow(position.Flow{Elapsed: running, Running: running})
}

// stop ends the process in order, and another one starts.
func (s *story) stop() {
	s.t.Helper()
	s.MarkStopped()
	s.save()
	s.start()
}

// kill ends the process, and another one starts.
func (s *story) kill() {
	s.t.Helper()
	s.start()
}

// handshake begins a live session at a time of the day, and returns the gap that this opens, as text.
func (s *story) handshake(hour, minute int) string {
	s.t.Helper()
	s.now = at(hour, minute)
	opened := s.BeginSession(s.now)
	if opened.Gap == nil {
		require.Empty(s.t, opened.Reason)
		return ""
	}
	require.NotEmpty(s.t, opened.Reason)
	return text(*opened.Gap)
}

// accept lets a new live record come at a time of the day, with this as its `ts`, and the pipeline accept it.
func (s *story) accept(hour, minute int) uint64 {
	s.t.Helper()
	return s.acceptLate(at(hour, minute), at(hour, minute))
}

// acceptLate is accept for a record whose `ts` is another.
func (s *story) acceptLate(ts, now time.Time) uint64 {
	s.t.Helper()
	s.now = now
	r := s.claim(ts)
	s.Accept([]position.Record{r}, true, now)
	s.flows(now)
	return r.ID
}

// recover lets a new record come from the archive, and the pipeline accept it.
func (s *story) recover(ts time.Time) uint64 {
	s.t.Helper()
	r := s.claim(ts)
	require.True(s.t, s.MayBeMissing(ts))
	s.Accept([]position.Record{r}, false, s.now)
	return r.ID
}

// claim lets a new record come. It is on its way then.
func (s *story) claim(ts time.Time) position.Record {
	s.t.Helper()
	s.nextID++
	require.True(s.t, s.Claim(position.Record{ID: s.nextID}))
	return position.Record{ID: s.nextID, TS: ts}
}

// drop ends the live session without a close handshake.
func (s *story) drop() { s.EndSession(false, s.now) }

// close ends the live session in order at a time of the day.
func (s *story) close(hour, minute int) {
	s.now = at(hour, minute)
	s.EndSession(true, s.now)
}

// gaps lists the open gaps.
func (s *story) gaps() []string {
	var list []string
	for _, gap := range s.Gaps() {
		list = append(list, text(gap))
	}
	return list
}

// windows lists the windows to be read, and when they are due, to the minute.
func (s *story) windows() []string {
	var list []string
	for _, w := range s.Windows() {
		require.Equal(s.t, w.Start.Add(time.Hour), w.End)
		list = append(list, clock(w.Start)+" due "+clock(w.Due.Truncate(time.Minute)))
	}
	return list
}

// read notes how reading the oldest window has ended.
func (s *story) read(r position.WindowResult) (bool, []string) {
	s.t.Helper()
	list := s.Windows()
	require.NotEmpty(s.t, list)
	done, _, closed := s.FinishWindow(list[0], r)
	var gaps []string
	for _, gap := range closed {
		gaps = append(gaps, text(gap))
	}
	return done, gaps
}

// knows says whether a record is remembered as delivered, or on its way.
func (s *story) knows(id uint64) bool {
	if !s.Claim(position.Record{ID: id}) {
		return true
	}
	s.Release(id)
	return false
}

// text spells a gap: 12:00-13:30.
func text(gap position.Gap) string { return clock(gap.From) + "-" + clock(gap.To) }

// clock spells a time: that of the day, with seconds if there are any, after the days since noon's.
func clock(t time.Time) string {
	t = t.UTC()
	form := "15:04"
	if !t.Truncate(time.Minute).Equal(t) {
		form = "15:04:05.999"
	}
	days := int(t.Truncate(24*time.Hour).Sub(noon().Truncate(24*time.Hour)) / (24 * time.Hour))
	if days == 0 {
		return t.Format(form)
	}
	return fmt.Sprintf("%+dd %s", days, t.Format(form))
}
