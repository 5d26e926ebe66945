package bank_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

// FuzzParseCode: three digits and nothing else.
func FuzzParseCode(f *testing.F) {
	f.Add("001")
	f.Fuzz(func(t *testing.T, text string) {
		code, err := bank.ParseCode(text)
		require.Equal(t, len(text) == 3 && strings.Trim(text, "0123456789") == "", err == nil)
		if err == nil {
			require.Equal(t, text, string(code))
		}
	})
}

// FuzzRawCardData: card data is taken or refused by field, and never shown.
func FuzzRawCardData(f *testing.F) {
	f.Add("4111111111111111", "MARIA DA SILVA", "123", 12, 2031)
	f.Fuzz(func(t *testing.T, number, holder, code string, month, year int) {
		raw := bank.RawCardData{Number: number, HolderName: holder, CVV: code, ExpiryMonth: month, ExpiryYear: year}
		data, err := raw.Check("card_data")
		if err != nil {
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
			require.Contains(t, err.Error(), "card_data")
			return
		}
		cvv, err := bank.ParseCVV(code)
		require.NoError(t, err)
		require.Equal(t, cvv.Reveal(), data.CVV.Reveal())
		pan, err := bank.ParsePAN(number)
		require.NoError(t, err)
		require.Equal(t, pan, data.PAN)
		require.NotContains(t, pan.String(), pan.Reveal())
		require.False(t, data.Expiry.End().IsZero())
	})
}

// FuzzCheckTexts: what passes can be stored and shown.
func FuzzCheckTexts(f *testing.F) {
	f.Add("pão na chapa")
	f.Add("r-1")
	f.Add("ctk_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG")
	f.Add("cards/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01")
	f.Fuzz(func(t *testing.T, text string) {
		storable := utf8.ValidString(text) && !strings.ContainsRune(text, 0)
		for name, err := range map[string]error{
			"text": bank.CheckText("f", text, bank.MaxDescription), "word": bank.CheckWord("f", text),
			"holder": bank.CheckHolderName("f", text), "token": bank.CheckToken("f", text),
		} {
			if err == nil {
				require.True(t, storable, name)
				continue
			}
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), name)
		}
		if id, err := bank.CheckID("name", "cards/", text); err == nil {
			require.Equal(t, text, "cards/"+id.String())
		}
	})
}
