package checkout_test

import (
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

// FuzzNames: a name is read as it is written, or refused by field.
func FuzzNames(f *testing.F) {
	f.Add("orders/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01")
	f.Add("products/cafe-coado")
	f.Add("3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01")
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := checkout.ParseOrderName("name", text); err == nil {
			require.Equal(t, text, "orders/"+id.String())
		} else {
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
		}
		if slug, err := checkout.ParseProductName("name", text); err == nil {
			require.Equal(t, text, "products/"+slug)
		} else {
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
		}
		_ = checkout.CheckWord("word", text)
		_ = checkout.CheckText("text", text, 10)
		_ = checkout.CheckSlug("slug", text)
	})
}

// FuzzParseCardData: card data is taken or refused by field, and never shown.
func FuzzParseCardData(f *testing.F) {
	f.Add("4111111111111111", "MARIA DA SILVA", "123", int32(12), int32(2031))
	f.Fuzz(func(t *testing.T, number, holder, code string, month, year int32) {
		data, err := checkout.ParseCardData(number, holder, checkout.Expiry{Month: month, Year: year}, code)
		if err != nil {
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
			return
		}
		parsed, err := checkout.ParseCardNumber(number)
		require.NoError(t, err)
		again, err := checkout.ParseSecurityCode(code, parsed)
		require.NoError(t, err)
		require.Equal(t, code, again.Reveal())
		require.Equal(t, parsed.Reveal(), data.Number.Reveal())
	})
}
