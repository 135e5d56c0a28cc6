package credentials

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/podsim"
)

// jwt is a token with these claims, signed by nobody.
func jwt(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode([]byte(claims)) + ".c2lnbmF0dXJl"
}

// expiring is a token that expires at a time.
func expiring(at time.Time) string { return jwt(fmt.Sprintf(`{"sub":"made-up","exp":%d}`, at.Unix())) }

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func TestTokenExpiry(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, header := range map[string]http.Header{
		"whole seconds": bearer(expiring(at)),
		"a fraction":    bearer(jwt(`{"exp":1772366400.75}`)),
		"an exponent":   bearer(jwt(`{"exp":1.7723664e9}`)),
		"padded":        bearer("e30." + base64.URLEncoding.EncodeToString([]byte(`{"exp":1772366400}`)) + ".x"),
		"in lower case": {"Authorization": {"bearer " + expiring(at)}},
	} {
		t.Run(name, func(t *testing.T) { assert.Equal(t, at, tokenExpiry(header)) })
	}
}

func TestTokenExpiry_isNotSaid(t *testing.T) {
	payload := base64.RawURLEncoding.EncodeToString([]byte(`{"exp":1772366400}`))
	for name, header := range map[string]http.Header{
		"no header":             {},
		"another header":        {"X-Api-Key": {expiring(time.Unix(1772366400, 0))}},
		"no token":              bearer(""),
		"no JWT":                bearer("made-up"),
		"two parts":             bearer("e30." + payload),
		"four parts":            bearer("e30." + payload + ".x.y"),
		"the simulator's":       bearer(podsim.Token),
		"no base64":             bearer("e30.{}.x"),
		"no JSON":               bearer(jwt("exp")),
		"no object":             bearer(jwt("[1772366400]")),
		"null":                  bearer(jwt(`{"exp":null}`)),
		"text":                  bearer(jwt(`{"exp":"1772366400"}`)),
		"milliseconds":          bearer(jwt(`{"exp":1772366400000}`)),
		"before 1970":           bearer(jwt(`{"exp":-1}`)),
		"beyond all numbers":    bearer(jwt(`{"exp":1e999}`)),
		"another kind of token": {"Authorization": {"Basic dXNlcjpwYXNz"}},
	} {
		t.Run(name, func(t *testing.T) { assert.Zero(t, tokenExpiry(header)) })
	}
}

func TestToken_isRecognisedByItsDigestOnly(t *testing.T) {
	mine, other := NewToken(podsim.Token), NewToken("another-made-up-token")
	digest := mine.Digest()
	assert.True(t, mine.Matches(digest))
	assert.False(t, other.Matches(digest))
	assert.NotEqual(t, digest, mine.Digest(), "each has a key of its own")
	assert.NotContains(t, digest, formerDigest(podsim.Token), "nobody can look it up")
	assert.Nil(t, NewToken(""), "an authenticator's is not known")
	for _, garbled := range []string{"", ":", "x:y", digest[:len(digest)-1], "00" + digest} {
		assert.False(t, mine.Matches(garbled), garbled)
	}
}

// formerDigest is what earlier versions have stored of a token.
func formerDigest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:8])
}

func TestToken_isRecognisedByTheDigestOfEarlierVersions(t *testing.T) {
	assert.True(t, NewToken(podsim.Token).Matches(formerDigest(podsim.Token)))
	assert.False(t, NewToken(podsim.Token).Matches(formerDigest("another-made-up-token")))
}
