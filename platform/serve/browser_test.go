package serve_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/metadata"
)

// tab is a page in a headless Chromium.
type tab struct {
	ctx      context.Context
	mu       sync.Mutex
	problems []string
}

// openTab starts Chromium, which the test must have, and loads a page.
func openTab(t *testing.T, address string) *tab {
	t.Helper()
	files := t.TempDir() // Chromium is killed in the end, and would leave its temporary files.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.UserDataDir(files),
		chromedp.Env("TMPDIR="+files), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(time.Minute))
	allocated, stopAll := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stopAll)
	ctx, stop := chromedp.NewContext(allocated)
	t.Cleanup(stop)
	p := &tab{ctx: ctx}
	require.NoError(t, chromedp.Do(ctx), "the test of the page needs Chromium")
	require.NoError(t, chromedp.Listen(ctx, p.listen))
	require.NoError(t, chromedp.Do(ctx, chromedp.EmulateViewport(1200, 900), chromedp.Navigate(address)))
	return p
}

// listen collects what the page complains about. A policy that refuses a file or a style is among it.
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

// complaints returns what the page complained about.
func (p *tab) complaints() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.problems
}

// click waits for an element and clicks it.
func (p *tab) click(t *testing.T, selector string) {
	t.Helper()
	await.Until(t, func() bool {
		done, err := chromedp.Run(p.ctx, chromedp.Evaluate[bool](fmt.Sprintf(`(() => {
			const found = document.querySelector(%q); if (found) found.click(); return !!found })()`, selector)))
		return err == nil && done
	}, time.Minute, 20*time.Millisecond, selector)
}

// text returns what an element shows, and "" while there is none.
func (p *tab) text(selector string) string {
	shown, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q)?.textContent ?? ""`, selector)))
	if err != nil {
		return ""
	}
	return shown
}

// try sends the example of an operation and returns the answer that the page shows.
func (p *tab) try(t *testing.T, service, operation string) string {
	t.Helper()
	block := fmt.Sprintf("#operations-%s-%s_%s ", service, service, operation)
	p.click(t, block+".opblock-summary-control")
	p.click(t, block+".try-out__btn")
	p.click(t, block+".execute")
	answer := block + ".live-responses-table tbody "
	await.Until(t, func() bool { return p.text(answer+".response-col_status") != "" }, time.Minute, 20*time.Millisecond)
	require.Equal(t, "200", strings.TrimSpace(p.text(answer+".response-col_status")), p.text(answer))
	return p.text(answer)
}

// picture keeps a picture of the page among the artifacts of the test.
func (p *tab) picture(t *testing.T, name string) {
	t.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), png, 0o644))
}

// tokened answers with the token of its calls.
type tokened struct{ *counted }

func (s tokened) AuthorizePurchase(ctx context.Context, in *bankv1.AuthorizePurchaseRequest) (*bankv1.AuthorizePurchaseResponse, error) {
	return answer(in.GetRequestId() + " with " + strings.Join(metadata.ValueFromIncomingContext(ctx, "authorization"), "")), nil
}

func TestCallsAreTriedOnThePageOfTheDocument(t *testing.T) {
	document, err := schemas.OpenAPI("bank.v1")
	require.NoError(t, err)
	r := start(t, tokened{&counted{purchases: newPurchases()}}, func(c *serve.Config) { c.OpenAPI = document })
	p := openTab(t, "http://"+r.HTTPAddress()+"/docs")

	p.click(t, ".btn.authorize")
	p.click(t, `.auth-container input[aria-label="auth-bearer-value"], .auth-container input`)
	require.NoError(t, chromedp.Do(p.ctx, chromedp.SendKeys(".auth-container input", "a.b.c")))
	p.picture(t, "authorize")
	p.click(t, ".auth-container .authorize")
	p.click(t, ".auth-container .btn-done")

	require.Contains(t, p.try(t, "PurchaseService", "AuthorizePurchase"), "docs-example-purchase with Bearer a.b.c")
	require.Contains(t, p.try(t, "PurchaseService", "GetPurchase"), `"purchases/0e6d7715-faf3-51ef-bf49-dbd421b8ecb4"`,
		"the path has the collection once")
	p.picture(t, "tried")
	require.Empty(t, p.complaints(), "nothing is refused by the page's policy")
}
