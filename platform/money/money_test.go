package money_test

import (
	"math"
	"math/big"
	"os"
	"strconv"
	"strings"
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

func TestOnlyUpperCaseCodesOfTheStandardAreCurrencies(t *testing.T) {
	for _, code := range []string{"", "BR", "brl", "BRLX", "XXX", "XTS", "ZZZ", "CLF", "XAU"} {
		_, err := money.ParseCurrency(code)
		require.ErrorIs(t, err, money.ErrUnknownCurrency, code)
	}
}

func TestACodeThatIsRefusedSaysWhy(t *testing.T) {
	for code, want := range map[string]string{
		"ZZZ": "This is no ISO 4217 currency code.",
		"brl": "This is no ISO 4217 currency code.",
		"XXX": "XXX stands for no currency.",
		"XTS": "XTS is a code for tests, not a currency that anybody pays with.",
		"XAU": "XAU is a metal, not a currency that anybody pays with.",
		"CLF": "CLF is a unit of account, not a currency in which cards are issued.",
		"UYW": "UYW is a unit of account, not a currency in which cards are issued.",
	} {
		_, err := money.ParseCurrency(code)
		var refused *money.CodeError
		require.ErrorAs(t, err, &refused, code)
		require.Equal(t, want, refused.Reason, code)
	}
	for code, want := range map[string]string{
		"ANG": "ANG was withdrawn from ISO 4217 in 2025; XCG took its place.",
		"CLF": "CLF is a unit of account, not a currency in which cards are issued.",
	} {
		_, err := money.ParseCurrentCurrency(code)
		var refused *money.CodeError
		require.ErrorAs(t, err, &refused, code)
		require.Equal(t, want, refused.Reason, code)
	}
}

func TestACurrencyOfTodayIsTaken(t *testing.T) {
	for code, digits := range map[string]int{"XCG": 2, "ZWG": 2, "VED": 2, "BRL": 2, "JPY": 0, "TND": 3} {
		currency, err := money.ParseCurrentCurrency(code)
		require.NoError(t, err, code)
		require.Equal(t, digits, currency.Exponent(), code)
	}
}

func TestAWithdrawnCurrencyStaysReadable(t *testing.T) {
	guilder, err := money.ParseCurrency("ANG")
	require.NoError(t, err)
	require.Equal(t, "ANG 12.34", money.Amount{Minor: 1234, Currency: guilder}.String())
}

// TestEveryCodeThatWasEverTakenStaysReadable compares with testdata/taken.txt, which is only added to: accounts
// may be in any of its currencies. A code that a new list of ISO 4217 no longer has goes into the list of
// withdrawn codes; a code that it adds goes into the file.
func TestEveryCodeThatWasEverTakenStaysReadable(t *testing.T) {
	content, err := os.ReadFile("testdata/taken.txt")
	require.NoError(t, err)
	taken := make(map[string]bool)
	for line := range strings.Lines(string(content)) {
		code, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		currency, err := money.ParseCurrency(code)
		require.NoError(t, err, code)
		require.Equal(t, digits, strconv.Itoa(currency.Exponent()), code)
		taken[code] = true
	}
	for _, currency := range money.CurrentCurrencies() {
		require.True(t, taken[currency.String()], "%s is not in testdata/taken.txt: add it with its digits", currency)
	}
}

func TestAStoredCodeThatThisVersionDoesNotKnowKeepsItsText(t *testing.T) {
	require.Equal(t, "QQQ", money.Currency{'Q', 'Q', 'Q'}.String())
	require.Empty(t, money.Currency{}.String())
}
