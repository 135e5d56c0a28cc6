package record

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func sample(tb testing.TB, name string) string {
	tb.Helper()
	b, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		tb.Fatal(err)
	}
	return strings.TrimSuffix(string(b), "\n")
}

// scan scans the one object in a text.
func scan(text string) object {
	var s scanner
	s.find(text)
	return s.object(0)
}

// Nothing of a record is lost for its depth, and what it takes is bounded and given back.
func TestScan_ofAnyDepth(t *testing.T) {
	const depth = 4_000_000
	text := `{"a":` + strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth) + `,"ts":"2020-11-05T12:59:24.904391+0100","guid":"g"}`
	var s scanner
	s.find(text)
	o := s.object(0)
	assert.Equal(t, whole, o.status)
	assert.Equal(t, "2020-11-05T12:59:24.904391+0100", o.fields[fieldTS])
	assert.Equal(t, "g", o.fields[fieldGUID])
	assert.LessOrEqual(t, 8*cap(s.nesting.words), depth/4)
	s.forget()
	assert.Zero(t, cap(s.nesting.words))

	mixed := strings.Repeat(`{"a":[`, 100) + strings.Repeat(`]}`, 100)
	assert.Equal(t, whole, scan(mixed).status)
	assert.Equal(t, broken, scan(strings.Replace(mixed, "]}", "}]", 1)).status)
}

func BenchmarkScan(b *testing.B) {
	for _, name := range []string{"message", "maillog", "audit"} {
		b.Run(name, func(b *testing.B) {
			text := sample(b, name)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			var s scanner
			for b.Loop() {
				s.find(text)
				if o := s.object(0); o.status != whole || o.fields[fieldTS] == "" {
					b.Fatal(o)
				}
			}
		})
	}
}
