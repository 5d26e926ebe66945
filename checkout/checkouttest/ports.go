package checkouttest

import (
	"codebank.dev/checkout"
	"codebank.dev/checkout/batch"
	"codebank.dev/checkout/merchant"
)

// Store is everything a store of the merchant side implements.
type Store interface {
	checkout.CatalogueStore
	checkout.CatalogueEditor
	batch.Store
	merchant.Store
}

// shelf is a store with orders that are written to it in batches.
type shelf struct {
	checkout.CatalogueStore
	*batch.Orders
	store Store
}
