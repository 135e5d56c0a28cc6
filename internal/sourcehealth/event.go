package sourcehealth

import "time"

// Event is one change of health: something opens, or is over. The form is that of Sumo Logic's health events.
//
// Its tracker is the thing that is tracked: the collection of one event type, its storage, its archive, … It has one event
// open at the most: where the thing goes wrong for another reason, the event that says so takes the place of the one
// before. Of losses and of records cut or marked, each kind stays open. An event with [Healthy] resolves every open event
// of the same tracker; it is made when the thing has been well for 10 s, or longer, up to 10 minutes, where it goes wrong
// again and again. What happens in a moment is over when it has not happened again for
// an hour (records cut or marked) or a day (records lost). A stop in order resolves all but the collection, which the
// first `Collecting` of the next process does.
type Event struct {
	EventID   string    `json:"eventId"` // unique
	EventTime time.Time `json:"eventTime"`
	EventType string    `json:"eventType"` // always `Health-Change`
	// EventName is ThirdPartyConfigError, ThirdPartyGenericError, FirstPartyGenericError, or for the first good news of a
	// process `Collecting`.
	EventName string `json:"eventName"`
	// SeverityLevel is `Error` when collection has stopped, `Warning` when it goes on degraded, `Info` for `Collecting`.
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

// Details say what an event is about, each as a string.
type Details struct {
	// TrackerID is the same for the same thing of the same source, in every process.
	TrackerID string `json:"trackerId"`
	Error     string `json:"error"`               // the fault's label, such as `status_401`
	ErrorCode string `json:"errorCode,omitempty"` // the HTTP status, if there is one
	ErrorInfo string `json:"errorInfo"`           // what happened, and what to do
	// EventType is the PoD event type of the stream: message, maillog, audit; empty: the event is of the whole source.
	EventType EventType `json:"eventType"`
	// Since is when it began (RFC 3339), in an event that resolves, and in one that takes the place of another one of its
	// tracker: the same is still wrong, but for another reason, or more severe. BeganWith is what happened first, where
	// that was something else.
	Since     string `json:"since,omitempty"`
	BeganWith string `json:"beganWith,omitempty"`
	// Count and LastTime, in an event that resolves: how often it went wrong, and when last (RFC 3339).
	Count    string `json:"count,omitempty"`
	LastTime string `json:"lastTime,omitempty"`
}

// The values that are the same in every event, and the name of the good news.
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
