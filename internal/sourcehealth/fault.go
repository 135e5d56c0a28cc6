package sourcehealth

// ErrorType says whose fault an error is and whether it can pass by itself. The names are those of Sumo Logic's source.
type ErrorType string

const (
	// ThirdPartyConfig says that the service itself refuses what it was given. A retry does not help.
	ThirdPartyConfig ErrorType = "ThirdPartyConfig"
	// ThirdPartyGeneric says that the service or the way to it has trouble, and everything that anybody on the way can
	// cause. It is tried again.
	ThirdPartyGeneric ErrorType = "ThirdPartyGeneric"
	// FirstPartyGeneric says that the collector's own pipeline or storage has trouble. It is tried again.
	FirstPartyGeneric ErrorType = "FirstPartyGeneric"
)

// HealthEvent is the name of the health event for errors of this type: `ThirdPartyConfigError`.
func (t ErrorType) HealthEvent() string { return string(t) + "Error" }

// Fault is what keeps a stream from its work.
type Fault struct {
	Type ErrorType
	// Label tells this fault from others of its type. It is the same when the same goes wrong again, while Message
	// may differ in a port number, say.
	Label string
	// Status is the HTTP status behind the fault, 0 if there is none.
	Status int
	// Message says what happened and what the user can do.
	Message string
	// Outlook says what becomes of it by itself, in a sentence of its own. Empty: that is said elsewhere.
	Outlook string
	// NewTokenHelps: a fault of ThirdPartyConfig that other credentials can mend.
	NewTokenHelps bool
}

// Text is all that the user is told of it.
func (f Fault) Text() string {
	if f.Outlook == "" {
		return f.Message
	}
	return f.Message + ". " + f.Outlook
}
