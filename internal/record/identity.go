package record

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/cespare/xxhash/v2"

	"github.com/proofpointpod/otelcol/internal/podlog"
)

// The kinds of identity, the first byte of what is hashed, so that no two of different kinds are the same by design.
const (
	kindGUID = 'g'
	kindID   = 'i'
)

// identity is 64 bits of hash, the same in every process: of `guid` and the instant in `ts` for message and audit, of
// `id` for maillog. Anything else is known by its bytes alone. Among two million records, the chance that a new one
// has the identity of another is one in ten million million.
func identity(t podlog.EventType, r *Record, o *object) uint64 {
	if r.Problem == "" {
		switch guid, id := o.fields[fieldGUID], o.fields[fieldID]; {
		case t == podlog.Maillog && id != "":
			return hashID(kindID, unescape(id), 0)
		case t != podlog.Maillog && guid != "" && r.Timestamp != 0:
			return hashID(kindGUID, unescape(guid), uint64(r.Timestamp))
		}
	}
	return hashOf(r.Body)
}

// hashID hashes what the service calls a record by. It makes those names itself, so a fast hash will do.
func hashID(kind byte, name string, instant uint64) uint64 {
	buffer := make([]byte, 0, 128)
	buffer = append(buffer, kind)
	buffer = append(buffer, name...)
	buffer = binary.LittleEndian.AppendUint64(buffer, instant)
	return xxhash.Sum64(buffer)
}

// hashOf hashes a text. What is in it may be in the hand of a stranger, who must not be able to make two of the same
// hash.
func hashOf(text string) uint64 {
	sum := sha256.Sum256([]byte(text))
	return binary.LittleEndian.Uint64(sum[:])
}
