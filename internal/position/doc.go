// Package position knows where a stream stands: which records were accepted by the pipeline, up to when it is certain
// that nothing was missed, and which gaps are open. It decides when a gap opens and what closes it; it knows no socket
// and no pdata. All times are the service's.
//
// # What is certain
//
// A stream is sure of everything that reached the service before a moment, called safe: records accepted by the
// pipeline move it, and signs of life of a session that has nothing more to send. When a live session begins, either
// it goes on where that certainty ended, or there is a gap from there to the handshake. Gaps are read from the archive,
// hour by hour, and what was accepted before is recognised by its identity.
//
// Two things are less certain than they look. What the pipeline has accepted may be in its memory only, for as long as
// [Position.UpdateFlow] says; a kill loses it. And a position that says that its process has ended in order may not be the
// newest there was; [Position.JudgeStop] looks for the proof.
//
// # What is stored
//
// A head and the gaps, in JSON, and the identities in chunks of [chunkEntries]. A save writes the head, the gaps if they
// have changed, the chunks that have grown and the removal of those that are forgotten, in one transaction.
//
// In version 1 of this form the head had the gaps. Version 2 says which identities are former ones: version 1 was written when maillog records were known
// by other identities. A record is looked up by these, too, together with its `ts` to the second, while any of them is
// remembered. They are stored as they were.
package position
