package status

import (
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// maxWaiting is how many events of each kind wait for a slow watcher. More drop the oldest.
const maxWaiting = 1000

// outbox holds the events that are made and not yet reported. Its source's lock guards it.
type outbox struct {
	statuses []*componentstatus.Event
	events   []sourcehealth.Event
}

func (o *outbox) addStatus(event *componentstatus.Event) {
	o.statuses = append(o.statuses, event)
	o.statuses = o.statuses[max(len(o.statuses)-maxWaiting, 0):]
}

func (o *outbox) addEvent(event sourcehealth.Event) {
	o.events = append(o.events, event)
	o.events = o.events[max(len(o.events)-maxWaiting, 0):]
}
