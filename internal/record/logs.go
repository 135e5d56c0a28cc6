package record

import (
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
	// BodyMap is the record parsed into a map. A record with a problem keeps its text, or its bytes.
	BodyMap Body = "map"
)

// SIEM says which attributes carry `_siemVendor`, `_siemProduct`, `_siemFormat`, `_siemEventID` and `_siemForward`.
type SIEM string

const (
	// SIEMRecord puts them on each log record.
	SIEMRecord SIEM = "record"
	// SIEMResource puts them on the resource, after its other attributes.
	SIEMResource SIEM = "resource"
	// SIEMNone puts them nowhere.
	SIEMNone SIEM = "none"
)

// problemAttribute is the attribute of a log record that carries its Problem.
const problemAttribute = "proofpointpod.problem"

// siemAttributes is the number of attributes that putSIEM sets.
const siemAttributes = 5

// Format says how the records of one stream look as pdata. It is not changed while Logs runs; then Logs may be called
// by several goroutines at once.
type Format struct {
	EventType podlog.EventType
	Body      Body
	SIEM      SIEM
	// Resource holds the attributes of the resource, without those of SIEM. It is copied into each batch.
	Resource pcommon.Map
	// ScopeName and ScopeVersion are those of the component.
	ScopeName, ScopeVersion string
}

// Logs builds one batch: a resource with one scope, and in it the records in their order. Each call builds all of it
// anew, so that a batch that was passed on, and maybe changed since, can be built again.
func (f *Format) Logs(records []Record) plog.Logs {
	logs := plog.NewLogs()
	resource := logs.ResourceLogs().AppendEmpty()
	f.Resource.CopyTo(resource.Resource().Attributes())
	if f.SIEM == SIEMResource {
		f.putSIEM(resource.Resource().Attributes())
	}
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

func (f *Format) put(out plog.LogRecord, r *Record) {
	out.SetTimestamp(r.Timestamp)
	out.SetObservedTimestamp(r.Observed)
	switch {
	case r.Problem != "" && !utf8.ValidString(r.Body):
		out.Body().SetEmptyBytes().FromRaw([]byte(r.Body))
	case r.Problem == "" && f.Body == BodyMap:
		putMap(out.Body().SetEmptyMap(), r.Body)
	default:
		out.Body().SetStr(r.Body)
	}

	attributes := 0
	if f.SIEM == SIEMRecord {
		attributes += siemAttributes
	}
	if r.Problem != "" {
		attributes++
	}
	if attributes > 0 {
		out.Attributes().EnsureCapacity(attributes)
	}
	if f.SIEM == SIEMRecord {
		f.putSIEM(out.Attributes())
	}
	if r.Problem != "" {
		out.Attributes().PutStr(problemAttribute, string(r.Problem))
	}
}

// putSIEM sets the attributes by which Sumo Logic's PoD app and Cloud SIEM find the records.
func (f *Format) putSIEM(attributes pcommon.Map) {
	attributes.EnsureCapacity(attributes.Len() + siemAttributes)
	attributes.PutStr("_siemVendor", "Proofpoint")
	attributes.PutStr("_siemProduct", "POD")
	attributes.PutStr("_siemFormat", "JSON")
	attributes.PutStr("_siemEventID", f.EventType.EventID())
	attributes.PutStr("_siemForward", "true")
}
