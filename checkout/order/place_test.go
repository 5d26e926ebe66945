package order_test

import (
	"context"
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/clock"
	"codebank.dev/checkout/inmem"
	"github.com/stretchr/testify/require"
)

// A caller that is gone before its order is placed does not stop the order.
func TestACallerThatGoesAwayDoesNotStopItsOrder(t *testing.T) {
	store, bank := inmem.NewStore(), inmem.NewAcquirer(clock.System{})
	require.NoError(t, store.Seed(t.Context(), checkouttest.Seeds(), checkouttest.Start()))
	shop := checkouttest.NewShop(t, checkouttest.Setting{Store: store, Bank: bank, Clock: clock.System{}})
	gone, leave := context.WithCancel(t.Context())
	leave()
	placed, err := shop.Orders.Place(gone, checkouttest.Request(t, "r1", checkouttest.VisaNumber))
	require.NoError(t, err)
	require.Equal(t, checkout.Approved, placed.State)
	require.Len(t, bank.Kept(), 1)
}
