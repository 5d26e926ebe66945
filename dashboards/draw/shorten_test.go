package draw_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/draw"
)

func TestShortenTriesFewFormsOfALongName(t *testing.T) {
	long := strings.Repeat("é ", 50_000)
	tried := 0
	short := draw.Shorten([]string{long + "a", long + "b", "Café"}, func(text string) bool {
		tried++
		return utf8.RuneCountInString(text) <= 9
	})
	require.Equal(t, []string{"é é … é a", "é é … é b", "Café"}, short)
	require.Less(t, tried, 200)
}

func TestShortenKeepsAsMuchAsFits(t *testing.T) {
	fits := func(width int) func(string) bool {
		return func(text string) bool { return utf8.RuneCountInString(text) <= width }
	}
	require.Equal(t, []string{"Arma…"}, draw.Shorten([]string{"Armazém"}, fits(5)))
	require.Equal(t, []string{"Armazém"}, draw.Shorten([]string{"Armazém"}, fits(7)))
	require.Equal(t, []string{"…"}, draw.Shorten([]string{"Armazém"}, fits(1)))
	require.Equal(t, []string{"…"}, draw.Shorten([]string{"Armazém"}, fits(0)))
}
