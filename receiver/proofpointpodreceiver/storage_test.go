package proofpointpodreceiver

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/proofpointpod/otelcol/internal/memstore"
)

var storageID = component.MustNewID("memory_storage")

var (
	errDiskFull = errors.New("no space left on device")
	errKilled   = errors.New("this process is dead")
)

// memoryStorage is a storage extension whose content outlives the sources that use it. As with file_storage, a client
// can't be opened a second time before it is closed.
type memoryStorage struct {
	component.StartFunc
	component.ShutdownFunc
	t *testing.T

	mu      sync.Mutex
	stores  map[string]memstore.Store // by the client's name
	open    map[string]*memoryClient
	failure error         // what every call answers; nil: they work
	held    chan struct{} // every call of some clients waits until it is closed; nil: none does
	whose   string        // how the names of these clients end
	saves   int           // calls that have changed something
}

func newMemoryStorage(t *testing.T) *memoryStorage {
	t.Helper()
	return &memoryStorage{t: t, stores: map[string]memstore.Store{}, open: map[string]*memoryClient{}}
}

// GetClient implements [storage.Extension].
func (m *memoryStorage) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	if err := m.turn(ctx, nil); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	assert.Equal(m.t, component.KindReceiver, kind)
	name = fmt.Sprintf("%s %s", id, name)
	if m.open[name] != nil {
		return nil, fmt.Errorf("the client %q is open already", name)
	}
	c := &memoryClient{storage: m, name: name}
	c.Client = c.batch
	m.open[name] = c
	if m.stores[name] == nil {
		m.stores[name] = memstore.Store{}
	}
	return c, nil
}

// turn waits until a call may go on, and says how it fails.
func (m *memoryStorage) turn(ctx context.Context, c *memoryClient) error {
	m.mu.Lock()
	held := m.held
	whose := m.whose
	m.mu.Unlock()
	if held != nil && (whose == "" || c != nil && strings.HasSuffix(c.name, whose)) {
		select {
		case <-held:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case c != nil && c.dead:
		return errKilled
	case c != nil && c.closed:
		m.t.Error("a storage client was used after Close")
		return errors.New("closed")
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return m.failure
}

// fails has every call answer with err from now on; nil: they work again.
func (m *memoryStorage) fails(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failure = err
}

// holds has every call wait until the function that it returns is called.
func (m *memoryStorage) holds() (release func()) { return m.holdsOnly("") }

// holdsOnly does so for the clients whose names end so.
func (m *memoryStorage) holdsOnly(whose string) (release func()) {
	held := make(chan struct{})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held, m.whose = held, whose
	return func() {
		m.mu.Lock()
		m.held = nil
		m.mu.Unlock()
		close(held)
	}
}

// wipe loses everything that is stored.
func (m *memoryStorage) wipe() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, store := range m.stores {
		clear(store)
	}
}

// garble overwrites what is stored under the keys that begin so.
func (m *memoryStorage) garble(prefix string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, store := range m.stores {
		for key := range store {
			if strings.HasPrefix(key, prefix) {
				store[key] = []byte("garbage")
			}
		}
	}
}

// keys lists what is stored.
func (m *memoryStorage) keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []string
	for _, store := range m.stores {
		list = slices.AppendSeq(list, maps.Keys(store))
	}
	return list
}

// saved is how many calls have changed something.
func (m *memoryStorage) saved() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.saves
}

// kill cuts off the clients that are open, as the end of their process does. What they do then changes nothing.
func (m *memoryStorage) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.open {
		c.dead = true
	}
	clear(m.open)
}

// memoryClient is a client of a memoryStorage. Its fields are guarded by the storage's lock.
type memoryClient struct {
	memstore.Client
	storage      *memoryStorage
	name         string
	closed, dead bool
}

func (c *memoryClient) batch(ctx context.Context, operations ...*storage.Operation) error {
	if err := c.storage.turn(ctx, c); err != nil {
		return err
	}
	c.storage.mu.Lock()
	defer c.storage.mu.Unlock()
	if c.dead {
		return errKilled
	}
	c.storage.stores[c.name].Do(operations...)
	if slices.ContainsFunc(operations, func(o *storage.Operation) bool { return o.Type != storage.Get }) {
		c.storage.saves++
	}
	return nil
}

// Close implements [storage.Client].
func (c *memoryClient) Close(context.Context) error {
	c.storage.mu.Lock()
	defer c.storage.mu.Unlock()
	if c.dead {
		return errKilled
	}
	assert.False(c.storage.t, c.closed, "a storage client was closed twice")
	c.closed = true
	delete(c.storage.open, c.name)
	return nil
}
