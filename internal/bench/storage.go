package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/internal/position"
)

// fullIdentities is how many identities the receiver remembers by default at the most.
const fullIdentities = 2_000_000

func storageID() component.ID { return component.MustNewID("memory_storage") }

// host is a collector with a storage extension that keeps everything in memory: what a disk costs is the extension's.
type host struct{ storage *memory }

// GetExtensions implements [component.Host].
func (h host) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{storageID(): h.storage}
}

// newHost makes a host whose storage remembers, for each stream, as many records as the variant says.
func newHost(ctx context.Context, v *variant, receiver component.Type) (host, error) {
	h := host{storage: &memory{forgets: v.forgets, stores: map[string]map[string][]byte{}}}
	for _, w := range v.workloads {
		if v.remembers == 0 {
			continue
		}
		stream := string(eventType(w))
		client, err := h.storage.GetClient(ctx, component.KindReceiver, component.NewID(receiver), stream)
		if err != nil {
			return h, err
		}
		if err := remember(ctx, client, stream, v.remembers); err != nil {
			return h, fmt.Errorf("fill the storage: %w", err)
		}
	}
	return h, nil
}

// remember stores the position of a stream that has ended in order, after so many records in the last hour.
func remember(ctx context.Context, client storage.Client, stream string, records int) error {
	now := time.Now()
	p := position.New(position.Options{
		Cluster: podsim.ClusterID, Stream: stream, ServerMemory: time.Hour, Margin: time.Hour,
		Remember: 24 * time.Hour, MaxEntries: records,
	})
	if _, err := p.Load(ctx, client); err != nil {
		return err
	}
	begun := now.Add(-time.Hour)
	p.Begin(begun)
	batch := make([]position.Seen, batchRecords)
	for first := 0; first < records; first += batchRecords {
		at := begun.Add(time.Hour * time.Duration(first) / time.Duration(records))
		for i := range batch {
			// Spread as a hash is: the multiplier is 2^64 divided by the golden ratio.
			batch[i] = position.Seen{ID: uint64(first+i) * 0x9e3779b97f4a7c15, TS: at}
			p.Claim(batch[i].ID)
		}
		p.Accepted(batch, true, at)
	}
	p.End(true, now)
	p.Close()
	return p.Save(ctx, client, now)
}

// memory is a storage extension.
type memory struct {
	component.StartFunc
	component.ShutdownFunc

	forgets bool // what is stored is gone
	mu      sync.Mutex
	stores  map[string]map[string][]byte // by the client's name
}

// GetClient implements [storage.Extension].
func (m *memory) GetClient(_ context.Context, _ component.Kind, id component.ID, name string) (storage.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = id.String() + " " + name
	if m.stores[name] == nil {
		m.stores[name] = map[string][]byte{}
	}
	return &memoryClient{memory: m, store: m.stores[name]}, nil
}

// memoryClient is a client of memory, whose lock guards its store.
type memoryClient struct {
	memory *memory
	store  map[string][]byte
}

// Get implements [storage.Client].
func (c *memoryClient) Get(ctx context.Context, key string) ([]byte, error) {
	get := storage.GetOperation(key)
	err := c.Batch(ctx, get)
	return get.Value, err
}

// Set implements [storage.Client].
func (c *memoryClient) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

// Delete implements [storage.Client].
func (c *memoryClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

// Batch implements [storage.Client].
func (c *memoryClient) Batch(_ context.Context, operations ...*storage.Operation) error {
	c.memory.mu.Lock()
	defer c.memory.mu.Unlock()
	for _, operation := range operations {
		switch operation.Type {
		case storage.Get:
			operation.Value = slices.Clone(c.store[operation.Key])
		case storage.Set:
			if c.memory.forgets {
				continue
			}
			c.store[operation.Key] = slices.Clone(operation.Value)
		case storage.Delete:
			delete(c.store, operation.Key)
		}
	}
	return nil
}

// Close implements [storage.Client].
func (c *memoryClient) Close(context.Context) error { return nil }
