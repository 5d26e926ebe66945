package banking_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/native/dist"
	"codebank.dev/web/bankingtest"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// tab is a page in a headless Chromium.
type tab struct {
	*testing.T
	ctx      context.Context
	base     string
	mu       sync.Mutex
	problems []string
	// axe is the script that checks for accessibility.
	axe string
	// received are the bytes that came over the wire.
	received int64
}

// tabOf starts Chromium, which the test must have, for the pages of a desk.
func tabOf(d *desk) *tab {
	d.Helper()
	store, err := dist.Open(nil)
	require.NoError(d, err)
	script, err := store.AxeCore(d.Context())
	require.NoError(d, err)
	axe, err := os.ReadFile(script)
	require.NoError(d, err)
	files := d.TempDir() // Chromium is killed in the end, and would leave its temporary files.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.UserDataDir(files), chromedp.Flag("accept-lang", "en"),
		chromedp.Env("TMPDIR="+files), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(time.Minute))
	allocated, stopAll := chromedp.NewExecAllocator(d.Context(), options...)
	d.Cleanup(stopAll)
	ctx, stop := chromedp.NewContext(allocated)
	d.Cleanup(stop)
	p := &tab{T: d.T, ctx: ctx, base: d.server.URL, axe: string(axe)}
	require.NoError(d, chromedp.Do(ctx), "the test of the pages needs Chromium")
	require.NoError(d, chromedp.Listen(ctx, p.listen))
	return p
}

// listen collects what pages complain about. A policy that refuses a file or a style is among it.
func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, e.ExceptionDetails.Text)
	case *network.EventLoadingFinished:
		p.received += int64(e.EncodedDataLength)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			p.problems = append(p.problems, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

func (p *tab) open(path string) {
	p.Helper()
	require.NoError(p, chromedp.Do(p.ctx, chromedp.Navigate(p.base+path)))
}

// now returns a text of the page, or "" while the page is being replaced.
func (p *tab) now(script string) string {
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](script))
	if err != nil {
		return ""
	}
	return text
}

// fill writes into fields by their names, and sends their form as a person does.
func (p *tab) fill(fields map[string]string, button string) {
	p.Helper()
	for name, value := range fields {
		require.NoError(p, chromedp.Do(p.ctx, chromedp.SendKeys("#"+name, value)))
	}
	p.press(button)
}

func (p *tab) press(button string) {
	p.Helper()
	require.NoError(p, chromedp.Do(p.ctx, chromedp.Click(button)))
}

// awaitTitle waits until the page has this heading.
func (p *tab) awaitTitle(title string) {
	p.Helper()
	await.Until(p, func() bool { return p.now(`document.querySelector("h1")?.textContent ?? ""`) == title }, time.Minute, 20*time.Millisecond, title)
}

// faults returns what is wrong with the layout: a page that is wider than the window, and text that is cut.
const faults = `(() => {
	const found = [];
	if (document.documentElement.scrollWidth > innerWidth) found.push("the page is " + document.documentElement.scrollWidth + " px wide");
	for (const e of document.querySelectorAll("main *")) {
		if (e.closest("svg, .hidden, .skip, select, input, textarea") || e.getClientRects().length === 0) continue;
		if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).display !== "inline") found.push("cut: " + e.tagName + " " + e.textContent.trim().slice(0, 40));
	}
	for (const e of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
		if (!e.labels || e.labels.length !== 1) found.push("without a label: " + e.name);
	}
	return found.join("; ");
})()`

// accessible runs axe-core on the page that is open, in both schemes of colours, and requires that it finds nothing.
func (p *tab) accessible(name string) {
	p.Helper()
	for _, scheme := range []string{"light", "dark"} {
		// Without motion, colours are those of the scheme at once.
		colours := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}}
		_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, colours)
		require.NoError(p, err)
		check := chromedp.Evaluate[[]string](p.axe+`;axe.run(document, {resultTypes: ["violations"]}).then((r) =>
			r.violations.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.target.join(" ") + " " + n.failureSummary)).slice(0, 10))`, chromedp.EvalAwaitPromise)
		var found []string
		await.Until(p, func() bool { // A page that loads itself again ends the check.
			found, err = chromedp.Run(p.ctx, check)
			return err == nil
		}, time.Minute, 20*time.Millisecond, name)
		require.Empty(p, found, "%s in %s colours", name, scheme)
	}
}

// look checks the page that is open at three widths, and keeps pictures among the artifacts of the test.
func (p *tab) look(name string) {
	p.Helper()
	for _, width := range []int64{390, 768, 1440} {
		require.NoError(p, chromedp.Do(p.ctx, chromedp.EmulateViewport(width, 900)))
		require.Empty(p, p.now(faults), "%s at %d px", name, width)
		require.NoError(p, os.WriteFile(filepath.Join(p.ArtifactDir(), fmt.Sprintf("%s-%d.png", name, width)), p.picture(), 0o644))
	}
	p.accessible(name)
}

// picture returns the whole page. On a busy machine Chromium was seen to leave a capture without an answer for good, so a
// capture that takes too long is asked for again.
func (p *tab) picture() []byte {
	p.Helper()
	var png []byte
	var err error
	for range 3 {
		once, cancel := context.WithTimeout(p.ctx, 30*time.Second)
		png, err = chromedp.Run(once, chromedp.FullScreenshot(100))
		cancel()
		if err == nil {
			return png
		}
	}
	require.NoError(p, err)
	return nil
}

func TestAPersonMovesMoneyInABrowser(t *testing.T) {
	d := newDesk(t)
	p := tabOf(d)
	p.open("/accounts/" + d.Wallet)
	p.awaitTitle("Welcome back")
	p.look("sign-in")
	p.fill(map[string]string{"email": bankingtest.Maria, "password": bankingtest.Password}, "form.form button")
	p.awaitPath("/accounts/" + d.Wallet) // The page that was asked for.
	p.look("account")
	p.open("/transfer")
	p.fill(map[string]string{"number": d.Other, "amount": "42.90", "message": "Pizza"}, "form.form button")
	p.awaitTitle("Is this right?")
	p.look("confirmation")
	// Two presses at once: the page lets one through, and the bank would do it once anyway.
	_, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](`(() => { const b = document.querySelector("form.form button"); b.click(); b.click(); return true })()`))
	require.NoError(t, err)
	p.awaitTitle("Money sent")
	p.look("sent")
	require.NoError(t, chromedp.Do(p.ctx, chromedp.Reload()))
	p.awaitTitle("Money sent")
	require.Equal(t, 1, d.Moves())
	p.open("/pix")
	p.fill(map[string]string{"to": bankingtest.ForeignCode}, "form.form button")
	p.awaitTitle("Is this right?")
	p.press("form.form button")
	p.awaitTitle("On its way")
	p.look("pending")
	d.Complete()
	p.awaitTitle("Money sent") // The page asks by itself.
	require.Equal(t, 2, d.Moves())
	for name, path := range map[string]string{
		"home": "/", "none": "/accounts/" + d.Wallet + "?text=nothing", "pix": "/pix", "keys": "/pix/keys", "receive": "/pix/receive", "security": "/security",
		"files": "/accounts/" + d.Wallet + "/files", "design": "/design", "transfer": "/transfer", "card": "/accounts/" + d.Card,
		"sign-up": "/sign-up", "confirm": "/confirm?sent=1", "forgot": "/forgot", "reset": "/reset",
	} {
		p.open(path)
		p.look(name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Empty(t, p.problems, "nothing is refused by the policy of the pages")
}

// Every step of a customer goes on without scripts.
func TestAPersonMovesMoneyWithoutScripts(t *testing.T) {
	d := newDesk(t).signIn()
	d.send(d.open("/pix/keys"), "/pix/keys", map[string]string{"kind": "random", "from": d.Wallet})
	p := tabOf(d)
	_, err := chromedp.Call(p.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	p.open("/sign-up")
	p.fill(map[string]string{"email": "ana@example.com"}, "form.form button")
	p.awaitTitle("Choose a password")
	p.fill(map[string]string{"code": d.Mailed("ana@example.com"), "password": "a sentence of mine"}, "form.form button")
	p.awaitTitle("Welcome back")
	p.fill(map[string]string{"email": bankingtest.Maria, "password": bankingtest.Password}, "form.form button")
	p.awaitPath("/")
	p.open("/transfer")
	p.fill(map[string]string{"number": d.Other, "amount": "42.90", "message": "Pizza"}, "form.form button")
	p.awaitTitle("Is this right?")
	p.press("form.form button")
	p.awaitTitle("Money sent")
	require.Equal(t, 1, d.Moves())
	p.open("/pix")
	p.fill(map[string]string{"to": bankingtest.ForeignCode}, "form.form button")
	p.awaitTitle("Is this right?")
	p.press("form.form button")
	p.awaitTitle("On its way")
	require.Empty(t, p.now(`document.querySelector("form[data-sent]")?.action ?? ""`), "no script of the page has run")
	d.Complete()
	p.press("[data-pending] a")
	p.awaitTitle("Money sent")
	require.Equal(t, 2, d.Moves())
	p.open("/pix/receive")
	p.press("form.form button")
	await.Until(t, func() bool { return p.now(`document.querySelector(".picture img")?.src ?? ""`) != "" }, time.Minute, 20*time.Millisecond, "the picture of a code")
	p.press("header form button")
	p.awaitTitle("Welcome back")
}

// awaitPath waits until the page of a path is open.
func (p *tab) awaitPath(path string) {
	p.Helper()
	await.Until(p, func() bool { return p.now("location.pathname") == path }, time.Minute, 20*time.Millisecond, path)
}

// What a phone loads to show the first page, with the headers of all answers.
func TestTheFirstPageIsLight(t *testing.T) {
	const most = 60_000
	p := tabOf(newDesk(t))
	p.open("/")
	p.awaitTitle("Welcome back")
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Positive(t, p.received)
	require.LessOrEqual(t, p.received, int64(most))
}

func TestALinkOfAnEmailFillsInItsCode(t *testing.T) {
	d := newDesk(t)
	p := tabOf(d)
	p.open("/confirm#a-code-from-an-e-mail")
	await.Until(t, func() bool { return p.now(`document.querySelector("#code")?.value ?? ""`) == "a-code-from-an-e-mail" }, time.Minute, 20*time.Millisecond)
	require.Empty(t, p.now("location.hash"), "the code does not stay in the address")
}
