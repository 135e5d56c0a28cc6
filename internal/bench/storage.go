package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/proofpointpod/otelcol/internal/memstore"
	"github.com/proofpointpod/otelcol/internal/podsim"
	"github.com/proofpointpod/otelcol/internal/position"
	"github.com/proofpointpod/otelcol/internal/positionstore"
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
	h := host{storage: &memory{forgets: v.forgets, stores: map[string]memstore.Store{}}}
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
		ServerMemory: time.Hour, Margin: time.Hour,
		Remember: 24 * time.Hour, MaxEntries: records,
	})
	store := positionstore.New(client, positionstore.Owner{Cluster: podsim.ClusterID, Stream: stream})
	if _, err := store.Load(ctx, p); err != nil {
		return err
	}
	begun := now.Add(-time.Hour)
	p.BeginSession(begun)
	batch := make([]position.Record, batchRecords)
	for first := 0; first < records; first += batchRecords {
		at := begun.Add(time.Hour * time.Duration(first) / time.Duration(records))
		for i := range batch {
			// Spread as a hash is: the multiplier is 2^64 divided by the golden ratio.
			batch[i] = position.Record{ID: uint64(first+i) * 0x9e3779b97f4a7c15, TS: at}
			p.Claim(batch[i])
		}
		p.Accept(batch, true, at)
	}
	p.EndSession(true, now)
	p.MarkStopped()
	return store.Save(ctx, p, now)
}

// memory is a storage extension.
type memory struct {
	component.StartFunc
	component.ShutdownFunc

	forgets bool // what is stored is gone
	mu      sync.Mutex
	stores  map[string]memstore.Store // by the client's name
}

// GetClient implements [storage.Extension].
func (m *memory) GetClient(_ context.Context, _ component.Kind, id component.ID, name string) (storage.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	name = id.String() + " " + name
	if m.stores[name] == nil {
		m.stores[name] = memstore.Store{}
	}
	store := m.stores[name]
	return memstore.Client(func(_ context.Context, operations ...*storage.Operation) error {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.forgets {
			operations = slices.DeleteFunc(slices.Clone(operations), func(o *storage.Operation) bool { return o.Type == storage.Set })
		}
		store.Do(operations...)
		return nil
	}), nil
}
