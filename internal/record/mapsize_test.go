package record_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/record"
)

// largeTexts are objects that are large in different ways.
func largeTexts(t *testing.T) map[string]string {
	t.Helper()
	object := func(member string) string { return `{"list":[` + strings.Repeat(member+",", 5000) + member + `]}` }
	texts := map[string]string{
		"digits":        object(`0`),
		"integers":      object(`1234567`),
		"large":         object(`9223372036854775807`),
		"beyond int64":  object(`9223372036854775808`),
		"negative":      object(`-1`),
		"doubles":       object(`1.5`),
		"exponents":     object(`1e1`),
		"overflows":     object(`1e999`),
		"words":         object(`true,false,null`),
		"empty":         object(`[],{},""`),
		"objects":       object(`{"a":{"b":[1,"x"]}, "" : 0}`),
		"escapes":       object(`"\u00e4\n\"\\"`),
		"strings":       object(`"` + strings.Repeat("x", 300) + `"`),
		"nested":        `{"a":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`,
		"blanks":        "{ \"a\" :\t[ 1 , 2 ,\n 3 ] }",
		"long number":   `{"n":` + strings.Repeat("7", 400) + `}`,
		"equal members": `{"a":1,"a":2}`,
	}
	for _, t2 := range []podlog.EventType{podlog.Message, podlog.Maillog} {
		sample, err := os.ReadFile(filepath.Join("testdata", string(t2)+".json"))
		require.NoError(t, err)
		texts[string(t2)] = string(sample)
	}
	return texts
}

// mapSize is the real size of a text's map.
func mapSize(t *testing.T, text string) int {
	t.Helper()
	r := split(t, text)
	format := record.Format{Body: record.BodyMap, MaxSize: 1 << 40, Resource: pcommon.NewMap(), Attributes: pcommon.NewMap()}
	one := format.Logs([]record.Record{r}).ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	require.Equal(t, pcommon.ValueTypeMap, one.Body().Type())
	alone := plog.NewLogRecord()
	one.Body().CopyTo(alone.Body())
	return (&plog.ProtoMarshaler{}).LogRecordSize(alone) - (&plog.ProtoMarshaler{}).LogRecordSize(plog.NewLogRecord())
}

func split(t *testing.T, text string) record.Record {
	t.Helper()
	s := record.Splitter{EventType: podlog.Message}
	s.Begin([]byte(text), false, time.Now())
	records := s.Next(nil, record.Portion{Records: 1, Bytes: len(text)})
	require.Len(t, records, 1)
	require.False(t, s.More())
	require.Empty(t, records[0].Problem)
	return records[0]
}

// The size at which a record counts as too large is that of its map, or a little less: what is not too large fits.
func TestTooLarge_isTheSizeOfTheMap(t *testing.T) {
	for name, text := range largeTexts(t) {
		t.Run(name, func(t *testing.T) {
			r, size := split(t, text), int64(mapSize(t, text))
			tooLarge := func(most int64) bool {
				format := record.Format{Body: record.BodyMap, MaxSize: most}
				return format.TooLarge(&r)
			}
			assert.True(t, tooLarge(size-8), "it does not fit")
			assert.False(t, tooLarge(2*size+16), "it fits twice")
			switch name {
			case "escapes", "equal members", "exponents": // are less than their spelling
			default:
				assert.False(t, tooLarge(size+size/4+16), "it fits: %s", strconv.FormatInt(size, 10))
			}
			text := record.Format{Body: record.BodyText, MaxSize: 1}
			assert.False(t, text.TooLarge(&r))
		})
	}
}
