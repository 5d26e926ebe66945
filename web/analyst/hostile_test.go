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

func TestNamesAreNoFormulasInASpreadsheet(t *testing.T) {
	for _, sign := range []string{"=", "+", "-", "@", "\t", "\r", "\n"} {
		require.Equal(t, "'"+sign+"1+1", plainCell(sign+"1+1"))
	}
	require.Equal(t, "1+1", plainCell("1+1"))
	require.Empty(t, plainCell(""))
}
