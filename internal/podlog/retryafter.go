package podlog

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds how long a `Retry-After` is honoured, so that a slip of the service's does not silence a
// stream for a day.
const maxRetryAfter = 10 * time.Minute

// retryAfter reads the `Retry-After` header (RFC 9110, 10.2.3), seconds or a date. A date is taken against the
// answer's own `Date`, if it has one, so that our clock need not be right.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}
