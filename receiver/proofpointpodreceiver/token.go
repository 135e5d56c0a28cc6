package proofpointpodreceiver

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
)

// maxExpiry is the last moment that is believed: the year 9999 is the last that RFC 3339 can write.
const maxExpiry = 253402300799

// tokenExpiry is when the bearer token in the headers of a handshake expires, if it is a JWT and says so; zero: it does
// not say. Its signature is not checked, which is the service's to do; nothing else in it is looked at.
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

// tokenMark tells a token from others, and is fit to be saved: it is the beginning of a hash, from which no token can be
// had. Empty: there is none in the configuration. An authenticator's token is another one from time to time, so that it
// would tell nothing.
func tokenMark(secret configopaque.String) string {
	if secret == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:8])
}
