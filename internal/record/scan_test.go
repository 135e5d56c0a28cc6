package record

import (
	"os"
	"strings"
	"testing"
)

func sample(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(string(b), "\n")
}

func BenchmarkScan(b *testing.B) {
	for _, name := range []string{"message", "maillog", "audit"} {
		b.Run(name, func(b *testing.B) {
			text := sample(b, name)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if o := scanObject(text, 0); o.status != whole || o.ts == "" {
					b.Fatal(o)
				}
			}
		})
	}
}
