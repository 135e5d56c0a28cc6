package record

import (
	"os"
	"strings"
	"testing"
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
