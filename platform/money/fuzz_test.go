package money_test

import (
	"testing"

	"codebank.dev/platform/money"
	"github.com/stretchr/testify/require"
)

// FuzzParseCurrency: what is a currency is written as it was read.
func FuzzParseCurrency(f *testing.F) {
	f.Add("BRL")
	f.Fuzz(func(t *testing.T, text string) {
		currency, err := money.ParseCurrency(text)
		if err != nil {
			return
		}
		require.Equal(t, text, currency.String())
		require.Len(t, text, 3)
	})
}
