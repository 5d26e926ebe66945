package pan_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
)

// Published test numbers of the schemes.
var testNumbers = map[string]pan.Brand{
	"4111111111111111": pan.Visa,
	"4222222222222":    pan.Visa,
	"5555555555554444": pan.Mastercard,
	"2223003122003222": pan.Mastercard,
	"378282246310005":  pan.Amex,
	"6011111111111117": pan.Discover,
	"30569309025904":   pan.Diners,
	"3530111333300000": pan.JCB,
	"6362970000457013": pan.BrandUnknown,
}

func TestACardNumberIsDigitsWithTheRightCheckDigit(t *testing.T) {
	for text, brand := range testNumbers {
		number, err := pan.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, brand, number.Brand(), text)
		require.Equal(t, text[:6], number.BIN())
		require.Equal(t, text[len(text)-4:], number.Last4())
		made, err := pan.Make(text[:6], text[6:len(text)-1])
		require.NoError(t, err)
		require.Equal(t, text, made.Reveal(), "the check digit is the only one that fits")
	}
	for _, spaced := range []string{"4111 1111-1111 1111", "4111 1111 1111 1111", "4111-1111-1111-1111"} {
		number, err := pan.Parse(spaced)
		require.NoError(t, err)
		require.Equal(t, "4111111111111111", number.Reveal())
	}
	for _, bad := range []string{
		"", "4111111111111112", "411111111111", "41111111111111111111", "4111 1111 1111 111x", "4111x11111111111",
		"４１１１１１１１１１１１１１１１", "4111\x001111111111111", strings.Repeat(" ", 100),
	} {
		_, err := pan.Parse(bad)
		require.ErrorIs(t, err, pan.ErrMalformed, bad)
		if bad != "" {
			require.NotContains(t, err.Error(), bad)
		}
	}
}

func TestANumberIsMadeOfTwelveToEighteenDigits(t *testing.T) {
	for _, bad := range []string{"", "12345", "1234567890123", "12345x", "-12345"} {
		_, err := pan.Make("411111", bad)
		require.ErrorIs(t, err, pan.ErrMalformed, bad)
	}
}

func TestASecurityCodeIsAsLongAsItsBrandHasIt(t *testing.T) {
	for _, bad := range []string{"", "12", "12345", "12a", "１２３", "-12"} {
		_, err := pan.ParseCVV(bad)
		require.ErrorIs(t, err, pan.ErrMalformedCVV, bad)
	}
	for brand := pan.BrandUnknown; brand <= pan.JCB; brand++ {
		three, err := pan.ParseCVV("737")
		require.NoError(t, err)
		four, err := pan.ParseCVV("7373")
		require.NoError(t, err)
		require.Equal(t, brand == pan.Amex, four.Fits(brand), brand)
		require.Equal(t, brand != pan.Amex, three.Fits(brand), brand)
	}
}

func TestABrandThatIsNotThereIsUnknown(t *testing.T) {
	require.Equal(t, "JCB", pan.JCB.String())
	require.Equal(t, "UNKNOWN", (pan.JCB + 1).String())
}

func TestAnExpiryEndsWithItsMonth(t *testing.T) {
	end := pan.Expiry{Month: 12, Year: 2030}.End()
	require.Equal(t, time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC), end)
}

func TestAnExpiryIsAMonthOfAYearFrom2000On(t *testing.T) {
	for _, good := range []pan.Expiry{{1, 2000}, {12, 2099}, {1, 2101}, {12, 9999}} {
		made, err := pan.NewExpiry(good.Month, good.Year)
		require.NoError(t, err)
		require.Equal(t, good, made)
	}
	for _, bad := range []pan.Expiry{{0, 2030}, {13, 2030}, {-1, 2030}, {1, 1999}, {1, 10000}, {1, 30}} {
		_, err := pan.NewExpiry(bad.Month, bad.Year)
		require.ErrorIs(t, err, pan.ErrExpiry)
	}
}

// Addresses and times may look like a security code by chance.
var noise = regexp.MustCompile(`0[xX][0-9a-fA-F]+|[0-9a-fA-F]{9,}|time\S+|[0-9]{6,}`)

func TestCardDataIsMaskedHoweverItIsPrinted(t *testing.T) {
	const digits, code, text = "378282246310005", "7391", "ctk_planted"
	number, err := pan.Parse(digits)
	require.NoError(t, err)
	cvv, err := pan.ParseCVV(code)
	require.NoError(t, err)
	data := pan.CardData{Number: number, HolderName: "ADA", Expiry: pan.Expiry{Month: 1, Year: 2030}, CVV: cvv}
	type token struct{ pan.Secret }
	type hiding struct {
		data   pan.CardData
		number *pan.Number
		cvv    []pan.CVV
		token  token
	}
	hidden := hiding{data, &number, []pan.CVV{cvv}, token{pan.NewSecret(text)}}

	var out bytes.Buffer
	for _, value := range []any{
		data, &data, number, &number, cvv, &cvv, hidden, &hidden, hidden.token, &hidden.token,
		[]pan.CVV{cvv}, map[string]pan.Number{"n": number}, map[pan.Number]int{number: 1}, []any{number, cvv, hidden.token},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%p", "%T %v"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		fmt.Fprintln(&out, value, fmt.Errorf("wrapped: %v", value))
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "value", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "value", value)
		if marshalled, err := json.Marshal(value); err == nil {
			out.Write(marshalled)
		}
		if marshalled, err := xml.Marshal(value); err == nil {
			out.Write(marshalled)
		}
	}
	for _, secret := range []string{digits, text} {
		require.NotContains(t, out.String(), secret)
		require.NotContains(t, out.String(), fmt.Sprintf("%x", secret))
		require.NotContains(t, out.String(), fmt.Sprintf("%X", secret))
	}
	require.NotContains(t, noise.ReplaceAllString(out.String(), ""), code)
	require.NotRegexp(t, fmt.Sprintf(`\b%x\b`, code), out.String(), "as hexadecimal text")
	require.Contains(t, out.String(), "************0005")
	require.Equal(t, digits, number.Reveal())
	require.Equal(t, code, cvv.Reveal())
	require.Equal(t, text, hidden.token.Reveal())
}

func TestTheZeroValuesAreNone(t *testing.T) {
	require.Equal(t, "", pan.Number{}.String())
	require.Equal(t, "", pan.Number{}.BIN())
	require.Equal(t, "", pan.Masked(""))
	require.Equal(t, pan.BrandUnknown, pan.Number{}.Brand())
	require.True(t, pan.Number{}.IsZero())
	require.True(t, pan.NewSecret("").IsZero())
	require.Equal(t, "", pan.Secret{}.Reveal())
	require.Equal(t, "***", pan.Secret{}.String())
}

// FuzzParse: a number is read or refused, reads the same again, and is never shown.
func FuzzParse(f *testing.F) {
	for number := range testNumbers {
		f.Add(number)
	}
	for _, seed := range []string{"3782 822463 10005", "", "-", "4111-1111"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		number, err := pan.Parse(text)
		if err != nil {
			require.ErrorIs(t, err, pan.ErrMalformed)
			return
		}
		again, err := pan.Parse(number.Reveal())
		require.NoError(t, err)
		require.Equal(t, number, again)
		require.Len(t, number.Last4(), 4)
		require.NotContains(t, fmt.Sprint(number), number.Reveal())
	})
}

// FuzzParseCVV: a security code is three or four digits and nothing else.
func FuzzParseCVV(f *testing.F) {
	f.Add("737")
	f.Fuzz(func(t *testing.T, text string) {
		code, err := pan.ParseCVV(text)
		require.Equal(t, (len(text) == 3 || len(text) == 4) && strings.Trim(text, "0123456789") == "", err == nil)
		if err == nil {
			require.Equal(t, text, code.Reveal())
		}
	})
}
