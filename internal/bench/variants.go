package main

import (
	"context"
	"fmt"
	"slices"
)

// counter counts what a client has taken, by workload. It is called by several goroutines.
type counter func(workload string, records int)

// settings are the receiver's that are not the defaults. Keys of further levels have `::` between them.
type settings map[string]any

// variant is one way to read one or two streams.
type variant struct {
	// name is unique, and says what is read last, behind a slash.
	name string
	// workloads are those of the streams, one each.
	workloads []string
	config    settings
	// stores: there is a storage extension. At the start it remembers so many records of each stream as delivered.
	stores    bool
	remembers int
	// forgets: the storage keeps nothing, as what it has in memory is not the receiver's.
	forgets bool
	// free: not tied to one core.
	free bool
	// read reads until ctx ends. nil: [receive].
	read func(ctx context.Context, v *variant, from service, play string, count counter) error
}

// The names of variants that targets speak of, before the slash.
const (
	readMessage    = "ReadMessage"
	reusedBuffer   = "reused buffer"
	rawTLS         = "TLS socket"
	naive          = "naive"
	text           = "text"
	textResource   = "text, resource"
	textStored     = "text, storage"
	textFull       = "text, storage, 2M identities"
	textLeast      = "text, least positions"
	bareText       = "text, bare path"
	parsed         = "map"
	parsedResource = "map, resource"
	textOne        = "text, any core"
	parsedOne      = "map, any core"
	bothStreams    = "both"
)

func of(name, workload string) string { return name + "/" + workload }

// variants lists all of them, those of a workload behind each other, so that what is compared is measured at about the
// same time.
func variants() []variant {
	var list []variant
	for _, w := range []string{messages, maillogs, mix} {
		one := []string{w}
		list = append(list,
			variant{name: of(readMessage, w), workloads: one, read: discardMessages},
			variant{name: of(reusedBuffer, w), workloads: one, read: discardReused},
			variant{name: of(rawTLS, w), workloads: one, read: discardBytes},
			variant{name: of(naive, w), workloads: one, read: readNaively},
			variant{name: of(text, w), workloads: one},
			variant{name: of(textResource, w), workloads: one, config: settings{"siem_metadata": "resource"}},
			variant{name: of(parsed, w), workloads: one, config: settings{"body": "map"}},
			variant{name: of(parsedResource, w), workloads: one, config: settings{"body": "map", "siem_metadata": "resource"}},
		)
		if w == mix {
			continue
		}
		list = append(list,
			variant{name: of(textLeast, w), workloads: one, config: leastPositions()},
			variant{name: of(bareText, w), workloads: one, read: readBarely},
			variant{name: of(textStored, w), workloads: one, stores: true},
			variant{name: of(textFull, w), workloads: one, stores: true, remembers: fullIdentities},
			variant{name: of(textOne, w), workloads: one, free: true},
			variant{name: of(parsedOne, w), workloads: one, free: true, config: settings{"body": "map"}},
		)
	}
	two := []string{messages, maillogs}
	return append(list,
		variant{name: of(text, bothStreams), workloads: two, free: true},
		variant{name: of(parsed, bothStreams), workloads: two, free: true, config: settings{"body": "map"}},
	)
}

// leastPositions are as few positions as can be configured: identities are forgotten within a second.
func leastPositions() settings {
	return settings{"backfill::enabled": false, "dedup::window": "1ms", "dedup::max_entries": 1024, "unflushed_window": 0}
}

// find returns the variant of a name.
func find(name string) (*variant, error) {
	all := append(variants(), longRuns()...)
	i := slices.IndexFunc(all, func(v variant) bool { return v.name == name })
	if i < 0 {
		return nil, fmt.Errorf("there is no variant %q", name)
	}
	return &all[i], nil
}

// The variants that run for long, once.
const (
	soakRun  = "soak"
	fewRun   = "soak, 500,000 identities"
	burstRun = "burst"
	idleRun  = "idle"
)

func longRuns() []variant {
	return []variant{
		{name: of(soakRun, maillogs), workloads: []string{maillogs}, stores: true, forgets: true},
		{name: of(fewRun, maillogs), workloads: []string{maillogs}, stores: true, forgets: true,
			config: settings{"dedup::max_entries": 500_000}},
		// What is remembered of each record would hide what a large one leaves.
		{name: of(burstRun, messages), workloads: []string{messages}, config: leastPositions()},
		{name: of(idleRun, bothStreams), workloads: []string{messages, maillogs}, stores: true},
	}
}
