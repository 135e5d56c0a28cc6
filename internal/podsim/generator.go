package podsim

import (
	"fmt"
	"sync"
	"time"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// generator makes records. It is safe for use by several goroutines.
type generator struct {
	seed    uint64
	cluster string

	mu   sync.Mutex // guards made
	made map[podlog.EventType]uint64
}

func newGenerator(seed uint64, cluster string) *generator {
	return &generator{seed: seed, cluster: cluster, made: make(map[podlog.EventType]uint64)}
}

// records makes the next n records of an event type, as they are at a time.
func (g *generator) records(t podlog.EventType, n int, now time.Time) [][]byte {
	g.mu.Lock()
	k := g.made[t]
	g.made[t] += uint64(max(n, 0))
	g.mu.Unlock()
	var all [][]byte
	for i := range max(n, 0) {
		all = append(all, fmt.Appendf(nil, `{"guid":"%032d","ts":"%s"}`, k+uint64(i), now.Format("2006-01-02T15:04:05.000000-0700")))
	}
	return all
}
