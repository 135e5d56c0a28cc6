package position

import "time"

// delivered knows what was delivered, and what is being delivered.
//
//   - Each record is in one of four conditions: unknown, claimed (on its way to the pipeline), undecided (claimed, and
//     refused once), or remembered (accepted or rejected). Only claim and release lead back and forth between the first
//     two; a remembered record becomes unknown only when its identity is forgotten.
//   - Identities are forgotten in the order in which they were accepted, the oldest first.
//
// It knows neither gaps nor the safe time. The lock of Position guards it.
type delivered struct {
	index     *index
	claimed   *set
	undecided map[uint64]Undecided // by identity
	limit     int                  // how many identities are remembered
	accepted  time.Time            // when the pipeline last accepted a record
	unflushed
}

// Undecided is a record that the pipeline refused, by itself or with its batch, and may accept yet. Others are accepted
// meanwhile, so the safe time moves past it. A process that finds one in storage looks for it where its `ts` says.
type Undecided struct {
	ID uint64
	TS time.Time
	// Came is when it became undecided or, without a `ts`, from when on it may have reached the service.
	Came time.Time
}

func newDelivered(o *Options) delivered {
	return delivered{
		index: newIndex(), claimed: newSet(), undecided: map[uint64]Undecided{}, limit: o.MaxEntries,
		unflushed: unflushed{window: o.Unflushed, depth: o.Depth},
	}
}

// claim marks a record as on its way, and reports whether it was unknown.
func (d *delivered) claim(r Record) bool { return !d.index.has(r) && d.claimed.add(r.ID) }

// release makes a record unknown that was on its way or undecided. It returns what was undecided.
func (d *delivered) release(id uint64) (undecided Undecided, was bool) {
	d.claimed.remove(id)
	undecided, was = d.undecided[id]
	delete(d.undecided, id)
	return undecided, was
}

// isUnderWay reports whether a record is claimed, and not undecided: it would leave no trace in storage.
func (d *delivered) isUnderWay(id uint64) bool {
	_, isUndecided := d.undecided[id]
	return !isUndecided && d.claimed.has(id)
}

// suspend makes a claimed record undecided, once, and reports whether it did. Without a
// `ts`, the record may have reached the service from safe on.
func (d *delivered) suspend(r Record, safe, now time.Time) bool {
	if _, is := d.undecided[r.ID]; is {
		return false
	}
	came := now
	if r.TS.IsZero() && !safe.IsZero() {
		came = earlier(safe, now)
	}
	d.undecided[r.ID] = Undecided{ID: r.ID, TS: r.TS, Came: came}
	return true
}

// accept remembers a record that was accepted or rejected.
func (d *delivered) accept(r Record, now time.Time) {
	d.release(r.ID)
	d.index.add(Entry{ID: r.ID, Accepted: seconds(now), TS: tsSeconds(r.TS)})
}

// forget forgets the identities that were accepted before a time, and the oldest of those that are too many.
func (d *delivered) forget(before time.Time) { d.index.forget(seconds(before), d.limit) }

// isRemembered reports whether every record of this `ts` that was delivered is remembered.
func (d *delivered) isRemembered(ts time.Time) bool { return ts.Unix() > int64(d.index.horizon) }

// updateFlow takes how the pipeline has taken what was delivered.
func (d *delivered) updateFlow(now Flow) { d.update(now, d.index.end()) }

// flushedPlace is the place up to which records are out of the pipeline's memory.
func (d *delivered) flushedPlace() uint64 {
	if d.window == 0 {
		return d.index.end()
	}
	return d.flushed
}

// restore puts what this process has accepted so far behind what is stored, and moves the places of unflushed along.
func (d *delivered) restore(stored *index) {
	recent, flushed, marks := d.index, d.flushed, d.marks
	d.index = stored
	stored.horizon = max(stored.horizon, recent.horizon)
	d.flushed = stored.end() // by processes that have ended
	for place, e := range recent.entries() {
		for ; len(marks) > 0 && marks[0].end <= place; marks = marks[1:] {
			marks[0].end = stored.end()
		}
		stored.add(e)
		if place < flushed {
			d.flushed = stored.end()
		}
	}
	for i := range marks {
		marks[i].end = stored.end()
	}
}

// correct moves the times of acceptance from a time on by a correction of the clock.
func (d *delivered) correct(from time.Time, by time.Duration, now time.Time) {
	d.accepted = correctTime(d.accepted, by, now)
	for id, u := range d.undecided {
		u.Came = correctTime(u.Came, by, now)
		d.undecided[id] = u
	}
	d.index.correct(seconds(from), by)
}

// tsSeconds returns the seconds of a record's `ts`; 0 if it has none.
func tsSeconds(ts time.Time) uint32 {
	if ts.IsZero() {
		return 0
	}
	return seconds(ts)
}

// seconds returns the seconds since 1970, within what an entry can hold.
func seconds(t time.Time) uint32 {
	return uint32(min(max(t.Unix(), 0), 1<<32-1))
}
