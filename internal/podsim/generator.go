package podsim

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// generator makes records: all documented fields, realistic sizes and identities, members in varying order. What it
// makes depends on the seed and on how many records of the event type it has made before, but for the times. It is
// safe for use by several goroutines.
type generator struct {
	seed    uint64
	cluster string

	mu       sync.Mutex // guards what follows
	messages uint64     // how many were made
	audits   uint64
	lines    []maillogLine // of the mail that maillog has begun
	mails    uint64        // how many mails maillog has begun
}

func newGenerator(seed uint64, cluster string) *generator {
	return &generator{seed: seed, cluster: cluster}
}

// The streams of random numbers that each record draws from.
const (
	mailStream = iota
	messageStream
	maillogStream
	auditStream
	streams
)

// random is the source for the k-th thing of a stream.
func (g *generator) random(stream, k uint64) *rand.Rand {
	return rand.New(rand.NewPCG(g.seed, k*streams+stream))
}

// records makes the next n records of an event type as they arrive at a time.
func (g *generator) records(t podlog.EventType, n int, now time.Time) [][]byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([][]byte, max(n, 0))
	for i := range all {
		switch t {
		case podlog.Message:
			all[i] = g.message(g.messages, now)
			g.messages++
		case podlog.Maillog:
			all[i] = g.maillog(now)
		case podlog.Audit:
			all[i] = g.audit(g.audits, now)
			g.audits++
		}
	}
	return all
}

// The spellings of times in records.
const (
	tsLayout   = "2006-01-02T15:04:05.000000-0700"
	lineLayout = "2006-01-02T15:04:05.000000-07:00" // as the mail transfer agent writes it
)

// agentTime is a time as the agents spell it, in their zone. It lies before now by a random while with the given
// mean, but not by more than a minute.
func agentTime(now time.Time, mean time.Duration, random *rand.Rand) time.Time {
	before := min(time.Duration(random.ExpFloat64()*float64(mean)), time.Minute)
	return now.Add(-before).In(time.FixedZone("", -7*60*60))
}

// origin is the member `metadata` of a message or audit record.
func (g *generator) origin(agent string) object {
	return object{{"origin", object{{"data", object{{"agent", agent}, {"cid", g.cluster}, {"version", version}}}}}}
}

// version of the software that the agents run.
const version = "8.21.0.1358"
