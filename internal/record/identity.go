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

// identify sets the identity of a record: 64 bits of hash, the same in every process. Message and audit are hashed by
// `guid` and the instant in `ts`, maillog by `id` and that instant. Anything else is known by its bytes alone. Among two
// million records, the chance that a new one has the identity of another is one in ten million million.
func (r *Record) identify(t podlog.EventType, o *object) {
	kind, name := byte(kindGUID), o.fields[fieldGUID]
	if t == podlog.Maillog {
		kind, name = kindID, o.fields[fieldID]
	}
	if r.Problem != "" || name == "" {
		r.identifyByBytes(t)
		return
	}
	name = unescape(name)
	if r.Timestamp != 0 {
		r.ID = hashID(kind, name, uint64(r.Timestamp))
	} else {
		r.ID = hashOf(r.Body)
	}
	if t == podlog.Maillog {
		r.FormerID = hashID(kind, name, 0)
	}
}

// identifyByBytes sets the identity of a record that has no name.
func (r *Record) identifyByBytes(t podlog.EventType) {
	r.ID = hashOf(r.Body)
	if t == podlog.Maillog {
		r.FormerID = r.ID
	}
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
