package record

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

func TestParseTimestamp(t *testing.T) {
	for ts, want := range map[string]string{
		// The spellings of the service, and of its documents.
		"2020-11-05T12:59:24.904391+0100":     "2020-11-05T11:59:24.904391Z",
		"2020-11-05T12:59:24.904391+01:00":    "2020-11-05T11:59:24.904391Z",
		"2020-11-05T12:59:24.904391+01":       "2020-11-05T11:59:24.904391Z",
		"2020-11-05T12:59:24.904391-0730":     "2020-11-05T20:29:24.904391Z",
		"2020-11-05T12:59:24.904391-07:30":    "2020-11-05T20:29:24.904391Z",
		"2020-11-05T12:59:24-0000":            "2020-11-05T12:59:24Z",
		"2020-11-05T12:59:24+0000":            "2020-11-05T12:59:24Z",
		"2020-11-05T12:59:24Z":                "2020-11-05T12:59:24Z",
		"2020-11-05T12:59:24.9Z":              "2020-11-05T12:59:24.9Z",
		"2020-11-05T12:59:24.000000001Z":      "2020-11-05T12:59:24.000000001Z",
		"2020-11-05T12:59:24.123456789-00:30": "2020-11-05T13:29:24.123456789Z",

		// The calendar.
		"2024-02-29T00:00:00Z":   "2024-02-29T00:00:00Z",
		"2000-02-29T00:00:00Z":   "2000-02-29T00:00:00Z",
		"2023-02-29T00:00:00Z":   "",
		"2100-02-29T00:00:00Z":   "",
		"2024-02-30T00:00:00Z":   "",
		"2024-04-31T00:00:00Z":   "",
		"2024-12-31T23:59:59Z":   "2024-12-31T23:59:59Z",
		"2024-13-01T00:00:00Z":   "",
		"2024-00-01T00:00:00Z":   "",
		"2024-01-00T00:00:00Z":   "",
		"2024-01-32T00:00:00Z":   "",
		"2024-01-01T24:00:00Z":   "",
		"2024-01-01T25:00:00Z":   "",
		"2024-01-01T00:60:00Z":   "",
		"2024-01-01T00:00:61Z":   "",
		"2016-12-31T23:59:60Z":   "2017-01-01T00:00:00Z",
		"2017-01-01T00:59:60+01": "2017-01-01T00:00:00Z",
		"2024-01-01T00:00:00+24": "",

		// What a pdata timestamp can hold. Its 0 means that there is none.
		"1970-01-01T00:00:00Z":           "",
		"1970-01-01T00:00:00.000000001Z": "1970-01-01T00:00:00.000000001Z",
		"1969-12-31T23:59:59.999999999Z": "",
		"1969-12-31T23:59:59-0100":       "1970-01-01T00:59:59Z",
		"1970-01-01T00:30:00+0100":       "",
		"0001-01-01T00:00:00Z":           "",
		"0000-01-01T00:00:00Z":           "",
		"2262-04-11T23:47:16.854775807Z": "2262-04-11T23:47:16.854775807Z",
		"2262-04-11T23:47:16.854775808Z": "",
		"2262-04-11T23:47:17Z":           "",
		"9999-12-31T23:59:59Z":           "",

		// Without an offset, it could be any of 26 hours.
		"2020-11-05T12:59:24":        "",
		"2020-11-05T12:59:24.904391": "",

		// Other forms.
		"":                                   "",
		"Z":                                  "",
		"1604577564":                         "",
		"2020-11-05":                         "",
		"2020-11-05 12:59:24Z":               "",
		"2020-11-05t12:59:24z":               "",
		"2020-11-05T12:59Z":                  "",
		"2020/11/05T12:59:24Z":               "",
		"2020-11-05T12.59.24Z":               "",
		"20201105T125924Z":                   "",
		" 2020-11-05T12:59:24Z":              "",
		"2020-11-05T12:59:24Z ":              "",
		"2020-11-05T12:59:24 Z":              "",
		"+020-11-05T12:59:24Z":               "",
		"2020-+1-05T12:59:24Z":               "",
		"2020-11-05T12:59:-4Z":               "",
		"2020-11-05T12:59:24.Z":              "",
		"2020-11-05T12:59:24,5Z":             "",
		"2020-11-05T12:59:24.-5Z":            "",
		"2020-11-05T12:59:24.0000000000Z":    "",
		"2020-11-05T12:59:24+":               "",
		"2020-11-05T12:59:24+1":              "",
		"2020-11-05T12:59:24+100":            "",
		"2020-11-05T12:59:24+01:":            "",
		"2020-11-05T12:59:24+01:0":           "",
		"2020-11-05T12:59:24+01:60":          "",
		"2020-11-05T12:59:24+01:00:00":       "",
		"2020-11-05T12:59:24+0100Z":          "",
		"2020-11-05T12:59:24+-100":           "",
		"2020-11-05T12:59:24+01-00":          "",
		"2020-11-05T12:59:24UTC":             "",
		"２０２０-11-05T12:59:24Z":               "",
		`2020-11-05T12:59:24\u005a`:          "2020-11-05T12:59:24Z",
		`2020\u002d11-05T12:59:24Z`:          "2020-11-05T12:59:24Z",
		`2020-11-05T12:59:24Z\n`:             "",
		`2020-11-05T12:59:24\u0000`:          "",
		`2020-11-05T12:59:24Z\ud800\udc00\/`: "",
		strings.Repeat(`\u0030`, 1000):       "",
	} {
		var expected pcommon.Timestamp
		if want != "" {
			instant, err := time.Parse(time.RFC3339Nano, want)
			assert.NoError(t, err)
			expected = pcommon.NewTimestampFromTime(instant)
		}
		assert.Equal(t, expected, parseTimestamp(ts), ts)
	}
}

func TestParseTimestamp_everyDayThereIs(t *testing.T) {
	for date := time.Date(1970, 1, 1, 12, 0, 0, 0, time.UTC); date.Year() < 2262; date = date.AddDate(0, 0, 1) {
		require.Equal(t, date, parseTimestamp(date.Format(time.RFC3339)).AsTime())
		if tomorrow := date.AddDate(0, 0, 1); tomorrow.Day() == 1 {
			require.Zero(t, parseTimestamp(fmt.Sprintf("%s-%02dT12:00:00Z", date.Format("2006-01"), date.Day()+1)), "the day after %v", date)
		}
	}
}

func TestParseTimestamp_doesNotAllocate(t *testing.T) {
	assert.Zero(t, testing.AllocsPerRun(100, func() { parseTimestamp("2020-11-05T12:59:24.904391+0100") }))
}

// form is what parseTimestamp takes, and layouts is what time.Parse has for it. time.Parse takes a fraction after the
// seconds of any layout, and is lax: hours of one digit, a comma, offsets of more than a day.
var (
	form    = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3])(:?[0-5]\d)?)$`)
	layouts = []string{"2006-01-02T15:04:05Z", "2006-01-02T15:04:05-07", "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05-07:00"}
)

// referenceTimestamp is parseTimestamp, built on time.Parse.
func referenceTimestamp(ts string) pcommon.Timestamp {
	if !form.MatchString(ts) {
		return 0
	}
	leap := time.Duration(0)
	if ts[16:19] == ":60" {
		ts, leap = ts[:16]+":59"+ts[19:], time.Second
	}
	for _, layout := range layouts {
		instant, err := time.Parse(layout, ts)
		if err != nil {
			continue
		}
		instant = instant.Add(leap)
		if instant.Before(time.Unix(0, 0)) || instant.After(time.Unix(0, 1<<63-1)) {
			return 0
		}
		return pcommon.NewTimestampFromTime(instant)
	}
	return 0
}

func FuzzTimestamp(f *testing.F) {
	for _, ts := range []string{
		"2020-11-05T12:59:24.904391+0100", "2020-11-05T12:59:24-07:30", "2024-02-29T23:59:60.5Z", "2262-04-11T23:47:16.854775807+00",
	} {
		f.Add(ts)
	}
	f.Fuzz(func(t *testing.T, ts string) {
		if strings.Contains(ts, `\`) { // an escape, which is the scanner's to check
			t.Skip()
		}
		if got, want := parseTimestamp(ts), referenceTimestamp(ts); got != want {
			t.Errorf("parseTimestamp(%q) = %d, want %d", ts, got, want)
		}
	})
}

func TestRecord_ServiceTime(t *testing.T) {
	at := time.Date(2020, 11, 5, 12, 59, 24, 0, time.UTC)
	r := Record{Timestamp: pcommon.NewTimestampFromTime(at)}
	assert.Equal(t, at, r.ServiceTime())
	r.Timestamp = 0
	assert.Zero(t, r.ServiceTime(), "not 1970")
}
