package money_test

import (
	"testing"

	"codebank.dev/platform/money"
	"github.com/stretchr/testify/require"
)

// FuzzParseCurrency: what is a currency is written as it was read, and what is current is a currency.
func FuzzParseCurrency(f *testing.F) {
	f.Add("BRL")
	f.Fuzz(func(t *testing.T, text string) {
		currency, err := money.ParseCurrency(text)
		current, notCurrent := money.ParseCurrentCurrency(text)
		if notCurrent == nil {
			require.NoError(t, err)
			require.Equal(t, currency, current)
		}
		if err != nil {
			return
		}
		require.Equal(t, text, currency.String())
		require.Len(t, text, 3)
	})
}
