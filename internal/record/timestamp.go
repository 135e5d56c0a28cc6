package record

import (
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// longestTimestamp is the length of the longest form of `ts`.
const longestTimestamp = len("2006-01-02T15:04:05.999999999+00:00")

// parseTimestamp understands `ts`, given as it stands between its quotes:
//
//	2020-11-05T12:59:24[.d to .ddddddddd](Z | ±hh | ±hhmm | ±hh:mm)
//
// Everything else is 0, which means no timestamp: other forms, dates and times that do not exist, and instants that
// pcommon.Timestamp cannot hold, which are those before 1970 and those after 2262-04-11. Without an offset a `ts` is no
// instant: nobody says which zone it is in, and a guess would be wrong by hours without anyone noticing. Second 60, a
// leap second, is the second after 59. Nothing is allocated, unless there are escapes.
func parseTimestamp(raw string) pcommon.Timestamp {
	if strings.IndexByte(raw, '\\') >= 0 && len(raw) <= longestTimestamp*len(`\u0000`) {
		raw = unescape(raw)
	}
	const form = "0000-00-00T00:00:00"
	if len(raw) <= len(form) || len(raw) > longestTimestamp ||
		raw[4] != '-' || raw[7] != '-' || raw[10] != 'T' || raw[13] != ':' || raw[16] != ':' {
		return 0
	}
	var (
		year, yearOK     = number(raw[0:4], 0, 9999)
		month, monthOK   = number(raw[5:7], 1, 12)
		day, dayOK       = number(raw[8:10], 1, 31)
		hour, hourOK     = number(raw[11:13], 0, 23)
		minute, minuteOK = number(raw[14:16], 0, 59)
		second, secondOK = number(raw[17:19], 0, 60)
	)
	nanos, rest, fractionOK := fraction(raw[19:])
	offset, offsetOK := offsetSeconds(rest)
	if !yearOK || !monthOK || !dayOK || !hourOK || !minuteOK || !secondOK || !fractionOK || !offsetOK {
		return 0
	}
	if day > daysIn(year, month) {
		return 0
	}
	unix := int64(days(year, month, day))*24*3600 + int64(hour*3600+minute*60+second-offset)
	if unix < 0 || unix > math.MaxInt64/int64(time.Second) {
		return 0
	}
	// The sum is less than 2^64; above MaxInt64 it is the rest of the last second that pcommon.Timestamp can hold.
	ts := uint64(unix)*1e9 + uint64(nanos)
	if ts > math.MaxInt64 {
		return 0
	}
	return pcommon.Timestamp(ts)
}

// daysIn is how many days a month has.
func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// days counts the days from 1970-01-01 to a date. time.Date does the same, but is slower, as it takes dates that do not
// exist. Years begin with March here, so that the leap day is the last of one.
func days(year, month, day int) int {
	month -= 3
	if month < 0 {
		month += 12
		year--
	}
	const untilEpoch = 719468 // from 0000-03-01
	// Years have 365 days and leap days; months from March on have 30.6, rounded.
	return year*365 + year/4 - year/100 + year/400 + (month*153+2)/5 + day - 1 - untilEpoch
}

// fraction reads the fraction of a second with which s begins, if it does, in nanoseconds, and returns what is left.
func fraction(s string) (nanos int, rest string, ok bool) {
	if s == "" || s[0] != '.' {
		return 0, s, true
	}
	i := 1
	for i < len(s) && '0' <= s[i] && s[i] <= '9' {
		nanos = nanos*10 + int(s[i]-'0')
		i++
	}
	digits := i - 1
	for range 9 - digits {
		nanos *= 10
	}
	return nanos, s[i:], 1 <= digits && digits <= 9
}

// offsetSeconds reads an offset, in seconds east of UTC.
func offsetSeconds(s string) (offset int, ok bool) {
	if s == "Z" {
		return 0, true
	}
	if len(s) < len("+hh") || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	hours, hoursOK := number(s[1:3], 0, 23)
	minutes, minutesOK := 0, true
	if tail := s[3:]; tail != "" {
		digits := strings.TrimPrefix(tail, ":")
		minutes, minutesOK = number(digits, 0, 59)
		minutesOK = minutesOK && len(digits) == len("mm")
	}
	offset = hours*3600 + minutes*60
	if s[0] == '-' {
		offset = -offset
	}
	return offset, hoursOK && minutesOK
}

// number reads a number that consists of digits only and is from low to high.
func number(digits string, low, high int) (n int, ok bool) {
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, low <= n && n <= high
}
