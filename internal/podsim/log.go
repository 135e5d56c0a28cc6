package podsim

import (
	"slices"
	"time"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// entry is one record and the time at which the service had it.
type entry struct {
	payload []byte
	arrived time.Time
}

// recordLog holds the produced records of one event type in the order in which they arrived. A record is named by
// its sequence number, which counts from 0 and is never used again. It keeps at most limit bytes, but always
// the youngest record. It is guarded by Service.mu.
type recordLog struct {
	entries []entry
	first   int64 // sequence number of entries[0]
	bytes   int
	limit   int
}

// next is the sequence number that the next record will have.
func (l *recordLog) next() int64 { return l.first + int64(len(l.entries)) }

// add appends a record and forgets the oldest ones if there are too many bytes.
func (l *recordLog) add(e entry) {
	l.entries = append(l.entries, e)
	l.bytes += len(e.payload)
	for l.bytes > l.limit && len(l.entries) > 1 {
		l.bytes -= len(l.entries[0].payload)
		l.entries[0] = entry{}
		l.entries = l.entries[1:]
		l.first++
	}
}

// past adds n generated records that arrived evenly over the 24 hours before now.
func (l *recordLog) past(gen *generator, t podlog.EventType, n int, now time.Time) {
	const day = 24 * time.Hour
	for i := range n {
		at := now.Add(-day + time.Duration(i)*(day/time.Duration(n)))
		l.add(entry{payload: gen.records(t, 1, at)[0], arrived: at})
	}
}

// from returns at most n records that start at seq, and the sequence number of the first of them: later than
// asked for if the log has forgotten some.
func (l *recordLog) from(seq int64, n int) ([]entry, int64) {
	seq = max(seq, l.first)
	i := min(int(seq-l.first), len(l.entries))
	return l.entries[i:min(i+n, len(l.entries))], seq
}

// since is the sequence number of the first record that arrived at t or later.
func (l *recordLog) since(t time.Time) int64 {
	i, _ := slices.BinarySearchFunc(l.entries, t, func(e entry, t time.Time) int { return e.arrived.Compare(t) })
	return l.first + int64(i)
}

// payloads lists what the log holds.
func (l *recordLog) payloads() [][]byte {
	all := make([][]byte, len(l.entries))
	for i, e := range l.entries {
		all[i] = e.payload
	}
	return all
}
