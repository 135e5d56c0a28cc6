package podlog

import (
	"bufio"
	"encoding/binary"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// message is a text message in one frame.
func message(content string) string {
	head := binary.BigEndian.AppendUint64([]byte{0x81, 127}, uint64(len(content)))
	return string(head) + content
}

// reading reads messages from what a service sends.
func reading(sent io.Reader, limit int64) *messages {
	return &messages{in: bufio.NewReaderSize(sent, readBufferSize), limit: limit, pong: func([]byte) {}}
}

// nextOf reads the next message, which must be whole.
func nextOf(t *testing.T, m *messages) string {
	t.Helper()
	data, truncated, err := m.next()
	require.NoError(t, err)
	require.False(t, truncated)
	return string(data)
}

func TestMessages_giveBackTheMemoryOfLongOnesAfterAWhile(t *testing.T) {
	long, short := strings.Repeat("x", 100_000), "short"
	m := reading(strings.NewReader(strings.Repeat(message(long), 2)+strings.Repeat(message(short), keptFor-1)+
		message(long)+strings.Repeat(message(short), keptFor)), 1<<20)

	require.Equal(t, long, nextOf(t, m))
	kept := &m.buffer[0]
	require.Equal(t, long, nextOf(t, m))
	for range keptFor - 1 {
		require.Equal(t, short, nextOf(t, m))
	}
	require.Equal(t, long, nextOf(t, m))
	assert.Same(t, kept, &m.buffer[0], "long ones now and then have the same memory")
	for range keptFor {
		require.NotNil(t, m.buffer)
		require.Equal(t, short, nextOf(t, m))
	}
	assert.Nil(t, m.buffer)
}

func TestMessages_giveBackTheMemoryOfAHugeOneAtOnce(t *testing.T) {
	huge := strings.Repeat("0123456789abcdef", 64<<20/16)
	m := reading(strings.NewReader(message(huge)+message("short")), int64(len(huge)))
	data, truncated, err := m.next()
	require.NoError(t, err)
	assert.False(t, truncated)
	same := huge == string(data) // too long to be shown
	assert.True(t, same)
	assert.Nil(t, m.buffer)
	assert.Equal(t, "short", nextOf(t, m))
}

// What a frame says of its length is not believed before the content is there.
func TestMessages_takeMemoryForWhatHasCome(t *testing.T) {
	beginning := message(strings.Repeat("x", 64<<20))[:1000]
	m := reading(strings.NewReader(beginning), 64<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, err := m.next()
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, io.EOF)
	assert.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4*readBufferSize))
}

// repeated sends the same for ever.
type repeated struct {
	text string
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

func TestMessages_areReadWithoutAllocations(t *testing.T) {
	m := reading(&repeated{text: message(strings.Repeat("x", 4200))}, 1<<20)
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		if data, _, err := m.next(); err != nil || len(data) != 4200 {
			t.Fatal(len(data), err)
		}
	}))
}

func BenchmarkMessages(b *testing.B) {
	for name, size := range map[string]int{"message": 4200, "maillog": 1000, "large": 100_000} {
		b.Run(name, func(b *testing.B) {
			m := reading(&repeated{text: message(strings.Repeat("x", size))}, 64<<20)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := m.next(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
