package hold_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/postgres/ledgertest"
	"codebank.dev/bank/purchase"
	"codebank.dev/bank/vault"
	"codebank.dev/native/postgres/postgrestest"
	"github.com/stretchr/testify/require"
)

// BenchmarkAHoldAndItsCaptureBesideTwoPurchases runs both in turns on one ledger, by one caller and by
// many, and reports what a hold and its capture cost in hundredths of two purchases: by the clock, and in
// processor time of both sides, which counts on a machine that does other work too.
func BenchmarkAHoldAndItsCaptureBesideTwoPurchases(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { benchmarkBeside(b, callers, 512/callers) })
	}
}

// cost is what some work took.
type cost struct{ clock, processor time.Duration }

func (c *cost) add(b *testing.B, work func()) {
	client, server := postgrestest.ProcessorTime(b)
	start := time.Now()
	work()
	c.clock += time.Since(start)
	clientAfter, serverAfter := postgrestest.ProcessorTime(b)
	c.processor += clientAfter - client + serverAfter - server
}

// benchmarkBeside lets each caller work this many times in a row.
func benchmarkBeside(b *testing.B, callers, each int) {
	keys, err := vault.Generate()
	require.NoError(b, err)
	at := openAt(b, ledgertest.Migrated(b, postgrestest.Database(b)))
	r := newReplica(b, at, keys, banktest.NewClock())
	customers := banktest.OpenCustomers(b, at, callers, 1_000_000_000)
	buy := func(customer banktest.Customer, later bool) bank.Entry {
		return r.buyLater(b, customer, 1, func(p *purchase.Request) { p.CaptureLater = later })
	}
	run := func(work func(banktest.Customer)) {
		var group sync.WaitGroup
		for _, customer := range customers {
			group.Go(func() {
				for range each {
					work(customer)
				}
			})
		}
		group.Wait()
	}
	twoPurchases := func() { run(func(c banktest.Customer) { buy(c, false); buy(c, false) }) }
	holdAndCapture := func() {
		run(func(c banktest.Customer) {
			if _, err := r.holds.Capture(b.Context(), capture(buy(c, true).TransactionID, 0)); err != nil {
				b.Error(err)
			}
		})
	}
	twoPurchases() // Warm up.
	holdAndCapture()
	var bought, held cost
	for b.Loop() {
		bought.add(b, twoPurchases)
		held.add(b, holdAndCapture)
	}
	b.ReportMetric(float64(bought.clock.Microseconds())/float64(b.N*callers*each), "µs/two-purchases")
	b.ReportMetric(float64(held.clock.Microseconds())/float64(b.N*callers*each), "µs/hold+capture")
	b.ReportMetric(float64(100*held.clock)/float64(bought.clock), "%-of-two-purchases")
	b.ReportMetric(float64(100*held.processor)/float64(bought.processor), "cpu-%-of-two-purchases")
	b.Logf("%+v", at.Stats())
}
