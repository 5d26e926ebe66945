package processor_test

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/payment/paymenttest"
)

// BenchmarkHandle decides a batch of charges, with topics and an acquirer in memory: what the processor itself costs.
func BenchmarkHandle(b *testing.B) {
	for name, owner := range map[string]payment.Owner{"test": paymenttest.Cafe, "live": live} {
		b.Run(name, func(b *testing.B) {
			const batch = 256
			w := newWay(b)
			for i := range batch {
				w.chargeOf(owner, "k"+strconv.Itoa(i), good, 1_000, true)
			}
			records := w.sent()
			for b.Loop() {
				letters, err := w.processor.Handle(b.Context(), records)
				require.NoError(b, err)
				require.Empty(b, letters)
				w.answers.Take()
			}
			b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "charges/s") // tidy:float a rate of a benchmark
		})
	}
}
