package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/proofpointpod/otelcol/internal/podlog"
	"github.com/proofpointpod/otelcol/internal/podsim"
)

const (
	healthButton = `document.querySelector('.source .health')`
	tooltip      = healthButton + `?.title`
	currentStep  = `document.querySelector('.source .stepper [aria-current=step]')?.innerText`
	doneSteps    = `[...document.querySelectorAll('.stepper .done')].map((e) => e.innerText).join(' ')`
)

// A source starts, collects, has an outage, is refused, and is healed by a reload. Whoever has the page open sees all
// of it without touching it, is told what to do, and needs no mouse.
func TestPage_followsASourceThroughItsLife(t *testing.T) {
	t.Parallel()
	b := openBrowser(t)
	s, letIn := startServiceBehindDoor(t, podsim.Options{
		Rate:     map[podlog.EventType]float64{podlog.Message: 20, podlog.Maillog: 50},
		SlotHold: -1,
	})
	token := file(t, "token", podsim.Token)
	address := reservedAddress(t)
	collector := startCollector(t, s, config(t, "collector.yaml"), t.TempDir(), fmt.Sprintf(`
extensions:
  source_health: {http: {endpoint: %q}}
receivers:
  proofpointpod:
    name: proofpoint-on-demand
    description: All mail of example.com
    category: proofpoint/pod
    api_secret: ${file:%s}
    handshake_timeout: 2m
`, address, token))

	b.do(chromedp.Navigate("http://" + address))
	b.waitFor(currentStep, "Initialized")
	b.waitFor(textOf(".source"), "proofpoint-on-demand", "All mail of example.com", "proofpoint/pod", "cluster "+podsim.ClusterID, "message", "maillog")
	assert.Equal(t, "Pending Started", read[string](b, doneSteps))

	letIn()
	b.waitFor(currentStep, "Collecting")
	b.waitFor(tooltip, "No errors or warnings")
	b.waitFor(textOf(".figure .value"), "/s", "kB/s")
	b.waitFor(textOf(".stream header"), "message", "maillog", "Collecting")
	assert.Contains(t, read[string](b, textOf("#components")), "source_health")
	assert.Contains(t, read[string](b, "document.getElementById('favicon').href"), "icon-ok.svg")
	b.picture("collecting", 1280, 900, "light")
	b.picture("phone", 390, 844, "light")

	// An outage: it is tried again, and the page says until when.
	down := podsim.Step{Do: podsim.Refuse, Status: 503, Times: 1000}
	s.Plan(down)
	s.DropAll(podsim.Drop)
	b.waitFor(currentStep, "Error")
	assert.Equal(t, "Pending Started Initialized Authenticated Collecting", read[string](b, doneSteps), "how far it had come")
	b.waitFor(textOf(".notice"), "attempts failed. It is tried again; 1 h 29 min", "left, then it gives up")
	b.waitFor(textOf(".stream .errors"), "503")
	b.waitFor(tooltip, "2 warnings") // one for each stream, though its session was dropped, and a new one is refused
	assert.Contains(t, read[string](b, "document.title"), "2 warnings")
	var open struct {
		Events []struct {
			Count   int
			Details struct{ Error, Since, BeganWith string }
		}
	}
	var answer []byte
	eventually(t, func() bool { // one stream can be refused later than the other
		answer = get(t, "http://"+address+"/api/v1/health-events?status=open")
		return bytes.Count(answer, []byte(`"status_503"`)) == 2
	}, func() string { return string(answer) })
	require.NoError(t, json.Unmarshal(answer, &open))
	require.Len(t, open.Events, 2)
	for _, event := range open.Events {
		assert.Equal(t, "status_503", event.Details.Error, "what is wrong now")
		assert.Contains(t, event.Details.BeganWith, "the connection ended without a close frame", "how it began")
		assert.NotEmpty(t, event.Details.Since)
		assert.Greater(t, event.Count, 1)
	}
	assert.Contains(t, read[string](b, "document.getElementById('favicon').href"), "icon-warning.svg")
	assert.Contains(t, read[string](b, "document.getElementById('announcer').textContent"), "Error", "a screen reader hears of it")
	s.ClearPlan()
	b.waitFor(currentStep, "Collecting")
	// What the service wrote when the sessions were dropped may be lost: that is still to be read from the archive.
	b.waitFor(tooltip, "2 warnings")
	b.waitFor(textOf(".notice"), "1 gap open", "Read from the archive: 0 of ")

	// The token is deleted.
	s.RejectTokens(podsim.Token)
	s.DropAll(podsim.Drop)
	b.waitFor(tooltip, "2 errors")
	b.waitFor(textOf(".notice"), "It does not go on by itself")
	assert.NotContains(t, read[string](b, textOf(".notice")), "0 attempts")
	assert.Contains(t, read[string](b, "document.getElementById('favicon').href"), "icon-error.svg")

	// The panel, by the keyboard alone.
	b.do(chromedp.Focus(chromedp.CSS(".source .health")))
	b.press(kb.Enter)
	b.waitFor("document.querySelector('dialog').open", "true")
	b.waitFor(textOf("dialog .event"), "ThirdPartyConfigError", "ThirdPartyGenericError", "Open", "Resolved", "Collecting")
	// From the button that closes to the filters: the first is the severity, the third the status.
	b.do(chromedp.Focus(chromedp.CSS("dialog .close")))
	b.press(kb.Tab, kb.ArrowDown)
	assert.Equal(t, "Error", read[string](b, "document.activeElement.value"))
	b.press(kb.Tab, kb.Tab, kb.ArrowDown)
	assert.Equal(t, "Open", read[string](b, "document.activeElement.value"))
	b.waitFor(textOf("dialog .found"), "2 of ")
	assert.NotContains(t, read[string](b, textOf("dialog .event")), "Resolved")
	b.do(chromedp.Focus(chromedp.CSS("dialog .event .plain")))
	b.press(kb.Enter)
	b.waitFor(textOf("dialog .details"), "What happened, and what to do", "401", "the service refuses the token in api_secret: check that it is complete, not expired and not deleted")
	b.do(chromedp.Focus(chromedp.CSS("dialog thead .sort")))
	b.press(kb.Enter)
	assert.Equal(t, "ascending", read[string](b, "document.querySelector('dialog thead th').getAttribute('aria-sort')"))
	b.picture("panel", 1280, 900, "light")
	b.press(kb.Escape)
	b.waitFor("document.querySelector('dialog').open", "false")
	assert.True(t, read[bool](b, "document.activeElement === "+healthButton), "the focus is where it was")

	// A new token, and a reload: the page loses the collector, and finds it again by itself.
	b.picture("refused-dark", 1280, 900, "dark")
	s.AcceptTokens("made-up-new-token")
	require.NoError(t, os.WriteFile(token, []byte("made-up-new-token"), 0o600))
	collector.signal(syscall.SIGHUP)
	b.waitFor("document.getElementById('connection').textContent", "Not connected")
	b.waitFor("document.getElementById('connection').textContent", "Live")
	b.waitFor(currentStep, "Collecting")
	b.waitFor(tooltip+".includes('error')", "false")
	b.waitFor(textOf(".figure .value"), "/s", "kB/s")

	// What the page shows is what the API says; the history is there after the reload too.
	var events struct {
		Events []struct{ EventName, State string }
	}
	require.NoError(t, json.Unmarshal(get(t, "http://"+address+"/api/v1/health-events?status=resolved&name=ThirdPartyConfigError"), &events))
	assert.Len(t, events.Events, 2)
	assert.NotContains(t, read[string](b, "document.documentElement.outerHTML"), podsim.Token, "the secret is shown")
	for _, path := range []string{"sources", "health-events"} {
		page := string(get(t, "http://"+address+"/api/v1/"+path))
		assert.NotContains(t, page, podsim.Token, "the secret is told")
		assert.NotContains(t, page, "made-up-new-token", "the secret is told")
	}
	// Two texts that are the same, in a list that is drawn again and again, are two.
	read[bool](b, `void import('./dom.js').then(({ el, list }) => {
		const node = el('ul');
		for (let i = 0; i < 3; i++) {
			list(node, ['a', 'b', 'a'], (text) => text, (text) => ({ root: el('li', {}, text), update() {} }));
		}
		window.drawn = node.textContent;
	}) ?? true`)
	b.waitFor("window.drawn", "aba")
	assert.Equal(t, "aba", read[string](b, "window.drawn"))
	// Where a source fails on its way, the way to Collecting is still there behind the error.
	read[bool](b, `void import('./stepper.js').then(({ stepper }) => {
		const { root, update } = stepper();
		window.steps = () => [...root.children].filter((e) => !e.hidden).map((e) => e.innerText + (e.className === 'done' ? '+' : '')).join(' ');
		window.way = [['Error', 'Initialized'], ['Error', 'Collecting'], ['Error'], ['Authenticated']].map((to) => { update(...to); return window.steps(); });
	}) ?? true`)
	b.waitFor("window.way?.length", "4")
	assert.Equal(t, []string{
		"Pending+ Started+ Initialized+ Error Authenticated Collecting",
		"Pending+ Started+ Initialized+ Authenticated+ Collecting+ Error",
		"Pending Started Initialized Authenticated Collecting Error",
		"Pending+ Started+ Initialized+ Authenticated Collecting",
	}, read[[]string](b, "window.way"))
	b.assertQuiet("http://" + address)
	collector.stop()
	b.waitFor("document.getElementById('lost').textContent", "Connection to the collector lost")
}

// Nothing from the driver of the browser is in what users run.
func TestPage_itsTestsAreNotInTheProduct(t *testing.T) {
	for _, name := range []string{"otelcol-proofpointpod", "podsim", "run"} {
		text, err := os.ReadFile(filepath.Join(root(t), "bin", name))
		require.NoError(t, err)
		if bytes.Contains(text, []byte("chromedp")) { // the text is too long to be shown
			assert.Fail(t, "the driver of the browser is in "+name)
		}
	}
}
