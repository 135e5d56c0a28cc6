package podlog

import (
	"encoding/base64"
	"strconv"
	"strings"
	"unicode"
)

const (
	// maxExcerpt is how many bytes of a peer's text are repeated in an error, and maxText how many of it are read.
	maxExcerpt = 200
	maxText    = 4 * maxExcerpt
	// minSecretPart is how many bytes of a secret give it away.
	minSecretPart = 8
	redacted      = "[REDACTED]"
)

// excerpt makes a peer's text fit for an error: one line, printable, short, without the secrets.
func excerpt(text string, secrets []string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, redact(text[:min(len(text), maxText)], secrets))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > maxExcerpt {
		text = strings.ToValidUTF8(text[:maxExcerpt], "") + "…"
	}
	return text
}

// redact replaces the secrets in a peer's text: as they are, in another case, in base64, alone or as a part of what was
// encoded, and with any of these percent-escaped. At the text's end it also replaces the beginning of one: reading may
// have been cut there.
func redact(text string, secrets []string) string {
	for _, secret := range secrets {
		for _, spelling := range spellings(secret) {
			text = redactSpelling(text, spelling)
		}
	}
	return text
}

// spellings are a secret and what base64 makes of it at each of three offsets. Without the characters at both ends that
// other text shares, a short one says too little to be looked for.
func spellings(secret string) []string {
	if secret == "" {
		return nil
	}
	list := []string{secret}
	for offset, shared := range []int{0, 2, 3} {
		data := append(make([]byte, offset), secret...)
		whole := len(data) * 8 / 6
		if whole-shared < minSecretPart {
			continue
		}
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			list = append(list, encoding.EncodeToString(data)[shared:whole])
		}
	}
	return list
}

// redactSpelling replaces one spelling of a secret.
func redactSpelling(text, spelling string) string {
	var b strings.Builder
	for at := 0; at < len(text); {
		length, matched := match(text[at:], spelling)
		isCut := isPartOfEscape(text[at+length:]) && matched >= minSecretPart
		switch {
		case matched == len(spelling):
			b.WriteString(redacted)
			at += length
		case isCut:
			return b.String() + redacted
		default:
			b.WriteByte(text[at])
			at++
		}
	}
	return b.String()
}

// match returns how many bytes at the beginning of a text are spelling's, and how many of spelling's they are.
func match(text, spelling string) (length, matched int) {
	for matched < len(spelling) && length < len(text) {
		c, size := text[length], 1
		if value, err := strconv.ParseUint(hexDigits(text[length:]), 16, 8); err == nil && c != spelling[matched] {
			c, size = byte(value), len("%00")
		}
		if fold(c) != fold(spelling[matched]) {
			break
		}
		length += size
		matched++
	}
	return length, matched
}

// hexDigits are the two digits of the percent-escape that a text begins with, empty if it begins with none.
func hexDigits(text string) string {
	if len(text) < len("%00") || text[0] != '%' {
		return ""
	}
	return text[1:3]
}

// isPartOfEscape says whether a text is empty, or a percent-escape that was cut.
func isPartOfEscape(text string) bool { return text == "" || text[0] == '%' && len(text) < len("%00") }

// fold makes an ASCII letter a small one.
func fold(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// quotedError says what another error does, as far as that is fit for an error.
type quotedError struct {
	text string
	err  error
}

func (e *quotedError) Error() string { return e.text }

func (e *quotedError) Unwrap() error { return e.err }

// quoted returns an error that says what err does, as far as that is fit for an error: parsers, TLS and name servers quote
// what a peer sent.
func quoted(err error, secrets []string) error {
	return &quotedError{text: excerpt(err.Error(), secrets), err: err}
}
