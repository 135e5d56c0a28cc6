// Package positionstore stores the position of a stream in a storage extension.
//
// # Guarantees
//
//   - A save is one transaction: storage holds a position as it was at one moment.
//   - What cannot be used is never dropped in silence: it is kept under another key, and Loaded says so.
//   - Storage that fails or hangs never stops the stream. A Keeper retries it, and reports it.
//   - Nothing is saved before the stored position was read.
//
// # Parts
//
//	Keeper ─► Store ─► storage.Client
//	   └────► position.Position
//
// A [Store] reads and writes one position. A [Keeper] is the goroutine that opens the storage, reads the position, saves it
// once a second and closes the storage. It also stores the clock skew.
//
// # Stored form
//
//	position   the head, in JSON: safe time, suspicion, signs of life, undecided records
//	gaps       the gaps and their hours, in JSON; written when they have changed
//	seen.N     the chunk of identities with the number N, 16 bytes for each, and a checksum
//	clock      the clock skew
//	….aside.T  a head or gaps that could not be used at the time T
//
// Version 2 of the head says which identities are former ones. Version 1 has the gaps in the head, and was written when
// maillog records had other identities: all of its identities are former ones. A record is looked up by its former
// identity and its `ts` to the second, too, while any former identity is remembered.
package positionstore
