package podlog

import "strings"

// EventType is a kind of record the PoD Log Service streams: the query parameter `type` of a session.
type EventType string

// The event types of the PoD Log Service.
const (
	// Message is one record for each processed message.
	Message EventType = "message"
	// Maillog is one record for each line of the mail transfer agent's log.
	Maillog EventType = "maillog"
	// Audit is one record for each action in the administration portal. It is not in the vendor's public text,
	// but works for several clients.
	Audit EventType = "audit"
)

// EventTypes lists every event type there is, in the order in which they are documented.
func EventTypes() []EventType { return []EventType{Message, Maillog, Audit} }

// EventID is the spelling SIEM rules use: `MESSAGE`, `MAILLOG`, `AUDIT`.
func (t EventType) EventID() string { return strings.ToUpper(string(t)) }
