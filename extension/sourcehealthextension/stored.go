package sourcehealthextension

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

const (
	// storedVersion is that of the stored form. Version 1, all events in one value, is read too. Others are foreign.
	storedVersion = 2
	// eventsKey holds the index. Each event is under eventsKey, a point, and the number of its slot.
	eventsKey = "health_events"
	// asideKey is where stored values are kept that are not readable.
	asideKey = "health_events.aside"
)

// storedIndex says where the events are.
type storedIndex struct {
	Version int `json:"version"`
	// Slots is how many slots there are, some of them empty.
	Slots int `json:"slots"`
	// Events are those of version 1.
	Events []eventView `json:"events,omitempty"`
}

// storedEvent is one event as it is stored.
type storedEvent struct {
	Order uint64 `json:"order"` // events are sorted by it, oldest first
	eventView
}

// stored says which event is in which slot. It belongs to the keeper.
type stored struct {
	places map[string]place // by eventId
	slots  int              // how many the stored index knows
	order  uint64           // of the newest event
}

// place is where an event is stored.
type place struct {
	slot    int
	order   uint64
	version uint64 // of the event there
}

// markSaved notes which version of an event is stored.
func (s stored) markSaved(id string, version uint64) {
	if p, found := s.places[id]; found {
		p.version = version
		s.places[id] = p
	}
}

// update returns what is to be written so that these events are stored, oldest first, and what is stored then. An event
// that has not changed costs nothing.
func (s stored) update(events []eventView) (stored, []*storage.Operation, error) {
	next := stored{places: make(map[string]place, len(events)), slots: s.slots, order: s.order}
	gone := maps.Clone(s.places)
	for _, v := range events {
		delete(gone, v.EventID)
	}
	taken := slices.Repeat([]bool{false}, s.slots)
	for id, p := range s.places {
		if _, is := gone[id]; !is {
			taken[p.slot] = true
		}
	}
	var operations []*storage.Operation
	for _, v := range events {
		p, found := s.places[v.EventID]
		if !found {
			next.order++
			p = place{slot: slices.Index(taken, false), order: next.order}
			if p.slot < 0 {
				p.slot, taken = len(taken), append(taken, false)
			}
			taken[p.slot] = true
		}
		if p.version != v.version {
			data, err := json.Marshal(storedEvent{p.order, v})
			if err != nil {
				return s, nil, err
			}
			operations = append(operations, storage.SetOperation(slotKey(p.slot), data))
			p.version = v.version
		}
		next.places[v.EventID] = p
	}
	for _, p := range gone {
		if !taken[p.slot] {
			operations = append(operations, storage.DeleteOperation(slotKey(p.slot)))
		}
	}
	if next.slots = len(taken); next.slots != s.slots {
		data, err := json.Marshal(storedIndex{Version: storedVersion, Slots: next.slots})
		if err != nil {
			return s, nil, err
		}
		operations = append(operations, storage.SetOperation(eventsKey, data))
	}
	return next, operations, nil
}

func slotKey(slot int) string { return eventsKey + "." + strconv.Itoa(slot) }

// found is what was stored, and the events themselves, oldest first.
type found struct {
	stored
	events []eventView
}

// unreadable is what was stored and is not readable, under which keys, and why.
type unreadable struct {
	data []byte
	keys []string
	err  error
}

// setAside keeps what is not readable under a key of its own, and frees its place.
func (u *unreadable) setAside(ctx context.Context, client storage.Client) error {
	operations := []*storage.Operation{storage.SetOperation(asideKey, u.data)}
	for _, key := range u.keys {
		operations = append(operations, storage.DeleteOperation(key))
	}
	if err := client.Batch(ctx, operations...); err != nil {
		return fmt.Errorf("setting unreadable health events aside: %w", err)
	}
	return nil
}

// readStored reads the events that an index leads to. An error is the storage's.
func readStored(ctx context.Context, client storage.Client, index []byte) (found, *unreadable, error) {
	none := found{stored: stored{places: map[string]place{}}}
	if index == nil {
		return none, nil, nil
	}
	var read storedIndex
	err := json.Unmarshal(index, &read)
	switch {
	case err == nil && read.Version == 1:
		none.events = read.Events // saved as version 2 with the next change
		return none, nil, nil
	case err == nil && read.Version != storedVersion:
		err = fmt.Errorf("version %d, not %d", read.Version, storedVersion)
	case err == nil && (read.Slots < 0 || read.Slots > maxMaxEvents):
		err = fmt.Errorf("%d slots are not from 0 to %d", read.Slots, maxMaxEvents)
	}
	if err != nil {
		return none, &unreadable{index, []string{eventsKey}, fmt.Errorf("no health events: %w", err)}, nil
	}
	slots := make([]*storage.Operation, read.Slots)
	for i := range slots {
		slots[i] = storage.GetOperation(slotKey(i))
	}
	if err := client.Batch(ctx, slots...); err != nil {
		return none, nil, fmt.Errorf("reading health events: %w", err)
	}
	all, bad := decodeSlots(slots)
	return all, bad, nil
}

// decodeSlots reads the events out of the values of all slots.
func decodeSlots(slots []*storage.Operation) (found, *unreadable) {
	all := found{stored: stored{places: make(map[string]place, len(slots)), slots: len(slots)}}
	var events []storedEvent
	var bad unreadable
	for i, slot := range slots {
		if slot.Value == nil {
			continue
		}
		var event storedEvent
		if err := json.Unmarshal(slot.Value, &event); err != nil {
			bad.data = append(append(bad.data, slot.Value...), '\n')
			bad.keys = append(bad.keys, slot.Key)
			bad.err = errors.Join(bad.err, fmt.Errorf("slot %d: %w", i, err))
			continue
		}
		events = append(events, event)
		all.places[event.EventID] = place{slot: i, order: event.Order}
		all.order = max(all.order, event.Order)
	}
	slices.SortFunc(events, func(a, b storedEvent) int { return cmp.Compare(a.Order, b.Order) })
	for _, event := range events {
		all.events = append(all.events, event.eventView)
	}
	if bad.err == nil {
		return all, nil
	}
	return all, &bad
}
