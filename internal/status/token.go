package status

import (
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
	// ArchiveToken is the second token, which is for archive sessions only.
	ArchiveToken Token = "archive"
)

// Tokens lists all tokens.
func Tokens() []Token { return []Token{LiveToken, ArchiveToken} }

func (t Token) subject() sourcehealth.Subject {
	if t == ArchiveToken {
		return sourcehealth.ArchiveToken
	}
	return sourcehealth.LiveToken
}

// tokens is what is known of the age of the tokens. Its source's lock guards it.
type tokens struct {
	lifetimes   map[Token]lifetime
	clockBehind time.Duration // how far this machine's clock is behind the service's
}

// lifetime is how long a token lives.
type lifetime struct {
	origin   Origin
	expires  time.Time
	reported string // the label of the newest event; empty: there was none
}

// SetTokenExpiry records when a token of an origin expires, as it says itself; zero: it does not say. Warnings open 14
// days, 7 days and 1 day before, and when it has expired. Another time is another token. Any goroutine may call it.
func (s *Source) SetTokenExpiry(token Token, from Origin, at time.Time) {
	s.change(func() {
		if s.tokens.lifetimes[token].expires.Equal(at) {
			return
		}
		s.resolveLocked(s.trackerLocked(nil, token.subject()), ruleOf(token.subject()).ends)
		s.tokens.lifetimes[token] = lifetime{origin: from, expires: at}
		s.checkTokenAgeLocked(token, time.Now())
	})
}

// TokenExpiry returns when a token expires; zero: not known.
func (s *Source) TokenExpiry(token Token) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tokens.lifetimes[token].expires
}

// checkTokenAgeLocked makes the event that a token's age requires. The clock is the service's, as far as it is known,
// since the service refuses an old token.
func (s *Source) checkTokenAgeLocked(token Token, now time.Time) {
	life := s.tokens.lifetimes[token]
	label := expiryLabel(life.expires, now.Add(s.tokens.clockBehind))
	if label == life.reported {
		return
	}
	if label == "" {
		s.resolveLocked(s.trackerLocked(nil, token.subject()), "by the service's clock, it does not expire soon")
	} else {
		s.recordFaultLocked(nil, tokenFault(token, life, label), 1)
	}
	life.reported = label
	s.tokens.lifetimes[token] = life
}

// The labels of a token's age.
const (
	labelExpired = "token_expired"
	labelExpires = "token_expires_" // in this many days
)

// expiryLabel returns the label of a token's age: empty while it is valid for more than 14 days, or does not say when it
// expires.
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

// tokenFault returns the fault of a token that expires soon, or has expired.
func tokenFault(token Token, life lifetime, label string) sourcehealth.Fault {
	k := tokenExpires
	if label == labelExpired {
		k = tokenExpired
	}
	use := "write it in its place, and restart the collector; a reload (SIGHUP) will do if the value does not come from the environment"
	if life.origin.Renews() {
		use = "put it where the extension gets it from: the source uses it as soon as the extension gives it"
	}
	fault := k.newFault("{token}", life.origin.token(), "{time}", rfc3339(life.expires), "{use}", use)
	fault.Label, fault.Subject = label, token.subject()
	return fault
}
