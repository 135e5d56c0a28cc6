package sourcehealth

import "time"

// Event is one health event: a subject goes wrong, or is well again. The form is that of Sumo Logic's health events.
//
// The subject's tracker has one open event at most: another fault opens an event that takes the place of the one before.
// Of [Lost] and [Records] alone, each kind of fault has an open event. An event with [Healthy] resolves every open event
// of its tracker. It comes when the subject has been well for 10 s, or longer, up to 10 minutes, where it goes wrong
// repeatedly; for [Records] after an hour, for [Lost] after a day without another fault. A stop in order resolves all but
// the collection, which the first `Collecting` of the next process resolves.
type Event struct {
	EventID   string    `json:"eventId"` // unique
	EventTime time.Time `json:"eventTime"`
	EventType string    `json:"eventType"` // always `Health-Change`
	// EventName is ThirdPartyConfigError, ThirdPartyGenericError, FirstPartyGenericError, or `Collecting` when a
	// stream collects for the first time in a process.
	EventName string `json:"eventName"`
	// SeverityLevel is `Error` when collection has stopped, `Warning` while it is degraded or retried, `Info` for `Collecting`.
	// An event that resolves has the name and level of what it resolves.
	SeverityLevel    string           `json:"severityLevel"`
	Status           string           `json:"status"`    // `UnHealthy` or `Healthy`
	Subsystem        string           `json:"subsystem"` // always `Collection`
	ResourceIdentity ResourceIdentity `json:"resourceIdentity"`
	Details          Details          `json:"details"`
}

// ResourceIdentity names the source.
type ResourceIdentity struct {
	ID   string `json:"id"`   // the component's ID, as in the configuration
	Name string `json:"name"` // the source's name
	Type string `json:"type"` // always `proofpointpod`
}

// Details are what an event is about, each as a string.
type Details struct {
	// TrackerID is the same for the same subject of the same stream or source, in every process.
	TrackerID string `json:"trackerId"`
	Error     string `json:"error"`               // the fault's label, such as `status_401`
	ErrorCode string `json:"errorCode,omitempty"` // the HTTP status, if there is one
	ErrorInfo string `json:"errorInfo"`           // what happened, and what to do
	// EventType is the PoD event type of the stream: message, maillog, audit; empty: the event is of the whole source.
	EventType EventType `json:"eventType"`
	// Since is when the subject went wrong (RFC 3339), in an event that resolves, and in one that takes the place of
	// another. BeganWith is the message of the first fault, if that was another one.
	Since     string `json:"since,omitempty"`
	BeganWith string `json:"beganWith,omitempty"`
	// Count and LastTime, in an event that resolves: how many faults there were, and when the last came (RFC 3339).
	Count    string `json:"count,omitempty"`
	LastTime string `json:"lastTime,omitempty"`
}

// The values that are the same in every event, and the name of the event of a stream that collects.
const (
	HealthChange    = "Health-Change" // Event.EventType
	Subsystem       = "Collection"    // Event.Subsystem
	EventCollecting = "Collecting"    // Event.EventName
)

// The values of Event.SeverityLevel.
const (
	SeverityError   = "Error"
	SeverityWarning = "Warning"
	SeverityInfo    = "Info"
)

// The values of Event.Status.
const (
	UnHealthy = "UnHealthy"
	Healthy   = "Healthy"
)
