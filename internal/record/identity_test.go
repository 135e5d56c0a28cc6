package record

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// identityOf is the identity of the one record in a frame.
func identityOf(t *testing.T, eventType podlog.EventType, frame string) uint64 {
	t.Helper()
	records := split(eventType, nil, []byte(frame), false, observed)
	require.Len(t, records, 1)
	return records[0].ID
}

const (
	guid = `"guid":"aB3dE6gH9jK2mN5pQ8sT1vW4yZ7-_xYz"`
	noon = `"ts":"2026-01-12T13:00:00.123456+0100"`
	id   = `"id":"q/3+aB3dE6gH9jK2mN5pQ8"`
)

func TestIdentity_isTheSame(t *testing.T) {
	for name, test := range map[string]struct {
		eventType podlog.EventType
		a, b      string
	}{
		"whatever else a message says": {podlog.Message, `{` + guid + `,` + noon + `,"a":1}`, `{"a":2,` + noon + `,` + guid + `}`},
		"for one instant in two zones": {podlog.Message, `{` + guid + `,` + noon + `}`, `{` + guid + `,"ts":"2026-01-12T12:00:00.123456Z"}`},
		"for an offset with a colon":   {podlog.Message, `{` + guid + `,` + noon + `}`, `{` + guid + `,"ts":"2026-01-12T13:00:00.123456+01:00"}`},
		"with trailing zeros":          {podlog.Message, `{` + guid + `,` + noon + `}`, `{` + guid + `,"ts":"2026-01-12T13:00:00.123456000+01"}`},
		"with blanks":                  {podlog.Message, `{` + guid + `,` + noon + `}`, "\t{ " + guid + " ,\n" + noon + " } "},
		"with an escaped key":          {podlog.Message, `{` + guid + `,` + noon + `}`, `{"\u0067uid":"aB3dE6gH9jK2mN5pQ8sT1vW4yZ7-_xYz",` + noon + `}`},
		"with an escaped value":        {podlog.Message, `{` + guid + `,` + noon + `}`, `{"guid":"` + escapeAll("aB3dE6gH9jK2mN5pQ8sT1vW4yZ7-_xYz") + `",` + noon + `}`},
		"whatever guid is nested":      {podlog.Message, `{` + guid + `,` + noon + `}`, `{` + guid + `,"a":{"guid":"x"},"b":[{"guid":"y"}],` + noon + `}`},
		"where the last of two counts": {podlog.Message, `{` + guid + `,` + noon + `}`, `{"guid":"x",` + guid + `,` + noon + `}`},
		"for audit as for message":     {podlog.Audit, `{` + guid + `,` + noon + `,"a":1}`, `{"ts":"2026-01-12T12:00:00.123456+0000",` + guid + `}`},
		"whatever else a maillog says": {podlog.Maillog, `{` + id + `,` + noon + `}`, `{"ts":"2026-01-12T12:00:00.123456Z","guid":"x",` + id + `}`},
		"with a maillog's escapes":     {podlog.Maillog, `{` + id + `,` + noon + `}`, `{"id":"q\/3\u002baB3dE6gH9jK2mN5pQ8",` + noon + `}`},
		"for the same odd bytes":       {podlog.Message, "no JSON", "no JSON\n"},
	} {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, test.a, test.b)
			assert.Equal(t, identityOf(t, test.eventType, test.a), identityOf(t, test.eventType, test.b))
		})
	}
}

func TestIdentity_isAnother(t *testing.T) {
	for name, test := range map[string]struct {
		eventType podlog.EventType
		a, b      string
	}{
		"with another guid":                  {podlog.Message, `{` + guid + `,` + noon + `}`, `{"guid":"aB3dE6gH9jK2mN5pQ8sT1vW4yZ7-_xYZ",` + noon + `}`},
		"with another ts":                    {podlog.Message, `{` + guid + `,` + noon + `}`, `{` + guid + `,"ts":"2026-01-12T13:00:00.123457+0100"}`},
		"with the same text in another zone": {podlog.Message, `{` + guid + `,` + noon + `}`, `{` + guid + `,"ts":"2026-01-12T13:00:00.123456+0000"}`},
		"with another maillog id":            {podlog.Maillog, `{` + id + `,` + noon + `}`, `{"id":"q/3+aB3dE6gH9jK2mN5pq8",` + noon + `}`},
		"with another ts of one maillog id":  {podlog.Maillog, `{` + id + `,` + noon + `}`, `{` + id + `,"ts":"2026-01-12T13:00:00.123457+0100"}`},
		"of a maillog without ts":            {podlog.Maillog, `{` + id + `,"a":1}`, `{` + id + `,"a":2}`},
		"with a nested guid only":            {podlog.Message, `{"a":{` + guid + `},` + noon + `}`, `{"b":{` + guid + `},` + noon + `}`},
		"without ts, by its bytes":           {podlog.Message, `{` + guid + `,"a":1}`, `{` + guid + `,"a":2}`},
		"with a ts that is none":             {podlog.Message, `{` + guid + `,"ts":"now","a":1}`, `{` + guid + `,"ts":"now","a":2}`},
		"without guid, by its bytes":         {podlog.Message, `{` + noon + `,"a":1}`, `{` + noon + `,"a":2}`},
		"with an empty guid":                 {podlog.Message, `{"guid":"",` + noon + `,"a":1}`, `{"guid":"",` + noon + `,"a":2}`},
		"with a guid that is a number":       {podlog.Message, `{"guid":7,` + noon + `,"a":1}`, `{"guid":7,` + noon + `,"a":2}`},
		"where the last guid is null":        {podlog.Message, `{` + guid + `,"guid":null,` + noon + `,"a":1}`, `{` + guid + `,"guid":null,` + noon + `,"a":2}`},
		"with an id that is no maillog's":    {podlog.Message, `{` + id + `,` + noon + `,"a":1}`, `{` + id + `,` + noon + `,"a":2}`},
		"with a guid in a maillog":           {podlog.Maillog, `{` + guid + `,` + noon + `,"a":1}`, `{` + guid + `,` + noon + `,"a":2}`},
		"with an empty maillog id":           {podlog.Maillog, `{"id":"","a":1}`, `{"id":"","a":2}`},
		"of invalid JSON":                    {podlog.Message, `{` + guid + `,` + noon + `,"a":1,}`, `{` + guid + `,` + noon + `,"a":2,}`},
		"of invalid UTF-8":                   {podlog.Message, "{" + guid + "," + noon + ",\"a\":\"\xff\"}", "{" + guid + "," + noon + ",\"a\":\"\xfe\"}"},
		"of a maillog that is no JSON":       {podlog.Maillog, `{` + id + `,"a":1,}`, `{` + id + `,"a":2,}`},
		"of two texts":                       {podlog.Audit, "a", "b"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.NotEqual(t, identityOf(t, test.eventType, test.a), identityOf(t, test.eventType, test.b))
		})
	}
}

// What is cut may have said anything after the cut, so its beginning alone does not name it.
func TestIdentity_ofATruncatedRecordIsItsBytes(t *testing.T) {
	truncatedID := func(frame string) uint64 {
		records := split(podlog.Message, nil, []byte(frame), true, observed)
		require.Len(t, records, 1)
		return records[0].ID
	}
	whole := `{` + guid + `,` + noon + `,"a":"x`
	assert.Equal(t, hashOf(whole), truncatedID(whole))
	assert.NotEqual(t, truncatedID(whole), truncatedID(whole+"y"))
	assert.NotEqual(t, truncatedID(whole+"\xc3"), truncatedID(whole), "the bytes of a rune that was cut count")
	assert.NotEqual(t, truncatedID(whole+`"}`), identityOf(t, podlog.Message, whole+`"}`), "it may have gone on")
}

// The identities of records are kept in storage, across restarts and versions: they never change.
func TestIdentity_staysTheSameForEver(t *testing.T) {
	for name, test := range map[string]struct {
		eventType podlog.EventType
		frame     string
		want      uint64
	}{
		"message":         {podlog.Message, sample(t, "message"), 0x8bb35e075dd8c4bc},
		"maillog":         {podlog.Maillog, sample(t, "maillog"), 0x2a0b7f9df3c5f1d5},
		"audit":           {podlog.Audit, sample(t, "audit"), 0xbe4546cb01a978e5},
		"guid and ts":     {podlog.Message, `{` + guid + `,` + noon + `}`, 0x9a91c0ee93dd605},
		"id and ts":       {podlog.Maillog, `{` + id + `,` + noon + `}`, 0x666eb8b0fb8329a4},
		"a long guid":     {podlog.Audit, `{"guid":"` + strings.Repeat("0123456789", 14) + `",` + noon + `}`, 0xcd997f208c96e544},
		"bytes":           {podlog.Message, "no JSON", 0x4624e330b8beec29},
		"a nameless one":  {podlog.Message, `{"a":1}`, 0x2d7ac55c7fbd5a01},
		"an odd one":      {podlog.Maillog, "\xff", 0xd04019aae60a10a8},
		"an empty object": {podlog.Audit, `{}`, 0x8a67b355a36f1344},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.want, identityOf(t, test.eventType, test.frame))
		})
	}
}

// Earlier versions have stored these, so they never change either.
func TestIdentity_formerOne(t *testing.T) {
	for name, test := range map[string]struct {
		eventType podlog.EventType
		frame     string
		want      uint64
	}{
		"maillog":           {podlog.Maillog, sample(t, "maillog"), 0x411d286a56c9e0bb},
		"id":                {podlog.Maillog, `{` + id + `}`, 0xd2c3b0a3370b6e17},
		"id and ts":         {podlog.Maillog, `{` + id + `,` + noon + `}`, 0xd2c3b0a3370b6e17},
		"an odd one":        {podlog.Maillog, "\xff", 0xd04019aae60a10a8},
		"a nameless one":    {podlog.Maillog, `{"a":1}`, 0x2d7ac55c7fbd5a01},
		"none of a message": {podlog.Message, sample(t, "message"), 0},
		"none of an audit":  {podlog.Audit, "no JSON", 0},
	} {
		t.Run(name, func(t *testing.T) {
			records := split(test.eventType, nil, []byte(test.frame), false, observed)
			require.Len(t, records, 1)
			assert.Equal(t, test.want, records[0].FormerID)
		})
	}
}

func TestIdentity_formerOneOfATruncatedRecordIsItsBytes(t *testing.T) {
	records := split(podlog.Maillog, nil, []byte(`{`+id+`,`+noon+`,"a":"x`), true, observed)
	require.Len(t, records, 1)
	assert.Equal(t, records[0].ID, records[0].FormerID)
}

// checkIdentity checks a record's identity against encoding/json, for each event type.
func checkIdentity(t *testing.T, r *Record) {
	t.Helper()
	if !isCleanObject(r.Body) || r.Problem != "" {
		if r.ID != hashOf(r.Body) && (r.Problem != Truncated || !utf8.ValidString(r.Body)) {
			t.Errorf("%q is not known by its bytes", r.Body)
		}
		return
	}
	members, o := referenceMembers(t, r.Body), scan(r.Body)
	for _, eventType := range podlog.EventTypes() {
		key, kind := "guid", byte(kindGUID)
		if eventType == podlog.Maillog {
			key, kind = "id", kindID
		}
		name, _ := members[key].(string)
		want := Record{ID: hashOf(r.Body)}
		if name != "" && r.Timestamp != 0 {
			want.ID = hashID(kind, name, uint64(r.Timestamp))
		}
		switch {
		case eventType != podlog.Maillog:
		case name != "":
			want.FormerID = hashID(kindID, name, 0)
		default:
			want.FormerID = hashOf(r.Body)
		}
		got := Record{Body: r.Body, Timestamp: r.Timestamp}
		got.identify(eventType, &o)
		if got.ID != want.ID || got.FormerID != want.FormerID {
			t.Errorf("%s %q: identity %x, formerly %x, want %x, %x", eventType, r.Body, got.ID, got.FormerID, want.ID, want.FormerID)
		}
	}
}
