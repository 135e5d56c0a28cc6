package position_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/positionstore"
)

// mixed makes an identity of a number, as spread as a hash.
func mixed(n uint64) uint64 {
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}

// fill has count identities accepted, a hundred at a time, at so many a second.
func fill(p *position.Position, first, count, rate int, now time.Time) time.Time {
	batch := make([]position.Record, 0, 100)
	for i := range count {
		id := mixed(uint64(first + i))
		p.Claim(position.Record{ID: id})
		batch = append(batch, position.Record{ID: id, TS: now})
		if len(batch) == cap(batch) || i == count-1 {
			p.Accept(batch, true, now)
			batch = batch[:0]
			now = now.Add(time.Duration(100) * time.Second / time.Duration(rate))
		}
	}
	return now
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkRemembered says what a remembered identity costs, at first and when as many as twice max_entries have been
// forgotten.
func BenchmarkRemembered(b *testing.B) {
	const entries = 2_000_000
	for b.Loop() {
		disk := newMemory()
		before := heap()
		p := position.New(options())
		if _, err := positionstore.New(disk, owner()).Load(b.Context(), p); err != nil {
			b.Fatal(err)
		}
		now := fill(p, 0, entries, 100, noon())
		b.ReportMetric(float64(heap()-before)/float64(p.Stats().Identities), "B/entry-memory")
		for i := range 40 {
			now = fill(p, entries+i*100_000, 100_000, 100, now)
			p.Forget(now)
		}
		b.ReportMetric(float64(heap()-before)/float64(p.Stats().Identities), "B/entry-memory-later")
		if err := positionstore.New(disk, owner()).Save(b.Context(), p, now); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(disk.wrote)/float64(p.Stats().Identities), "B/entry-disk")

		restarted := position.New(options())
		started := time.Now()
		if _, err := positionstore.New(disk, owner()).Load(b.Context(), restarted); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(started).Milliseconds()), "ms/load")
		runtime.KeepAlive(p)
	}
}

// BenchmarkSave is a save a second at 10,000 records a second, with max_entries remembered, but for the storage.
func BenchmarkSave(b *testing.B) {
	const rate = 10_000
	disk := newMemory()
	p := position.New(options())
	if _, err := positionstore.New(disk, owner()).Load(b.Context(), p); err != nil {
		b.Fatal(err)
	}
	now := fill(p, 0, 2_000_000, rate, noon())
	if err := positionstore.New(disk, owner()).Save(b.Context(), p, now); err != nil {
		b.Fatal(err)
	}
	wrote, saves, taken := 0, 0, time.Duration(0)
	for b.Loop() {
		now = fill(p, (saves+300)*rate, rate, rate, now)
		p.Forget(now)
		started := time.Now()
		if err := positionstore.New(disk, owner()).Save(b.Context(), p, now); err != nil {
			b.Fatal(err)
		}
		taken += time.Since(started)
		wrote += disk.wrote
		saves++
	}
	b.ReportMetric(float64(taken.Microseconds())/float64(saves), "µs/save")
	b.ReportMetric(float64(wrote)/float64(saves), "B/save")
}

// BenchmarkAccept is what a record costs on its way: a claim and an acceptance.
func BenchmarkAccept(b *testing.B) {
	p := position.New(options())
	now := fill(p, 0, 2_000_000, 10_000, noon())
	batch := make([]position.Record, 0, 100)
	n := uint64(1 << 40)
	for b.Loop() {
		n++
		id := mixed(n)
		p.Claim(position.Record{ID: id})
		if batch = append(batch, position.Record{ID: id, TS: now}); len(batch) == cap(batch) {
			p.Accept(batch, true, now)
			batch = batch[:0]
			if n%10_000 < 100 {
				p.Forget(now)
			}
		}
	}
}
