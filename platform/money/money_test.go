package money_test

import (
	"math"
	"math/big"
	"testing"

	"codebank.dev/platform/money"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestCheckedArithmeticAgreesWithBigIntegers(t *testing.T) {
	edges := rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1, 1 << 32}))
	rapid.Check(t, func(t *rapid.T) {
		a, b := edges.Draw(t, "a"), edges.Draw(t, "b")
		checks := []struct {
			name    string
			checked func(int64, int64) (int64, error)
			exact   func(z, x, y *big.Int) *big.Int
		}{
			{"add", money.Add, (*big.Int).Add},
			{"subtract", money.Subtract, (*big.Int).Sub},
			{"multiply", money.Multiply, (*big.Int).Mul},
		}
		for _, check := range checks {
			want := check.exact(new(big.Int), big.NewInt(a), big.NewInt(b))
			got, err := check.checked(a, b)
			switch {
			case err == nil && want.Cmp(big.NewInt(got)) != 0:
				t.Fatalf("%s(%d, %d) = %d, want %s", check.name, a, b, got, want)
			case err != nil && want.IsInt64() && a != math.MinInt64 && b != math.MinInt64:
				t.Fatalf("%s(%d, %d) refused though %s fits", check.name, a, b, want)
			}
		}
	})
}

func TestAmountsOfTwoCurrenciesDoNotAdd(t *testing.T) {
	brl, usd := money.MustCurrency("BRL"), money.MustCurrency("USD")
	_, err := money.Amount{Minor: 1, Currency: brl}.Add(money.Amount{Minor: 1, Currency: usd})
	require.ErrorIs(t, err, money.ErrCurrencyMismatch)
	sum, err := money.Amount{Minor: 1, Currency: brl}.Add(money.Amount{Minor: 2, Currency: brl})
	require.NoError(t, err)
	require.Equal(t, money.Amount{Minor: 3, Currency: brl}, sum)
}

func TestAnAmountIsWrittenWithItsCurrencysDecimalPlaces(t *testing.T) {
	for want, amount := range map[string]money.Amount{
		"BRL 12.34":                 {Minor: 1234, Currency: money.MustCurrency("BRL")},
		"BRL -0.05":                 {Minor: -5, Currency: money.MustCurrency("BRL")},
		"JPY 1234":                  {Minor: 1234, Currency: money.MustCurrency("JPY")},
		"KWD 0.001":                 {Minor: 1, Currency: money.MustCurrency("KWD")},
		"USD -92233720368547758.08": {Minor: math.MinInt64, Currency: money.MustCurrency("USD")},
	} {
		require.Equal(t, want, amount.String())
	}
}

func TestOnlyActiveUpperCaseCodesAreCurrencies(t *testing.T) {
	for _, code := range []string{"", "BR", "brl", "BRLX", "XXX", "XTS", "ZZZ"} {
		_, err := money.ParseCurrency(code)
		require.ErrorIs(t, err, money.ErrUnknownCurrency, code)
	}
}
