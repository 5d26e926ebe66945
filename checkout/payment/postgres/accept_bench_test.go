package postgres_test

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/platform/id"
)

// BenchmarkAccept accepts charges of eight merchants, with and without the decisions behind them. The figure is the
// time of one charge while 64 are in flight.
func BenchmarkAccept(b *testing.B) {
	for _, decided := range []bool{false, true} {
		b.Run(fmt.Sprintf("decided=%t", decided), func(b *testing.B) {
			o := open(b)
			owners := make([]payment.Owner, 8)
			for i := range owners {
				owners[i] = payment.Owner{Merchant: "m-" + strconv.Itoa(i), Mode: payment.Test}
				o.newMerchant(b, owners[i].Merchant)
			}
			var n atomic.Int64
			b.SetParallelism(32)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					a := paymenttest.Acceptance(b, owners[i%8], strconv.FormatInt(i, 10), true)
					charge, _, err := o.store.AcceptCharge(context.Background(), a)
					require.NoError(b, err)
					if decided {
						_, err = o.store.Apply(context.Background(), []payment.Result{decision(charge.ID)})
						require.NoError(b, err)
					}
				}
			})
		})
	}
}

// decision is the acquirer's agreement to a charge that captures at once.
func decision(charge id.ID) payment.Result {
	return payment.Result{Charge: charge, Decision: payment.Decision{Approved: true}, At: paymenttest.Start}
}
