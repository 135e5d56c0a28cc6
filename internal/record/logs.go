package record

import (
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// Body says what the body of a log record is.
type Body string

const (
	// BodyText is the text of the record, byte for byte.
	BodyText Body = "text"
	// BodyMap is the record parsed into a map. A record with a problem keeps its text, or its bytes; one that is nested
	// deeper than 10,000 arrays and objects keeps its text.
	BodyMap Body = "map"
)

// problemAttribute is the attribute of a log record that carries its Problem.
const problemAttribute = "proofpointpod.problem"

// PutSIEM adds the attributes by which Sumo Logic's PoD app and Cloud SIEM find the records of an event type.
func PutSIEM(dst pcommon.Map, t podlog.EventType) {
	dst.PutStr("_siemVendor", "Proofpoint")
	dst.PutStr("_siemProduct", "POD")
	dst.PutStr("_siemFormat", "JSON")
	dst.PutStr("_siemEventID", t.EventID())
	dst.PutStr("_siemForward", "true")
}

// Format says how the records of one stream look as pdata. One goroutine uses it.
type Format struct {
	Body Body
	// MaxSize is the size in bytes of protobuf from which a record is not parsed into a map; see TooLarge.
	MaxSize int64
	// Resource holds the attributes of the resource, and Attributes those of every log record, without that of its
	// Problem. They are copied into each batch. They must be maps made by pcommon.NewMap.
	Resource, Attributes pcommon.Map
	// ScopeName and ScopeVersion are those of the component.
	ScopeName, ScopeVersion string

	mapper mapper
}

// Logs builds one batch: a resource with one scope, and in it the records in their order. Each call builds all of it
// anew, so that a batch that was passed on, and maybe changed since, can be built again.
func (f *Format) Logs(records []Record) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	f.Resource.CopyTo(resource.Resource().Attributes())
	scope := resource.ScopeLogs().AppendEmpty()
	scope.Scope().SetName(f.ScopeName)
	scope.Scope().SetVersion(f.ScopeVersion)

	out := scope.LogRecords()
	out.EnsureCapacity(len(records))
	for i := range records {
		f.put(out.AppendEmpty(), &records[i])
	}
	return logs
}

// Overhead is the size of what is not record text, in bytes of protobuf: batch that of a batch without records, record
// that of a log record without a body, at the most.
func (f *Format) Overhead() (batch, record int) {
	const lengths = 32 // those of what holds the records grow with it
	var sizer plog.ProtoMarshaler
	now := pcommon.NewTimestampFromTime(time.Now())
	one := Record{Timestamp: now, Observed: now, Problem: InvalidJSON}
	empty := sizer.LogsSize(f.Logs(nil))
	batch, record = empty+lengths, sizer.LogsSize(f.Logs([]Record{one}))-empty+lengths
	return batch, record
}

func (f *Format) put(dst plog.LogRecord, r *Record) {
	dst.SetTimestamp(r.Timestamp)
	dst.SetObservedTimestamp(r.Observed)
	switch {
	case r.Problem == "" && f.Body == BodyMap:
		f.mapper.put(dst.Body(), r.Body)
	case r.Problem != "" && !utf8.ValidString(r.Body):
		dst.Body().SetEmptyBytes().FromRaw([]byte(r.Body))
	default:
		dst.Body().SetStr(r.Body)
	}
	f.Attributes.CopyTo(dst.Attributes())
	if r.Problem != "" {
		dst.Attributes().PutStr(problemAttribute, string(r.Problem))
	}
}
