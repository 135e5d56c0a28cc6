package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// browser is a headless Chromium with one tab.
type browser struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // the life of the tab

	mu       sync.Mutex
	requests []string
	console  []string
}

// openBrowser starts Chromium. Without one the test is skipped; on CI, which installs it, it fails.
func openBrowser(t *testing.T) *browser {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		require.Empty(t, os.Getenv("CI"), "CI needs Chromium: .ci/run installs Debian's package chromium")
		t.Skip("NOT TESTED: the page of sources. There is no Chromium on this machine; install the package chromium")
	}
	ctx, cancel := chromedp.NewContext(context.WithoutCancel(t.Context()), chromedp.WithAllocatorOptions(
		// The sandbox needs what a container seldom allows; the only page that is opened is ours.
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
	))
	b := &browser{t: t, ctx: ctx}
	var reading sync.WaitGroup
	t.Cleanup(func() {
		assert.NoError(t, chromedp.Cancel(ctx))
		cancel()
		reading.Wait()
	})
	messages := chromedp.Console(ctx)
	reading.Go(func() {
		for message, err := range messages {
			if err != nil {
				return
			}
			// While the collector is reloaded nobody listens, and the browser says so.
			if message.Source != "network" || !strings.Contains(message.Text, "ERR_CONNECTION_REFUSED") {
				b.note(&b.console, message.String()+" "+message.URL)
			}
		}
	})
	requests := chromedp.Events(ctx, network.RequestWillBeSent)
	reading.Go(func() {
		for request, err := range requests {
			if err != nil {
				return
			}
			b.note(&b.requests, request.Request.URL)
		}
	})
	b.do(chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, network.Enable, network.EnableParams{})
		return err
	}))
	return b
}

func (b *browser) note(list *[]string, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	*list = append(*list, text)
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, steps...))
}

// read evaluates JavaScript in the page.
func read[T any](b *browser, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	require.NoError(b.t, err, expression)
	return value
}

// waitFor waits until an expression of JavaScript, as text, has something in it.
func (b *browser) waitFor(expression string, texts ...string) {
	b.t.Helper()
	var now string
	eventually(b.t, func() bool {
		now = read[string](b, "String("+expression+")")
		return !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(now, text) })
	}, func() string { return fmt.Sprintf("%s is %q, without %q", expression, now, texts) })
}

// textOf is an expression for what is to be read in the elements of a selector.
func textOf(selector string) string {
	quoted, _ := json.Marshal(selector)
	return fmt.Sprintf("[...document.querySelectorAll(%s)].map((e) => e.innerText).join(' | ')", quoted)
}

// press presses keys on the element that has the focus.
func (b *browser) press(keys ...string) {
	b.t.Helper()
	for _, key := range keys {
		b.do(chromedp.KeyEvent(key))
	}
}

// looks has the page be seen on a screen of a size, in light or dark.
func (b *browser) looks(width, height int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height), chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{
				{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
			},
		})
		return err
	}))
}

// picture has the page be seen on a screen of a size, in light or dark. Where `make screenshots` asks for it, a picture of
// that is kept in docs/, once the plots have something to show.
func (b *browser) picture(name string, width, height int64, scheme string) {
	b.t.Helper()
	b.looks(width, height, scheme)
	assert.LessOrEqual(b.t, read[int64](b, "document.documentElement.scrollWidth"), width, "it does not fit into the width")
	if os.Getenv("UPDATE_SCREENSHOTS") == "" {
		return
	}
	b.waitFor("document.querySelector('.plot .line').getAttribute('d').split('L').length > 6", "true")
	read[bool](b, "document.querySelector('dialog').open || !document.activeElement.blur()")
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	docs := filepath.Join(root(b.t), "docs")
	require.NoError(b.t, os.MkdirAll(docs, 0o755))
	require.NoError(b.t, os.WriteFile(filepath.Join(docs, name+".png"), png, 0o644))
}

// assertQuiet checks that the page has complained of nothing, and has asked nobody but its own collector.
func (b *browser) assertQuiet(origin string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.Empty(b.t, b.console, "the console is not empty")
	assert.NotEmpty(b.t, b.requests)
	for _, request := range b.requests {
		asked, err := url.Parse(request)
		require.NoError(b.t, err)
		assert.Equal(b.t, origin, asked.Scheme+"://"+asked.Host, "a request to elsewhere: %s", request)
	}
}
