package record

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// maxNamePart is how many characters of each part of a name are shown.
const maxNamePart = 100

// Name returns how people find a record: its `guid` or `id` with its `ts`, or else the size and the SHA-256 of its text.
func Name(body string) string {
	var s scanner
	s.find(body)
	o := s.object(0)
	var parts []string
	for _, part := range []struct {
		key   string
		field field
	}{{"guid", fieldGUID}, {"id", fieldID}, {"ts", fieldTS}} {
		if value := o.fields[part.field]; value != "" && o.status == whole {
			parts = append(parts, fmt.Sprintf("%s %.*q", part.key, maxNamePart, unescape(value)))
		}
	}
	if o.fields[fieldGUID] == "" && o.fields[fieldID] == "" || len(parts) == 0 {
		parts = append(parts, fmt.Sprintf("%d bytes, SHA-256 %x", len(body), sha256.Sum256([]byte(body))))
	}
	return strings.Join(parts, ", ")
}
