// Package storageclient opens clients of the collector's storage extensions, for the receiver and for the page of the
// sources alike. It imports nothing of ours.
package storageclient

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// Opener opens a client of a storage extension. It may take as long as its context allows.
type Opener func(context.Context) (storage.Client, error)

// User is who uses a client: a component, and a name if it has several clients.
type User struct {
	Kind component.Kind
	ID   component.ID
	Name string
}

// NewOpener returns the opener of the user's client in the extension; nil if extension is nil. An error means that the
// collector has no such storage.
func NewOpener(host component.Host, extension *component.ID, user User) (Opener, error) {
	if extension == nil {
		return nil, nil
	}
	found, ok := host.GetExtensions()[*extension]
	if !ok {
		return nil, fmt.Errorf("storage: there is no extension %q in service.extensions; list it there, or write the ID of one that is", extension)
	}
	stores, ok := found.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("storage: the extension %q does not store; one that does is file_storage", extension)
	}
	return func(ctx context.Context) (storage.Client, error) {
		client, err := stores.GetClient(ctx, user.Kind, user.ID, user.Name)
		if err != nil {
			return nil, fmt.Errorf("open the storage %q (a timeout means that another process has its folder open: "+
				"give each collector a folder of its own, such as POD_DATA_DIR): %w", extension, err)
		}
		return client, nil
	}, nil
}
