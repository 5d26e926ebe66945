package money_test

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"codebank.dev/platform/money"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestADecimalNumberIsReadExactly(t *testing.T) {
	for _, test := range []struct {
		currency, text string
		minor          int64
		err            error
	}{
		{"BRL", "12.34", 1234, nil}, {"BRL", "12.3", 1230, nil}, {"BRL", "12", 1200, nil}, {"BRL", "0.01", 1, nil}, {"BRL", "-0.01", -1, nil},
		{"JPY", "12", 12, nil}, {"KWD", "0.001", 1, nil}, {"BRL", "0.1", 10, nil}, {"BRL", "4611686018427387.90", 461168601842738790, nil},
		{"BRL", "92233720368547758.07", math.MaxInt64, nil}, {"BRL", "92233720368547758.08", 0, money.ErrOverflow},
		{"BRL", strings.Repeat("9", 1000), 0, money.ErrOverflow},
		{"BRL", "1.230", 0, money.ErrSurplusDigits}, {"JPY", "1.0", 0, money.ErrSurplusDigits}, {"BRL", "0.005", 0, money.ErrSurplusDigits},
		{"BRL", "", 0, money.ErrNotDecimal}, {"BRL", "1e2", 0, money.ErrNotDecimal}, {"BRL", "1.", 0, money.ErrNotDecimal}, {"BRL", ".5", 0, money.ErrNotDecimal},
		{"BRL", "+1", 0, money.ErrNotDecimal}, {"BRL", "01", 0, money.ErrNotDecimal}, {"BRL", "1,23", 0, money.ErrNotDecimal}, {"BRL", "1.2.3", 0, money.ErrNotDecimal},
		{"BRL", "١", 0, money.ErrNotDecimal}, {"BRL", "1\n", 0, money.ErrNotDecimal}, {"BRL", "0x10", 0, money.ErrNotDecimal}, {"BRL", "NaN", 0, money.ErrNotDecimal},
	} {
		minor, err := money.MustCurrency(test.currency).ParseMajor(test.text)
		require.ErrorIs(t, err, test.err, test.text)
		require.Equal(t, test.minor, minor, test.text)
	}
}

func TestWhatIsWrittenIsReadAsItWas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom(money.CurrentCurrencies()).Draw(t, "currency")
		minor := rapid.Int64().Draw(t, "minor")
		read, err := currency.ParseMajor(currency.FormatMinor(minor))
		require.NoError(t, err)
		require.Equal(t, minor, read)
	})
}

// FuzzParseMajor: what is taken is the number that the text says, for rational numbers too.
func FuzzParseMajor(f *testing.F) {
	for _, text := range []string{"12.34", "0.1", "-7", "1e5", "00.1", "99999999999999999999.99"} {
		f.Add("BRL", text)
	}
	f.Fuzz(func(t *testing.T, code, text string) {
		currency, err := money.ParseCurrency(code)
		if err != nil {
			t.Skip("no currency")
		}
		minor, err := currency.ParseMajor(text)
		if err != nil {
			require.Zero(t, minor)
			return
		}
		want, ok := new(big.Rat).SetString(text)
		require.True(t, ok)
		scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(currency.Exponent())), nil)
		want.Mul(want, new(big.Rat).SetInt(scale))
		require.True(t, want.IsInt())
		require.Equal(t, want.Num().String(), big.NewInt(minor).String())
	})
}
