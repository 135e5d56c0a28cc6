// Package retry holds the rules by which the receiver waits, retries and gives up.
//
// An [Outage] lasts from the first failure to the first success. It computes each wait: exponential, with jitter, at
// least as long as the service asks, at most max_interval. Its last attempt falls on the deadline, max_elapsed_time
// after the first failure; then the caller gives up. Each cause of failures has an outage of its own: the service, the
// pipeline, the archive, the storage, the sending of health events.
//
// [Wait] and [WaitUntilAborted] are the waits themselves. Each ends with its context.
//
// The package guarantees that no two outages wait for the same time, whatever the configuration says: streams that lose
// their sessions together do not come back together.
//
// It owns the words outage, retry and give up.
package retry
