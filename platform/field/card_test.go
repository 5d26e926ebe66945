package field_test

import (
	"strings"
	"testing"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
)

const (
	planted     = "378282246310005"
	plantedCode = "7391"
)

var good = field.RawCardData{Number: planted, HolderName: "MARIA DA SILVA", CVV: plantedCode, ExpiryMonth: 3, ExpiryYear: 2030}

func TestCardDataIsRefusedByTheFieldAtFault(t *testing.T) {
	for _, rule := range []struct {
		name, field string
		byBrand     bool // only when the length of the security code is held to the brand
		change      func(*field.RawCardData)
	}{
		{"a wrong check digit", "card.number", false, func(c *field.RawCardData) { c.Number = "4111111111111112" }},
		{"no number", "card.number", false, func(c *field.RawCardData) { c.Number = "" }},
		{"no holder", "card.holder_name", false, func(c *field.RawCardData) { c.HolderName = "" }},
		{"a holder of spaces", "card.holder_name", false, func(c *field.RawCardData) { c.HolderName = "   " }},
		{"a holder too long", "card.holder_name", false, func(c *field.RawCardData) { c.HolderName = strings.Repeat("É", 61) }},
		{"a holder with a control character", "card.holder_name", false, func(c *field.RawCardData) { c.HolderName = "MARIA\u0000" }},
		{"a holder in broken UTF-8", "card.holder_name", false, func(c *field.RawCardData) { c.HolderName = "MARIA\xff" }},
		{"month 0", "card.expiry_month", false, func(c *field.RawCardData) { c.ExpiryMonth = 0 }},
		{"month 13", "card.expiry_month", false, func(c *field.RawCardData) { c.ExpiryMonth = 13 }},
		{"a year of two digits", "card.expiry_year", false, func(c *field.RawCardData) { c.ExpiryYear = 30 }},
		{"a year of five digits", "card.expiry_year", false, func(c *field.RawCardData) { c.ExpiryYear = 20300 }},
		{"a code too short", "card.cvv", false, func(c *field.RawCardData) { c.CVV = "73" }},
		{"a code too long", "card.cvv", false, func(c *field.RawCardData) { c.CVV = "73911" }},
		{"a code with a letter", "card.cvv", false, func(c *field.RawCardData) { c.CVV = "7a9" }},
		{"four digits on a card that has three", "card.cvv", true, func(c *field.RawCardData) { c.Number = "4111111111111111" }},
		{"three digits on a card that has four", "card.cvv", true, func(c *field.RawCardData) { c.CVV = "739" }},
	} {
		t.Run(rule.name, func(t *testing.T) {
			raw := good
			rule.change(&raw)
			_, err := raw.CheckWithBrand("card")
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
			require.Equal(t, rule.field, fault.Of(err).Field)
			require.NotContains(t, err.Error(), planted)
			require.NotContains(t, err.Error(), plantedCode)
			_, lenient := raw.Check("card")
			if rule.byBrand {
				require.NoError(t, lenient)
				return
			}
			require.Equal(t, err, lenient)
		})
	}
}

func TestMonthAndYearAreOneDateThatTheBankChecks(t *testing.T) {
	for month := 1; month <= 12; month++ {
		for _, year := range []int{2000, 2025, 2030, 2099, 2101, 9999} {
			raw := good
			raw.ExpiryMonth, raw.ExpiryYear = month, year
			card, err := raw.CheckWithBrand("card")
			require.NoError(t, err, "%d/%d", month, year)
			require.Equal(t, pan.Expiry{Month: month, Year: year}, card.Expiry)
		}
	}
}

// FuzzRawCardData: card data is taken as it was written or refused by field, and never shown.
func FuzzRawCardData(f *testing.F) {
	f.Add("4111111111111111", "MARIA DA SILVA", "123", 12, 2031)
	f.Fuzz(func(t *testing.T, number, holder, code string, month, year int) {
		raw := field.RawCardData{Number: number, HolderName: holder, CVV: code, ExpiryMonth: month, ExpiryYear: year}
		data, err := raw.Check("card_data")
		_, strict := raw.CheckWithBrand("card_data")
		if err != nil {
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
			require.Contains(t, fault.Of(err).Field, "card_data.")
			require.Equal(t, err, strict)
			return
		}
		require.Equal(t, data.CVV.Fits(data.Number.Brand()), strict == nil)
		require.Equal(t, code, data.CVV.Reveal())
		parsed, err := pan.Parse(number)
		require.NoError(t, err)
		require.Equal(t, parsed, data.Number)
		require.NotContains(t, data.Number.String(), parsed.Reveal())
		require.Equal(t, holder, data.HolderName)
		require.False(t, data.Expiry.End().IsZero())
	})
}
