package analyst

import (
	"context"
	"errors"
	"fmt"
	"html"
	"image/png"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/draw"
	"codebank.dev/dashboards/kql"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
	"codebank.dev/native/await"
)

var errRefused = errors.New("connection refused")

func get(t testing.TB, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	return ask(h, httptest.NewRequest(http.MethodGet, path, nil))
}

func ask(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	if r.Host == "example.com" {
		r.Host = "127.0.0.1:17028"
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestEveryDashboardIsAPageWithAllItsPanels(t *testing.T) {
	for _, board := range catalogue.Dashboards() {
		t.Run(board.ID, func(t *testing.T) {
			x := &index{}
			w := get(t, pages(t, x), "/dashboards/"+board.ID)
			require.Equal(t, http.StatusOK, w.Code, w.Body.String())
			text := w.Body.String()
			for _, panel := range figurePanels(board) {
				if panel.ID != completeID {
					require.Contains(t, text, `data-panel="`+board.ID+"/"+panel.ID+`"`)
				}
				require.Equal(t, http.StatusOK, get(t, pages(t, x), panelPath(board.ID, panel.ID)).Code, panel.ID)
			}
			require.NotContains(t, text, "No figures")
			require.NotContains(t, text, "<da>", "names are escaped")
			require.NotRegexp(t, `style=|<style|<script>|javascript:| on[a-z]+=`, text, "nothing is inline")
			require.Contains(t, text, "Complete up to")
			for _, other := range catalogue.Dashboards() {
				require.Contains(t, text, `href="/dashboards/`+other.ID+`"`)
			}
		})
	}
}

func TestAPageAsksElasticsearchOnce(t *testing.T) {
	x := &index{}
	h := pages(t, x)
	get(t, h, "/dashboards/overview")
	require.EqualValues(t, 1, x.calls.Load())
	get(t, h, "/dashboards/overview?zone=America/Sao_Paulo&theme=dark")
	require.EqualValues(t, 1, x.calls.Load(), "the zone and the theme do not change the figures")
	get(t, h, "/dashboards/overview?brand=VISA")
	require.EqualValues(t, 2, x.calls.Load())
}

func TestEqualRequestsWaitForOneAnswer(t *testing.T) {
	x := &index{hold: make(chan struct{})}
	h := pages(t, x)
	done := make(chan int, 5)
	for range 5 {
		go func() { done <- get(t, h, "/dashboards/risk").Code }()
	}
	await.Until(t, func() bool { return x.calls.Load() > 0 }, 10*time.Second, time.Millisecond)
	close(x.hold)
	for range 5 {
		require.Equal(t, http.StatusOK, <-done)
	}
	require.EqualValues(t, 1, x.calls.Load())
}

func TestARequestWithoutAnAnswerIsReported(t *testing.T) {
	var lost []error
	c := newCache(time.Now, func() {}, func(_ context.Context, err error) { lost = append(lost, err) })
	f := c.get(t.Context(), "panics", func(context.Context) *figures { panic("a broken figure") })
	require.ErrorContains(t, f.err, "a broken figure")
	require.Equal(t, []error{f.err}, lost)
	require.Contains(t, lost[0].Error(), "analyst_test.go", "the report says where")
	require.Empty(t, c.entries, "the next request tries again")

	for range searchesAtOnce {
		c.slots <- struct{}{}
	}
	expired, cancel := context.WithCancel(t.Context())
	cancel()
	e := &entry{done: make(chan struct{})}
	c.fill(expired, "waits", e, func(context.Context) *figures { return &figures{} })
	require.Error(t, e.value.err)
	require.Len(t, lost, 2)
	require.ErrorIs(t, lost[1], context.Canceled)
}

func TestFiltersChooseTheDocumentsOfAllPanelsButThoseThatIgnoreThem(t *testing.T) {
	x := &index{}
	w := get(t, pages(t, x), "/dashboards/overview?brand=VISA&brand=ELO&amount-from=100&store=Caf%C3%A9+%3Cda%3E+Serra&from=2026-03-01&to=2026-03-02")
	require.Equal(t, http.StatusOK, w.Code)
	filtered := 0
	for _, body := range x.bodies {
		if strings.Contains(body, `"card_brand":["VISA","ELO"]`) {
			filtered++
		}
		if strings.Contains(body, "complete_to") {
			require.NotContains(t, body, "VISA")
		}
	}
	require.Greater(t, filtered, 8)
	text := w.Body.String()
	require.Contains(t, text, "Card brand: Visa")
	require.Contains(t, text, "Store: Café &lt;da&gt; Serra")
	require.Contains(t, text, "from 100")
	require.Contains(t, strings.Join(x.bodies, ""), `{"range":{"amount_minor":{"gte":"10000"}}}`, "an amount is in minor units in the index")
	require.Contains(t, text, `value="VISA" checked`)
	require.Contains(t, text, "the range is fixed")
}

func TestAmountsAreInMajorUnitsInAnAddress(t *testing.T) {
	for text, want := range map[string]struct {
		minor int64
		again string
	}{"0": {0, "0"}, "100": {10000, "100"}, "99.9": {9990, "99.90"}, "99.05": {9905, "99.05"}, "0.01": {1, "0.01"}, "7.": {700, "7"},
		"90071992547409.93": {1<<53 + 1, "90071992547409.93"}, "92233720368547758.07": {math.MaxInt64, "92233720368547758.07"}} {
		s, err := parseState(catalogue.Dashboards()[0], url.Values{"amount-from": {text}})
		require.NoError(t, err, text)
		require.Equal(t, want.minor, s.bounds["amount-from"], text)
		require.Equal(t, want.again, s.values().Get("amount-from"), text)
	}
}

// A bound of 100 is 100 of the currency, and not 100 hundredths of it.
func TestABoundOfAmountsIsInTheMajorUnitOfEachCurrency(t *testing.T) {
	for query, want := range map[string][3]string{
		"amount-from=100":                {"amount_minor >= 10000", "amount_minor >= 100", "amount_minor >= 100000"},
		"amount-from=99.01":              {"amount_minor >= 9901", "amount_minor >= 100", "amount_minor >= 99010"},
		"amount-to=99.99":                {"amount_minor <= 9999", "amount_minor <= 99", "amount_minor <= 99990"},
		"amount-to=92233720368547758.07": {"amount_minor <= 9223372036854775807", "amount_minor <= 92233720368547758", "amount_minor <= 9223372036854775807"},
	} {
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		s, err := parseState(catalogue.Dashboards()[0], values)
		require.NoError(t, err)
		text := kql.Text(s.filter(""))
		require.Contains(t, text, want[0]+" and not (currency: (BIF or CLP", query)
		require.Regexp(t, want[1]+` and currency: \(BIF or [^)]*JPY`, text, query)
		require.Regexp(t, want[2]+` and currency: \(BHD or [^)]*KWD`, text, query)
	}
}

func TestWrongInputNamesTheField(t *testing.T) {
	h := pages(t, &index{})
	for query, field := range map[string]string{
		"from=yesterday": "from", "to=2026-13-01": "to", "from=now&to=now-1h": "from", "from=1970-01-01": "from",
		"zone=Mars/Olympus": "zone", "zone=../../etc/passwd": "zone", "zone=Local": "zone", "theme=red": "theme",
		"amount-from=-1": "amount-from", "amount-to=x": "amount-to", "amount-from=1.005": "amount-from", "amount-to=1,50": "amount-to", "amount-to=.5": "amount-to",
		"amount-to=92233720368547758.08": "amount-to", "amount-from=92233720368547759": "amount-from", "amount-to=18446744073709551616": "amount-to", "amount-from=%2B1": "amount-from", "amount-from=2&amount-to=1": "amount-from",
		"colour=blue": "colour", "from=now-1h&from=now-2h": "from", "store=" + strings.Repeat("x", 201): "store",
		"store=a%00b":                     "store",
		"from=" + strings.Repeat("1", 41): "from", "brand=" + manyBrands(): "brand",
	} {
		w := get(t, h, "/dashboards/overview?"+query)
		require.Equal(t, http.StatusBadRequest, w.Code, query)
		require.Contains(t, w.Body.String(), "“"+field+"”", query)
		require.Contains(t, w.Body.String(), "Open the dashboard without filters")
	}
	require.Contains(t, get(t, h, "/dashboards/overview?amount-to=92233720368547758.08").Body.String(), "the largest is 92233720368547758.07.")
	x := &index{}
	require.Equal(t, http.StatusOK, get(t, pages(t, x), "/dashboards/overview?amount-to=92233720368547758.07").Code)
	require.Contains(t, strings.Join(x.bodies, ""), `{"lte":"9223372036854775807"}`, "the largest amount is exact in a query")
	same := "brand=VISA" + strings.Repeat("&brand=VISA", maxValues)
	require.Equal(t, http.StatusOK, get(t, h, "/dashboards/overview?"+same).Code, "a value counts once")
	require.Equal(t, http.StatusNotFound, get(t, h, "/dashboards/nothing").Code)
	require.Equal(t, http.StatusNotFound, get(t, h, "/dashboards/overview/panels/links").Code)
	require.Equal(t, http.StatusNotFound, get(t, h, "/elsewhere").Code)
	require.Equal(t, http.StatusBadRequest, get(t, h, "/dashboards/overview/panels/payments/documents?after=x").Code)
}

func manyBrands() string {
	var list []string
	for i := range maxValues + 1 {
		list = append(list, fmt.Sprint(i))
	}
	return strings.Join(list, "&brand=")
}

func TestOnlyReadsOfThisMachineAreAnswered(t *testing.T) {
	h := pages(t, &index{})
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, "TRACE"} {
		w := ask(h, httptest.NewRequest(method, "/dashboards/overview", nil))
		require.Equal(t, http.StatusMethodNotAllowed, w.Code, method)
		require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
	}
	for host, status := range map[string]int{
		"127.0.0.1:17028": 200, "localhost:1": 200, "localhost": 200, "[::1]:17028": 200,
		"attacker.test": 421, "127.0.0.1.attacker.test:17028": 421, "10.0.0.1:17028": 421,
	} {
		r := httptest.NewRequest(http.MethodGet, "/definitions", nil)
		r.Host = host
		require.Equal(t, status, ask(h, r).Code, host)
	}
	head := ask(h, httptest.NewRequest(http.MethodHead, "/dashboards/overview", nil))
	require.Equal(t, http.StatusOK, head.Code)
	require.Empty(t, head.Body.String())
}

func TestEveryAnswerHasTheHeadersOfSecurity(t *testing.T) {
	h := pages(t, &index{})
	for _, path := range []string{"/dashboards/overview", "/nothing", "/definitions", "/design", "/dashboards/overview/panels/payments/figures.csv"} {
		header := get(t, h, path).Header()
		require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'", path)
		require.NotContains(t, header.Get("Content-Security-Policy"), "unsafe", path)
		require.Contains(t, header.Get("Content-Security-Policy"), "frame-ancestors 'none'", path)
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"), path)
		require.Equal(t, "no-referrer", header.Get("Referrer-Policy"), path)
	}
}

func TestWithoutElasticsearchThePageSaysWhatIsMissing(t *testing.T) {
	x := &index{err: errRefused}
	h := pages(t, x)
	w := get(t, h, "/dashboards/overview")
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), "Elasticsearch does not answer")
	require.NotContains(t, w.Body.String(), errRefused.Error(), "addresses are for the log")
	require.Equal(t, http.StatusServiceUnavailable, get(t, h, "/dashboards/overview/panels/payments").Code)
	require.Equal(t, http.StatusServiceUnavailable, get(t, h, "/dashboards/overview/panels/payments/figures.csv").Code)
	require.Equal(t, http.StatusServiceUnavailable, get(t, h, "/dashboards/overview/panels/payments/documents").Code)
	require.Error(t, Ready(x.search, "transactions")(t.Context()))
	x.err = nil
	require.NotContains(t, get(t, h, "/dashboards/overview").Body.String(), "does not answer", "an error is not kept")
	require.NoError(t, Ready(x.search, "transactions")(t.Context()))
	x.refuse = "size"
	require.Error(t, Ready(x.search, "transactions")(t.Context()))
}

func TestARefusedQueryTakesNoOtherPanelWithIt(t *testing.T) {
	w := get(t, pages(t, &index{refuse: "merchant_category_code"}), "/dashboards/stores")
	require.Equal(t, http.StatusOK, w.Code)
	text := w.Body.String()
	require.Equal(t, 1, strings.Count(text, "refused the query of this panel"))
	require.Contains(t, text, "too many buckets &lt;b&gt;")
	require.Contains(t, text, `data-metric="number"`)
}

func TestARowLeadsToTheLinkedDashboardWithItsFilter(t *testing.T) {
	text := get(t, pages(t, &index{}), "/dashboards/overview?brand=VISA&zone=America/Sao_Paulo").Body.String()
	links := regexp.MustCompile(`href="(/dashboards/stores\?[^"]+store=[^"]+)"`).FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, links)
	address, err := url.Parse(html.UnescapeString(links[0][1]))
	require.NoError(t, err)
	require.Equal(t, url.Values{
		"brand": {"VISA"}, "store": {"Café <da> Serra"}, "zone": {"America/Sao_Paulo"}, "from": {"now-24h"},
	}, address.Query())
	require.Regexp(t, `href="/dashboards/approvals\?[^"]+store=`, text)
}

func TestDocumentsArePagedByPosition(t *testing.T) {
	x := &index{}
	h := pages(t, x)
	text := get(t, h, "/dashboards/approvals/panels/decline-reasons/documents?brand=VISA").Body.String()
	require.Equal(t, documentsPerPage, strings.Count(text, "<tr data-row"))
	require.Contains(t, text, "1,234 events are behind this panel")
	next := regexp.MustCompile(`href="([^"]+after=[^"]+)"`).FindStringSubmatch(text)
	require.NotNil(t, next)
	require.Equal(t, http.StatusOK, get(t, h, html.UnescapeString(next[1])).Code)
	last := x.bodies[len(x.bodies)-1]
	require.Contains(t, last, `"search_after":[`+fmt.Sprint(noon.Add(-49*time.Minute).UnixMilli())+`,"event-49"]`)
	require.Contains(t, last, "VISA")
}

func TestTheEventsBehindAPanelAboutTodayAreOfToday(t *testing.T) {
	x := &index{}
	path := "/dashboards/overview/panels/volume-today"
	for _, page := range []string{path, path + "/documents"} {
		require.Equal(t, http.StatusOK, get(t, pages(t, x), page+"?from=2026-01-01&to=2026-01-02").Code)
		require.Contains(t, x.bodies[len(x.bodies)-1], fmt.Sprintf(`"lte":%d`, noon.UnixMilli()), page)
	}
}

func TestFiguresAsCSV(t *testing.T) {
	w := get(t, pages(t, &index{}), "/dashboards/overview/panels/top-stores/figures.csv")
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Header().Get("Content-Disposition"), "overview-top-stores.csv")
	lines := strings.Split(w.Body.String(), "\n")
	require.Regexp(t, `^Store,Payments,[^,]+ \(BRL\),[^,]+ \(ratio\),[^,]+ \(BRL\),[^,]+ \(ratio\)$`, lines[0], "a heading names the unit")
	require.True(t, strings.HasPrefix(lines[1], "Café <da> Serra,1000,"), lines[1])
	require.Equal(t, "'=1+1", plainCell("=1+1"))
}

// Elasticsearch adds in 64-bit floating point, which has no odd numbers above 2^53.
func TestARoundedFigureIsMarkedOnThePageAndInAFile(t *testing.T) {
	heading := func(h http.Handler) string {
		text := get(t, h, "/dashboards/overview/panels/top-stores/figures.csv").Body.String()
		first, _, _ := strings.Cut(text, "\n")
		return first
	}
	exact, rounded := pages(t, &index{figure: "100"}), pages(t, &index{figure: "9.007199254740994E15"})
	require.NotContains(t, heading(exact), "rounded")
	require.Regexp(t, `^Store,Payments,[^,]+ \(BRL, rounded\),`, strings.ReplaceAll(heading(rounded), `"`, ""))
	marked := regexp.MustCompile(`title="An estimate, or rounded">≈ [^<]*90[.,]071[.,]992[.,]547[.,]409[.,]9`)
	for _, path := range []string{"/dashboards/overview", "/dashboards/overview/panels/top-stores"} {
		require.NotRegexp(t, marked, get(t, exact, path).Body.String(), path)
		require.Regexp(t, marked, get(t, rounded, path).Body.String(), path)
	}
}

func TestAChartAsPNG(t *testing.T) {
	h := pages(t, &index{})
	w := get(t, h, "/dashboards/overview/panels/payments-by-status/chart.png?theme=dark")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "image/png", w.Header().Get("Content-Type"))
	_, err := png.DecodeConfig(w.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, get(t, h, "/dashboards/overview/panels/top-stores/chart.png").Code)
	require.NotContains(t, get(t, h, "/dashboards/overview").Body.String(), "top-stores/chart.png")
}

func TestStreamsAreBoundedAndEndWithTheReader(t *testing.T) {
	x := &index{}
	server := httptest.NewServer(pages(t, x))
	defer server.Close()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	open := func() *http.Response {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/dashboards/overview/live", nil)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		return answer
	}
	for range maxStreams {
		answer := open()
		require.Equal(t, http.StatusOK, answer.StatusCode)
		first := make([]byte, 30)
		_, err := answer.Body.Read(first)
		require.NoError(t, err)
		require.Contains(t, string(first), "event: ready")
	}
	refused := open()
	require.Equal(t, http.StatusTooManyRequests, refused.StatusCode)
	_ = refused.Body.Close()
	leave()
	await.Until(t, func() bool {
		r, err := http.NewRequest(http.MethodGet, server.URL+"/dashboards/overview/live", nil)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	}, 20*time.Second, 10*time.Millisecond)
}

func TestNewEventsAreToldToAllStreams(t *testing.T) {
	marks := make(chan string, 1)
	b := newHub(func(context.Context) (string, error) { return <-marks, nil }, nil, newMetrics(prometheus.NewRegistry()))
	stream := b.join()
	b.tell("one", nil)
	require.Equal(t, "ready", <-stream)
	b.tell("one", nil)
	require.Empty(t, stream, "nothing has changed")
	b.tell("two", nil)
	require.Equal(t, "figures", <-stream)
	b.tell("", errRefused)
	require.Equal(t, "away", <-stream)
	b.leave(stream)
	require.Nil(t, b.stop, "nobody asks the index any more")
	marks <- ""
}

func TestEveryWidthHasAPlaceInTheGrid(t *testing.T) {
	css, err := static.ReadFile("static/analyst.css")
	require.NoError(t, err)
	for _, board := range catalogue.Dashboards() {
		for _, panel := range board.Panels {
			require.Contains(t, string(css), fmt.Sprintf(".w%d { grid-column: span %d; }", panel.Grid.W, panel.Grid.W), panel.ID)
		}
	}
}

func TestEveryFigureIsDefined(t *testing.T) {
	text := get(t, pages(t, &index{}), "/definitions").Body.String()
	for _, board := range catalogue.Dashboards() {
		for _, panel := range figurePanels(board) {
			require.Contains(t, text, `id="`+board.ID+"-"+panel.ID+`"`)
		}
	}
	require.Contains(t, text, "INSUFFICIENT_FUNDS")
}

func FuzzState(f *testing.F) {
	boards := catalogue.Dashboards()
	f.Fuzz(func(t *testing.T, text string) {
		values, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		s, err := parseState(boards[0], values)
		if err != nil {
			require.True(t, isFault(err), "%v", err)
			return
		}
		again, err := parseState(boards[0], s.values())
		require.NoError(t, err)
		require.Equal(t, s.values(), again.values(), "a link leads to the same view")
		if span, err := s.span(noon); err == nil {
			require.LessOrEqual(t, span.To.Sub(span.From), maxRange)
		}
	})
}

func FuzzBound(f *testing.F) {
	amount := view.Control{ID: "amount", Field: "amount_minor"}
	f.Fuzz(func(t *testing.T, text string) {
		bound, err := parseBound(amount, text)
		if err != nil {
			return
		}
		require.GreaterOrEqual(t, bound, int64(0))
		s := &state{bounds: map[string]int64{"amount-from": bound}}
		again, err := parseBound(amount, s.boundText(amount, fromSuffix))
		require.NoError(t, err)
		require.Equal(t, bound, again)
	})
}

func FuzzPosition(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		position, err := parsePosition(text)
		if err != nil || position == nil {
			return
		}
		again, err := parsePosition(writePosition(*position))
		require.NoError(t, err)
		require.Equal(t, position, again)
	})
}

func TestAPanelWithoutFiguresSaysSo(t *testing.T) {
	h := &handler{}
	s, err := parseState(catalogue.Dashboards()[0], url.Values{})
	require.NoError(t, err)
	c := h.cardOf(s, view.Panel{ID: "x"}, &figures{})
	require.NotNil(t, c.Problem)
}

func TestChartsOverTimeMarkWhatTheOperatorSays(t *testing.T) {
	var marks []draw.Annotation
	h, err := New(Config{
		Dashboards: catalogue.Dashboards(), Views: catalogue.DataViews(), Search: (&index{}).search, Logger: slog.New(slog.DiscardHandler),
		Metrics: prometheus.NewRegistry(), Now: func() time.Time { return noon }, Annotations: func() []draw.Annotation { return marks },
	})
	require.NoError(t, err)
	const path = "/dashboards/overview"
	require.NotContains(t, get(t, h, path).Body.String(), "Release")
	plain := get(t, h, path+"/panels/payments-by-status/chart.png").Body.Bytes()
	marks = []draw.Annotation{{At: noon.Add(-3 * time.Hour), Word: "Release <2>", Text: "Version 2."}}
	text := get(t, h, path).Body.String()
	require.NotContains(t, text, "Release <2>")
	for _, panel := range []string{"payments-by-status", "approval-rate-over-time"} {
		_, after, found := strings.Cut(text, `data-panel="overview/`+panel+`"`)
		require.True(t, found)
		svg, _, _ := strings.Cut(after, "</section>")
		require.Equal(t, 2, strings.Count(svg, ">Release &lt;2&gt;</text>"), "%s: a wide chart and one for a phone", panel)
		require.Contains(t, svg, "Release &lt;2&gt;: Version 2.")
	}
	require.NotEqual(t, plain, get(t, h, path+"/panels/payments-by-status/chart.png").Body.Bytes())
}

func TestEveryRowOfATableHasAllCells(t *testing.T) {
	text := get(t, pages(t, &index{}), "/dashboards/overview").Body.String()
	_, after, _ := strings.Cut(text, `data-panel="overview/top-stores"`)
	table, _, _ := strings.Cut(after, "</table>")
	rows := strings.Split(table, "<tr data-row>")[1:]
	require.NotEmpty(t, rows)
	for _, row := range rows {
		require.Equal(t, strings.Count(table, "<th "), strings.Count(row, "<td"), row)
	}
	require.Contains(t, table, ">Approvals</a>", "the title of a dashboard has no room in a row")
	require.NotContains(t, get(t, pages(t, &index{}), "/dashboards/stores").Body.String(), "(dark:", "the legend says it")
}

func TestARangeIsWrittenForPeople(t *testing.T) {
	day := time.Date(2026, time.March, 4, 8, 0, 0, 0, time.UTC)
	require.Equal(t, "4 Mar 2026 08:00 – 09:00", spanText(query.Range{From: day, To: day.Add(time.Hour)}, time.UTC))
	require.Equal(t, "4 Mar 2026 08:00 – 5 Mar 2026 08:00", spanText(query.Range{From: day, To: day.AddDate(0, 0, 1)}, time.UTC))
	require.Equal(t, "All events", spanText(query.Range{From: day.AddDate(-50, 0, 0), To: day}, time.UTC))
}
