package health

import "time"

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

// TokenExpires notes when a token expires, as it says itself; zero: it does not say.
func (s *Source) TokenExpires(token Token, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expiry[token] = at
}

// TokenExpiry is when a token expires; zero: not known.
func (s *Source) TokenExpiry(token Token) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.expiry[token]
}
