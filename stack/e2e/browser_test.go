package e2e

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"codebank.dev/native/dist"
	"codebank.dev/stack/doctor"
)

// pageTimeout bounds the load of one page and its checks.
const pageTimeout = time.Minute

// browser is a headless Chromium. It collects what pages complain about.
type browser struct {
	ctx      context.Context
	axe      string
	mu       sync.Mutex
	problems []string
}

// startBrowser starts Chromium, which the test must have.
func startBrowser(t *testing.T) *browser {
	t.Helper()
	program, remedy := doctor.Chromium()
	require.NotEmpty(t, program, "the tests of pages need Chromium: %s", remedy)
	store, err := dist.Open(nil)
	require.NoError(t, err)
	script, err := store.AxeCore(t.Context())
	require.NoError(t, err)
	axe, err := os.ReadFile(script)
	require.NoError(t, err)
	files := t.TempDir() // Chromium is killed in the end, and would leave its temporary files.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox,
		chromedp.UserDataDir(files), chromedp.Env("TMPDIR="+files), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.WSURLReadTimeout(pageTimeout))
	allocated, stopAll := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stopAll)
	b := &browser{axe: string(axe)}
	var stop context.CancelFunc
	b.ctx, stop = chromedp.NewContext(allocated)
	t.Cleanup(stop)
	require.NoError(t, chromedp.Do(b.ctx)) // Starts the browser, whose life is that of this context.
	require.NoError(t, chromedp.Listen(b.ctx, b.listen))
	return b
}

func (b *browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.problems = append(b.problems, "exception: "+exception(e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			b.problems = append(b.problems, "console: "+arguments(e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			b.problems = append(b.problems, "log: "+e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

// taken returns what pages complained about since the last call.
func (b *browser) taken() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	problems := b.problems
	b.problems = nil
	return problems
}

// open loads a page at a width.
func (b *browser) open(t *testing.T, address string, width int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pageTimeout)
	defer cancel()
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(width, 900), chromedp.Navigate(address)), address)
}

// list runs a script that returns a list of texts.
func (b *browser) list(t *testing.T, script string) []string {
	return evaluated[[]string](t, b, script)
}

// now returns a text of the page, or "" while the page is being replaced.
func (b *browser) now(script string) string {
	ctx, cancel := context.WithTimeout(b.ctx, pageTimeout)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](script))
	if err != nil {
		return ""
	}
	return text
}

// evaluated runs a script and returns its value.
func evaluated[T any](t *testing.T, b *browser, script string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, pageTimeout)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	require.NoError(t, err)
	return value
}

func exception(details *runtime.ExceptionDetails) string {
	if details.Exception != nil {
		return details.Text + " " + details.Exception.Description
	}
	return details.Text
}

func arguments(objects []*runtime.RemoteObject) string {
	var texts []string
	for _, object := range objects {
		texts = append(texts, string(object.Value)+object.Description)
	}
	return strings.Join(texts, " ")
}

// accessible runs axe-core on the page that is open, and returns what it finds.
func (b *browser) accessible(t *testing.T) []string {
	t.Helper()
	return b.list(t, b.axe+`;axe.run(document, {resultTypes: ["violations"]}).then((r) =>
		r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + v.help + " " + n.target.join(" ") + " " + n.failureSummary)).slice(0, 10))`)
}

// picture keeps a picture of the whole page among the artifacts of the test, if go test is told to keep
// them: pictures are for people, and drawing them takes longer than all checks of the page.
func (b *browser) picture(t *testing.T, name string) {
	t.Helper()
	if flag.Lookup("test.artifacts").Value.String() != "true" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, pageTimeout)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	require.NotEmpty(t, png)
	require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), strings.ReplaceAll(name, "/", "-")+".png"), png, 0o644))
}

// faults returns what is wrong with the layout of the page that is open: text that is cut,
// labels of a chart that overlap, panels without content, a page wider than the window.
const faults = `(() => {
	const found = [];
	const shown = (e) => e.getClientRects().length > 0 && getComputedStyle(e).visibility !== "hidden";
	const name = (e) => (e.closest("[data-panel]")?.dataset.panel ?? "page") + " " + e.tagName + " " + e.textContent.trim().slice(0, 40);
	if (document.documentElement.scrollWidth > innerWidth) found.push("the page is " + document.documentElement.scrollWidth + " px wide");
	for (const e of document.querySelectorAll("body *")) {
		if (e.closest("svg, .hidden, .skip, .scroll, select") || !shown(e)) continue;
		if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).display !== "inline") found.push("cut: " + name(e));
	}
	for (const e of document.querySelectorAll(".scroll")) {
		// A table without a scroll bar of its own has room.
		const table = e.firstElementChild;
		if (shown(e) && getComputedStyle(e).overflowX === "visible" && table.offsetWidth > e.clientWidth + 1) found.push("wide: " + name(e));
	}
	for (const svg of document.querySelectorAll("svg.chart")) {
		if (!shown(svg)) continue;
		const texts = [...svg.querySelectorAll("text")].filter((e) => shown(e) && e.textContent.trim() !== "");
		const frame = svg.getBoundingClientRect();
		const boxes = texts.map((e) => e.getBoundingClientRect());
		boxes.forEach((a, i) => {
			if (a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1 || a.bottom > frame.bottom + 1) found.push("outside: " + name(texts[i]));
			for (let j = i + 1; j < boxes.length; j++) {
				const b = boxes[j];
				const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
				const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
				// The box of a text has room above and below its letters.
				if (x > 1 && y > a.height / 4) found.push("overlap: " + name(texts[i]) + " and " + texts[j].textContent);
			}
		});
	}
	for (const panel of document.querySelectorAll("[data-panel]")) {
		const content = [...panel.querySelectorAll("svg.chart, tbody tr, .tile .figure, .message")].filter(shown);
		if (content.length === 0) found.push("empty: " + panel.dataset.panel);
		for (const message of panel.querySelectorAll(".message")) found.push("message: " + panel.dataset.panel + " " + message.textContent.trim());
	}
	return found.slice(0, 20);
})()`
