package sourcehealth

// State is how far a stream, or a source, has come. The names are those of Sumo Logic's source.
type State string

// The states, from the first to the last of a life.
const (
	// Pending: the configuration was accepted.
	Pending State = "Pending"
	// Started: Start was called.
	Started State = "Started"
	// Initialized: TLS and authentication are ready, and positions are read, or their storage takes its time.
	Initialized State = "Initialized"
	// Authenticated: the service accepted the handshake.
	Authenticated State = "Authenticated"
	// Collecting: records are read as they come.
	Collecting State = "Collecting"
	// Error: something is wrong; a [Fault] says what.
	Error State = "Error"
	// Stopping: Shutdown was called.
	Stopping State = "Stopping"
)

// States lists all states in the order above.
func States() []State {
	return []State{Pending, Started, Initialized, Authenticated, Collecting, Error, Stopping}
}
