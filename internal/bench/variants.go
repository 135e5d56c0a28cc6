package main

import (
	"context"
	"fmt"
	"slices"
)

// counter counts what a client has taken, by workload. It is called by several goroutines.
type counter func(workload string, records int)

// variant is one way to read one or two streams.
type variant struct {
	// name is unique, and says what is read last, behind a slash.
	name string
	// workloads are those of the streams, one each.
	workloads []string
	// config are the receiver's settings that are not the defaults.
	config map[string]any
	// forgets: the storage keeps nothing, as what it has in memory is not the receiver's.
	forgets bool
	// stored is how many records the storage remembers at the start as delivered; negative: there is no storage.
	stored int
	// free: not tied to one core.
	free bool
	// read reads until ctx ends.
	read func(ctx context.Context, v *variant, from service, play string, count counter) error
}

// The names of variants that targets speak of, before the slash.
const (
	readMessage  = "ReadMessage"
	reusedBuffer = "reused buffer"
	rawTLS       = "TLS socket"
	naive        = "naive"
	text         = "text"
	textResource = "text, resource"
	textStored   = "text, storage"
	textFull     = "text, storage, 2M identities"
	textLeast    = "text, least positions"
	bareText     = "text, bare path"
	parsed       = "map"
	textOne      = "text, any core"
	parsedOne    = "map, any core"
	bothStreams  = "both"
)

func of(name, workload string) string { return name + "/" + workload }

// variants lists all of them, those of a workload behind each other, so that what is compared is measured at about the
// same time.
func variants() []variant {
	var list []variant
	add := func(name, workload string, v variant) {
		v.name = of(name, workload)
		if v.workloads == nil {
			v.workloads = []string{workload}
		}
		if v.read == nil {
			v.read = receive
		}
		list = append(list, v)
	}
	anchor := func(read func(context.Context, *variant, service, string, counter) error) variant {
		return variant{stored: -1, read: read}
	}
	source := func(settings ...any) variant {
		v := variant{stored: -1, config: map[string]any{}}
		for i := 0; i < len(settings); i += 2 {
			v.config[settings[i].(string)] = settings[i+1]
		}
		return v
	}
	stored := func(identities int, v variant) variant {
		v.stored = identities
		return v
	}
	anyCore := func(v variant, workloads ...string) variant {
		v.free, v.workloads = true, workloads
		return v
	}
	for _, w := range []string{messages, maillogs, mix} {
		add(readMessage, w, anchor(discardMessages))
		add(reusedBuffer, w, anchor(discardReused))
		add(rawTLS, w, anchor(discardBytes))
		add(naive, w, anchor(readNaively))
		add(text, w, source())
		add(textResource, w, source("siem_metadata", "resource"))
		add(parsed, w, source("body", "map"))
		add("map, resource", w, source("body", "map", "siem_metadata", "resource"))
		if w == mix {
			continue
		}
		add(textLeast, w, source(
			"backfill::enabled", false, "dedup::window", "1ms", "dedup::max_entries", 1024, "unflushed_window", 0))
		add(bareText, w, anchor(readBarely))
		add(textStored, w, stored(0, source()))
		add(textFull, w, stored(fullIdentities, source()))
		add(textOne, w, anyCore(source(), w))
		add(parsedOne, w, anyCore(source("body", "map"), w))
	}
	add(text, bothStreams, anyCore(source(), messages, maillogs))
	add(parsed, bothStreams, anyCore(source("body", "map"), messages, maillogs))
	return list
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
		{name: of(soakRun, maillogs), workloads: []string{maillogs}, forgets: true, read: receive},
		{name: of(fewRun, maillogs), workloads: []string{maillogs}, forgets: true, read: receive,
			config: map[string]any{"dedup::max_entries": 500_000}},
		{name: of(burstRun, messages), workloads: []string{messages}, stored: -1, read: receive,
			// What is remembered of each record would hide what a large one leaves.
			config: map[string]any{"dedup::window": "1ms", "dedup::max_entries": 1024, "unflushed_window": 0}},
		{name: of(idleRun, bothStreams), workloads: []string{messages, maillogs}, stored: 0, read: receive},
	}
}
