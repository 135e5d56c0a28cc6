package e2e

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A query is taken apart here as far as names go. Whether it is a good one is for promtool to say.

var (
	promSelector = regexp.MustCompile(`([a-zA-Z_:][\w:]*)\{([^}]*)\}`)
	promMatcher  = regexp.MustCompile(`(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	promGrouping = regexp.MustCompile(`\b(?:by|without|on|ignoring)\s*\(([^)]*)\)`)
	promRange    = regexp.MustCompile(`\[[^\]]*\]|\boffset \w+`)
	promFunction = regexp.MustCompile(`\b[a-z_]+\s*\(`)
	promWord     = regexp.MustCompile(`[\w:]+`)
)

// metricsIn are the names of metrics in a query: every word that is nothing else.
func metricsIn(query string) []string {
	query = promSelector.ReplaceAllString(query, "$1")
	query = promGrouping.ReplaceAllString(query, "")
	query = promRange.ReplaceAllString(query, "")
	query = promFunction.ReplaceAllString(query, "(")
	var names []string
	for _, word := range promWord.FindAllString(query, -1) {
		if strings.ContainsAny(word[:1], "0123456789") || slices.Contains([]string{"and", "or", "unless", "bool"}, word) {
			continue
		}
		names = append(names, word)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// checkNames checks that the metrics of a query are there, and their labels, and the values of labels that have only a
// few. recorded are metrics of the rules' own making.
func checkNames(t *testing.T, m *telemetryOf, query string, recorded []string) {
	t.Helper()
	var known []string
	for _, metric := range metricsIn(query) {
		labels, found := m.labels(metric)
		assert.True(t, found || slices.Contains(recorded, metric), "there is no metric %s, in %s", metric, query)
		known = append(known, labels...)
	}
	for _, group := range promGrouping.FindAllStringSubmatch(query, -1) {
		for _, label := range promWord.FindAllString(group[1], -1) {
			assert.Contains(t, known, label, "no metric has this label, in %s", query)
		}
	}
	for _, selector := range promSelector.FindAllStringSubmatch(query, -1) {
		labels, _ := m.labels(selector[1])
		for _, matcher := range promMatcher.FindAllStringSubmatch(selector[2], -1) {
			assert.Contains(t, labels, matcher[1], "%s has no such label, in %s", selector[1], query)
			values := m.Attributes[matcher[1]].Enum
			if len(values) == 0 || strings.HasPrefix(matcher[3], "$") {
				continue
			}
			for value := range strings.SplitSeq(matcher[3], "|") {
				assert.Contains(t, values, value, "%s is never this, in %s", matcher[1], query)
			}
		}
	}
}

func TestMetricsIn(t *testing.T) {
	for query, want := range map[string][]string{
		`up{job="a b"} == 0`: {"up"},
		`sum by (x, y) (increase(otelcol_a{b="c", d=~"e|f"}[$__rate_interval] offset 1d)) > 3 * 60`: {"otelcol_a"},
		"a1 > bool 0\n unless on (x) b:c:2w == 1 and abs(d) > 60":                                   {"a1", "b:c:2w", "d"},
		`max_over_time((a + timestamp(a))[2w:1h])`:                                                  {"a"},
	} {
		assert.Equal(t, want, metricsIn(query), query)
	}
}
