package positionstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/proofpointpod/otelcol/internal/position"
)

// entrySize is the size of an entry in storage: identity, time of acceptance, `ts`.
const entrySize = 8 + 4 + 4

var errChunk = errors.New("not a chunk of identities")

// encodeChunk writes the chunk's entries and a checksum.
func encodeChunk(c position.Chunk) []byte {
	data := make([]byte, 0, len(c.Entries)*entrySize+4)
	for _, e := range c.Entries {
		data = binary.LittleEndian.AppendUint64(data, e.ID)
		data = binary.LittleEndian.AppendUint32(data, e.Accepted)
		data = binary.LittleEndian.AppendUint32(data, e.TS)
	}
	return binary.LittleEndian.AppendUint32(data, crc32.ChecksumIEEE(data))
}

func decodeChunk(number uint64, data []byte) (position.Chunk, error) {
	if len(data) < entrySize+4 || (len(data)-4)%entrySize != 0 || len(data) > position.ChunkEntries*entrySize+4 {
		return position.Chunk{}, fmt.Errorf("%w: %d bytes", errChunk, len(data))
	}
	body := data[:len(data)-4]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(data[len(body):]) {
		return position.Chunk{}, fmt.Errorf("%w: wrong checksum", errChunk)
	}
	c := position.Chunk{Number: number, Entries: make([]position.Entry, 0, position.ChunkEntries)}
	for ; len(body) > 0; body = body[entrySize:] {
		c.Entries = append(c.Entries, position.Entry{
			ID:       binary.LittleEndian.Uint64(body),
			Accepted: binary.LittleEndian.Uint32(body[8:]),
			TS:       binary.LittleEndian.Uint32(body[12:]),
		})
	}
	return c, nil
}
