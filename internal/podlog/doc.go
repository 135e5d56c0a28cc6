// Package podlog is a client of the Proofpoint on Demand (PoD) Log Service.
//
// A [Client] opens a [Session], one for each event type, over a secure WebSocket. A session reads frames, keeps the
// connection alive and notices when the service is gone. It ends for exactly one reason, an [*Error], which says what
// was tried, what came back, and nothing that is secret. Whether to try again, and when, is the caller's to decide.
//
// A live session never carries a time parameter, because one would switch to the archive, which is late, cut by the
// hour and repeats records. The service itself resumes a live session where the last one of the same token and type
// ended. The archive has sessions of its own, [Client.OpenArchive], which take the same slot.
package podlog
