package position

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

const (
	// version of the stored form. A head of another version is foreign, but for those of firstVersion.
	version = 2
	// firstVersion does not say which identities are former ones: all are, of a stream that has any.
	firstVersion = 1
)

// headKey holds the head, gapsKey the gaps, and chunkKey an identities' chunk. Heads and gaps that could not be used are
// kept under asideKey.
const (
	headKey = "position"
	gapsKey = "gaps"
)

func chunkKey(number uint64) string { return "seen." + strconv.FormatUint(number, 10) }

func asideKey(key string, at time.Time) string {
	return key + ".aside." + at.UTC().Format("20060102T150405.000000000Z")
}

// storedHead is the head as it is stored.
type storedHead struct {
	Version int    `json:"version"`
	Cluster string `json:"cluster"`
	Stream  string `json:"stream"`

	SavedAt  time.Time `json:"saved_at"`
	Safe     time.Time `json:"safe"`
	Suspect  time.Time `json:"suspect,omitzero"`
	Life     time.Time `json:"life"`
	Accepted time.Time `json:"accepted,omitzero"`
	Clean    bool      `json:"clean"`
	// Flushed is the place in the index up to which records were out of the pipeline's memory.
	Flushed uint64 `json:"flushed"`
	Token   string `json:"token,omitempty"`
	Doubt   *Gap   `json:"doubt,omitempty"`

	// Aside are records that were neither accepted nor rejected.
	Aside []asideEntry `json:"aside,omitempty"`

	// Hull is that of the gaps: what is missing at the most, should they be lost.
	Hull *Gap `json:"hull,omitempty"`
	// storedGaps are here in firstVersion, and under a key of their own since.
	storedGaps
	// Unreachable is how many records are missing from further back than the archive reaches, and were not reported.
	Unreachable int `json:"unreachable,omitempty"`

	// The chunks of identities from First on and before Next, and what was forgotten before.
	First   uint64 `json:"first_chunk"`
	Next    uint64 `json:"next_chunk"`
	Horizon uint32 `json:"horizon,omitempty"`
	// Former is the place before which entries have former identities.
	Former uint64 `json:"former,omitempty"`
}

// storedGaps are the gaps as they are stored. A save writes them only if they have changed, as there can be a thousand.
type storedGaps struct {
	Gaps  []Gap               `json:"gaps,omitempty"`
	Hours map[int64]progress  `json:"hours,omitempty"`
	Late  map[int64]time.Time `json:"late,omitempty"`
}

// NeedsSave says whether there is anything to save.
func (p *Position) NeedsSave(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	// What was in the pipeline's memory at the newest save is read again if the process is killed. So a stream that has
	// become quiet is saved on until that is none of it.
	return p.loaded && (p.changed || p.flushed > p.savedFlushed || now.Sub(p.saved) >= lifeInterval)
}

// Save writes what is new since the last save, in one transaction. One goroutine at a time calls it, and only after
// Load has succeeded.
func (p *Position) Save(ctx context.Context, client storage.Client, now time.Time) error {
	operations, settle, err := p.snapshot(now)
	if err != nil {
		return err
	}
	if err := client.Batch(ctx, operations...); err != nil {
		p.mu.Lock()
		p.changed = true
		p.mu.Unlock()
		return fmt.Errorf("saving the position: %w", err)
	}
	settle()
	return nil
}

// snapshot makes the operations of a save, and returns what has to be noted once they have succeeded.
func (p *Position) snapshot(now time.Time) ([]*storage.Operation, func(), error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stored := p.toStore(now)
	data, err := json.Marshal(stored)
	if err != nil {
		return nil, nil, fmt.Errorf("encoding the position: %w", err)
	}
	operations := []*storage.Operation{storage.SetOperation(headKey, data)}
	edits := p.gaps.edits
	if edits != p.savedGaps {
		data, err := json.Marshal(storedGaps{Gaps: p.gaps.open, Hours: p.gaps.hours, Late: p.gaps.late})
		if err != nil {
			return nil, nil, fmt.Errorf("encoding the gaps: %w", err)
		}
		operations = append(operations, storage.SetOperation(gapsKey, data))
	}
	written := map[*chunk]int{}
	for _, c := range slices.Backward(p.index.chunks) {
		if c.saved == len(c.entries) {
			if c.saved == chunkEntries {
				break // all before it are as full, and saved
			}
			continue
		}
		written[c] = len(c.entries)
		operations = append(operations, storage.SetOperation(chunkKey(c.number), c.encode()))
	}
	p.index.stored = p.index.next
	forgotten := len(p.index.forgotten)
	for _, number := range p.index.forgotten {
		operations = append(operations, storage.DeleteOperation(chunkKey(number)))
	}
	p.changed = false
	settle := func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for c, count := range written {
			c.saved = count
		}
		p.index.forgotten = p.index.forgotten[forgotten:]
		p.saved = now
		p.savedFlushed = stored.Flushed
		p.savedGaps = edits
	}
	return operations, settle, nil
}

// toStore makes the head as it is stored.
func (p *Position) toStore(now time.Time) *storedHead {
	stored := &storedHead{
		Version: version, Cluster: p.options.Cluster, Stream: p.options.Stream,
		SavedAt: now, Safe: p.safe, Suspect: p.suspect, Life: p.life, Accepted: p.accepted, Clean: p.clean, Flushed: p.flushed, Token: p.token,
		Hull: p.gaps.hull(), Unreachable: p.unreachable,
		First: p.index.next, Next: p.index.next, Horizon: p.index.horizon, Former: p.index.former,
	}
	if p.options.Unflushed == 0 {
		stored.Flushed = p.index.end()
	}
	if p.doubt.From.Before(p.doubt.To) {
		doubt := p.doubt
		stored.Doubt = &doubt
	}
	for _, e := range p.aside {
		stored.Aside = append(stored.Aside, e)
	}
	if len(p.index.chunks) > 0 {
		stored.First = p.index.chunks[0].number
	}
	return stored
}
