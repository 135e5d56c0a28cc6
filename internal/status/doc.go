// Package status makes component status, health events and reports from the states and faults of a source's streams.
//
// The parts, in the order of a fault's way:
//
//	error of podlog, pipeline, storage
//	   | SessionFault, PipelineRefuses, StorageFails, …   (session.go, faults.go)
//	   v
//	Fault, made from the entry of its kind                (kind.go, kinds.go)
//	   | Stream.SetRetrying, SetStopped, SetDegraded, ReportLoss, …
//	   v
//	Stream: state, faults ----> component status          (stream.go, status.go)
//	tracker of the subject ---> health events             (tracker.go, rule.go)
//	   |                          |
//	   v                          v
//	Source.Report             outbox -> one goroutine -> collector, subscriber
//
// It guarantees:
//
//   - Every kind of trouble is one entry in kinds.go. Tests fail where one is incomplete or not in docs/troubles.md.
//   - Status is reported on change only, in order, never under a lock, and never after Stop.
//   - No stream waits for a watcher. A slow watcher misses the oldest events.
//   - A subject with a state has one open event at most, and an event that ends it once it has been well for a while.
//
// One lock of the [Source] guards its streams, trackers, tokens and outbox. Methods whose names end in Locked need it.
//
// Words that this package owns: a kind is a kind of trouble; a subject is what a tracker tracks; an outage lasts from the
// first failure to the first success; a stream that gives up, or that the service refuses, has stopped.
package status
