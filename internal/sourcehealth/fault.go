package sourcehealth

// ErrorType says who can end an error, and whether a retry can. The names are those of Sumo Logic's source.
type ErrorType string

const (
	// ThirdPartyConfig says that the service itself refuses the configuration. A retry does not help.
	ThirdPartyConfig ErrorType = "ThirdPartyConfig"
	// ThirdPartyGeneric says that the service or the network has trouble, and everything that anybody between can cause.
	// It is retried.
	ThirdPartyGeneric ErrorType = "ThirdPartyGeneric"
	// FirstPartyGeneric says that the collector's own pipeline, storage or settings have trouble. It is retried.
	FirstPartyGeneric ErrorType = "FirstPartyGeneric"
)

// HealthEvent is the name of the health event for errors of this type: `ThirdPartyConfigError`.
func (t ErrorType) HealthEvent() string { return string(t) + "Error" }

// Fault is one thing that is wrong with a source or a stream.
type Fault struct {
	Type ErrorType
	// Label names the kind of the fault. It is the same each time, while Message may differ in a port number, say.
	Label   string
	Subject Subject
	// Severity is the [Event.SeverityLevel] while the stream continues or retries.
	Severity string
	// Status is the HTTP status behind the fault, 0 if there is none.
	Status int
	// Message says what happened and what the user can do.
	Message string
	// Outlook is a sentence on what the receiver does about it. Empty: that depends on the retries of the stream.
	Outlook string
	// NewTokenHelps is true for a fault of ThirdPartyConfig that another token can end.
	NewTokenHelps bool
}

// Text is Message and Outlook.
func (f Fault) Text() string {
	if f.Outlook == "" {
		return f.Message
	}
	return f.Message + ". " + f.Outlook
}
