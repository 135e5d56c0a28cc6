package sourcehealthextension

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// sourceType is the type of the components that are sources.
const sourceType = "proofpointpod"

// componentView is what the collector says of one component.
type componentView struct {
	Kind      string   `json:"kind"` // receiver, processor, exporter, connector, extension
	ID        string   `json:"id"`
	Pipelines []string `json:"pipelines,omitempty"`
	// Status is StatusStarting, StatusOK, StatusRecoverableError, StatusPermanentError, StatusFatalError,
	// StatusStopping or StatusStopped.
	Status string    `json:"status"`
	Since  time.Time `json:"since"` // when it came to Status
	Error  string    `json:"error,omitempty"`
	// Dropped is there while an exporter drops records.
	Dropped *droppedView `json:"dropped,omitempty"`

	status componentstatus.Status
	source *sourcehealth.Report // what a source says of itself in its status; nil for other components
}

// components holds the status of every component of the collector. It is safe for concurrent use.
type components struct {
	mu   sync.Mutex
	byID map[componentstatus.InstanceID]componentView
}

func newComponents() *components {
	return &components{byID: map[componentstatus.InstanceID]componentView{}}
}

// changed takes a status event. It is called under the lock of the collector's reporter, so all that it does is to read
// the event.
func (c *components) changed(id *componentstatus.InstanceID, event *componentstatus.Event) {
	view := componentView{
		Kind:   strings.ToLower(id.Kind().String()),
		ID:     id.ComponentID().String(),
		Status: event.Status().String(),
		Since:  event.Timestamp(),
		status: event.Status(),
	}
	id.AllPipelineIDs(func(p pipeline.ID) bool {
		view.Pipelines = append(view.Pipelines, p.String())
		return true
	})
	if err := event.Err(); err != nil {
		view.Error = err.Error()
	}
	if id.Kind() == component.KindReceiver && id.ComponentID().Type().String() == sourceType {
		view.source = sourceOf(view, event.Attributes())
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	before, known := c.byID[*id]
	if known && before.status == view.status {
		view.Since = before.Since
	}
	if known && view.source != nil {
		view.source = carryOn(before, view)
	}
	c.byID[*id] = view
}

// list is every component: receivers, processors, exporters, connectors, extensions, each by ID.
func (c *components) list() []componentView {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]componentView, 0, len(c.byID))
	for _, view := range c.byID {
		list = append(list, view)
	}
	order := []string{"receiver", "processor", "exporter", "connector", "extension"}
	slices.SortFunc(list, func(a, b componentView) int {
		return cmp.Or(
			cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind)),
			strings.Compare(a.ID, b.ID),
			slices.Compare(a.Pipelines, b.Pipelines),
		)
	})
	return list
}

// batched returns the IDs of the exporters that are behind a batch processor, which does not tell the source of what they
// refuse.
func (c *components) batched() []string {
	list := c.list()
	var ids []string
	for _, exporter := range list {
		if exporter.Kind != "exporter" {
			continue
		}
		if slices.ContainsFunc(list, func(p componentView) bool {
			name, _, _ := strings.Cut(p.ID, "/")
			return p.Kind == "processor" && name == "batch" &&
				slices.ContainsFunc(p.Pipelines, func(pipeline string) bool { return slices.Contains(exporter.Pipelines, pipeline) })
		}) {
			ids = append(ids, exporter.ID)
		}
	}
	return ids
}

// sourceOf is what a status event tells of a source. There is little in it, and all that is known of a source before it
// has started, or when it could not.
func sourceOf(view componentView, attributes pcommon.Map) *sourcehealth.Report {
	report := &sourcehealth.Report{ID: view.ID, Name: text(attributes, "name"), Description: text(attributes, "description")}
	if report.Name == "" {
		report.Name = report.ID
	}
	report.State = sourcehealth.State(text(attributes, "state"))
	if report.State == "" {
		report.State = stateOf(view.status)
	}
	streams, found := attributes.Get("streams")
	if !found || streams.Type() != pcommon.ValueTypeMap {
		return report
	}
	for eventType, of := range streams.Map().All() {
		if of.Type() != pcommon.ValueTypeMap {
			continue
		}
		stream := sourcehealth.StreamReport{EventType: sourcehealth.EventType(eventType), State: sourcehealth.State(text(of.Map(), "state")), Since: view.Since}
		if message := text(of.Map(), "error"); message != "" {
			stream.Errors = []string{message}
		}
		report.Streams = append(report.Streams, stream)
	}
	return report
}

// carryOn keeps what a source was called where the collector speaks for it, and its events say nothing.
func carryOn(before, now componentView) *sourcehealth.Report {
	report := now.source
	if before.source == nil || report.Streams != nil {
		return report
	}
	report.Name, report.Description = before.source.Name, before.source.Description
	return report
}

// stateOf is the state of a source of which only the component's status is known.
func stateOf(status componentstatus.Status) sourcehealth.State {
	switch status {
	case componentstatus.StatusStarting:
		return sourcehealth.Started
	case componentstatus.StatusOK:
		return sourcehealth.Initialized
	case componentstatus.StatusRecoverableError, componentstatus.StatusPermanentError, componentstatus.StatusFatalError:
		return sourcehealth.Error
	case componentstatus.StatusStopping, componentstatus.StatusStopped:
		return sourcehealth.Stopping
	default:
		return sourcehealth.Pending
	}
}

// text is an attribute that is a string, else empty.
func text(attributes pcommon.Map, key string) string {
	value, found := attributes.Get(key)
	if !found || value.Type() != pcommon.ValueTypeStr {
		return ""
	}
	return value.Str()
}
