package checkout_test

import (
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"github.com/stretchr/testify/require"
)

// FuzzNames: a name is read as it is written, or refused by field.
func FuzzNames(f *testing.F) {
	f.Add("orders/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01")
	f.Add("products/cafe-coado")
	f.Add("stores/cafe-da-serra")
	f.Add("merchants/rua-direita")
	f.Add("v7")
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
		if slug, err := checkout.ParseStoreName("name", text); err == nil {
			require.Equal(t, text, "stores/"+slug)
		} else {
			require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
		}
		if slug, err := checkout.ParseMerchantName("name", text); err == nil {
			require.Equal(t, text, "merchants/"+slug)
		}
		if version, err := checkout.ParseETag("etag", text); err == nil && text != "" {
			again, err := checkout.ParseETag("etag", checkout.ETag(version))
			require.NoError(t, err)
			require.Equal(t, version, again)
		}
		if checkout.CheckSlug("slug", text) == nil {
			require.NoError(t, field.Word("word", text), "the bank takes a slug as a merchant's id")
		}
	})
}
