package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The alerts themselves are played by promtool (`make alerts`); here is what it does not know: which metrics and labels
// there are, and that no alert is without its text and its stories.

// rule is an alert of config/prometheus/alerts.yaml, or a metric that is recorded for one.
type rule struct {
	Alert       string            `yaml:"alert"`
	Record      string            `yaml:"record"`
	Expr        string            `yaml:"expr"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

// alertRules are the alerts, and the names of the metrics that are recorded for them.
func alertRules(t *testing.T) (alerts []rule, recorded []string) {
	t.Helper()
	for _, r := range rules(t) {
		if r.Record != "" {
			recorded = append(recorded, r.Record)
			continue
		}
		alerts = append(alerts, r)
	}
	require.NotEmpty(t, alerts)
	return alerts, recorded
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []rule `yaml:"rules"`
		} `yaml:"groups"`
	}
	readYAML(t, "config/prometheus/alerts.yaml", &file)
	var all []rule
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// story is a test of promtool's: series, and which alerts fire at a moment.
type story struct {
	Name   string `yaml:"name"`
	Series []struct {
		Series string `yaml:"series"`
	} `yaml:"input_series"`
	Checks []struct {
		Expr    string `yaml:"expr"`
		Samples []struct {
			Labels string `yaml:"labels"`
		} `yaml:"exp_samples"`
	} `yaml:"promql_expr_test"`
}

func stories(t *testing.T) []story {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root(t), "config/prometheus/*_test.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var all []story
	for _, path := range files {
		var file struct {
			Tests []story `yaml:"tests"`
		}
		readYAML(t, filepath.Join("config/prometheus", filepath.Base(path)), &file)
		all = append(all, file.Tests...)
	}
	return all
}

// fires says whether an alert fires in the story.
func (s *story) fires(alert string) bool {
	for _, check := range s.Checks {
		for _, sample := range check.Samples {
			if strings.Contains(sample.Labels, `alertname="`+alert+`"`) {
				return true
			}
		}
	}
	return false
}

// has says whether the story has a metric.
func (s *story) has(metric string) bool {
	for _, series := range s.Series {
		if strings.HasPrefix(series.Series, metric+"{") {
			return true
		}
	}
	return false
}

func TestAlerts_sayWhatIsWrongAndWhatToDo(t *testing.T) {
	alerts, _ := alertRules(t)
	seen := map[string]bool{}
	for _, alert := range alerts {
		assert.False(t, seen[alert.Alert], "there are two of %s", alert.Alert)
		seen[alert.Alert] = true
		assert.Contains(t, []string{"critical", "warning"}, alert.Labels["severity"], alert.Alert)
		for _, name := range []string{"summary", "description", "runbook"} {
			assert.NotEmpty(t, alert.Annotations[name], "%s has no %s", alert.Alert, name)
		}
	}
}

func TestAlerts_namesAreThoseOfMetadata(t *testing.T) {
	metadata := readMetadata(t)
	_, recorded := alertRules(t)
	inText := regexp.MustCompile(`\$labels\.(\w+)`)
	named := regexp.MustCompile(`otelcol_\w+`)
	for _, r := range rules(t) {
		checkNames(t, metadata, r.Expr, recorded)
		known := []string{"job", "instance"}
		for _, metric := range metricsIn(r.Expr) {
			labels, _ := metadata.labels(metric)
			known = append(known, labels...)
		}
		for _, text := range r.Annotations {
			for _, label := range inText.FindAllStringSubmatch(text, -1) {
				assert.Contains(t, known, label[1], "%s tells of a label that it has not", r.Alert)
			}
			for _, metric := range named.FindAllString(text, -1) {
				_, found := metadata.labels(metric)
				assert.True(t, found, "%s tells of %s, which is no metric", r.Alert, metric)
			}
		}
	}
}

func TestAlerts_eachFiresInOneStoryAndNotInAnother(t *testing.T) {
	alerts, recorded := alertRules(t)
	for _, alert := range alerts {
		var fires, quiet bool
		for _, s := range stories(t) {
			if s.fires(alert.Alert) {
				fires = true
				continue
			}
			// A story without the alert's metrics is quiet whatever the alert says.
			withAll := true
			for _, metric := range metricsIn(alert.Expr) {
				withAll = withAll && (slices.Contains(recorded, metric) || s.has(metric))
			}
			quiet = quiet || withAll
		}
		assert.True(t, fires, "no story in which %s fires", alert.Alert)
		assert.True(t, quiet, "no story with the metrics of %s in which it does not fire", alert.Alert)
	}
}

func TestReadme_listsEveryAlert(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	require.NoError(t, err)
	alerts, _ := alertRules(t)
	for _, alert := range alerts {
		name := strings.TrimPrefix(alert.Alert, "ProofpointPod")
		if days, expires := strings.CutPrefix(name, "TokenExpires"); expires && name != "TokenExpiresIn14Days" {
			name = "…" + days
		}
		assert.Contains(t, string(text), "`"+name+"`")
	}
}

// What a story does not expect must not fire, whichever alert it is.
func TestAlerts_storiesLookAtAllAlerts(t *testing.T) {
	for _, s := range stories(t) {
		assert.NotEmpty(t, s.Checks, s.Name)
		for _, check := range s.Checks {
			assert.Contains(t, check.Expr, `(ALERTS{alertstate="firing"})`, s.Name)
		}
	}
}

func TestPrometheusExample_hasTheJobThatAnAlertKnows(t *testing.T) {
	var example struct {
		Scrape []struct {
			Job string `yaml:"job_name"`
		} `yaml:"scrape_configs"`
	}
	readYAML(t, "config/prometheus/prometheus.yaml", &example)
	require.Len(t, example.Scrape, 1)
	known := 0
	for _, r := range rules(t) {
		for _, match := range regexp.MustCompile(`\bjob="([^"]*)"`).FindAllStringSubmatch(r.Expr, -1) {
			assert.Equal(t, example.Scrape[0].Job, match[1], r.Alert)
			known++
		}
	}
	assert.Positive(t, known)
}
