package sourcehealthextension

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/sourcehealth"
)

func TestEvents_areOpenUntilOneOfTheSameTrackerIsHealthy(t *testing.T) {
	p := startPage(t, host{}, nil)
	p.HealthEvent(trouble("1", "collection"))
	p.HealthEvent(warning("2", "storage"))
	end := good("3", "collection")
	end.Details.Count, end.Details.LastTime = "7", time.Now().Add(time.Minute).Format(time.RFC3339)
	p.HealthEvent(end)

	all := get[eventsAnswer](p, pathEvents)
	assert.Equal(t, []string{"3", "2", "1"}, all.ids())
	assert.Equal(t, []string{"", "open", "resolved"}, []string{all.Events[0].State, all.Events[1].State, all.Events[2].State})
	assert.NotNil(t, all.Events[2].ResolvedTime)
	assert.Equal(t, 7, all.Events[2].Count, "the end tells how often it went wrong")

	// Another source's trackers are its own.
	other := good("4", "storage")
	other.ResourceIdentity.ID = "proofpointpod/other"
	p.HealthEvent(other)
	assert.Equal(t, []string{"2"}, get[eventsAnswer](p, pathEvents+"?status=open").ids())
}

func TestEvents_areFiltered(t *testing.T) {
	p := startPage(t, host{}, nil)
	p.HealthEvent(trouble("1", "collection"))
	p.HealthEvent(warning("2", "storage"))
	p.HealthEvent(good("3", "collection"))
	other := warning("4", "storage")
	other.ResourceIdentity = sourcehealth.ResourceIdentity{ID: "proofpointpod/other", Name: "the other"}
	p.HealthEvent(other)
	for query, want := range map[string][]string{
		"":                                  {"4", "3", "2", "1"},
		"?severity=Warning":                 {"4", "2"},
		"?name=ThirdPartyConfigError":       {"3", "1"},
		"?status=open":                      {"4", "2"},
		"?status=resolved":                  {"1"},
		"?status=Healthy":                   {"3"},
		"?status=UnHealthy&severity=Error":  {"1"},
		"?source=proofpointpod%2Fother":     {"4"},
		"?source=the%20other&status=open":   {"4"},
		"?source=PoD&status=open&name=None": {},
	} {
		assert.Equal(t, want, get[eventsAnswer](p, pathEvents+query).ids(), query)
	}
	answer, text := p.do(http.MethodGet, pathEvents+"?severity=Fatal&since=1h&name=a&name=b", nil)
	assert.Equal(t, http.StatusBadRequest, answer.StatusCode)
	for _, mistake := range []string{"severity can be Error, Warning, Info", `\"since\" is no filter`, "name is given twice"} {
		assert.Contains(t, text, mistake)
	}
}

func TestEvents_thatRepeatRaiseACount(t *testing.T) {
	p := startPage(t, host{}, nil)
	last := time.Now().Add(time.Minute)
	report := collecting(sourceID)
	report.Streams[0].Repeats = map[string]sourcehealth.RepeatReport{"1": {Count: 12, LastTime: last}}
	report.Repeats = map[string]sourcehealth.RepeatReport{"2": {Count: 3, LastTime: last}} // of the source as a whole
	p.AddSource(sourceID, func() sourcehealth.Report { return report })
	p.HealthEvent(trouble("1", "collection"))
	p.HealthEvent(warning("2", "token"))
	waitFresh(p)
	all := get[eventsAnswer](p, pathEvents)
	require.Len(t, all.Events, 2)
	assert.Equal(t, []int{3, 12}, []int{all.Events[0].Count, all.Events[1].Count})
}

func TestHistory_isBoundedAndForgetsWhatIsOverFirst(t *testing.T) {
	h := newHistory(10)
	h.add(trouble("open", "collection"))
	for i := range 1000 {
		h.add(warning(fmt.Sprint("w", i), "storage"))
		h.add(good(fmt.Sprint("g", i), "storage"))
	}
	all, _ := h.all()
	require.Len(t, all, 10)
	assert.Equal(t, "open", all[0].EventID, "what is open is not forgotten")
	assert.Equal(t, "g999", all[9].EventID)
	assert.Equal(t, counts{OpenErrors: 1}, h.counts()[sourceID.String()])

	for i := range 1000 {
		h.add(warning(fmt.Sprint("o", i), fmt.Sprint("tracker", i)))
	}
	all, _ = h.all()
	assert.Len(t, all, 10, "not even what is open may grow for ever")
}

func TestHistory_isKeptAcrossRestarts(t *testing.T) {
	t.Parallel()
	stored := newMemoryStorage(t)
	p := startPage(t, host{stored}, in)
	p.AddSource(sourceID, func() sourcehealth.Report { return collecting(sourceID) })
	p.HealthEvent(trouble("1", "collection"))
	p.HealthEvent(good("2", "collection"))
	p.HealthEvent(warning("3", "storage"))
	require.NoError(t, p.Shutdown(t.Context()))
	require.False(t, stored.open, "the client is closed")

	p = startPage(t, host{stored}, in)
	all := get[eventsAnswer](p, pathEvents)
	assert.Equal(t, []string{"3", "2", "1"}, all.ids())
	assert.Equal(t, []string{"open", "", "resolved"}, []string{all.Events[0].State, all.Events[1].State, all.Events[2].State})

	// The source is there again, and the trouble is not over yet.
	initialized := collecting(sourceID)
	initialized.Streams[0].State = sourcehealth.Initialized
	p.AddSource(sourceID, func() sourcehealth.Report { return initialized })
	waitFresh(p)
	assert.Equal(t, []string{"3"}, get[eventsAnswer](p, pathEvents+"?status=open").ids())
	// It collects, and says nothing of it any more.
	p.AddSource(sourceID, func() sourcehealth.Report { return collecting(sourceID) })
	waitFresh(p)
	assert.Empty(t, get[eventsAnswer](p, pathEvents+"?status=open").ids())
	all = get[eventsAnswer](p, pathEvents+"?status=resolved")
	assert.Equal(t, "over after a restart or reload", all.Events[0].Resolution)
}

// An outage whose reason changes is one open event, and one that is of the same tracker without being of it stays open.
func TestHistory_anEventTakesThePlaceOfThoseBefore(t *testing.T) {
	h := newHistory(10)
	h.add(warning("dropped", "collection"))
	refused := warning("refused", "collection")
	refused.Details.Since = refused.EventTime.Format(time.RFC3339)
	h.add(refused)
	h.add(warning("cut", "records"))
	h.add(warning("no JSON", "records"))
	all, _ := h.all()
	assert.Equal(t, []string{stateResolved, stateOpen, stateOpen, stateOpen},
		[]string{all[0].State, all[1].State, all[2].State, all[3].State})
	assert.Equal(t, goesOn, all[0].Resolution)
	assert.Equal(t, counts{OpenWarnings: 3}, h.counts()[sourceID.String()])
}

func TestHistory_aTroubleThatOutlivesARestartIsOneOpenEvent(t *testing.T) {
	h := newHistory(10)
	h.restore([]eventView{{Event: trouble("1", "collection"), State: stateOpen}})
	h.add(trouble("2", "collection"))
	all, _ := h.all()
	assert.Equal(t, []string{"resolved", "open"}, []string{all[0].State, all[1].State})
	assert.Equal(t, counts{OpenErrors: 1}, h.counts()[sourceID.String()])
}

func TestHistory_whatASourceLeftThatIsGoneIsOver(t *testing.T) {
	h := newHistory(10)
	h.restore([]eventView{{Event: trouble("1", "collection"), State: stateOpen}})
	h.observe(nil, false, time.Now())
	assert.Equal(t, counts{OpenErrors: 1}, h.counts()[sourceID.String()], "it may be about to start")
	h.observe(nil, true, time.Now())
	assert.Empty(t, h.counts())
}

// A storage that answers late brings what has been told anew meanwhile.
func TestHistory_whatIsRestoredLateIsOpenOnce(t *testing.T) {
	h := newHistory(10)
	h.add(trouble("new", "collection"))
	h.restore([]eventView{
		{Event: trouble("old", "collection"), State: stateOpen},
		{Event: warning("other", "storage"), State: stateOpen},
	})
	open := []string{}
	for _, v := range h.open(func(*eventView) bool { return true }) {
		open = append(open, v.EventID)
	}
	assert.Equal(t, []string{"other", "new"}, open)
	assert.Equal(t, toldAnew, h.events[0].Resolution)
}

// What an earlier process left open of the source as a whole, or of an event type that is not collected any more, is
// over when anything is collected, though another event type is refused.
func TestHistory_whatIsOfTheSourceIsOverWhenAnyStreamCollects(t *testing.T) {
	h := newHistory(10)
	ofSource, ofAnother, ofRefused := warning("1", "token"), warning("2", "audit/storage"), trouble("3", "maillog/collection")
	ofSource.Details.EventType, ofAnother.Details.EventType, ofRefused.Details.EventType = "", "audit", "maillog"
	h.restore([]eventView{
		{Event: ofSource, State: stateOpen}, {Event: ofAnother, State: stateOpen}, {Event: ofRefused, State: stateOpen},
	})
	report := collecting(sourceID)
	report.State = sourcehealth.Error
	report.Streams = append(report.Streams, sourcehealth.StreamReport{EventType: "maillog", State: sourcehealth.Error})
	h.observe([]sourcehealth.Report{report}, false, time.Now())
	assert.Equal(t, []string{stateResolved, stateResolved, stateOpen},
		[]string{h.events[0].State, h.events[1].State, h.events[2].State})
}

func TestKeeper_savesNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stored := newMemoryStorage(t)
		k, h := keeperOf(t, stored)
		go k.run(t.Context())
		k.wait(t.Context())
		h.add(trouble("1", "collection"))
		pass(saveInterval + time.Second)
		synctest.Wait()
		assert.Contains(t, stored.text(), `"eventId":"1"`)
		stored.writes()
		pass(time.Hour)
		synctest.Wait()
		assert.Zero(t, stored.writes(), "there is nothing new to save")
	})
}

func TestKeeper_storageThatFailsHurtsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stored := newMemoryStorage(t)
		stored.stored[eventsKey] = []byte(`{"version":1,"events":[{"eventId":"0"}]}`)
		stored.failure = errors.New("no space left on device")
		k, h := keeperOf(t, stored)
		go k.run(t.Context())
		k.wait(t.Context())
		h.add(trouble("1", "collection"))
		pass(time.Hour)
		synctest.Wait()
		stored.mu.Lock()
		stored.failure = nil
		stored.mu.Unlock()
		pass(2 * openRetry)
		synctest.Wait()
		all, _ := h.all()
		require.Len(t, all, 2)
		assert.Equal(t, []string{"0", "1"}, []string{all[0].EventID, all[1].EventID}, "what was stored comes first")
		assert.Contains(t, stored.text(), `"eventId":"1"`)
	})
}

func TestKeeper_setsAsideWhatItCannotRead(t *testing.T) {
	for _, text := range []string{"garbage", `{"version":3,"slots":1}`, `{"version":2,"slots":100000000}`} {
		stored := newMemoryStorage(t)
		stored.stored[eventsKey] = []byte(text)
		p := startPage(t, host{stored}, in)
		assert.Empty(t, get[eventsAnswer](p, pathEvents).ids())
		assert.Equal(t, text, string(stored.stored[asideKey]))
		assert.Equal(t, 1, p.logs.FilterMessageSnippet("not readable").Len())
		p.HealthEvent(trouble("1", "collection"))
		require.NoError(t, p.Shutdown(t.Context()))
		assert.Contains(t, stored.text(), `"eventId":"1"`)
	}
}

// A damaged event costs itself, not the others.
func TestKeeper_setsAsideTheOneEventThatItCannotRead(t *testing.T) {
	stored := newMemoryStorage(t)
	p := startPage(t, host{stored}, in)
	for _, id := range []string{"1", "2", "3"} {
		p.HealthEvent(warning(id, id))
	}
	require.NoError(t, p.Shutdown(t.Context()))
	stored.stored[slotKey(1)] = []byte("garbage")

	for _, warned := range []int{1, 0} {
		p = startPage(t, host{stored}, in)
		assert.Equal(t, []string{"3", "1"}, get[eventsAnswer](p, pathEvents).ids())
		assert.Equal(t, "garbage\n", string(stored.stored[asideKey]))
		assert.Equal(t, warned, p.logs.FilterMessageSnippet("not readable").Len())
		require.NoError(t, p.Shutdown(t.Context()))
	}
}

// What is stored by the version before is carried over.
func TestKeeper_readsTheFormerForm(t *testing.T) {
	stored := newMemoryStorage(t)
	stored.stored[eventsKey] = []byte(`{"version":1,"events":[{"eventId":"1","state":"open"},{"eventId":"2"}]}`)
	for range 2 {
		p := startPage(t, host{stored}, in)
		all := get[eventsAnswer](p, pathEvents)
		assert.Equal(t, []string{"2", "1"}, all.ids())
		assert.Equal(t, "open", all.Events[1].State)
		require.NoError(t, p.Shutdown(t.Context()))
		assert.Contains(t, string(stored.stored[eventsKey]), `"version":2`)
	}
}

// A repeat costs one event a minute, however long the history is, and the last one is there after an orderly stop.
func TestKeeper_writesOnlyWhatHasChanged(t *testing.T) {
	const limit = 1000
	synctest.Test(t, func(t *testing.T) {
		stored := newMemoryStorage(t)
		k, h := keeperOf(t, stored)
		h.limit = limit
		running, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); k.run(running) }()
		k.wait(t.Context())
		for i := range limit {
			h.add(warning(fmt.Sprint("w", i), fmt.Sprint("tracker", i)))
		}
		pass(saveInterval + time.Second)
		one := stored.writes() / limit
		require.Positive(t, one)

		count := 1
		repeat := func() {
			count++
			report := collecting(sourceID)
			report.Repeats = map[string]sourcehealth.RepeatReport{"w7": {Count: count, LastTime: time.Now()}}
			h.observe([]sourcehealth.Report{report}, false, time.Now())
		}
		for range 360 { // an hour
			repeat()
			pass(10 * time.Second)
		}
		assert.Less(t, stored.writes(), 61*2*one)
		h.add(warning("new", "new"))
		pass(saveInterval + time.Second)
		assert.Less(t, stored.writes(), 4*one, "the new event takes the place of the oldest")

		repeat()
		stop()
		<-ended
		k.close(t.Context())
		k, h = keeperOf(t, stored)
		h.limit = limit
		require.NoError(t, k.load(t.Context()))
		all, _ := h.all()
		require.Len(t, all, limit)
		assert.Equal(t, []string{"w1", "w7", "new"}, []string{all[0].EventID, all[6].EventID, all[limit-1].EventID})
		assert.Equal(t, count, all[6].Count, "nothing is lost at an orderly stop")
		stored.writes()
		require.NoError(t, k.save(t.Context()))
		assert.Zero(t, stored.writes(), "what was just read is not written again")
	})
}

// A history that is to be shorter leaves nothing of the longer one behind.
func TestKeeper_removesWhatIsForgotten(t *testing.T) {
	stored := newMemoryStorage(t)
	k, h := keeperOf(t, stored)
	for i := range 10 {
		h.add(warning(fmt.Sprint("w", i), fmt.Sprint("tracker", i)))
	}
	require.NoError(t, k.load(t.Context()))
	require.NoError(t, k.save(t.Context()))
	h.limit = 3
	h.add(warning("new", "new"))
	require.NoError(t, k.save(t.Context()))
	assert.Len(t, stored.stored, 1+3)
	k.close(t.Context())

	k, h = keeperOf(t, stored)
	require.NoError(t, k.load(t.Context()))
	all, _ := h.all()
	require.Len(t, all, 3)
	assert.Equal(t, []string{"w8", "w9", "new"}, []string{all[0].EventID, all[1].EventID, all[2].EventID})
	k.close(t.Context())
}

func TestShutdown_doesNotWaitForStorageThatHangs(t *testing.T) {
	t.Parallel()
	stored := newMemoryStorage(t)
	p := startPage(t, host{stored}, in)
	p.HealthEvent(trouble("1", "collection"))
	held := make(chan struct{})
	stored.mu.Lock()
	stored.held = held
	stored.mu.Unlock()
	began := time.Now()
	require.NoError(t, p.Shutdown(t.Context()))
	assert.Less(t, time.Since(began), 3*shutdownWait)
	close(held)
}

// A storage that hangs at the start holds up nobody for long. What it brings later joins what has happened meanwhile.
func TestStart_doesNotWaitForStorageThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stored := newMemoryStorage(t)
		stored.stored[eventsKey] = []byte(`{"version":1,"events":[{"eventId":"0"}]}`)
		stored.held = make(chan struct{})
		k, h := keeperOf(t, stored)
		began := time.Now()
		go k.run(t.Context())
		k.wait(t.Context())
		assert.Equal(t, loadWait, time.Since(began))
		h.add(trouble("1", "collection"))
		close(stored.held)
		synctest.Wait()
		all, _ := h.all()
		require.Len(t, all, 2)
		assert.Equal(t, []string{"0", "1"}, []string{all[0].EventID, all[1].EventID})
	})
}

// keeperOf is a keeper without a page.
func keeperOf(t *testing.T, stored *memoryStorage) (*keeper, *history) {
	t.Helper()
	e := newSourceHealth(settingsOf(t), &Config{Storage: &storageID, History: HistoryConfig{MaxEvents: 10}})
	open, err := e.storageOpener(host{stored})
	require.NoError(t, err)
	return newKeeper(open, e.history, e.settings.Logger), e.history
}
