package shop_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/web/shoptest"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
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
}

// tabOf starts Chromium, which the test must have, for the pages of a desk.
func tabOf(d *desk) *tab {
	d.Helper()
	files := d.TempDir() // Chromium is killed in the end, and would leave its temporary files.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.UserDataDir(files), chromedp.Flag("accept-lang", "en"),
		chromedp.Env("TMPDIR="+files), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(time.Minute))
	allocated, stopAll := chromedp.NewExecAllocator(d.Context(), options...)
	d.Cleanup(stopAll)
	ctx, stop := chromedp.NewContext(allocated)
	d.Cleanup(stop)
	p := &tab{T: d.T, ctx: ctx, base: d.server.URL}
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

// fill writes into fields by their names.
func (p *tab) fill(fields map[string]string) {
	p.Helper()
	for name, value := range fields {
		require.NoError(p, chromedp.Do(p.ctx, chromedp.SendKeys("#"+name, value)))
	}
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

// faults returns what is wrong with the layout: a page that is wider than the window, text that is cut, a field without
// a label, and a picture that has not loaded.
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
	for (const e of document.images) {
		if (e.complete && e.naturalWidth === 0) found.push("no picture: " + e.src);
	}
	return found.join("; ");
})()`

// look checks the page that is open at three widths, light and dark, and keeps pictures among the artifacts of the test.
func (p *tab) look(name string) {
	p.Helper()
	for _, scheme := range []string{"light", "dark"} {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}
		for _, width := range []int64{390, 768, 1440} {
			_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
			require.NoError(p, err)
			require.NoError(p, chromedp.Do(p.ctx, chromedp.EmulateViewport(width, 900)))
			require.Empty(p, p.now(faults), "%s at %d px", name, width)
			require.NoError(p, os.WriteFile(filepath.Join(p.ArtifactDir(), fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), p.picture(), 0o644))
		}
	}
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

func TestAPersonBuysInABrowser(t *testing.T) {
	d := newDesk(t)
	p := tabOf(d)
	p.open("/")
	p.awaitTitle("What would you like?")
	p.look("products")
	p.press(`.ware a[href="/products/caneca-de-ceramica"]`)
	p.awaitTitle("Caneca de cerâmica")
	p.look("product")
	p.press("form.add button")
	p.awaitTitle("Your basket")
	p.look("basket")
	p.press(`a[href="/checkout?store=barro-e-fogo"]`)
	p.awaitTitle("Payment")
	p.fill(map[string]string{"number": shoptest.Broke, "holder": "MARIA DA SILVA", "expiry": "0330", "cvv": "739"})
	require.Equal(t, "4000 0000 0000 9995", p.now(`document.querySelector("#number").value`))
	require.Equal(t, "03/30", p.now(`document.querySelector("#expiry").value`))
	require.Equal(t, "Visa", p.now(`document.querySelector("[data-brand]").textContent`))
	p.look("payment")
	p.press("[data-card] button")
	p.awaitTitle("The payment was declined")
	p.look("declined")
	p.press("form.form button")
	p.awaitTitle("Payment")
	p.fill(map[string]string{"number": shoptest.Slow, "holder": "MARIA DA SILVA", "expiry": "0330", "cvv": "739"})
	// Two presses at once: the page lets one through, and checkout would place one order anyway.
	_, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](`(() => { const b = document.querySelector("[data-card] button"); b.click(); b.click(); return true })()`))
	require.NoError(t, err)
	p.awaitTitle("We are waiting for the bank")
	p.look("pending")
	d.Decide(shoptest.Good)
	p.awaitTitle("Thank you! It is paid.") // The page asks by itself.
	p.look("paid")
	require.Len(t, d.Orders(), 2)
	d.Refund(d.Orders()[1].GetName(), 4000)
	require.NoError(t, chromedp.Do(p.ctx, chromedp.Reload()))
	p.awaitTitle("A part of your money is back")
	p.look("refunded")
	for name, path := range map[string]string{"orders": "/orders", "none": "/?text=nothing", "empty": "/basket", "sign-in": "/sign-in", "open": "/" + d.Orders()[0].GetName() + "/open"} {
		p.open(path)
		p.look(name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Empty(t, p.problems, "nothing is refused by the policy of the pages")
}

func TestALinkOpensAGuestsOrder(t *testing.T) {
	d := newDesk(t)
	path, shown := d.buy(shoptest.Good)
	p := tabOf(d)
	p.open(linkOf(d, shown))
	await.Until(t, func() bool { return len(p.now(`document.querySelector("#secret")?.value ?? ""`)) > 40 }, time.Minute, 20*time.Millisecond)
	require.Empty(t, p.now("location.hash"), "the code does not stay in the address")
	p.press("form.form button")
	p.awaitTitle("Thank you! It is paid.")
	require.Equal(t, path, p.now("location.pathname"))
}
