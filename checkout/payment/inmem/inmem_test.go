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
		return paymenttest.Subject{Store: store, Feed: store, Keys: store, Records: store, NewMerchant: func(require.TestingT, string) {}}
	})
}
