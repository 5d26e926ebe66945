package panels_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/dashboards/catalogue"
	"codebank.dev/platform/money"
)

// The dashboards know the decimals of every currency in which a bank opens accounts.
func TestTheDashboardsHaveTheDecimalsOfEveryCurrency(t *testing.T) {
	want := map[string]int{}
	for _, currency := range money.CurrentCurrencies() {
		if currency.Exponent() != 2 {
			want[currency.String()] = currency.Exponent()
		}
	}
	require.NotEmpty(t, want)
	require.Equal(t, want, catalogue.Decimals())
	require.NotContains(t, catalogue.Decimals(), catalogue.Currency, "the panels with money divide by 100")
}
