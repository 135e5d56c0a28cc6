package position

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// Loaded is what storage brought.
type Loaded struct {
	// Found: there was a position.
	Found bool
	// Aside says what could not be used, and where it is kept now; nil if all could.
	Aside error
	// Unclean: the process that saved it did not end in order.
	Unclean bool
	// Opened is the gap that this opens if a session has begun already; see [Position.Load].
	Opened Opened
}

// Load reads the stored position. It is to be called before the first session; if storage could not be read then, it
// may be called later, and what is stored joins what has happened since. An error means that storage does not work.
//
// After an end that was not clean, what was in the pipeline's memory at the last save may be lost: it is not remembered
// as delivered, and missing from its oldest record on.
func (p *Position) Load(ctx context.Context, client storage.Client) (Loaded, error) {
	head, gaps := storage.GetOperation(headKey), storage.GetOperation(gapsKey)
	if err := client.Batch(ctx, head, gaps); err != nil {
		return Loaded{}, fmt.Errorf("reading the position: %w", err)
	}
	if head.Value == nil {
		return Loaded{Opened: p.start()}, nil
	}
	stored, err := p.decodeHead(head.Value)
	if err != nil {
		at := time.Now()
		if err := setAside(ctx, client, at, head, gaps); err != nil {
			return Loaded{}, err
		}
		return Loaded{Opened: p.start(), Aside: fmt.Errorf("the stored position is not usable (%w); it is kept under the key %q, and collecting begins anew, as at the first start of all", err, asideKey(headKey, at))}, nil
	}
	aside := stored.decodeGaps(gaps.Value)
	old, broken, err := loadIndex(ctx, client, stored)
	if err != nil {
		return Loaded{}, err
	}
	loaded := p.join(stored, old, broken)
	loaded.Aside = errors.Join(aside, loaded.Aside)
	return loaded, nil
}

// setAside keeps what is stored, and is not usable, under other keys.
func setAside(ctx context.Context, client storage.Client, at time.Time, stored ...*storage.Operation) error {
	var operations []*storage.Operation
	for _, read := range stored {
		if read.Value != nil {
			operations = append(operations, storage.SetOperation(asideKey(read.Key, at), read.Value), storage.DeleteOperation(read.Key))
		}
	}
	if err := client.Batch(ctx, operations...); err != nil {
		return fmt.Errorf("setting an unusable position aside: %w", err)
	}
	return nil
}

// decodeGaps reads the gaps. If it can't, all that is missing lies within their hull, which becomes one gap; the error says
// so.
func (s *storedHead) decodeGaps(data []byte) error {
	if s.Hull == nil {
		return nil // no gap is open, or the head has them
	}
	err := json.Unmarshal(data, &s.storedGaps)
	if err == nil && len(s.Gaps) > 0 {
		return nil
	}
	s.storedGaps = storedGaps{Gaps: []Gap{*s.Hull}}
	return fmt.Errorf("the stored gaps are broken or gone; all the time from %s to %s is read from the archive instead",
		s.Hull.From.UTC().Format(time.RFC3339), s.Hull.To.UTC().Format(time.RFC3339))
}

// start notes that there is nothing to go on from. If a session has begun already, it was the first of all.
func (p *Position) start() Opened {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loaded = true
	p.clean = false
	p.changed = true
	if since := p.options.Since; !since.IsZero() && since.Before(p.begun) {
		gap := Gap{From: since, To: p.begun}
		p.gaps.add(gap)
		return Opened{Gap: &gap, Reason: reasonSince}
	}
	return Opened{}
}

func (p *Position) decodeHead(data []byte) (*storedHead, error) {
	var stored storedHead
	if err := json.Unmarshal(data, &stored); err != nil {
		return nil, fmt.Errorf("not a position: %w", err)
	}
	switch {
	case stored.Version != version && stored.Version != firstVersion:
		return nil, fmt.Errorf("version %d, not %d", stored.Version, version)
	case stored.Cluster != p.options.Cluster || stored.Stream != p.options.Stream:
		return nil, fmt.Errorf("it is of cluster %q, stream %q, not %q, %q", stored.Cluster, stored.Stream, p.options.Cluster, p.options.Stream)
	case stored.Next < stored.First || stored.Next-stored.First > 1<<24:
		return nil, errors.New("its chunks make no sense")
	}
	if stored.Version == firstVersion && p.options.FormerIDs {
		stored.Former = stored.Next * chunkEntries
	}
	return &stored, nil
}

// loadBatch is how many chunks are read at a time.
const loadBatch = 64

// loadIndex reads the chunks. One that is broken, or not there, is left out, and its number returned: what it held may
// come again, and the index has to be renumbered.
func loadIndex(ctx context.Context, client storage.Client, stored *storedHead) (x *index, broken []uint64, err error) {
	x = newIndex()
	x.next = stored.Next
	x.horizon = stored.Horizon
	x.former = stored.Former
	x.stored = stored.Next
	for first := stored.First; first < stored.Next; first += loadBatch {
		var operations []*storage.Operation
		for number := first; number < min(first+loadBatch, stored.Next); number++ {
			operations = append(operations, storage.GetOperation(chunkKey(number)))
		}
		if err := client.Batch(ctx, operations...); err != nil {
			return nil, nil, fmt.Errorf("reading the identities: %w", err)
		}
		for i, operation := range operations {
			c, err := decodeChunk(first+uint64(i), operation.Value)
			if err != nil {
				broken = append(broken, first+uint64(i))
				continue
			}
			x.load(c)
		}
	}
	x.former = min(x.former, x.end())
	return x, broken, nil
}

// join takes over what was stored. If sessions have begun meanwhile, it comes before what they brought.
func (p *Position) join(stored *storedHead, old *index, broken []uint64) Loaded {
	p.mu.Lock()
	defer p.mu.Unlock()
	loaded := Loaded{Found: true, Unclean: !stored.Clean}
	suspect, astray := stored.Suspect, strays{}
	if !stored.Clean {
		suspect, astray = p.unlearn(stored, old, broken)
	}
	suspect = p.suspectAside(stored.Aside, suspect, &astray)
	if len(broken) > 0 {
		loaded.Aside = fmt.Errorf("%d of %d stored chunks of identities are broken or gone; records that they held may be repeated",
			len(broken), stored.Next-stored.First)
		// Nothing tells which records they held, so none from before now is known to be remembered.
		old.horizon = max(old.horizon, seconds(stored.SavedAt))
		old.renumber(stored)
	}

	p.proof.lag = max(old.leastLag(lagSample)-clockSlack, 0)
	p.savedFlushed = stored.Flushed
	p.append(old)
	p.gaps.add(stored.Gaps...)
	if stored.Doubt != nil {
		defer p.gaps.add(*stored.Doubt) // after the hours that were read before it
	}
	for hour, came := range stored.Late {
		p.gaps.comesLate(hour, came)
	}
	p.unreachable += stored.Unreachable
	first := p.begun.IsZero()
	if first {
		maps.Copy(p.gaps.hours, stored.Hours)
	}
	p.openStrays(astray)
	if first {
		if !p.suspect.IsZero() { // a handshake was not answered meanwhile
			from := stored.Safe
			if from.IsZero() {
				from = p.suspect
			}
			suspect = oldest(suspect, from)
		}
		p.head = head{safe: stored.Safe, suspect: suspect, life: stored.Life, accepted: stored.Accepted, token: stored.Token}
		if stored.Clean {
			p.proof.end = stored.Life
		}
	} else {
		loaded.Opened = p.joinLate(stored, suspect)
	}
	p.clean = false
	p.loaded = true
	p.changed = true
	return loaded
}

// unlearn drops from the index what a process that did not end in order had in the pipeline's memory at its last save. It
// returns from when on something of that may be missing, and the strays among it.
func (p *Position) unlearn(stored *storedHead, old *index, broken []uint64) (suspect time.Time, astray strays) {
	suspect, astray = oldest(stored.Suspect, stored.Safe), strays{}
	old.unlearn(stored.Flushed, func(e entry) {
		var ts time.Time
		if e.ts != 0 {
			ts = time.Unix(int64(e.ts), 0).UTC()
		}
		suspect = p.missing(ts, time.Unix(int64(e.accepted), 0).UTC(), suspect, &astray)
	})
	if n := len(broken); n > 0 && (broken[n-1]+1)*chunkEntries > stored.Flushed {
		// What it held and the pipeline had in its memory was accepted after all that is remembered.
		suspect = oldest(suspect, old.newest(stored.SavedAt.Add(-p.options.ServerMemory)))
	}
	return suspect, astray
}

// append puts what this process has accepted so far behind what is stored, and with it the places up to which that is out
// of the pipeline's memory.
func (p *Position) append(stored *index) {
	recent, flushed, marks := p.index, p.flushed, p.marks
	p.index = stored
	p.index.horizon = max(stored.horizon, recent.horizon)
	p.flushed = stored.end() // by processes that have ended
	for place, e := range recent.entries() {
		for ; len(marks) > 0 && marks[0].end <= place; marks = marks[1:] {
			marks[0].end = p.index.end()
		}
		p.index.add(e)
		if place < flushed {
			p.flushed = p.index.end()
		}
	}
	for i := range marks {
		marks[i].end = p.index.end()
	}
}

// joinLate opens the gap that the first session would have opened, had the stored position been known.
func (p *Position) joinLate(stored *storedHead, suspect time.Time) Opened {
	from, reason := suspect, reasonSuspect
	switch {
	case stored.Safe.IsZero() && !p.options.Since.IsZero():
		from, reason = oldest(from, p.options.Since), reasonSince // no process has reached the service before this one
	case !from.IsZero():
		from = earlier(from, p.begun.Add(-clockSlack)) // as in Begin
	case !stored.Safe.IsZero() && p.anotherToken(stored.Token):
		from, reason = earlier(stored.Safe, p.begun.Add(-clockSlack)), reasonToken
	case p.begun.Sub(stored.Life) > p.patience():
		from, reason = stored.Safe, reasonAway
	case p.begun.Sub(stored.Life) > trustedStop && !p.proof.given(stored.Life):
		from, reason = stored.Safe, reasonStopped
	}
	opened := Opened{Strays: p.tellStrays()}
	if !from.IsZero() && from.Before(p.begun) {
		opened.Gap, opened.Reason = &Gap{From: from, To: p.begun}, reason
		p.gaps.add(*opened.Gap)
	}
	return opened
}

func oldest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
