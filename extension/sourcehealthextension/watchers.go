package sourcehealthextension

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// maxWatchers is how many may watch at the same time, or half of the connections, if that is less.
const maxWatchers = 100

// watchers holds who watches to a limit, in all and for each client. One too many takes the place of the one that has
// watched longest: of the same client, or of the client that has most. It is safe for concurrent use.
type watchers struct {
	limit int

	mu      sync.Mutex
	present []*seat // oldest first
}

// seat is the place of one who watches.
type seat struct {
	client client
	cancel context.CancelFunc
}

func newWatchers(connections int) *watchers { return &watchers{limit: min(maxWatchers, connections/2)} }

// enter gives a client a seat. Whoever has it leaves when the context ends, and calls leave at the end in any case.
func (w *watchers) enter(ctx context.Context, client client) (seated context.Context, leave func()) {
	seated, cancel := context.WithCancel(ctx)
	taken := &seat{client, cancel}
	if surplus := w.add(taken); surplus != nil {
		surplus.cancel()
	}
	return seated, func() {
		w.remove(taken)
		cancel()
	}
}

// add returns who has to go, if anybody has.
func (w *watchers) add(taken *seat) *seat {
	w.mu.Lock()
	defer w.mu.Unlock()
	has := map[client]int{}
	for _, s := range w.present {
		has[s.client]++
	}
	var surplus *seat
	switch {
	case has[taken.client] >= taken.client.share(w.limit):
		surplus = w.oldest(func(s *seat) bool { return s.client == taken.client })
	case len(w.present) >= w.limit:
		most := slices.Max(slices.Collect(maps.Values(has)))
		surplus = w.oldest(func(s *seat) bool { return has[s.client] == most })
	}
	w.present = slices.DeleteFunc(w.present, func(s *seat) bool { return s == surplus })
	w.present = append(w.present, taken)
	return surplus
}

// oldest returns the first that is wanted. The caller holds the lock.
func (w *watchers) oldest(wanted func(*seat) bool) *seat {
	return w.present[slices.IndexFunc(w.present, wanted)]
}

func (w *watchers) remove(gone *seat) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.present = slices.DeleteFunc(w.present, func(s *seat) bool { return s == gone })
}
