package positionstore

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/proofpointpod/otelcol/internal/position"
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

// Owner is what a stored position is of. A stored position of another one is foreign.
type Owner struct {
	Cluster, Stream string
	// FormerIDs: versions before this one have given the stream's records other identities; see [position.Record].
	FormerIDs bool
}

// Store is the stored position of one stream. One goroutine at a time uses it.
type Store struct {
	client storage.Client
	owner  Owner
}

// New returns the stored position of the owner in the client.
func New(client storage.Client, owner Owner) *Store {
	return &Store{client: client, owner: owner}
}

// Save writes what is new since the last save, in one transaction. It is called only after Load has succeeded.
func (s *Store) Save(ctx context.Context, p *position.Position, now time.Time) error {
	snapshot := p.Snapshot()
	operations, err := s.encode(snapshot, now)
	if err == nil {
		err = s.client.Batch(ctx, operations...)
	}
	if err != nil {
		p.SaveFailed(snapshot)
		return fmt.Errorf("save the position: %w", err)
	}
	p.Saved(snapshot, now)
	return nil
}

// encode returns the operations of a save.
func (s *Store) encode(snapshot *position.Snapshot, now time.Time) ([]*storage.Operation, error) {
	head, err := json.Marshal(newStoredHead(s.owner, snapshot.State, now))
	if err != nil {
		return nil, fmt.Errorf("encode the position: %w", err)
	}
	operations := []*storage.Operation{storage.SetOperation(headKey, head)}
	if snapshot.Gaps != nil {
		gaps, err := json.Marshal(newStoredGaps(snapshot.Gaps))
		if err != nil {
			return nil, fmt.Errorf("encode the gaps: %w", err)
		}
		operations = append(operations, storage.SetOperation(gapsKey, gaps))
	}
	for _, c := range snapshot.Chunks {
		operations = append(operations, storage.SetOperation(chunkKey(c.Number), encodeChunk(c)))
	}
	for _, number := range snapshot.Forgotten {
		operations = append(operations, storage.DeleteOperation(chunkKey(number)))
	}
	return operations, nil
}
