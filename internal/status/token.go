package status

import (
	"fmt"
	"strings"
	"time"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

// Token names one of the tokens of a source by the sessions that it is for.
type Token string

// The tokens.
const (
	// LiveToken is that of the live sessions, and of the archive's where there is no other.
	LiveToken Token = "live"
	// ArchiveToken is the second token, which is for the archive's sessions only.
	ArchiveToken Token = "archive"
)

// Tokens lists all tokens.
func Tokens() []Token { return []Token{LiveToken, ArchiveToken} }

func (t Token) subject() subject {
	if t == ArchiveToken {
		return archiveToken
	}
	return liveToken
}

// lifetime is what is known of how long a token lives.
type lifetime struct {
	origin  Origin
	expires time.Time
	told    string // the label of the newest event; empty: there was none
}

// TokenExpires notes when a token of an origin expires, as it says itself; zero: it does not say. A warning is due 14 days,
// 7 days and 1 day before, and when it has expired. Another time is another token. It is called by any goroutine.
func (s *Source) TokenExpires(of Token, from Origin, at time.Time) {
	s.change(func() {
		if s.lifetimes[of].expires.Equal(at) {
			return
		}
		s.resolve(s.tracker(nil, of.subject()), "there is another token")
		s.lifetimes[of] = lifetime{origin: from, expires: at}
		s.judgeToken(of, time.Now())
	})
}

// TokenExpiry is when a token expires; zero: not known.
func (s *Source) TokenExpiry(of Token) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lifetimes[of].expires
}

// judgeToken makes the event that a token's age calls for. By whose clock: the service's, as far as it is known, since
// it is the service that refuses an old token. The caller holds the lock.
func (s *Source) judgeToken(of Token, now time.Time) {
	life := s.lifetimes[of]
	label := expiryLabel(life.expires, now.Add(s.skew))
	if label == life.told {
		return
	}
	t := s.tracker(nil, of.subject())
	if label == "" {
		s.resolve(t, "by the service's clock, it does not expire soon")
	} else {
		s.wrong(t, sourcehealth.SeverityWarning, tokenExpires(life.origin, label, life.expires), 1)
	}
	life.told = label
	s.lifetimes[of] = life
}

// The labels of a token's age.
const (
	labelExpired = "token_expired"
	labelExpires = "token_expires_" // in so many days
)

// expiryLabel is empty while a token is good for more than 14 days, or does not say when it expires.
func expiryLabel(expires, now time.Time) string {
	const day = 24 * time.Hour
	left := expires.Sub(now)
	switch {
	case expires.IsZero() || left > 14*day:
		return ""
	case left <= 0:
		return labelExpired
	case left <= day:
		return labelExpires + "1d"
	case left <= 7*day:
		return labelExpires + "7d"
	default:
		return labelExpires + "14d"
	}
}

// IsTokenAge says whether an event is about a token that expires soon or has expired.
func IsTokenAge(event sourcehealth.Event) bool {
	return event.Details.Error == labelExpired || strings.HasPrefix(event.Details.Error, labelExpires)
}

// tokenExpires is the fault of a token that expires soon, or has.
func tokenExpires(from Origin, label string, at time.Time) sourcehealth.Fault {
	expires := "expires"
	if label == labelExpired {
		expires = "has expired; sessions that are open may go on, but the service accepts no other. It expired"
	}
	use := "write it in its place, and restart the collector; a reload (SIGHUP) will do if the value does not come from the environment"
	if from.renews {
		use = "put it where the extension gets it from; it is taken up by itself"
	}
	return sourcehealth.Fault{
		Type: sourcehealth.ThirdPartyConfig, Label: label,
		Message: fmt.Sprintf("%s %s at %s: make another in the PoD administration portal (Settings > API Key Management), and %s",
			from.token(), expires, at.UTC().Format(time.RFC3339), use),
	}
}
