package credentials

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"

	"github.com/proofpointpod/otelcol/internal/position"
)

// maxExpiry is the latest expiry that counts: 9999 is the last year that RFC 3339 can write.
const maxExpiry = 253402300799

// tokenExpiry returns when the bearer token in the headers of a handshake expires: the claim `exp` of a JWT; zero if there
// is none. The service checks the token's signature and its other claims, not this package.
func tokenExpiry(header http.Header) time.Time {
	_, token, _ := strings.Cut(header.Get("Authorization"), " ")
	parts := strings.SplitN(token, ".", 4)
	if len(parts) != 3 {
		return time.Time{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Expires *float64 `json:"exp"` // seconds since 1970, whole or not
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Expires == nil {
		return time.Time{}
	}
	if *claims.Expires < 0 || *claims.Expires > maxExpiry {
		return time.Time{}
	}
	return time.Unix(int64(*claims.Expires), 0).UTC()
}

// digestBytes is how long a token's digest and its key are.
const digestBytes = 16

// token recognises a token of the configuration by its digest. It implements [position.Token].
type token struct{ secret configopaque.String }

// NewToken returns the token of the live sessions; nil if the configuration has none. An authenticator's token changes, so
// a digest of it would recognise nothing.
func NewToken(secret configopaque.String) position.Token {
	if secret == "" {
		return nil
	}
	return token{secret}
}

// Digest returns an HMAC with a random key, and that key. So the digests of a token differ from storage to storage, and
// nobody can look a token up by them.
func (t token) Digest() string {
	key := make([]byte, digestBytes)
	_, _ = rand.Read(key) // it never fails
	return hex.EncodeToString(key) + ":" + hex.EncodeToString(t.sum(key))
}

// Matches returns whether a digest is of this token. Earlier versions stored a plain hash, which matches, too.
func (t token) Matches(digest string) bool {
	keyText, sumText, keyed := strings.Cut(digest, ":")
	if !keyed {
		plain := sha256.Sum256([]byte(t.secret))
		return digest == hex.EncodeToString(plain[:8])
	}
	key, err := hex.DecodeString(keyText)
	return err == nil && sumText == hex.EncodeToString(t.sum(key))
}

func (t token) sum(key []byte) []byte {
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(t.secret)) // it never fails
	return mac.Sum(nil)[:digestBytes]
}
