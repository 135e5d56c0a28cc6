package sourcehealth

import (
	"time"

	"go.opentelemetry.io/collector/component"
)

// Viewer is an extension that shows the health of sources. A source finds Viewers among the host's extensions
// when it starts. Every method is safe for concurrent use and returns at once; none of them may report a component's
// status.
type Viewer interface {
	// AddSource makes a source known. look returns the report of the moment; it never blocks, and may
	// be called until RemoveSource has returned. The same ID again replaces the source.
	AddSource(id component.ID, look func() Report)
	// RemoveSource ends what AddSource began.
	RemoveSource(id component.ID)
	// HealthEvent receives one event of a source that was added. Events come in the order in which they happened.
	HealthEvent(Event)
}

// Report is the health of a source at one moment. It holds no secret.
type Report struct {
	ID          string `json:"id"` // the component's ID, as in the configuration
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Category    string `json:"category,omitempty"`
	ClusterID   string `json:"clusterId"`
	// State is that of the worst stream. Reached is there with Error: the state in which that stream was when
	// it failed.
	State   State          `json:"state"`
	Reached State          `json:"reached,omitempty"`
	Streams []StreamReport `json:"streams"`
	// Errors are the texts of the faults of the source as a whole: a token that expires soon, clocks that differ.
	Errors []string `json:"errors,omitempty"`
	// Repeats are the health events of the source as a whole that are open, by eventId.
	Repeats map[string]RepeatReport `json:"-"`
}

// StreamReport is the health of a stream at one moment. Times are those of this machine's clock, but for those of gaps and the
// token, which are the service's. Counts begin with the collector's start, or reload.
type StreamReport struct {
	EventType EventType `json:"eventType"`
	State     State     `json:"state"`
	Since     time.Time `json:"since"` // when it came to State
	// LastRecord is when the newest record was read, LastSignOfLife when the newest byte of any kind was. Nil: none yet.
	LastRecord     *time.Time `json:"lastRecord,omitempty"`
	LastSignOfLife *time.Time `json:"lastSignOfLife,omitempty"`
	// Records and Bytes are what was read and was not delivered before, Duplicates what was.
	Records    int64 `json:"records"`
	Bytes      int64 `json:"bytes"`
	Duplicates int64 `json:"duplicates"`
	// LagSeconds is how far the `ts` of the newest record lay behind when it was read. Nil: not known.
	LagSeconds *float64 `json:"lagSeconds,omitempty"`
	// Reconnects are live sessions that were lost, after which the stream connects again, ConnectFailures attempts to
	// open one that failed.
	Reconnects      int64 `json:"reconnects"`
	ConnectFailures int64 `json:"connectFailures"`
	// Retry is there while the stream retries, or has given up.
	Retry *RetryReport `json:"retry,omitempty"`
	Gaps  GapsReport   `json:"gaps"`
	// PositionSaved is when the position was last saved. Nil: never, or there is no storage.
	PositionSaved *time.Time `json:"positionSaved,omitempty"`
	// TokenExpires is when the token says that it expires. Nil: it does not say.
	TokenExpires *time.Time `json:"tokenExpires,omitempty"`
	// Errors are the texts of the stream's faults.
	Errors []string `json:"errors,omitempty"`
	// Repeats are the health events that are open, by eventId: how often the same went wrong, and when last.
	Repeats map[string]RepeatReport `json:"-"`
}

// RetryReport is the state of a stream's retries.
type RetryReport struct {
	Attempt int `json:"attempt"` // how many have failed in a row
	// Deadline is when it gives up. Nil: never, or it has.
	Deadline *time.Time `json:"deadline,omitempty"`
	// Quit: the stream has stopped and does not retry.
	Quit bool `json:"quit"`
	// WaitsForToken: it is not retried before auth gives another token.
	WaitsForToken bool `json:"waitsForToken"`
}

// GapsReport is which records may be missing, and how far the archive has been read for them.
type GapsReport struct {
	Open    int        `json:"open"`
	Seconds float64    `json:"seconds"`          // in all
	Oldest  *time.Time `json:"oldest,omitempty"` // the beginning of the oldest
	// WindowsLeft are the hours of the archive that are still to be read for the open gaps, WindowsRead those that were.
	WindowsLeft int   `json:"windowsLeft"`
	WindowsRead int64 `json:"windowsRead"`
	Recovered   int64 `json:"recovered"` // records that came from the archive and were delivered
	// NextRead is when the archive has the first of the hours that are left. Nil: none is left, or none is to be read.
	NextRead *time.Time `json:"nextRead,omitempty"`
}

// RepeatReport is how many faults an open event stands for, and when the last came.
type RepeatReport struct {
	Count    int       `json:"count"`
	LastTime time.Time `json:"lastTime"`
}
