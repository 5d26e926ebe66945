package inmem_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment/inmem"
	"codebank.dev/checkout/payment/paymenttest"
)

func TestStore(t *testing.T) {
	paymenttest.TestStore(t, func(testing.TB) paymenttest.Subject {
		store := inmem.New()
		return paymenttest.Subject{Store: store, Feed: store, Figures: store, Keys: store, Records: store, Expiries: store, Publications: store, Payouts: store, NewMerchant: func(require.TestingT, string) {},
			SetAccount: func(_ require.TestingT, merchant, account string) { store.SetAccount(merchant, account) }}
	})
}
