package field_test

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
	"github.com/stretchr/testify/require"
)

const uuid = "3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01"

// refused requires that err is the refusal of field f.
func refused(t *testing.T, err error, message ...any) {
	t.Helper()
	require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), message...)
	require.Equal(t, "f", fault.Of(err).Field, message...)
}

func TestAWordIsLettersDigitsAndFourMarks(t *testing.T) {
	for _, word := range []string{"r", "AZaz09._:-", strings.Repeat("a", 64)} {
		require.NoError(t, field.Word("f", word), word)
	}
	for _, bad := range []string{"", " ", "a b", "é", "a\n", "a/b", "\xff", "\uFFFD", strings.Repeat("a", 65)} {
		refused(t, field.Word("f", bad), bad)
	}
}

func TestATextIsStorableAndShowable(t *testing.T) {
	for name, rule := range map[string]struct {
		text            string
		isText, mayStay bool
	}{
		"words":              {"pão na chapa", true, true},
		"the longest":        {strings.Repeat("É", 20), true, true},
		"empty":              {"", false, true},
		"spaces":             {"   ", false, true},
		"spaces of all":      {"\u2003\u00a0", false, true},
		"too long":           {strings.Repeat("É", 21), false, false},
		"a zero byte":        {"MARIA\x00", false, false},
		"a control":          {"a\tb", false, false},
		"only a control":     {"\n", false, false},
		"a control above":    {"a\u0085b", false, false},
		"not valid as UTF-8": {"MARIA\xff", false, false},
	} {
		if err := field.Text("f", rule.text, 20); rule.isText {
			require.NoError(t, err, name)
		} else {
			refused(t, err, name)
		}
		if err := field.OptionalText("f", rule.text, 20); rule.mayStay {
			require.NoError(t, err, name)
		} else {
			refused(t, err, name)
		}
	}
	require.NoError(t, field.HolderName("f", strings.Repeat("É", 60)))
	refused(t, field.HolderName("f", strings.Repeat("É", 61)))
	refused(t, field.HolderName("f", " "))
}

func TestNumbersHaveBounds(t *testing.T) {
	for minor, rule := range map[int64]struct{ amount, limit bool }{
		math.MinInt64: {false, false}, -1: {false, false}, 0: {false, true}, 1: {true, true},
		field.MaxMinor: {true, true}, field.MaxMinor + 1: {false, false}, math.MaxInt64: {false, false},
	} {
		require.Equal(t, rule.amount, field.Amount("f", minor) == nil, minor)
		require.Equal(t, rule.limit, field.Limit("f", minor) == nil, minor)
	}
	for attempt, right := range map[int32]bool{-1: false, 0: true, 1: true, 1000: true, 1001: false} {
		require.Equal(t, right, field.Attempt("f", attempt) == nil, attempt)
	}
	refused(t, field.Amount("f", 0))
	refused(t, field.Limit("f", -1))
	refused(t, field.Attempt("f", -1))
}

func TestCodesAreThoseOfTheirStandards(t *testing.T) {
	currency, err := field.Currency("f", "BRL")
	require.NoError(t, err)
	require.Equal(t, money.MustCurrency("BRL"), currency)
	for _, bad := range []string{"", "brl", "BR", "XXXX"} {
		_, err := field.Currency("f", bad)
		refused(t, err, bad)
	}
	for _, bad := range []string{"CLF", "ANG"} {
		_, err := field.Currency("f", bad)
		refused(t, err, bad)
		require.Contains(t, fault.Of(err).Message, bad, "the refusal says why this code is not taken")
	}
	known, err := field.KnownCurrency("f", "ANG")
	require.NoError(t, err, "an account may still be in a withdrawn currency")
	require.Equal(t, "ANG", known.String())
	_, err = field.KnownCurrency("f", "CLF")
	refused(t, err)
	require.NoError(t, field.CategoryCode("f", "0742"))
	for _, bad := range []string{"", "742", "07421", "074a", "-742", "０7"} {
		refused(t, field.CategoryCode("f", bad), bad)
	}
	require.NoError(t, field.Country("f", "BR"))
	for _, bad := range []string{"", "B", "BRA", "br", "B1", "É"} {
		refused(t, field.Country("f", bad), bad)
	}
}

func TestAnIDStandsBehindItsPrefix(t *testing.T) {
	id, err := field.ID("f", "cards/", "cards/"+uuid)
	require.NoError(t, err)
	require.Equal(t, uuid, id.String())
	for _, bad := range []string{
		"", "cards/", uuid, "accounts/" + uuid, "cards/" + strings.ToUpper(uuid), "cards/" + uuid + "/lines",
		"cards/cards/" + uuid, "cards/00000000-0000-0000-0000-000000000000",
	} {
		id, err := field.ID("f", "cards/", bad)
		refused(t, err, bad)
		require.True(t, id.IsZero(), bad)
	}
}

func TestThePageSizeIsTheServicesWithinWhatIsAskedFor(t *testing.T) {
	for size, want := range map[int32]int{0: 50, 1: 1, 499: 499, 500: 500, 501: 500, math.MaxInt32: 500} {
		got, err := field.PageSize("f", size, 50, 500)
		require.NoError(t, err)
		require.Equal(t, want, got, size)
	}
	_, err := field.PageSize("f", -1, 50, 500)
	refused(t, err)
}

// FuzzTexts: what passes can be stored and shown; what does not is refused by field.
func FuzzTexts(f *testing.F) {
	f.Add("pão na chapa")
	f.Add("r-1")
	f.Add("5942")
	f.Add("BRL")
	f.Add("cards/" + uuid)
	f.Fuzz(func(t *testing.T, text string) {
		storable := utf8.ValidString(text) && !strings.ContainsRune(text, 0)
		_, currency := field.Currency("f", text)
		_, known := field.KnownCurrency("f", text)
		id, name := field.ID("f", "cards/", text)
		for check, err := range map[string]error{
			"text": field.Text("f", text, field.MaxDescription), "optional": field.OptionalText("f", text, field.MaxDescription),
			"word": field.Word("f", text), "holder": field.HolderName("f", text), "currency": currency, "known": known, "id": name,
			"category": field.CategoryCode("f", text), "country": field.Country("f", text),
		} {
			if err == nil {
				require.True(t, storable, check)
				continue
			}
			refused(t, err, check)
		}
		if name == nil {
			require.Equal(t, text, "cards/"+id.String())
		}
		if field.Text("f", text, field.MaxDescription) == nil {
			require.NoError(t, field.OptionalText("f", text, field.MaxDescription))
		}
	})
}
