package podsim_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

// generated makes n records in a service of its own.
func generated(t *testing.T, et podlog.EventType, n int) [][]byte {
	t.Helper()
	s := podsim.New(podsim.Options{Seed: 1})
	defer s.Close()
	return s.Generate(et, n)
}

func TestGenerate_sizesAreThoseOfRealRecords(t *testing.T) {
	for et, want := range map[podlog.EventType]struct{ mean, least, most int }{
		podlog.Message: {mean: 6400, least: 3500, most: 300_000},
		podlog.Maillog: {mean: 800, least: 300, most: 1500},
		podlog.Audit:   {mean: 500, least: 400, most: 1000},
	} {
		const n = 1500
		total, large := 0, 0
		for _, r := range generated(t, et, n) {
			assert.Greater(t, len(r), want.least, et)
			assert.Less(t, len(r), want.most, et)
			total += len(r)
			if len(r) > 100_000 {
				large++
			}
		}
		t.Logf("%s: mean %d bytes, %d over 100 kB", et, total/n, large)
		assert.InEpsilon(t, want.mean, total/n, 0.05, et)
		if et == podlog.Message {
			assert.Positive(t, large, "a tail over 100 kB")
		}
	}
}

func TestGenerate_recordsHaveTheDocumentedShape(t *testing.T) {
	start := time.Now()
	for et, c := range map[podlog.EventType]struct {
		key, pattern string
		fields       []string
	}{
		podlog.Message: {"guid", `^[A-Za-z0-9_-]{32}$`, []string{"connection", "envelope", "filter", "msg", "msgParts", "metadata"}},
		podlog.Maillog: {"id", `^[A-Za-z0-9+/]{22}$`, []string{"data", "sm", "metadata"}},
		podlog.Audit:   {"guid", `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, []string{"audit", "metadata"}},
	} {
		ids, last := make(map[string]bool), make(map[string]int)
		const n = 200
		for _, payload := range generated(t, et, n) {
			var r map[string]any
			require.NoError(t, json.Unmarshal(payload, &r), "%s", payload)
			for _, f := range c.fields {
				assert.Contains(t, r, f)
			}
			id := r[c.key].(string)
			assert.Regexp(t, c.pattern, id)
			ids[id] = true
			ts := r["ts"].(string)
			assert.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[-+]\d{4}$`, ts)
			at, err := time.Parse("2006-01-02T15:04:05.999999-0700", ts)
			require.NoError(t, err)
			assert.WithinRange(t, at, start.Add(-2*time.Minute), time.Now())
			for _, f := range []string{"ts", c.key} {
				if strings.HasSuffix(string(payload), `"`+f+`":"`+r[f].(string)+`"}`) {
					last[f]++
				}
			}
		}
		assert.Len(t, ids, n, "%s: unique identities", et)
		assert.Positive(t, last["ts"], "%s: ts comes last at times", et)
		assert.Positive(t, last[c.key], "%s: the identity comes last at times", et)
	}
}

func TestGenerate_messagesAreOddAsRealOnesAre(t *testing.T) {
	var all strings.Builder
	for _, r := range generated(t, podlog.Message, 200) {
		all.Write(r)
	}
	for _, odd := range []string{`"":`, `"   ":`, `"og:title":`, `"a.b.c":`, `"inbound":null`, `\r\n <`, `=?utf-8?B?`, `["telephone=no",0,null]`} {
		assert.Contains(t, all.String(), odd)
	}
}

func TestGenerate_maillogJoinsMessagesByQID(t *testing.T) {
	s := podsim.New(podsim.Options{})
	defer s.Close()
	qid := regexp.MustCompile(`"qid":"(\w{14})"`)
	messages := make(map[string]bool)
	for _, r := range s.Generate(podlog.Message, 100) {
		messages[qid.FindStringSubmatch(string(r))[1]] = true
	}
	assert.Len(t, messages, 100)
	joined := make(map[string]bool)
	for _, r := range s.Generate(podlog.Maillog, 600) {
		if found := qid.FindStringSubmatch(string(r)); found != nil && messages[found[1]] {
			joined[found[1]] = true
		}
	}
	assert.Len(t, joined, 100)
}

func TestGenerate_isRepeatableBySeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sample := func(seed uint64) [][]byte {
			s := podsim.New(podsim.Options{Seed: seed})
			defer s.Close()
			var all [][]byte
			for _, et := range podlog.EventTypes() {
				all = append(all, s.Generate(et, 20)...)
			}
			return all
		}
		seven := sample(7)
		assert.Equal(t, seven, sample(7))
		assert.NotEqual(t, seven, sample(8))
	})
}

func TestGenerate_keepsTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := podsim.New(podsim.Options{Rate: map[podlog.EventType]float64{podlog.Audit: 0.5, podlog.Maillog: 50}})
		defer s.Close()
		<-time.After(time.Minute)
		synctest.Wait()
		assert.Len(t, s.Produced(podlog.Audit), 30)
		assert.Len(t, s.Produced(podlog.Maillog), 3000)
		assert.Empty(t, s.Produced(podlog.Message))
	})
}

func BenchmarkGenerate_message(b *testing.B) {
	s := podsim.New(podsim.Options{Retain: 1})
	defer s.Close()
	for b.Loop() {
		s.Generate(podlog.Message, 1)
	}
}
