package positionstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/proofpointpod/otelcol/internal/position"
)

// Loaded is what storage brought.
type Loaded struct {
	// Found: there was a position.
	Found bool
	// Unusable names what could not be used, and where it is kept now; nil if everything could.
	Unusable error
	// IsOrderly: the process that saved it ended in order.
	IsOrderly bool
	// Opened is the gap that this opens if a session has begun already; see [position.Position.Restore].
	Opened position.Opened
}

// Load reads the stored position, and has the position take it over; see [position.Position.Restore]. An error means that storage
// does not work.
func (s *Store) Load(ctx context.Context, p *position.Position) (Loaded, error) {
	head, gaps := storage.GetOperation(headKey), storage.GetOperation(gapsKey)
	if err := s.client.Batch(ctx, head, gaps); err != nil {
		return Loaded{}, fmt.Errorf("read the position: %w", err)
	}
	if head.Value == nil {
		return Loaded{Opened: p.RestoreNothing()}, nil
	}
	stored, err := s.decodeHead(head.Value)
	if err != nil {
		at := time.Now()
		if err := s.setAside(ctx, at, head, gaps); err != nil {
			return Loaded{}, err
		}
		return Loaded{Opened: p.RestoreNothing(), Unusable: fmt.Errorf("the stored position is not usable (%w); it is kept under the key %q, and collecting begins anew, as at the first start of all", err, asideKey(headKey, at))}, nil
	}
	brokenGaps := stored.decodeGaps(gaps.Value)
	chunks, broken, err := s.loadChunks(ctx, stored.First, stored.Next)
	if err != nil {
		return Loaded{}, err
	}
	var brokenChunks error
	if len(broken) > 0 {
		brokenChunks = fmt.Errorf("%d of %d stored chunks of identities are broken or gone; records that they held may be repeated",
			len(broken), stored.Next-stored.First)
	}
	opened := p.Restore(position.Restored{
		State: stored.state(), SavedAt: stored.SavedAt, Gaps: stored.gapState(), Chunks: chunks, Broken: broken,
	})
	return Loaded{Found: true, IsOrderly: stored.Clean, Unusable: errors.Join(brokenGaps, brokenChunks), Opened: opened}, nil
}

// setAside keeps stored values that are unusable under other keys.
func (s *Store) setAside(ctx context.Context, at time.Time, stored ...*storage.Operation) error {
	var operations []*storage.Operation
	for _, read := range stored {
		if read.Value != nil {
			operations = append(operations, storage.SetOperation(asideKey(read.Key, at), read.Value), storage.DeleteOperation(read.Key))
		}
	}
	if err := s.client.Batch(ctx, operations...); err != nil {
		return fmt.Errorf("keep an unusable position under another key: %w", err)
	}
	return nil
}

// decodeGaps reads the gaps. If it can't, all that is missing lies within their hull, which becomes one gap; the error says
// so.
func (h *storedHead) decodeGaps(data []byte) error {
	if h.Hull == nil {
		return nil // no gap is open, or the head has them
	}
	err := json.Unmarshal(data, &h.storedGaps)
	if err == nil && len(h.Gaps) > 0 {
		return nil
	}
	h.storedGaps = storedGaps{Gaps: []storedGap{*h.Hull}}
	return fmt.Errorf("the stored gaps are broken or gone; all the time from %s to %s is read from the archive instead",
		h.Hull.From.UTC().Format(time.RFC3339), h.Hull.To.UTC().Format(time.RFC3339))
}

func (s *Store) decodeHead(data []byte) (*storedHead, error) {
	var stored storedHead
	if err := json.Unmarshal(data, &stored); err != nil {
		return nil, fmt.Errorf("not a position: %w", err)
	}
	switch {
	case stored.Version != version && stored.Version != firstVersion:
		return nil, fmt.Errorf("version %d, not %d", stored.Version, version)
	case stored.Cluster != s.owner.Cluster || stored.Stream != s.owner.Stream:
		return nil, fmt.Errorf("it is of cluster %q, stream %q, not %q, %q", stored.Cluster, stored.Stream, s.owner.Cluster, s.owner.Stream)
	case stored.Next < stored.First || stored.Next-stored.First > 1<<24:
		return nil, errors.New("its chunks make no sense")
	}
	if stored.Version == firstVersion && s.owner.FormerIDs {
		stored.Former = stored.Next * position.ChunkEntries
	}
	return &stored, nil
}

// loadBatch is how many chunks are read at a time.
const loadBatch = 64

// loadChunks reads the chunks of identities. One that is broken, or not there, is left out, and its number returned.
func (s *Store) loadChunks(ctx context.Context, first, next uint64) (chunks []position.Chunk, broken []uint64, err error) {
	for ; first < next; first += loadBatch {
		var operations []*storage.Operation
		for number := first; number < min(first+loadBatch, next); number++ {
			operations = append(operations, storage.GetOperation(chunkKey(number)))
		}
		if err := s.client.Batch(ctx, operations...); err != nil {
			return nil, nil, fmt.Errorf("read the identities: %w", err)
		}
		for i, operation := range operations {
			c, err := decodeChunk(first+uint64(i), operation.Value)
			if err != nil {
				broken = append(broken, first+uint64(i))
				continue
			}
			chunks = append(chunks, c)
		}
	}
	return chunks, broken, nil
}
