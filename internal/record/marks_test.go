package record

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

func isMarked(c byte) bool { return c == '"' || c == '\\' || c < ' ' }

// checkMarks compares the marks of a text with a look at each of its bytes.
func checkMarks(t *testing.T, m *marks, text string) {
	t.Helper()
	m.find(text)
	next, ascii := len(text), true
	for i := len(text); i >= 0; i-- {
		if i < len(text) && isMarked(text[i]) {
			next = i
		}
		if i < len(text) && text[i] >= 0x80 {
			ascii = false
		}
		if got := m.next(i); got != next {
			t.Fatalf("%q: the next mark from %d on is %d, want %d", text, i, got, next)
		}
	}
	if m.ascii != ascii {
		t.Fatalf("%q: ascii %v, want %v", text, m.ascii, ascii)
	}
}

func TestMarks_ofEachByteAtEachPlace(t *testing.T) {
	var m marks
	for length := range block + 10 {
		plain := strings.Repeat("x", length)
		checkMarks(t, &m, plain)
		for i := range length {
			for _, c := range []string{`"`, `\`, "\x00", "\x1f", " ", "!", "#", "[", "]", "\x7f", "\x80", "\x82", "\xa2", "\xdc", "\xff"} {
				checkMarks(t, &m, plain[:i]+c+plain[i+1:])
			}
		}
	}
	plain := strings.Repeat("x", 3*block)
	for i := range plain {
		for c := range 256 {
			checkMarks(t, &m, plain[:i]+string([]byte{byte(c)})+plain[i+1:])
		}
	}
}

// Without vector instructions, the same is found.
func TestMarks_portably(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const special = "\"\\\x00\x1f\x80\xff ab"
	for range 2000 {
		text := make([]byte, random.IntN(5*block))
		for i := range text {
			if text[i] = byte(random.UintN(256)); random.IntN(2) == 0 {
				text[i] = special[random.IntN(len(special))]
			}
		}
		blocks := len(text) / block
		want, got := make([]byte, 8*blocks+1), make([]byte, 8*blocks+1)
		high := markBlocks(want, string(text))
		portable := markBlocksPortably(got, string(text))
		require.Equal(t, want, got, "%q", text)
		require.Equal(t, high != 0, portable != 0, "%q", text)
		require.Zero(t, want[8*blocks], "it writes no more than the whole blocks")
		for i := range blocks * block {
			require.Equal(t, isMarked(text[i]), got[i/8]>>(i%8)&1 != 0, "byte %d of %q", i, text)
		}
	}
}

func TestMarks_giveBackTheMemoryOfALongText(t *testing.T) {
	const kept = keptMarks / 8
	var m marks
	m.find(strings.Repeat("x", 1000))
	usual := &m.words[0]
	m.forget()
	m.find(`{}`)
	assert.Same(t, usual, &m.words[0], "made anew for each text")

	// No other record may come for hours, so it is not the next one that gives it back.
	long := `{"a":"` + strings.Repeat("x", 2*keptMarks) + `"}`
	var s Splitter
	require.Len(t, s.split(nil, []byte(long), false, time.Now()), 1)
	assert.LessOrEqual(t, cap(s.scanner.words), kept)
	assert.Empty(t, s.scanner.text)
	var f mapper
	f.put(pcommon.NewValueEmpty(), long)
	assert.LessOrEqual(t, cap(f.words), kept)
	assert.Empty(t, f.text)
}
