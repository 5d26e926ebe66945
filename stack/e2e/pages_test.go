package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/native/await"
	"codebank.dev/stack/launch"
)

// pageAddress returns the address of a page with the filter for the bank of the history.
func pageAddress(stack *launch.Stack, path string, span query.Range, more ...string) string {
	values := url.Values{
		"bank": {historyBank}, "from": {span.From.UTC().Format(time.RFC3339Nano)}, "to": {span.To.UTC().Format(time.RFC3339Nano)},
	}
	for i := 0; i+1 < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return stack.Addresses().Dashboards() + path + "?" + values.Encode()
}

// Every panel's page shows the figures that the terminal shows, and both equal those that are
// calculated from the events.
func TestEveryFigureOfThePagesEqualsThatOfTheEvents(t *testing.T) {
	p := syntheticHistoryOf(t)
	stack := running(t)
	check := newFigureCheck(t, historyBank, withPipelineMillis(t, stack, historyBank, time.Unix(0, 0), p.documents))
	span := query.Range{From: p.plan.Start, To: p.plan.End}
	figures := 0
	for _, board := range catalogue.Dashboards() {
		terminal := dashboardClient(stack)
		terminal.Now = time.Now() // as a page: a panel about the present is about the present
		results, err := terminal.RunAll(t.Context(), panelsOfBank(board, historyBank), span)
		require.NoError(t, err)
		onBoard := figuresOfPanels(fetched(t, pageAddress(stack, "/dashboards/"+board.ID, span)))
		var shown []query.Result
		for i, panel := range board.Panels {
			if len(panel.Layer.Metrics) == 0 || panel.Source == view.Watermarks {
				continue // Watermarks are written while the two are compared.
			}
			document := fetched(t, pageAddress(stack, "/dashboards/"+board.ID+"/panels/"+panel.ID, span))
			result := resultOf(t, document, results[i])
			if panel.Unfiltered {
				result.Table.Rows = slices.DeleteFunc(result.Table.Rows, func(row query.Row) bool {
					return len(row.Keys) > 0 && ofAnotherBank(row.Keys[0].Text)
				})
			}
			requireSameFigures(t, board.ID+"/"+panel.ID, results[i].Table, result.Table)
			figures += requireShown(t, board.ID+"/"+panel.ID, onBoard, result)
			shown = append(shown, result)
		}
		check.checkDashboard(board, shown)
	}
	check.requireFigures(false)
	require.Greater(t, figures, 100, "figures on the dashboards themselves")
}

// fetched returns a page.
func fetched(t *testing.T, address string) *html.Node {
	t.Helper()
	answer, err := http.Get(address)
	require.NoError(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode, "%s: %s", address, text)
	document, err := html.Parse(strings.NewReader(string(text)))
	require.NoError(t, err)
	return document
}

// attribute returns an attribute of an element, or "".
func attribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// find returns the elements below n, and n itself, that have an attribute.
func find(n *html.Node, name string) (found []*html.Node) {
	for one := range n.Descendants() {
		if one.Type == html.ElementNode && has(one, name) {
			found = append(found, one)
		}
	}
	return found
}

// ofAnotherBank reports whether a key is a topic of another bank than the history's. A panel
// that no filter reaches shows the topics of all banks.
func ofAnotherBank(key string) bool {
	return strings.HasSuffix(key, ".transactions.v1") && key != "bank-"+historyBank+".transactions.v1"
}

// figuresOfPanels returns the figures on a dashboard for programs, by panel, without those of
// other banks.
func figuresOfPanels(document *html.Node) map[string][]string {
	shown := map[string][]string{}
	for _, panel := range find(document, "data-panel") {
		var others []*html.Node
		for _, row := range find(panel, "data-row") {
			if keys := find(row, "data-key"); len(keys) > 0 && ofAnotherBank(attribute(keys[0], "data-key")) {
				others = append(others, find(row, "data-metric")...)
			}
		}
		for _, figure := range find(panel, "data-metric") {
			if slices.Contains(others, figure) {
				continue
			}
			shown[attribute(panel, "data-panel")] = append(shown[attribute(panel, "data-panel")], attribute(figure, "value"))
		}
	}
	return shown
}

// requireShown checks that a panel with figures in text has the same ones on its dashboard,
// and returns how many.
func requireShown(t *testing.T, name string, onBoard map[string][]string, result query.Result) int {
	t.Helper()
	if result.Panel.Chart != view.Metric && result.Panel.Chart != view.Table || strings.HasSuffix(name, "/complete-up-to") {
		return 0
	}
	var want []string
	for _, row := range result.Table.Rows {
		for _, value := range row.Values {
			text := ""
			if value != nil {
				text = strconv.FormatFloat(*value, 'f', -1, 64)
			}
			want = append(want, text)
		}
	}
	require.Equal(t, want, onBoard[name], name)
	return len(want)
}

// resultOf reads the figures of a panel's page. of has what a page does not say.
func resultOf(t *testing.T, document *html.Node, of query.Result) query.Result {
	t.Helper()
	panel := find(document, "data-panel")[0]
	number := func(name string) int64 {
		n, err := strconv.ParseInt(attribute(panel, name), 10, 64)
		require.NoError(t, err, "%s of %s", name, of.Panel.ID)
		return n
	}
	result := query.Result{Panel: of.Panel, Range: query.Range{
		From: time.UnixMilli(number("data-span-from")).UTC(), To: time.UnixMilli(number("data-span-to")).UTC(),
	}}
	result.Table = tableOf(t, find(document, "data-figures"))
	result.Table.Interval = time.Duration(number("data-interval")) * time.Millisecond
	if trend := find(document, "data-trend"); len(trend) > 0 {
		table := tableOf(t, trend)
		result.Trend = &table
	}
	return result
}

func tableOf(t *testing.T, in []*html.Node) (table query.Table) {
	t.Helper()
	if len(in) == 0 {
		return table
	}
	for _, row := range find(in[0], "data-row") {
		var r query.Row
		for _, key := range find(row, "data-key") {
			r.Keys = append(r.Keys, query.Key{Text: attribute(key, "data-key")})
		}
		for _, figure := range find(row, "data-metric") {
			var value *float64
			if text := attribute(figure, "value"); text != "" {
				number, err := strconv.ParseFloat(text, 64)
				require.NoError(t, err)
				value = &number
			}
			r.Values = append(r.Values, value)
		}
		table.Rows = append(table.Rows, r)
	}
	return table
}

func requireSameFigures(t *testing.T, name string, terminal, page query.Table) {
	t.Helper()
	require.Len(t, page.Rows, len(terminal.Rows), name)
	for i, row := range terminal.Rows {
		require.Equal(t, keysOf(row), keysOf(page.Rows[i]), name)
		require.Equal(t, row.Values, page.Rows[i].Values, "%s %s", name, keysOf(row))
	}
}

// nothingOfHistory are the panels that show that they are empty for the history.
func nothingOfHistory(panel string) bool {
	return emptyPanels[panel] != "" || strings.HasSuffix(panel, "/declines-per-minute") || strings.HasSuffix(panel, "/volume-today") ||
		strings.HasPrefix(panel, "stores/charges-") || strings.HasPrefix(panel, "pix/") // The history has no charges of merchants, and one bank.
}

// Every dashboard is whole in a browser: at three widths, light and dark.
func TestPagesInABrowser(t *testing.T) {
	p := syntheticHistoryOf(t)
	stack := running(t)
	b := startBrowser(t)
	span := query.Range{From: p.plan.Start, To: p.plan.End}
	for _, board := range catalogue.Dashboards() {
		for _, width := range []int64{390, 1280, 1920} {
			for _, theme := range []string{"light", "dark"} {
				name := fmt.Sprintf("%s/%d/%s", board.ID, width, theme)
				t.Run(name, func(t *testing.T) {
					b.open(t, pageAddress(stack, "/dashboards/"+board.ID, span, "theme", theme), width)
					b.picture(t, name)
					for _, fault := range b.list(t, faults) {
						words := strings.Fields(fault)
						if words[0] == "message:" && nothingOfHistory(words[1]) {
							continue
						}
						t.Error(fault)
					}
					if width != 1920 {
						require.Empty(t, b.accessible(t), "axe-core")
					}
					require.Empty(t, b.taken(), "the console")
				})
			}
		}
	}
	for _, path := range []string{"/definitions", "/design"} {
		b.open(t, stack.Addresses().Dashboards()+path, 390)
		require.Empty(t, b.list(t, faults), path)
		require.Empty(t, b.accessible(t), path)
		b.picture(t, path)
	}
	for _, path := range []string{"/dashboards/overview/panels/top-stores", "/dashboards/approvals/panels/decline-mix/documents"} {
		b.open(t, pageAddress(stack, path, span), 1280)
		for _, fault := range b.list(t, faults) {
			if !strings.HasPrefix(fault, "empty: ") { // The page of a table has its figures below the panel.
				t.Error(fault)
			}
		}
		require.Empty(t, b.accessible(t), path)
		b.picture(t, path)
	}
	require.Empty(t, b.taken(), "the console")
}

// Dragging over a chart zooms, the page says that it is live, and the first key leads to the
// content.
func TestAPageReactsToItsReader(t *testing.T) {
	p := syntheticHistoryOf(t)
	stack := running(t)
	b := startBrowser(t)
	span := query.Range{From: p.plan.Start, To: p.plan.End}
	b.open(t, pageAddress(stack, "/dashboards/overview", span), 1280)
	box := evaluated[[]float64](t, b, `(() => {
		const svg = document.querySelector("#payments-by-status .wide svg");
		svg.scrollIntoView({block: "center"});
		const r = svg.getBoundingClientRect();
		return [r.left, r.top, r.width, r.height];
	})()`)
	ctx, cancel := context.WithTimeout(b.ctx, pageTimeout)
	defer cancel()
	before, y := b.list(t, `[location.search]`)[0], box[1]+box[3]/2
	require.NoError(t, chromedp.Do(ctx,
		chromedp.MouseEvent(input.DispatchMouseEventTypeMousePressed, box[0]+box[2]*0.4, y, chromedp.ButtonLeft),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, box[0]+box[2]*0.6, y, chromedp.ButtonLeft),
		chromedp.MouseEvent(input.DispatchMouseEventTypeMouseReleased, box[0]+box[2]*0.6, y, chromedp.ButtonLeft)))
	await.Until(t, func() bool {
		now := b.now(`document.readyState === "complete" ? location.search : ""`)
		return now != "" && now != before
	}, pageTimeout, 50*time.Millisecond)
	address, err := url.ParseQuery(strings.TrimPrefix(b.list(t, `[location.search]`)[0], "?"))
	require.NoError(t, err)
	from, err := time.Parse(time.RFC3339Nano, address.Get("from"))
	require.NoError(t, err)
	to, err := time.Parse(time.RFC3339Nano, address.Get("to"))
	require.NoError(t, err)
	length := span.To.Sub(span.From)
	require.True(t, from.After(span.From.Add(length/4)) && to.Before(span.To.Add(-length/4)) && from.Before(to), "%s to %s", from, to)
	require.Equal(t, historyBank, address.Get("bank"), "the filters stay")

	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(stack.Addresses().Dashboards()+"/dashboards/overview")))
	await.Until(t, func() bool {
		return b.now(`document.querySelector("[data-live]").dataset.state`) == "live"
	}, pageTimeout, 50*time.Millisecond)
	require.NoError(t, chromedp.Do(ctx, chromedp.KeyEvent("\t")))
	require.Equal(t, "skip", b.list(t, `[document.activeElement.className]`)[0])
	require.Empty(t, b.taken(), "the console")
}
