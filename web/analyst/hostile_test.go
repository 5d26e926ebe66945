package analyst

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/dashboards/query"
	"codebank.dev/dashboards/view"
)

// Without the filter the page would show figures of all brands at an address that names some.
func TestParametersThatCannotBeReadAreRefusedAndNotLeftOut(t *testing.T) {
	x := &index{}
	h := pages(t, x)
	for _, query := range []string{"brand=VISA;brand=ELO", "brand=%zz", "brand=%", strings.Repeat("brand=VISA&", 20_000)} {
		for _, path := range []string{"/dashboards/overview", "/dashboards/overview/panels/payments/figures.csv", "/definitions", "/design"} {
			require.Equal(t, http.StatusBadRequest, get(t, h, path+"?"+query).Code, "%s?%.40s", path, query)
		}
	}
	require.Zero(t, x.calls.Load())
}

func TestARangeThatBeginsBefore1970IsAWrongRange(t *testing.T) {
	h := pages(t, &index{})
	for _, board := range catalogue.Dashboards() {
		w := get(t, h, boardPath(board.ID)+"?to=1970-01-01")
		require.Equal(t, http.StatusBadRequest, w.Code, board.ID)
		require.Contains(t, w.Body.String(), "“to”")
	}
}

func TestARowOfAPastRangeLeadsToTheSameRange(t *testing.T) {
	h := pages(t, &index{})
	text := get(t, h, "/dashboards/overview?to=2026-01-15").Body.String()
	links := regexp.MustCompile(`href="(/dashboards/stores\?[^"]+store=[^"]+)"`).FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, links)
	address, err := url.Parse(html.UnescapeString(links[0][1]))
	require.NoError(t, err)
	require.Equal(t, "2026-01-14T00:00:00Z", address.Query().Get("from"))
	require.Equal(t, "2026-01-15", address.Query().Get("to"))
	require.Equal(t, http.StatusOK, get(t, h, address.String()).Code)
}

func TestOneDeadLetterIsNoPlural(t *testing.T) {
	format := view.Format{Kind: view.Number}
	for count, want := range map[float64]string{
		0: "0 dead letters waiting in the last 5 minutes", 1: "1 dead letter waiting in the last 5 minutes", 4000: "4,000 dead letters waiting in the last 5 minutes",
	} {
		require.Equal(t, want, lettersText(query.Row{Values: []*float64{nil, &count}}, format))
	}
	figures := catalogue.Dashboards()[0].Panels[2].Layer.Metrics
	require.Equal(t, "5m", figures[1].Figure.(view.Aggregate).Within, "the page says how far back the panel looks")
}

func TestNamesAreNoFormulasInASpreadsheet(t *testing.T) {
	for _, sign := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "﹢", " =", "\u00a0+", "\u3000@", " \u200b\ufeff-"} {
		require.Equal(t, "'"+sign+"1+1", plainCell(sign+"1+1"))
	}
	require.Equal(t, "1+1", plainCell("1+1"))
	require.Equal(t, " 1+1", plainCell(" 1+1"))
	require.Empty(t, plainCell(""))
}

// A file has one row of the name that all other stores have, and a store with a name of
// spaces can be seen and chosen.
func TestStoresWithTheNamesOfOtherThingsStayApart(t *testing.T) {
	known := values["merchant_name"]
	defer func() { values["merchant_name"] = known }()
	values["merchant_name"] = []string{"Other", "(all others)", " \u00a0"}
	h := pages(t, &index{})
	text := get(t, h, "/dashboards/overview/panels/top-stores/figures.csv").Body.String()
	for _, name := range []string{"Other", "“(all others)”", "(blank)"} {
		require.Equal(t, 1, strings.Count(text, "\n"+name+","), text)
	}
	require.NotContains(t, text, "\n(all others),", "these are all stores")
	text = html.UnescapeString(get(t, h, "/dashboards/overview/panels/top-stores").Body.String())
	require.Regexp(t, `<a href="[^"]*store=\+%C2%A0[^"]*"[^>]*>\(blank\)</a>`, text)
	require.Contains(t, text, "“(all others)”")
	text = get(t, h, "/dashboards/overview?store=+%C2%A0").Body.String()
	require.Contains(t, text, "<span>Store: (blank)</span>")
}
