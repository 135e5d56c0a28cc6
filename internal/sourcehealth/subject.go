package sourcehealth

// Subject is what a tracker tracks, and what a fault is about: the last part of [Details.TrackerID].
type Subject string

// The subjects of each stream.
const (
	Collection Subject = "collection" // records are read as they come; a stream that stops is of this subject, whatever stopped it
	Pipeline   Subject = "pipeline"   // the pipeline accepts records
	Storage    Subject = "storage"    // positions are saved
	Backfill   Subject = "backfill"   // the archive can be read
	Gaps       Subject = "gaps"       // no record may be missing
	Lost       Subject = "lost"       // no record is lost
	Records    Subject = "records"    // records are JSON, and whole
)

// The subjects of the source.
const (
	LiveToken    Subject = "token"         // the token of the live sessions does not expire soon
	ArchiveToken Subject = "archive_token" // the second token does not expire soon
	Clock        Subject = "clock"         // this machine's clock agrees with the service's
)

// Subjects lists all subjects.
func Subjects() []Subject {
	return []Subject{Collection, Pipeline, Storage, Backfill, Gaps, Lost, Records, LiveToken, ArchiveToken, Clock}
}
