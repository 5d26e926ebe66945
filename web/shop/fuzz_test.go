package shop

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParseBasket: what is read is written as it was, and fits.
func FuzzParseBasket(f *testing.F) {
	f.Add("cafe-coado*2,pao-de-queijo*1")
	f.Add("a*99,a*1")
	f.Add("a*0,*,")
	f.Fuzz(func(t *testing.T, text string) {
		b := parseBasket(text)
		require.LessOrEqual(t, len(b), maxLines)
		require.LessOrEqual(t, len(b.String()), maxBasket)
		require.Equal(t, b, parseBasket(b.String()))
		for _, one := range b {
			require.True(t, one.quantity >= 1 && one.quantity <= maxQuantity && isSlug(one.slug))
		}
	})
}

// FuzzParseExpiry: what is read is a month of a year.
func FuzzParseExpiry(f *testing.F) {
	for _, text := range []string{"03/30", "3/2030", "0330", "03 / 30", "13/30", "/", "03/-1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if expiry, ok := parseExpiry(text); ok {
			require.True(t, expiry.Month >= 1 && expiry.Month <= 12 && expiry.Year >= 2000 && expiry.Year <= 9999, text)
		}
	})
}

// FuzzParseKept: what the session keeps of orders is orders.
func FuzzParseKept(f *testing.F) {
	f.Add("0190d3a0-1c1f-7b6e-8000-1a2b3c4d5e6f:gos_secret 0190d3a0:x")
	f.Fuzz(func(t *testing.T, text string) {
		all := parseKept(text)
		require.LessOrEqual(t, len(all), maxOrders)
		for _, one := range all {
			require.True(t, isOrder(one.id) && one.secret != "" && len(one.secret) <= maxSecret)
		}
	})
}
