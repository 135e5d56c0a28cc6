// Package servicetime knows the service's time: that of its clock, and how far back its archive reaches.
//
// Records, positions and the archive count in the service's time, which can differ from this machine's. A [Clock] takes
// it from the `Date` of each handshake. Between handshakes it adds the time that passes, so setting this machine's clock
// does not move it. A `Date` that is far off counts only when two handshakes in a row agree: a proxy without a clock must
// not open a gap of years.
//
// A Clock guarantees that Now differs from the service's time by less than [Slack], if the service sends a `Date` and the
// machine has not slept since. When a handshake shows that earlier times were wrong, [Clock.Correction] changes, and a
// caller that keeps such times moves them by the difference.
//
// The package owns these words: the service's time; the skew, by how much the service's clock is ahead of this machine's;
// a correction, by how much a handshake moves earlier times.
package servicetime
