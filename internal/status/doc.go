// Package status knows how a source is doing: the state of each of its streams, what went wrong, of which of three
// kinds it is, what the user can do about it, and how all this becomes the component's status in the collector.
package status
