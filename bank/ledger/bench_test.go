package ledger_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/inmem"
	"codebank.dev/bank/ledger"
	"github.com/stretchr/testify/require"
)

// BenchmarkSubmit measures what the executor adds to a decision: the store is in memory.
func BenchmarkSubmit(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			executor, customers := benchmarkExecutor(b)
			var left atomic.Int64
			left.Store(int64(b.N))
			var working sync.WaitGroup
			b.ReportAllocs()
			for caller := range callers {
				working.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := executor.Submit(b.Context(), newSpend(customers[caller%len(customers)])); err != nil {
							b.Error(err)
						}
					}
				})
			}
			working.Wait()
		})
	}
}

// BenchmarkSubmitAll is BenchmarkSubmit for commands that are submitted 32 at a time.
func BenchmarkSubmitAll(b *testing.B) {
	const share, callers = 32, 16
	executor, customers := benchmarkExecutor(b)
	var left atomic.Int64
	left.Store(int64(b.N))
	var working sync.WaitGroup
	b.ReportAllocs()
	for caller := range callers {
		working.Go(func() {
			for left.Add(-share) > -share {
				commands := make([]bank.Command, share)
				for i := range commands {
					commands[i] = newSpend(customers[(caller*share+i)%len(customers)])
				}
				for _, result := range executor.SubmitAll(b.Context(), commands) {
					if result.Err != nil {
						b.Error(result.Err)
					}
				}
			}
		})
	}
	working.Wait()
}

func benchmarkExecutor(b *testing.B) (*ledger.Executor, []banktest.Customer) {
	store := inmem.New(time.Now)
	executor := ledger.New(ledger.Config{Store: store, Encoder: plainEncoder{}, Now: time.Now, ProducerVersion: "test"})
	b.Cleanup(func() { require.NoError(b, executor.Close(context.Background())) })
	var customers []banktest.Customer
	for range 512 {
		customers = append(customers, banktest.OpenCustomer(b, store, 1_000_000_000))
	}
	return executor, customers
}

func newSpend(customer banktest.Customer) *spend {
	return &spend{id: banktest.NewID(), customer: customer, amount: 1}
}
