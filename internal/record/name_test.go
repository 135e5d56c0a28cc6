package record_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/proofpointpod/otelcol/internal/record"
)

func TestName(t *testing.T) {
	const digest = "SHA-256 "
	for body, want := range map[string]string{
		`{"guid":"a\"b","ts":"2026-01-12T08:15:30+0100"}`: `guid "a\"b", ts "2026-01-12T08:15:30+0100"`,
		`{"ts":"2026-01-12T08:15:30+0100","id":"x/+="}`:   `id "x/+=", ts "2026-01-12T08:15:30+0100"`,
		`{"ts":"2026-01-12T08:15:30+0100"}`:               `ts "2026-01-12T08:15:30+0100", 33 bytes, ` + digest,
		"no JSON":                                         `7 bytes, ` + digest,
		`{"guid":"cut`:                                    `12 bytes, ` + digest,
	} {
		name := record.Name(body)
		assert.True(t, strings.HasPrefix(name, want), "%s: %s", body, name)
	}
	assert.Less(t, len(record.Name(`{"guid":"`+strings.Repeat("x", 5000)+`"}`)), 200)
}
