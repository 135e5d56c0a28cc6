package sourcehealthextension

import (
	"errors"
	"math"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

func TestSources_tellHowASourceIs(t *testing.T) {
	p := startPage(t, host{}, nil)
	report := collecting(sourceID)
	report.Name, report.Description, report.Category = "PoD", "all mail", "mail/pod"
	p.AddSource(sourceID, func() sourcehealth.Report { return report })
	p.report(component.KindReceiver, sourceID, componentstatus.NewEvent(componentstatus.StatusOK))
	p.HealthEvent(trouble("1", "collection"))
	p.HealthEvent(warning("2", "storage"))
	p.HealthEvent(warning("3", "archive"))
	p.HealthEvent(good("4", "archive"))

	all := get[sourcesAnswer](p, pathSources)
	require.Len(t, all.Sources, 1)
	source := all.Sources[0]
	assert.Equal(t, []string{"proofpointpod", "PoD", "all mail", "mail/pod", "example", "Collecting", "StatusOK"},
		[]string{source.ID, source.Name, source.Description, source.Category, source.ClusterID, source.State, source.Status})
	assert.Equal(t, []int{1, 1}, []int{source.OpenErrors, source.OpenWarnings}, "open errors and warnings")
	assert.Equal(t, []int{1, 1}, []int{all.OpenErrors, all.OpenWarnings})
	require.Len(t, source.Streams, 1)
	assert.Equal(t, "message", source.Streams[0].EventType)
	assert.Nil(t, source.Streams[0].RecordsPerSecond, "one look tells no rate")
}

// What is not known is left out, and what only history needs is not told.
func TestSources_tellWhatIsDocumented(t *testing.T) {
	p := startPage(t, host{}, nil)
	report := collecting(sourceID)
	report.Repeats = map[string]sourcehealth.RepeatReport{"1": {Count: 1}}
	report.Streams[0].Repeats = map[string]sourcehealth.RepeatReport{"2": {Count: 1}}
	p.AddSource(sourceID, func() sourcehealth.Report { return report })
	_, text := p.do(http.MethodGet, pathSources, nil)
	assert.Contains(t, text, `"plot":{"stepSeconds":10,`, "there is no point yet, so it has no end")
	assert.NotContains(t, text, "epeats")
}

func TestSources_withOneNameArePointedOut(t *testing.T) {
	p := startPage(t, host{}, nil)
	other := component.MustNewIDWithName(sourceType, "other")
	third := component.MustNewIDWithName(sourceType, "third")
	for _, id := range []component.ID{sourceID, other, third} {
		report := collecting(id)
		if id != third {
			report.Name = "PoD"
		}
		p.AddSource(id, func() sourcehealth.Report { return report })
	}
	all := get[sourcesAnswer](p, pathSources)
	require.Len(t, all.Sources, 3)
	assert.Equal(t, []string{"proofpointpod/other"}, all.Sources[0].SameName)
	assert.Equal(t, []string{"proofpointpod"}, all.Sources[1].SameName)
	assert.Empty(t, all.Sources[2].SameName)
}

func TestSources_thatHaveNotIntroducedThemselvesAreShownByTheirStatus(t *testing.T) {
	t.Parallel()
	p := startPage(t, host{}, nil)
	p.report(component.KindReceiver, sourceID, componentstatus.NewEvent(componentstatus.StatusStarting))
	assert.Equal(t, "Started", get[sourcesAnswer](p, pathSources).Sources[0].State)

	attributes := pcommon.NewMap()
	require.NoError(t, attributes.FromRaw(map[string]any{
		"state": "Error", "name": "PoD",
		"streams": map[string]any{"maillog": map[string]any{"state": "Error", "error": "refused"}},
	}))
	p.report(component.KindReceiver, sourceID, componentstatus.NewEvent(componentstatus.StatusPermanentError,
		componentstatus.WithAttributes(attributes), componentstatus.WithError(errors.New("refused"))))
	all := waitFresh(p)
	source := all.Sources[0]
	assert.Equal(t, []string{"Error", "PoD", "StatusPermanentError"}, []string{source.State, source.Name, source.Status})
	assert.Equal(t, 1, source.OpenErrors)
	assert.Equal(t, []string{"refused"}, source.Streams[0].Errors)

	p.report(component.KindReceiver, sourceID, componentstatus.NewEvent(componentstatus.StatusStopping))
	source = waitFresh(p).Sources[0]
	assert.Equal(t, []string{"Stopping", "PoD"}, []string{source.State, source.Name})
}

// waitFresh waits until the page tells of what has just changed.
func waitFresh(p *page) sourcesAnswer {
	p.t.Helper()
	began := time.Now()
	var all sourcesAnswer
	require.Eventually(p.t, func() bool {
		all = get[sourcesAnswer](p, pathSources)
		return all.Time.After(began)
	}, 10*time.Second, 20*time.Millisecond)
	return all
}

func TestComponents_areListedWithTheirStatus(t *testing.T) {
	p := startPage(t, host{}, nil)
	otlp, batch := component.MustNewID("otlp"), component.MustNewID("batch")
	p.report(component.KindExporter, otlp, componentstatus.NewEvent(componentstatus.StatusOK))
	p.report(component.KindExporter, otlp, componentstatus.NewRecoverableErrorEvent(errors.New("no backend")))
	p.report(component.KindExporter, otlp, componentstatus.NewRecoverableErrorEvent(errors.New("still none")))
	p.report(component.KindProcessor, batch, componentstatus.NewEvent(componentstatus.StatusOK))

	all := get[sourcesAnswer](p, pathSources)
	require.Len(t, all.Components, 2)
	assert.Empty(t, all.Sources)
	assert.Equal(t, []string{"processor", "batch", "StatusOK", ""},
		[]string{all.Components[0].Kind, all.Components[0].ID, all.Components[0].Status, all.Components[0].Error})
	assert.Equal(t, []string{"exporter", "otlp", "StatusRecoverableError", "still none"},
		[]string{all.Components[1].Kind, all.Components[1].ID, all.Components[1].Status, all.Components[1].Error})
	assert.Equal(t, []string{"logs"}, all.Components[1].Pipelines)
}

func TestComponents_sinceIsWhenTheStatusChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newComponents()
		id := componentstatus.NewInstanceID(component.MustNewID("otlp"), component.KindExporter)
		began := time.Now()
		c.changed(id, componentstatus.NewRecoverableErrorEvent(errors.New("no backend")))
		pass(time.Minute)
		c.changed(id, componentstatus.NewRecoverableErrorEvent(errors.New("still none")))
		assert.Equal(t, began, c.list()[0].Since)
		c.changed(id, componentstatus.NewEvent(componentstatus.StatusOK))
		assert.Equal(t, began.Add(time.Minute), c.list()[0].Since)
	})
}

// A source is not looked at any more when RemoveSource has returned.
func TestRemoveSource_endsTheLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry()
		var removed atomic.Bool
		looking, goOn := make(chan struct{}), make(chan struct{})
		r.add(sourceID, func() sourcehealth.Report {
			looking <- struct{}{}
			<-goOn
			assert.False(t, removed.Load())
			return collecting(sourceID)
		})
		go r.reports()
		<-looking
		go func() {
			r.remove(sourceID)
			removed.Store(true)
		}()
		synctest.Wait()
		assert.False(t, removed.Load(), "a look is under way")
		close(goOn)
		synctest.Wait()
		assert.True(t, removed.Load())
		reports := r.reports()
		require.Len(t, reports, 1)
		assert.Equal(t, sourcehealth.Stopping, reports[0].State)
		assert.Equal(t, sourcehealth.Stopping, reports[0].Streams[0].State)
	})
}

func TestAddSource_takesThePlaceOfTheOneBefore(t *testing.T) {
	r := newRegistry()
	r.add(sourceID, func() sourcehealth.Report { return sourcehealth.Report{ID: sourceID.String(), Name: "old"} })
	r.add(sourceID, func() sourcehealth.Report { return sourcehealth.Report{ID: sourceID.String(), Name: "new"} })
	reports := r.reports()
	require.Len(t, reports, 1)
	assert.Equal(t, "new", reports[0].Name)
}

// Whoever reports a status holds a lock, so the page must not make him wait, whatever its own goroutines do.
func TestWatcher_waitsForNobody(t *testing.T) {
	p := startPage(t, host{}, nil)
	held, looking := make(chan struct{}), make(chan struct{}, 1)
	p.AddSource(sourceID, func() sourcehealth.Report {
		select {
		case looking <- struct{}{}:
		default:
		}
		<-held
		return collecting(sourceID)
	})
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		get[sourcesAnswer](p, pathSources)
	}()
	<-looking
	for range 1000 {
		p.report(component.KindReceiver, sourceID, componentstatus.NewEvent(componentstatus.StatusOK))
		p.HealthEvent(trouble("1", "collection"))
	}
	close(held)
	<-asked
}

func TestWatcher_isToldBeforeStartAndAfterShutdown(t *testing.T) {
	e := newSourceHealth(settingsOf(t), createDefaultConfig().(*Config))
	id := componentstatus.NewInstanceID(sourceID, component.KindReceiver)
	e.ComponentStatusChanged(id, componentstatus.NewEvent(componentstatus.StatusStarting))
	e.config.HTTP.NetAddr.Endpoint = "127.0.0.1:0"
	require.NoError(t, e.Start(t.Context(), host{}))
	require.NoError(t, e.Shutdown(t.Context()))
	e.ComponentStatusChanged(id, componentstatus.NewEvent(componentstatus.StatusStopping))
	e.HealthEvent(trouble("1", "collection"))
	e.RemoveSource(sourceID)
	require.NoError(t, e.Shutdown(t.Context()))
}

func TestObserver_measuresAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry()
		began := time.Now()
		// 5 records and 500 bytes a second, from the beginning.
		r.add(sourceID, func() sourcehealth.Report {
			report := collecting(sourceID)
			report.Streams[0].Records = int64(time.Since(began).Seconds()) * 5
			report.Streams[0].Bytes = report.Streams[0].Records * 100
			return report
		})
		o := newObserver(r, newComponents(), newHistory(10), component.BuildInfo{})
		running := t.Context()
		go o.run(running)
		pass(2*time.Hour + time.Second)
		view, err := o.ask(running, running)
		require.NoError(t, err)
		stream := view.Sources[0].Streams[0]
		assert.InDelta(t, 5, float64(stream.RecordsPerSecond), 0.1)
		assert.InDelta(t, 500, float64(stream.BytesPerSecond), 10)
		require.Len(t, stream.Plot.RecordsPerSecond, 360, "the last hour")
		for i := range stream.Plot.RecordsPerSecond {
			require.InDelta(t, 5, float64(stream.Plot.RecordsPerSecond[i]), 0.01)
			require.InDelta(t, 500, float64(stream.Plot.BytesPerSecond[i]), 1)
		}
		assert.Equal(t, began.Add(2*time.Hour), stream.Plot.End)
	})
}

func TestObserver_looksOnceForAllWhoAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRegistry()
		looks := 0
		r.add(sourceID, func() sourcehealth.Report { looks++; return collecting(sourceID) })
		o := newObserver(r, newComponents(), newHistory(10), component.BuildInfo{})
		go o.run(t.Context())
		for range 10 {
			_, err := o.ask(t.Context(), t.Context())
			require.NoError(t, err)
		}
		assert.Equal(t, 1, looks)
		pass(time.Second)
		_, err := o.ask(t.Context(), t.Context())
		require.NoError(t, err)
		assert.Equal(t, 2, looks)
	})
}

func TestMeter_leavesEmptyWhatNobodyHasMeasured(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	m := &meter{}
	at := func(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }
	for _, r := range []reading{{at(10), 100, 1000}, {at(20), 200, 2000}, {at(50), 500, 5000}, {at(60), 600, 6000}, {at(70), 50, 500}} {
		m.read(r)
		m.plot(r.at)
	}
	var rates []float64
	for _, p := range m.points {
		rates = append(rates, float64(p.records))
	}
	require.Len(t, rates, 7)
	for i, known := range []bool{false, true, false, false, false, true, true} {
		require.Equal(t, known, !math.IsNaN(rates[i]), "point %d of %v", i, rates)
	}
	assert.True(t, math.IsNaN(float64(m.now().records)), "no rate is taken across the beginning")
	assert.Equal(t, []float64{10, 10, 5}, []float64{rates[1], rates[5], rates[6]}, "lower counts have begun anew")
	text, err := unknown().MarshalJSON()
	require.NoError(t, err)
	assert.Equal(t, "null", string(text))
	text, err = rate(123456.789).MarshalJSON()
	require.NoError(t, err)
	assert.Equal(t, "123500", string(text))
}
