package hold_test

import (
	"sync"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/vault"
	"codebank.dev/native/postgres/postgrestest"
	"github.com/stretchr/testify/require"
)

// BenchmarkAHoldAndItsCaptureBesideTwoPurchases runs both in turns on one ledger, from many callers, and
// reports what a hold and its capture cost in hundredths of two purchases.
func BenchmarkAHoldAndItsCaptureBesideTwoPurchases(b *testing.B) {
	const callers, each = 32, 8
	keys, err := vault.Generate()
	require.NoError(b, err)
	at := openAt(b, postgrestest.Database(b))
	require.NoError(b, at.Migrate(b.Context()))
	r := newReplica(b, at, keys, banktest.NewClock())
	customers := banktest.OpenCustomers(b, at, callers, 1_000_000_000)
	buy := func(customer banktest.Customer, later bool) bank.Entry {
		return r.buyLater(b, customer, 1, func(p *purchase.Request) { p.CaptureLater = later })
	}
	run := func(work func(banktest.Customer)) time.Duration {
		start := time.Now()
		var group sync.WaitGroup
		for _, customer := range customers {
			group.Go(func() {
				for range each {
					work(customer)
				}
			})
		}
		group.Wait()
		return time.Since(start)
	}
	twoPurchases := func(c banktest.Customer) { buy(c, false); buy(c, false) }
	holdAndCapture := func(c banktest.Customer) {
		if _, err := r.holds.Capture(b.Context(), capture(buy(c, true).TransactionID, 0)); err != nil {
			b.Error(err)
		}
	}
	run(twoPurchases) // Warm up.
	run(holdAndCapture)
	var bought, held time.Duration
	for b.Loop() {
		bought += run(twoPurchases)
		held += run(holdAndCapture)
	}
	b.ReportMetric(float64(bought.Microseconds())/float64(b.N*callers*each), "µs/two-purchases")
	b.ReportMetric(float64(held.Microseconds())/float64(b.N*callers*each), "µs/hold+capture")
	b.ReportMetric(float64(100*held)/float64(bought), "%-of-two-purchases")
	b.Logf("%+v", at.Stats())
}
