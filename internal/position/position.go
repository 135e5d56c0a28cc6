package position

import (
	"sync"
	"time"

	"github.com/proofpointpod/otelcol/internal/servicetime"
)

// lifeInterval is how old the stored sign of life can be. A quiet stream is saved no more often.
const lifeInterval = time.Minute

// maxAhead is how far a record's `ts` can lie ahead of our clock for a difference of the clocks. One that lies further
// ahead is wrong, and tells nothing of when the record reached the service.
const maxAhead = servicetime.AlarmSkew

// Options says what a position remembers, and by which rules gaps open.
type Options struct {
	// Token is the token of the live sessions; nil: it is not known.
	Token Token
	// Stored: there is storage. Nothing is known of what it has before Load.
	Stored bool
	// Since is how far back the first start of all reads; zero: not at all.
	Since time.Time
	// ServerMemory is how long the service resumes a live session after its end.
	ServerMemory time.Duration
	// ArchiveDelay is how long the archive lags behind.
	ArchiveDelay time.Duration
	// Margin is how long a record can take from its `ts` to its arrival.
	Margin time.Duration
	// Unflushed is how long a record that was accepted can be in the memory of the pipeline, as long as that runs; see
	// [Position.Flowed]. Zero: not at all.
	Unflushed time.Duration
	// Depth is after how many batches that had to wait all that was accepted before them is out of that memory.
	Depth int
	// Remember is how long identities are remembered, and MaxEntries how many.
	Remember   time.Duration
	MaxEntries int
}

// Token is a token of the service that can be recognised by its digest.
type Token interface {
	// Digest says nothing of the token but whether it is the same as another, to which that must be compared by Matches. It
	// is stored.
	Digest() string
	// Matches says whether a digest is of this token.
	Matches(digest string) bool
}

// Position is where one stream stands. All methods are safe for concurrent use; none but Load and Save does I/O.
type Position struct {
	options Options

	mu sync.Mutex // guards what follows; held for computing only
	head
	index *index
	gaps  gaps
	// claimed are the identities of records that are on their way to the pipeline.
	claimed *set
	// aside are records that are neither accepted nor rejected, by identity.
	aside map[uint64]Undecided
	// begun is the handshake of the first live session of this process; zero: there was none yet.
	begun time.Time
	// proof is what the first records of this process prove.
	proof proof
	// loaded: storage was read, and what is stored is known to be older than what is here.
	loaded bool
	// changed: there is something new to save, besides a sign of life.
	changed bool
	saved   time.Time // the newest successful save
	// flushed is the place in the index up to which records are out of the pipeline's memory; savedFlushed as it was
	// saved. marks are the places beyond, in order.
	flushed, savedFlushed uint64
	savedGaps             uint64 // gaps.edits, as it was saved
	marks                 []mark
	// untold are gaps that were opened for strays, and that no Opened has told of.
	untold gaps
	// unreachable is how many records are missing from further back than the archive reaches, and were not reported.
	unreachable int
}

// head is the small part of a position.
type head struct {
	// safe: what reached the service before is accepted, or lies in an open gap. Zero: nothing is known yet.
	safe time.Time
	// suspect: from here on something may be missing, up to the next handshake. Zero: nothing is suspected.
	suspect time.Time
	// life is the last sign of life of a live session.
	life time.Time
	// accepted is when the pipeline last accepted a record.
	accepted time.Time
	// clean: the process has ended in order, so that what it accepted is not in memory any more. From Load on it has
	// not, and that has to be saved before it accepts anything.
	clean bool
	// token is the digest of [Options.Token] of the newest session; empty: not known.
	token string
	// doubt is a pause of the live session of which it is not known whether its records come by themselves; zero: none.
	doubt Gap
}

// New returns the position of a stream of which nothing is known.
func New(options Options) *Position {
	return &Position{
		options: options,
		head:    head{clean: true},
		index:   newIndex(),
		gaps:    gaps{hours: map[int64]HourProgress{}, late: map[int64]time.Time{}, margin: max(options.Margin, servicetime.Slack), delay: options.ArchiveDelay},
		claimed: newSet(),
		aside:   map[uint64]Undecided{},
	}
}

// Claim says whether a record is new: neither remembered as delivered nor on its way. A new one counts as on its way
// until it is accepted or released.
func (p *Position) Claim(r Seen) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.index.has(r) && p.claimed.add(r.ID)
}

// IsUnderWay says whether a record is claimed, and would leave no trace in storage. One that is set aside would.
func (p *Position) IsUnderWay(id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, isAside := p.aside[id]
	return !isAside && p.claimed.has(id)
}

// Missed says whether a record from the archive can be one that was missed; Claim says whether it is new. Where identities
// from so far back are forgotten, only its `ts` can tell: it has to lie in an open gap.
func (p *Position) Missed(ts time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return ts.IsZero() || ts.Unix() > int64(p.index.horizon) || p.gaps.within(ts)
}

// Release takes back claims: the records were not handed on.
func (p *Position) Release(ids ...uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range ids {
		p.claimed.remove(id)
		delete(p.aside, id)
	}
}

// Accepted notes that the pipeline has accepted records, or refused them for good, and drops the oldest identities where
// they make them too many. live: they came in a live session, which sends in order, but for the margin.
func (p *Position) Accepted(records []Seen, live bool, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range records {
		p.claimed.remove(r.ID)
		delete(p.aside, r.ID)
		p.index.add(Entry{ID: r.ID, Accepted: seconds(now), TS: tsSeconds(r.TS)})
		if live {
			p.proof.record(r.TS)
		}
		if live && r.TS.After(p.safe) && !r.TS.After(now.Add(maxAhead)) {
			p.safe = later(p.safe, earlier(r.TS, now))
		}
	}
	// At once, not with the next Forget: a backlog can bring half a million in a second, and the table that has grown for
	// them would stay as large.
	p.index.forget(0, p.options.MaxEntries)
	p.accepted = now
	p.changed = true
}

// Refused notes that a stream quits with records of a live session that the pipeline did not accept: they are missing
// from the oldest on.
func (p *Position) Refused(records []Seen, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	from := p.safe
	var astray strays
	for _, r := range records {
		aside, isAside := p.aside[r.ID]
		p.claimed.remove(r.ID)
		delete(p.aside, r.ID)
		switch {
		case r.TS.IsZero() && isAside:
			from = oldest(from, aside.Came)
		case r.TS.IsZero():
		case r.TS.Before(p.safe.Add(-p.options.Margin)): // though what is not accepted came after safe, but for open gaps
			astray.add(r.TS, now)
		default:
			from = oldest(from, r.TS)
		}
	}
	p.openStrays(astray)
	p.suspectFrom(from)
}

// Alive notes a sign of life of the live session. quiet: there is nothing that the service has sent and the pipeline
// has not accepted, and the service has nothing more to send, so all that reached it so far is safe.
func (p *Position) Alive(now time.Time, quiet bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.After(p.life) {
		p.life = now
	}
	if quiet && now.After(p.safe) {
		p.safe = now
	}
}

// Opened is what a handshake brought to light.
type Opened struct {
	// Gap is the gap that opened; nil: the session goes on where it is certain that nothing was missed.
	Gap *Gap
	// Reason says why, in a few words.
	Reason string
	// Pause is a pause in doubt that has become a gap; nil: there was none.
	Pause *Gap
	// Forgotten: the service has forgotten where the session before ended, and begins this one anew.
	Forgotten bool
	// Strays are small gaps around the `ts` of records that are missing, and whose `ts` is old for when they came.
	Strays []Gap
}

// ReadBackTo changes Options.Since, when it is known what time it is at the service. It counts until the first Begin.
func (p *Position) ReadBackTo(since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun.IsZero() {
		p.options.Since = since
	}
}

// Loaded says whether storage was read, if there is any, so that all identities are known that there are.
func (p *Position) Loaded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.loaded || !p.options.Stored
}

const (
	reasonSince   = "first start (backfill.since)"
	reasonAway    = "away for longer than the service remembers (backfill.server_memory)"
	reasonSuspect = "the last session, or the process, did not end in order, or a handshake was not answered"
	reasonToken   = "as a precaution, and usually nothing is missing: there is another token, and the service keeps a place for each"
)

// Begin notes the handshake of a live session, and opens a gap if it is not certain that nothing was missed before.
func (p *Position) Begin(now time.Time) Opened {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := p.begun.IsZero()
	if first {
		p.begun = now
	}
	// A doubt that is left over from another session is not resolved by this one.
	opened := Opened{Pause: p.confirm(), Strays: p.tellStrays()}
	opened.Forgotten = !p.safe.IsZero() && now.Sub(p.life) > p.patience()
	from, reason := p.suspect, reasonSuspect
	switch {
	case p.safe.IsZero() && !p.options.Since.IsZero() && (p.loaded || !p.options.Stored):
		from, reason = oldest(from, p.options.Since), reasonSince
	case from.IsZero() && !p.safe.IsZero() && p.anotherToken(p.token):
		from, reason = earlier(p.safe, now.Add(-servicetime.Slack)), reasonToken
	case from.IsZero() && opened.Forgotten:
		from, reason = p.safe, reasonAway
	case !from.IsZero():
		// It can seem to lie in the future, as the clock is set anew at each handshake.
		from = earlier(from, now.Add(-servicetime.Slack))
	}
	if !from.IsZero() && from.Before(now) {
		opened.Gap, opened.Reason = &Gap{From: from, To: now}, reason
		p.gaps.add(*opened.Gap)
		// What came before is in the gap now.
		p.safe = now
	} else if p.safe.IsZero() {
		// What the service has kept for us comes now, and is not accepted yet.
		p.safe = now.Add(-p.options.ServerMemory)
	}
	p.safe = earlier(p.safe, now)
	p.suspect = time.Time{}
	if opened.Gap == nil && first && !p.proof.end.IsZero() && now.Sub(p.proof.end) > trustedStop {
		p.proof.from = p.safe
		p.suspect = p.safe // until it is proved
	} else {
		p.proof.end = time.Time{}
	}
	if p.options.Token != nil {
		p.token = p.options.Token.Digest()
	}
	p.clean = false
	p.life = now
	p.changed = true
	return opened
}

// anotherToken says whether the session before was opened with another token, by its digest. The service keeps a place
// for each, and what it sends first to one that it has kept none for is not known.
func (p *Position) anotherToken(before string) bool {
	return before != "" && p.options.Token != nil && !p.options.Token.Matches(before)
}

// patience is how long after the last sign of life the service is trusted to remember: its memory, less a tenth.
func (p *Position) patience() time.Duration {
	return p.options.ServerMemory - p.options.ServerMemory/10
}

// End notes the end of a live session. orderly: both sides have closed, so all that the service has sent has arrived,
// and it knows. open is a time at which the service had not closed yet: from then on, it remembers the session.
func (p *Position) End(orderly bool, open time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if orderly {
		p.life = open
	} else {
		p.suspectFrom(p.safe)
	}
	p.changed = true
}

// Unanswered notes a handshake, sent at a time, of which it is not known whether the service has opened the session. If it
// has, it may count what it wrote there as delivered.
func (p *Position) Unanswered(sent time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.safe.IsZero() {
		p.suspectFrom(sent.Add(-p.options.ServerMemory)) // it was the first of all, or Load knows better
	} else {
		p.suspectFrom(p.safe)
	}
}

// Close notes that the stream has ended in order. What is not certain then is known: it is suspected already.
func (p *Position) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clean = true
	p.changed = true
}

// CaughtUp says whether the live session that began at a time has brought all that had reached the service by then.
func (p *Position) CaughtUp(begun time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.safe.Before(begun)
}

// Doubt notes a pause of the live session in which an archive session had its slot. Until it is known whether that
// moved the live position, the pause may become a gap, from where it is certain that nothing was missed.
func (p *Position) Doubt(pause Gap) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pause.From = earlier(pause.From, p.safe)
	p.doubt = pause
	p.changed = true
}

// Trust ends the doubt: the pause's records came by themselves.
func (p *Position) Trust() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doubt = Gap{}
	p.changed = true
}

// Confirm makes the pause in doubt a gap, and returns it; nil if none is in doubt.
func (p *Position) Confirm() *Gap {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.confirm()
}

func (p *Position) confirm() *Gap {
	gap := p.doubt
	p.doubt = Gap{}
	if !gap.From.Before(gap.To) {
		return nil
	}
	p.gaps.add(gap)
	p.changed = true
	return &gap
}

func (p *Position) suspectFrom(from time.Time) {
	if !from.IsZero() && (p.suspect.IsZero() || from.Before(p.suspect)) {
		p.suspect = from
	}
	p.changed = true
}

// Forget drops the identities that are too old or too many. None is too old that a gap, open or suspected, may bring
// again.
func (p *Position) Forget(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := now.Add(-p.options.Remember)
	needed := oldest(p.safe, p.suspect)
	if len(p.gaps.open) > 0 {
		needed = oldest(needed, p.gaps.open[0].From)
	}
	if !needed.IsZero() {
		before = earlier(before, needed.Add(-p.options.Margin))
	}
	p.index.forget(seconds(before), p.options.MaxEntries)
}

// Stats are figures for telemetry.
type Stats struct {
	Identities int
	// Saved is the time of the newest successful save; zero: there was none.
	Saved time.Time
}

// Stats returns the figures of now.
func (p *Position) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{Identities: p.index.size(), Saved: p.saved}
}

// tsSeconds are those of a record's `ts`, 0 if it has none.
func tsSeconds(ts time.Time) uint32 {
	if ts.IsZero() {
		return 0
	}
	return seconds(ts)
}

// seconds are those since 1970, within what an entry can hold.
func seconds(t time.Time) uint32 {
	return uint32(min(max(t.Unix(), 0), 1<<32-1))
}
