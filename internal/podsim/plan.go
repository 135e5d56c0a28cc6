package podsim

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// Action is what a step of a plan does, and how a session ends.
type Action string

// The actions of a step. The first three meet a handshake; the others are for the session that it opens.
const (
	// Refuse answers the handshake with Step.Status.
	Refuse Action = "refuse"
	// Hang takes the connection and the request, and never answers.
	Hang Action = "hang"
	// Abort resets the connection instead of answering.
	Abort Action = "abort"

	// Serve lets the session live: for its modifiers alone.
	Serve Action = "serve"
	// Drop ends the session by closing the connection without a close frame. All that was written arrives.
	Drop Action = "drop"
	// Reset ends the session by a TCP reset. What was written but not yet read may be lost.
	Reset Action = "reset"
	// Freeze leaves the connection open, and neither reads nor writes any more.
	Freeze Action = "freeze"
	// Close ends the session by a close frame with Step.Code and Step.Reason.
	Close Action = "close"
)

// ends tells whether a ends a session.
func (a Action) ends() bool { return slices.Contains([]Action{Drop, Reset, Freeze, Close}, a) }

// meetsHandshake tells whether a stands in for the answer to a handshake.
func (a Action) meetsHandshake() bool { return slices.Contains([]Action{Refuse, Hang, Abort}, a) }

// Step is one step of a fault plan. A handshake takes the first step of the plan that fits its event type. Steps
// for sessions wait for a handshake that is accepted; in the meantime the steps behind them wait, too.
type Step struct {
	// Type binds the step to an event type. Default: any.
	Type podlog.EventType `json:"type,omitempty"`
	// Do is what happens. Default: Serve.
	Do Action `json:"do,omitempty"`
	// Times is how many handshakes the step is good for. Default: 1; negative: until the plan is cleared.
	Times int `json:"times,omitempty"`

	// Status is what Refuse answers. Default: 502.
	Status int `json:"status,omitempty"`
	// Interim are the 1xx answers, other than 101, that come before the answer, whether it refuses or accepts.
	Interim []int `json:"interim,omitempty"`
	// Body of the answer. Default: the text of the status, for 409 what the real service writes.
	Body string `json:"body,omitempty"`
	// Headers of the answer, whether it refuses or accepts, such as Retry-After, or a Date that is wrong.
	Headers map[string]string `json:"headers,omitempty"`

	// Records is after how many records on the wire the session ends.
	Records int `json:"records,omitempty"`
	// After is how long the session lasts. With Records too, what comes first; with neither, it ends at once.
	After time.Duration `json:"after,omitempty"`
	// Lose is how many records, of those there are, the service takes for written at the end of the session
	// although they never reach the wire. With Hang and Abort it has opened the live session
	// that it is asked for, unheard, if the slot was free.
	Lose int `json:"lose,omitempty"`
	// Code of Close. Default: 1000. 1005 is a close frame without a code.
	Code int `json:"code,omitempty"`
	// Reason of Close, at most 123 bytes.
	Reason string `json:"reason,omitempty"`
	// AnswerCode is the close code with which the client's close frame is answered, as by a gateway that has just lost the
	// service behind it: Lose counts, and the slot is held. Default: the client's own code.
	AnswerCode int `json:"answer_code,omitempty"`

	// Frames are sent first, as they are. They are no records: Produced and Written do not know them.
	Frames []Frame `json:"frames,omitempty"`
	// Rewind starts the session so many records before where it should: repeats.
	Rewind int `json:"rewind,omitempty"`
	// Shuffle sends the records out of order, in shuffled groups of that size, as far as there are so many.
	Shuffle int `json:"shuffle,omitempty"`
	// Group puts up to so many records into one frame, separated by newlines.
	Group int `json:"group,omitempty"`
	// Newline ends each frame with a newline.
	Newline bool `json:"newline,omitempty"`
	// Binary sends binary frames.
	Binary bool `json:"binary,omitempty"`
	// Fragments cuts each message into so many WebSocket frames.
	Fragments int `json:"fragments,omitempty"`
	// NoPong leaves pings unanswered.
	NoPong bool `json:"no_pong,omitempty"`
	// PongDelay answers pings so late. Default: Options.PongDelay.
	PongDelay time.Duration `json:"pong_delay,omitempty"`
}

// Frame is one WebSocket message of arbitrary content: Text, else Base64, else Size bytes, else nothing.
type Frame struct {
	Text string `json:"text,omitempty"`
	// Base64 is the content in standard base64 in JSON.
	Base64 []byte `json:"base64,omitempty"`
	// Size makes a valid record of that many bytes, at least 64, that is one long string for the most part.
	Size int `json:"size,omitempty"`
	// Binary sends a binary frame.
	Binary bool `json:"binary,omitempty"`
	// Fragments cuts the message into so many WebSocket frames.
	Fragments int `json:"fragments,omitempty"`
}

// stepJSON is Step without its methods.
type stepJSON Step

// stepText is the JSON form of a Step: durations are text such as `10s`.
type stepText struct {
	stepJSON
	After     string `json:"after,omitempty"`
	PongDelay string `json:"pong_delay,omitempty"`
}

// MarshalJSON writes durations as text, such as `10s`.
func (s Step) MarshalJSON() ([]byte, error) {
	t := stepText{stepJSON: stepJSON(s)}
	if s.After != 0 {
		t.After = s.After.String()
	}
	if s.PongDelay != 0 {
		t.PongDelay = s.PongDelay.String()
	}
	return json.Marshal(t)
}

// Validate names the first mistake in the step.
func (s Step) Validate() error {
	switch {
	case s.Do != "" && s.Do != Serve && !s.Do.ends() && !s.Do.meetsHandshake():
		return fmt.Errorf("do: unknown action %q", s.Do)
	case s.Type != "" && !slices.Contains(podlog.EventTypes(), s.Type):
		return fmt.Errorf("type: unknown event type %q", s.Type)
	case s.Status != 0 && (s.Status < 200 || s.Status > 599):
		return fmt.Errorf("status: %d is no status of an answer, 200 to 599", s.Status)
	case slices.ContainsFunc(s.Interim, func(status int) bool { return status < 100 || status > 199 || status == 101 }):
		return fmt.Errorf("interim: %v are not all 1xx, other than 101", s.Interim)
	case min(s.Records, s.Lose, s.Rewind, s.Shuffle, s.Group, s.Fragments) < 0 || min(s.After, s.PongDelay) < 0:
		return fmt.Errorf("negative number in a step that does %q", s.Do)
	case len(s.Reason) > 123:
		return fmt.Errorf("reason: %d bytes, at most 123 fit into a close frame", len(s.Reason))
	}
	return nil
}

// plan is the list of steps still to come. It is guarded by Service.mu.
type plan struct{ steps []Step }

// peek returns the step that a handshake of event type t meets, or a well-behaved one.
func (p *plan) peek(t podlog.EventType) Step {
	if i := p.find(t); i >= 0 {
		return p.steps[i]
	}
	return Step{Do: Serve}
}

// take uses up one time of the step that peek returned.
func (p *plan) take(t podlog.EventType) {
	i := p.find(t)
	switch {
	case i < 0 || p.steps[i].Times < 0:
	case p.steps[i].Times > 1:
		p.steps[i].Times--
	default:
		p.steps = slices.Delete(p.steps, i, i+1)
	}
}

func (p *plan) find(t podlog.EventType) int {
	return slices.IndexFunc(p.steps, func(s Step) bool { return s.Type == "" || s.Type == t })
}
