// Package clientconfig makes a client of the PoD Log Service from configuration values: endpoint, TLS, proxy, headers and
// timeouts. The receiver and commands share it.
//
// [Config.Validate] names every mistake at once, each with its key and with what is allowed. [Config.NewClient] returns
// the client. The proxy of the environment counts where the configuration has none; one that can't be used is an error,
// never a direct connection.
//
// The package guarantees that no secret is part of an error, even where it stands in the wrong place: a password in a
// URL, the value of a header in its name.
package clientconfig
