package sourcehealth

// EventType is an event type of Proofpoint on Demand: `message`, `maillog` or `audit`. Each is one stream of a source.
// It is not [Event.EventType], which Sumo Logic's health events have.
type EventType string
