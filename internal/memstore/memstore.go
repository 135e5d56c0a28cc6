// Package memstore is what a storage extension is made of that keeps everything in memory: for tests, which add the faults
// of a real one, and for measurements.
package memstore

import (
	"context"
	"slices"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// Client is a [storage.Client] that does every call by one function: all of the operations, in their order, or none.
type Client func(ctx context.Context, operations ...*storage.Operation) error

// Get implements [storage.Client].
func (do Client) Get(ctx context.Context, key string) ([]byte, error) {
	get := storage.GetOperation(key)
	err := do(ctx, get)
	return get.Value, err
}

// Set implements [storage.Client].
func (do Client) Set(ctx context.Context, key string, value []byte) error {
	return do(ctx, storage.SetOperation(key, value))
}

// Delete implements [storage.Client].
func (do Client) Delete(ctx context.Context, key string) error {
	return do(ctx, storage.DeleteOperation(key))
}

// Batch implements [storage.Client].
func (do Client) Batch(ctx context.Context, operations ...*storage.Operation) error {
	return do(ctx, operations...)
}

// Close implements [storage.Client]. What is stored stays.
func (Client) Close(context.Context) error { return nil }

// Store is what is stored, by key. Its owner guards it.
type Store map[string][]byte

// Do does operations in their order. It copies values, since a client may go on using those that it has given and got.
func (s Store) Do(operations ...*storage.Operation) {
	for _, operation := range operations {
		switch operation.Type {
		case storage.Get:
			operation.Value = slices.Clone(s[operation.Key])
		case storage.Set:
			s[operation.Key] = slices.Clone(operation.Value)
		case storage.Delete:
			delete(s, operation.Key)
		}
	}
}
