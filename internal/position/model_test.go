package position_test

import (
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/positionstore"
)

var seedFlag = flag.Uint64("seed", 0, "the one schedule of TestPosition_losesNothing to run; 0: some known ones")

// soakSeeds names how many fresh seeds TestPosition_losesNothing plays in place of the known ones.
const soakSeeds = "PROOFPOINTPOD_SOAK_SEEDS"

// Whatever happens to the service, the process, the pipeline and the storage: in the end everything has come through,
// and nothing has come twice but what the promise says.
func TestPosition_losesNothing(t *testing.T) {
	seeds := []uint64{*seedFlag}
	if *seedFlag == 0 {
		seeds = []uint64{1, 2, 3, 4, 5, 6, 7, 8}
	}
	if text := os.Getenv(soakSeeds); text != "" {
		fresh, err := strconv.Atoi(text)
		require.NoError(t, err, soakSeeds)
		seeds = nil
		for range fresh {
			seeds = append(seeds, rand.Uint64())
		}
	}
	for _, seed := range seeds {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			w := newWorld(t, seed)
			for range 8 {
				w.step()
			}
			w.finish()
		})
	}
}

// message is a record at the service.
type message struct {
	id      uint64
	ts      time.Time
	arrived time.Time
}

// world is a service, a process that collects from it, its pipeline and its storage. Time passes in steps.
type world struct {
	t      *testing.T
	random *rand.Rand
	now    time.Time

	// The service, which is of one of two minds in each of two questions.
	log            []message // in the order of arrival
	resumesWritten bool      // after what it wrote, not after what was received
	archiveMoves   bool      // an archive session moves the live position
	written        int       // how many of the log it wrote to live sessions
	ended          time.Time // when the last live session ended

	// The process.
	*position.Position
	options  position.Options
	disk     *memory
	open     bool // a live session is
	received int  // how many of the log it has read of those written
	batch    []position.Record
	loaded   bool

	// The pipeline.
	memory    []accepted // not flushed
	delivered map[uint64]int
	stalled   time.Duration // how long it has taken nothing, in all
	waits     int           // how often

	// What the promise allows: records that may come again.
	flowed  position.Flow // as the process has noted it
	saved   position.Flow // as of the last save
	unsaved []uint64      // accepted since the last save
	newest  map[uint64]time.Time
	place   map[uint64]int // of an accepted record among all that were, from 1 on
	places  int
	noted   map[uint64]time.Duration // for how long the pipeline had been running when the process noted that it had accepted
	excused map[uint64]bool
}

type accepted struct {
	id uint64
	at position.Flow
}

func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, seed)), now: noon(), options: options(), disk: newMemory(),
		delivered: map[uint64]int{}, newest: map[uint64]time.Time{}, place: map[uint64]int{}, noted: map[uint64]time.Duration{}, excused: map[uint64]bool{}, ended: noon(),
	}
	w.resumesWritten = w.chance(2)
	w.archiveMoves = w.chance(2)
	if w.chance(2) {
		w.options.Unflushed = 0
	}
	if w.chance(3) {
		w.options.MaxEntries = 1500
	}
	w.options.Stored = true
	w.options.Since = noon()
	w.options.Remember = time.Duration(2+w.random.IntN(8)) * time.Hour
	w.start()
	return w
}

// chance is true once in n times.
func (w *world) chance(n int) bool { return w.random.IntN(n) == 0 }

func (w *world) step() {
	w.pass(w.random.IntN(300))
	switch w.random.IntN(30) {
	case 0:
		w.drop()
	case 1:
		w.orderlyEnd()
	case 2:
		w.kill()
	case 3:
		w.stop()
	case 4:
		w.refuse()
	case 5:
		w.pass(w.random.IntN(4 * 3600)) // an outage, if no session is open
	case 6, 7:
		w.disk.fail = nil
		if w.chance(3) {
			w.disk.fail = errDisk
		}
	case 8, 9, 10, 11, 12, 13:
		w.fill(w.chance(2))
	case 14, 15:
		w.unanswered()
	case 16, 17:
		w.lateEnd()
	default:
		w.connect()
		w.receive()
		w.accept()
	}
	if !w.loaded {
		w.load()
	}
	w.note()
	if w.chance(2) {
		w.save()
	}
	w.Forget(w.now)
	w.DropUnreachable(w.now)
}

// pass lets time pass, in which records reach the service, and the pipeline takes what it is given and flushes, or takes
// nothing.
func (w *world) pass(seconds int) {
	began, stalls := w.now, w.chance(5)
	for end := w.now.Add(time.Duration(seconds) * time.Second); w.now.Before(end); {
		w.now = w.now.Add(time.Duration(1+w.random.IntN(60)) * time.Second)
		late := time.Duration(w.random.IntN(2000)) * time.Millisecond
		if w.chance(20) {
			late = time.Duration(w.random.Int64N(int64(w.options.Margin)))
		}
		w.log = append(w.log, message{id: uint64(len(w.log) + 1), ts: w.now.Add(-late), arrived: w.now})
		if w.open && !stalls && w.chance(3) {
			w.receive()
			w.accept()
		}
	}
	switch {
	case stalls: // until a batch that had to wait is taken
		w.stalled += w.now.Sub(began)
		w.waits++
		w.flush(math.MaxInt64)
	case w.chance(4):
		w.flush(0)
	default:
		w.flush(w.options.Unflushed * 9 / 10)
	}
}

// flow is how the pipeline has done.
func (w *world) flow() position.Flow {
	elapsed := w.now.Sub(noon())
	return position.Flow{Elapsed: elapsed, Running: elapsed - w.stalled, Waits: w.waits}
}

// note has the process note how the pipeline has done.
func (w *world) note() {
	w.flowed = w.flow()
	w.UpdateFlow(w.flowed)
	for id := range w.newest {
		if _, known := w.noted[id]; !known {
			w.noted[id] = w.flowed.Running
		}
	}
}

// flush lets the pipeline write down what it has had for so long, and what was pushed out by batches that had to wait.
func (w *world) flush(age time.Duration) {
	kept := w.memory[:0]
	now := w.flow()
	for _, a := range w.memory {
		if now.Running-a.at.Running >= age || now.Waits-a.at.Waits >= w.options.Depth {
			w.delivered[a.id]++
		} else {
			kept = append(kept, a)
		}
	}
	w.memory = kept
}

// unanswered is a handshake whose answer does not arrive. The service may have opened a session, and written to it.
func (w *world) unanswered() {
	if w.open {
		return
	}
	w.resume()
	w.received = w.written
	w.written += w.random.IntN(len(w.log) - w.written + 1)
	w.MarkUnanswered(w.now)
	w.cut()
}

// connect opens a live session.
func (w *world) connect() {
	if w.open {
		return
	}
	w.resume()
	w.received = w.written
	w.open = true
	w.BeginSession(w.now)
}

// resume is where the service goes on with a new session.
func (w *world) resume() {
	if w.now.Sub(w.ended) > w.options.ServerMemory {
		for w.written < len(w.log) && w.log[w.written].arrived.Before(w.now.Add(-w.options.ServerMemory)) {
			w.written++
		}
	}
}

// receive lets the service write, and the process read, some of what is there.
func (w *world) receive() {
	if !w.open {
		return
	}
	w.written += w.random.IntN(len(w.log) - w.written + 1)
	if w.chance(3) {
		w.written = len(w.log)
	}
	until := w.received + w.random.IntN(w.written-w.received+1)
	if w.chance(2) {
		until = w.written
	}
	for ; w.received < until; w.received++ {
		w.claim(w.log[w.received])
	}
}

// claim takes a record into the batch if it is new.
func (w *world) claim(m message) bool {
	if !w.Claim(position.Record{ID: m.id}) {
		return false
	}
	w.batch = append(w.batch, position.Record{ID: m.id, TS: m.ts})
	return true
}

// accept lets the pipeline accept the batch of a live session.
func (w *world) accept() {
	w.acceptBatch(true)
	if w.open {
		w.MarkAlive(w.now, w.received == len(w.log))
	}
}

func (w *world) acceptBatch(live bool) {
	for _, r := range w.batch {
		if at, again := w.newest[r.ID]; again && w.loaded && !w.excused[r.ID] && w.places-w.place[r.ID] < w.options.MaxEntries-1024 {
			// It had been accepted. That is a repetition, unless it was lost in between, or too old to be remembered, or too
			// many have come since: they are forgotten by the 1,024.
			require.Greater(w.t, w.now.Sub(at), w.options.Remember, "record %d came again", r.ID)
		}
		delete(w.excused, r.ID)
		w.newest[r.ID] = w.now
		w.places++
		w.place[r.ID] = w.places
		delete(w.noted, r.ID)
		w.unsaved = append(w.unsaved, r.ID)
		w.memory = append(w.memory, accepted{r.ID, w.flow()})
	}
	w.Accept(w.batch, live, w.now)
	w.batch = nil
	if w.options.Unflushed == 0 {
		w.flush(0)
	}
}

// drop ends the live session without a close handshake. What is on its way is lost.
func (w *world) drop() {
	if !w.open {
		return
	}
	w.accept()
	w.EndSession(false, w.now)
	w.cut()
}

// cut is the service's side of a session that ends anyhow.
func (w *world) cut() {
	w.open = false
	w.ended = w.now
	if !w.resumesWritten {
		w.written = w.received
	}
}

// orderlyEnd ends the live session in order: all that was written is read.
func (w *world) orderlyEnd() {
	if !w.open {
		return
	}
	for ; w.received < w.written; w.received++ {
		w.claim(w.log[w.received])
	}
	w.acceptBatch(true)
	w.EndSession(true, w.now)
	w.cut()
}

// lateEnd ends the live session in order, and the process reads that only when some time has passed.
func (w *world) lateEnd() {
	if !w.open {
		return
	}
	w.open = false
	closed := w.now
	w.pass(w.random.IntN(2 * 3600))
	w.open = true
	for ; w.received < w.written; w.received++ {
		w.claim(w.log[w.received])
	}
	w.acceptBatch(true)
	w.EndSession(true, closed)
	w.cut()
	w.ended = closed
}

// refuse makes the stream quit with a batch that the pipeline did not accept.
func (w *world) refuse() {
	if !w.open {
		return
	}
	w.receive()
	w.Refuse(w.batch, w.now)
	w.batch = nil
	w.EndSession(false, w.now)
	w.cut()
}

// fill reads a window of the archive that is due: beside the live session, or while that pauses.
func (w *world) fill(beside bool) {
	due := w.Windows()
	if len(due) == 0 || due[0].Due.After(w.now) {
		return
	}
	w.acceptBatch(true)
	from := w.now
	if !beside {
		w.orderlyEnd()
	}
	w.read(due[0])
	if beside || !w.archiveMoves {
		return
	}
	w.written = len(w.log)
	w.connect()
	w.DoubtPause(position.Gap{From: from, To: w.now})
	if w.chance(2) {
		w.OpenPauseGap() // otherwise the next handshake does
	}
}

func (w *world) read(window position.Window) {
	lag := w.options.ArchiveDelay * time.Duration(w.random.IntN(101)) / 100
	end := w.random.IntN(5)
	read := position.WindowResult{Complete: end < 3, CutOff: end == 3, Patient: w.chance(2)}
	for _, m := range w.log {
		if m.arrived.After(w.now.Add(-lag)) || m.ts.Before(window.Start) || !m.ts.Before(window.End) {
			continue
		}
		if read.CutOff && w.chance(50) {
			break
		}
		if m.ts.After(read.Newest) {
			read.Newest = m.ts
		}
		for range 1 + w.random.IntN(2) { // the archive repeats records
			read.Records++
			switch {
			case !w.Claim(position.Record{ID: m.id}):
			case !w.MayBeMissing(m.ts):
				w.Release(m.id)
			default:
				read.Fresh++
				w.batch = append(w.batch, position.Record{ID: m.id, TS: m.ts})
			}
		}
		if w.chance(10) {
			w.acceptBatch(false)
		}
	}
	w.acceptBatch(false)
	if w.chance(10) && w.open { // the live session beside has a drop in the middle of the read
		w.drop()
		w.connect()
	}
	w.FinishWindow(window, read)
}

// start starts a process.
func (w *world) start() {
	w.Position = position.New(w.options)
	w.batch = nil
	w.loaded = false
	w.load()
}

// store is where the position is stored.
func (w *world) store() *positionstore.Store { return positionstore.New(w.disk, owner()) }

func (w *world) load() {
	if w.chance(5) {
		return // storage does not answer
	}
	failing := w.disk.fail
	w.disk.fail = nil // what becomes of a process that never could save that it runs is no part of the promise
	_, err := w.store().Load(w.t.Context(), w.Position)
	require.NoError(w.t, err)
	w.loaded = true
	w.save()
	w.disk.fail = failing
}

func (w *world) save() {
	if !w.loaded || !w.NeedsSave(w.now) || w.store().Save(w.t.Context(), w.Position, w.now) != nil {
		return
	}
	w.saved = w.flowed
	w.unsaved = nil
}

// kill ends the process, and what its pipeline has not flushed is lost.
func (w *world) kill() {
	if !w.loaded {
		return
	}
	w.forgetUnflushed()
	w.forgetUnsaved()
	w.memory = nil
	if w.open {
		w.cut()
	}
	w.start()
}

// forgetUnflushed excuses what was in the pipeline's memory at the last save, as far as the process can tell.
func (w *world) forgetUnflushed() {
	for id := range w.newest {
		if noted, ok := w.noted[id]; !ok || w.saved.Running-noted < w.options.Unflushed {
			w.excused[id] = true
		}
	}
}

// forgetUnsaved excuses what was accepted since the last save.
func (w *world) forgetUnsaved() {
	for _, id := range w.unsaved {
		w.excused[id] = true
	}
	w.unsaved = nil
}

// stop ends the process in order, and its pipeline flushes. The last save may fail.
func (w *world) stop() {
	if !w.loaded {
		return
	}
	w.orderlyEnd()
	w.MarkStopped()
	w.save()
	w.forgetUnsaved()
	if w.disk.fail != nil { // for the next process it was a kill
		w.forgetUnflushed()
	}
	w.flush(0)
	w.memory = nil
	w.start()
}

// finish lets everything work, fills all gaps and counts.
func (w *world) finish() {
	w.disk.fail = nil
	for !w.loaded {
		w.load()
	}
	for range 1000 {
		w.connect()
		w.OpenPauseGap()
		w.written = len(w.log)
		for ; w.received < w.written; w.received++ {
			w.claim(w.log[w.received])
		}
		w.accept()
		if len(w.Gaps()) == 0 {
			break
		}
		w.pass(600)
		w.fill(true)
	}
	require.Empty(w.t, w.Gaps())
	w.flush(0)
	w.memory = nil
	for _, m := range w.log {
		require.NotZero(w.t, w.delivered[m.id], "record %d of %v, which came at %v, is lost", m.id, m.ts, m.arrived)
	}
}
