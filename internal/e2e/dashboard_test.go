package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dashboard is what is checked of config/grafana/dashboard.json.
type dashboard struct {
	Panels []struct {
		ID      int    `json:"id"`
		Type    string `json:"type"`
		Title   string `json:"title"`
		GridPos struct {
			H, W, X, Y int
		} `json:"gridPos"`
		Datasource struct {
			UID string `json:"uid"`
		} `json:"datasource"`
		Targets []struct {
			Expr string `json:"expr"`
		} `json:"targets"`
	} `json:"panels"`
	Templating struct {
		List []struct {
			Name       string `json:"name"`
			Type       string `json:"type"`
			Definition string `json:"definition"`
		} `json:"list"`
	} `json:"templating"`
}

func readDashboard(t *testing.T) *dashboard {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "config/grafana/dashboard.json"))
	require.NoError(t, err)
	d := new(dashboard)
	require.NoError(t, json.Unmarshal(text, d))
	require.NotEmpty(t, d.Panels)
	return d
}

// queries are all that the dashboard asks Prometheus for.
func (d *dashboard) queries() []string {
	var all []string
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			all = append(all, target.Expr)
		}
	}
	return all
}

func TestDashboard_namesAreThoseOfMetadata(t *testing.T) {
	metadata := readMetadata(t)
	d := readDashboard(t)
	var shown []string
	for _, query := range d.queries() {
		checkNames(t, metadata, query, nil)
		shown = append(shown, metricsIn(query)...)
	}
	for _, metric := range metadata.ours() {
		assert.Contains(t, shown, metric, "measured, and not shown")
	}
	variableQuery := regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)
	for _, variable := range d.Templating.List {
		if variable.Type == "query" {
			match := variableQuery.FindStringSubmatch(variable.Definition)
			require.NotNil(t, match, variable.Definition)
			checkNames(t, metadata, match[1], nil)
			labels, _ := metadata.labels(metricsIn(match[1])[0])
			assert.Contains(t, labels, match[2], variable.Definition)
		}
	}
}

// It can be imported anywhere: the data source is a variable, and panels are of kinds that every Grafana has.
func TestDashboard_needsNothingButPrometheus(t *testing.T) {
	d := readDashboard(t)
	require.Equal(t, "datasource", d.Templating.List[0].Type)
	source := "${" + d.Templating.List[0].Name + "}"
	ids := map[int]bool{}
	for i, panel := range d.Panels {
		assert.False(t, ids[panel.ID], "two panels have the number %d", panel.ID)
		ids[panel.ID] = true
		assert.LessOrEqual(t, panel.GridPos.X+panel.GridPos.W, 24, panel.Title)
		for _, other := range d.Panels[:i] {
			a, b := panel.GridPos, other.GridPos
			apart := a.X+a.W <= b.X || b.X+b.W <= a.X || a.Y+a.H <= b.Y || b.Y+b.H <= a.Y
			assert.True(t, apart, "%s lies over %s", panel.Title, other.Title)
		}
		if panel.Type == "row" {
			continue
		}
		assert.True(t, slices.Contains([]string{"timeseries", "stat", "table", "state-timeline"}, panel.Type), panel.Type)
		assert.Equal(t, source, panel.Datasource.UID, panel.Title)
		assert.NotEmpty(t, panel.Targets, panel.Title)
	}
}
