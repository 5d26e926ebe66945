package checkout_test

import (
	"crypto/sha256"
	"strings"
	"testing"
	"unicode/utf8"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
	"github.com/stretchr/testify/require"
)

func catalogue() map[string]checkout.Product {
	bySlug := make(map[string]checkout.Product)
	for _, product := range checkouttest.Products() {
		bySlug[product.Slug] = product
	}
	dear := bySlug["novel"]
	dear.Slug, dear.Price.Minor = "dear", checkout.MaxTotalMinor
	bySlug["dear"] = dear
	foreign := bySlug["novel"]
	foreign.Slug, foreign.Price.Currency = "foreign", money.MustCurrency("USD")
	bySlug["foreign"] = foreign
	return bySlug
}

func TestACartIsPricedFromTheCatalogue(t *testing.T) {
	lines := []checkout.Line{{Product: "novel", Quantity: 999}, {Product: "atlas", Quantity: 1}, {Product: "novel", Quantity: 1}}
	require.NoError(t, checkout.CheckLines(lines))
	cart, err := checkout.Price(lines, catalogue())
	require.NoError(t, err)
	require.Equal(t, checkouttest.Reais(1000*3990+12990), cart.Total)
	require.Equal(t, "books", cart.Store.Slug)
	require.Equal(t, checkout.Item{Product: "novel", Name: "Romance", Quantity: 999, UnitPrice: 3990}, cart.Items[0])
	require.Equal(t, "999 × Romance, 1 × Atlas, 1 × Romance", cart.Description())
}

func TestACartIsRefusedByTheFieldAtFault(t *testing.T) {
	novel := checkout.Line{Product: "novel", Quantity: 1}
	for _, rule := range []struct {
		name, field string
		lines       []checkout.Line
	}{
		{"no items", "items", nil},
		{"too many items", "items", make([]checkout.Line, 51)},
		{"quantity 0", "items[1].quantity", []checkout.Line{novel, {Product: "novel"}}},
		{"a negative quantity", "items[0].quantity", []checkout.Line{{Product: "novel", Quantity: -1}}},
		{"quantity 1000", "items[0].quantity", []checkout.Line{{Product: "novel", Quantity: 1000}}},
		{"an unknown product", "items[1].product", []checkout.Line{novel, {Product: "nothing", Quantity: 1}}},
		{"items of two stores", "items[1].product", []checkout.Line{novel, {Product: "espresso", Quantity: 1}}},
		{"items in two currencies", "items[1].product", []checkout.Line{novel, {Product: "foreign", Quantity: 1}}},
		{"a total above the most", "items", []checkout.Line{{Product: "dear", Quantity: 1}, novel}},
		{"a total that does not fit 64 bits", "items", []checkout.Line{{Product: "dear", Quantity: 999}, {Product: "dear", Quantity: 999}}},
	} {
		t.Run(rule.name, func(t *testing.T) {
			err := checkout.CheckLines(rule.lines)
			if err == nil {
				_, err = checkout.Price(rule.lines, catalogue())
			}
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
			require.Equal(t, rule.field, fault.Of(err).Field)
		})
	}
}

func TestADescriptionFitsTheBank(t *testing.T) {
	var cart checkout.Cart
	for range 50 {
		cart.Items = append(cart.Items, checkout.Item{Name: strings.Repeat("ã", 80), Quantity: 999})
	}
	text := cart.Description()
	require.Equal(t, field.MaxDescription, utf8.RuneCountInString(text))
	require.True(t, utf8.ValidString(text))
	require.True(t, strings.HasSuffix(text, "…"))
}

// Fingerprints are stored, so that every version of the program must make the same ones.
func TestAFingerprintStaysTheSame(t *testing.T) {
	lines := []checkout.Line{{Product: "novel", Quantity: 2}, {Product: "café", Quantity: 999}}
	require.Equal(t, sha256.Sum256([]byte("order/1 12 1111 2 5:novel 2 5:café 999")), checkout.Fingerprint(lines, 12, "1111"))
	require.Equal(t, sha256.Sum256([]byte("order/1 0  0")), checkout.Fingerprint(nil, 0, ""))
}

func TestEqualRequestsHaveEqualFingerprints(t *testing.T) {
	a := []checkout.Line{{Product: "novel", Quantity: 1}, {Product: "atlas", Quantity: 2}}
	first := checkout.Fingerprint(a, 1, "1111")
	require.Equal(t, first, checkout.Fingerprint([]checkout.Line{a[0], a[1]}, 1, "1111"))
	for name, other := range map[string][32]byte{
		"order":    checkout.Fingerprint([]checkout.Line{a[1], a[0]}, 1, "1111"),
		"quantity": checkout.Fingerprint([]checkout.Line{a[0], {Product: "atlas", Quantity: 3}}, 1, "1111"),
		"fewer":    checkout.Fingerprint(a[:1], 1, "1111"),
		"attempt":  checkout.Fingerprint(a, 2, "1111"),
		"card":     checkout.Fingerprint(a, 1, "1881"),
	} {
		require.NotEqual(t, first, other, name)
	}
}
