// Package sourcehealth holds the words that a source and the page of the sources share: State, Fault, Event, Report and
// Viewer. It has types only.
package sourcehealth
