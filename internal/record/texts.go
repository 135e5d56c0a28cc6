package record

import "strings"

const (
	// chunk is how much memory the texts of records share. It holds ten messages or eighty maillog records.
	chunk = 64 << 10
	// large is the length from which a text has memory of its own.
	large = chunk / 4
)

// texts copies the contents of frames, one behind the other into memory that they share: an allocation for each would
// cost more time, and an eighth more memory in the mean, since sizes are rounded up. Memory that a text is in is never
// written again. One goroutine uses it.
type texts struct {
	memory strings.Builder
}

// copy returns a copy of a frame.
func (t *texts) copy(frame []byte) string {
	if len(frame) >= large {
		return string(frame)
	}
	from := t.makeRoom(len(frame))
	t.memory.Write(frame)
	return t.memory.String()[from:]
}

// copyString returns a copy of a part of a frame, which does not keep the memory of the frame.
func (t *texts) copyString(part string) string {
	if len(part) >= large {
		return strings.Clone(part)
	}
	from := t.makeRoom(len(part))
	t.memory.WriteString(part)
	return t.memory.String()[from:]
}

// makeRoom makes room for a text, and returns where that begins.
func (t *texts) makeRoom(size int) int {
	if t.memory.Cap()-t.memory.Len() < size {
		t.memory.Reset()
		t.memory.Grow(chunk)
	}
	return t.memory.Len()
}
