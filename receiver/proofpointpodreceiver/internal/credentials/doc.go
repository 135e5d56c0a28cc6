// Package credentials provides the headers that authenticate handshakes.
//
// [FromToken] takes the token from the configuration, [FromExtension] from an extension that authenticates HTTP clients,
// such as bearertokenauth. Only the latter can have another token later: [Credentials.Await] waits for one after the
// service has refused the current one, and [Credentials.Watch] reports the expiry of each.
//
// The package guarantees that no secret is part of an error, and that an extension that hangs blocks one goroutine of
// its own and no caller longer than its context or the timeout.
//
// [NewToken] recognises the token of a stored position by a digest that reveals nothing of it.
//
// The package owns the words token, authenticator and expiry.
package credentials
