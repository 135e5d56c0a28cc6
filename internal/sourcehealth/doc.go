// Package sourcehealth holds the words that a source and the page of the sources share. It has types and their JSON, no
// behaviour, and imports nothing of ours, so that the page links no client of the service.
//
//   - [State] is how far a stream, or a source, has come.
//   - [Fault] is one thing that is wrong, with its [ErrorType], its [Subject] and what to do.
//   - [Event] is a health event: the change of one subject, in the form of Sumo Logic's.
//   - [Report] is how a source is at one moment.
//   - [Viewer] is an extension that receives reports and events.
//
// The JSON names are a contract: the page, its API and the log records of health events have them.
//
// Words of the glossary that this package owns: health event, status, state.
package sourcehealth
