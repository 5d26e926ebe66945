package postgres_test

import (
	"fmt"
	"testing"

	"codebank.dev/checkout"
	"codebank.dev/checkout/checkouttest"
	"github.com/stretchr/testify/require"
)

// BenchmarkWrite measures sets in which as many orders are placed as end.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("orders=%d", size), func(b *testing.B) {
			store := openDatabase(b).store
			placed := placedOrders(b, "first", size)
			require.NoError(b, store.Write(b.Context(), placed))
			number := 0
			b.ReportAllocs()
			for b.Loop() {
				number++
				next := placedOrders(b, fmt.Sprintf("set-%d", number), size)
				set := append(next[:size:size], endings(placed)...)
				if err := store.Write(b.Context(), set); err != nil {
					b.Fatal(err)
				}
				placed = next
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*size), "µs/order")
		})
	}
}

// placedOrders returns a set of new orders.
func placedOrders(t testing.TB, name string, n int) []*checkout.OrderWrite {
	set := make([]*checkout.OrderWrite, n)
	for i := range set {
		order := checkouttest.Order(t, "shop", fmt.Sprintf("%s-%d", name, i), checkouttest.Start())
		set[i] = &checkout.OrderWrite{After: &order}
	}
	return set
}

// endings returns the approvals of orders that were placed.
func endings(placed []*checkout.OrderWrite) []*checkout.OrderWrite {
	set := make([]*checkout.OrderWrite, len(placed))
	for i, write := range placed {
		ended, err := write.After.Answered(checkout.Decision{Outcome: checkout.OutcomeApproved, Purchase: "purchases/1"}, checkouttest.Start())
		if err != nil {
			panic(err)
		}
		set[i] = &checkout.OrderWrite{Before: write.After, After: &ended}
	}
	return set
}
