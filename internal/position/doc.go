// Package position keeps the position of a stream: up to when nothing is missing, which records were delivered, and in
// which intervals records may be missing. It decides when a gap opens and what closes it. It knows no socket, no pdata
// and no storage; internal/positionstore stores what it keeps. All times are the service's.
//
// # Guarantees
//
//   - Every record that reached the service before the safe time is delivered or lies in an open gap.
//   - A record whose identity is remembered is never delivered again.
//   - A gap closes only when each of its hour windows was read to its end, or when the archive no longer has it:
//     then [Position.DropUnreachable] returns it once.
//   - What a snapshot stores is enough for the next process to keep these guarantees, however this one ends.
//
// # Parts
//
//	Position        holds the lock, and opens the gaps that its parts ask for
//	├─ delivered    identities, claims and undecided records
//	│  └─ unflushed what may be in the pipeline's memory only
//	├─ certainty    safe time, suspicion, signs of life, the archive pause in doubt
//	│  └─ proof     whether a stop before this process has missed nothing
//	├─ gaps         open gaps and their hour windows
//	├─ unreported   what has come to light and nobody has asked for
//	└─ saves        what storage has
//
// # Order of calls
//
//	New ─► Restore | RestoreNothing          once; before the first session or, if storage answers late, at any time
//	 │
//	 ├─► MarkUnanswered                      for each handshake without an answer
//	 ▼
//	BeginSession ─► DoubtPause ─► TrustPause | OpenPauseGap     after an archive pause
//	 │    ├─► MarkAlive, JudgeStop           now and then
//	 │    └─► Claim ─► Accept | Refuse | Release
//	 │              └► Suspend ─► Accept | Refuse | Release
//	 ▼
//	EndSession ─► BeginSession | MarkUnanswered | MarkStopped
//
//	Windows ─► MayBeMissing, Claim ─► Accept | Release ─► FinishWindow    the archive, after Restore
//	Snapshot ─► Saved | SaveFailed           one at a time, after Restore
//	CorrectClock                             before anything that uses the corrected time
//	Forget, UpdateFlow, DropUnreachable      regularly, at any time
//
// # Words
//
//   - safe time: everything that reached the service before it is delivered or lies in a gap.
//   - suspect: records may be missing from this time to the next handshake, which opens a gap there.
//   - identity: what makes a record the same record. A duplicate is a record whose identity was delivered before.
//   - former identity: the identity that an earlier version has stored for a record.
//   - undecided: the pipeline refused a record, and has neither accepted nor rejected it yet.
//   - unflushed: accepted, and possibly only in the pipeline's memory. A kill loses it, so the next process treats it as
//     not delivered.
//   - gap: an interval in which records may be missing. An hour window is one hour of it, as the archive is read.
//   - stray: a missing record whose `ts` lies too far back for when it arrived. Its gap is one second.
//   - in doubt: an archive pause whose records the live session may not bring.
package position
