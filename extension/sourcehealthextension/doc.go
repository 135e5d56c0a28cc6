//go:generate mdatagen metadata.yaml

// Package sourcehealthextension shows how the sources of a collector are, what is wrong, since when, and what to do: as a
// page in the browser, as JSON, and as a stream of server-sent events. It only looks: nothing that it offers changes
// anything in the collector, and no secret reaches it.
package sourcehealthextension
