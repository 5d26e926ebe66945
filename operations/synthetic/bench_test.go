package synthetic_test

import "testing"

// A step has to cost little beside its decision.
func BenchmarkSteps(b *testing.B) {
	past := made(b, year(100_000))
	b.ReportAllocs()
	for b.Loop() {
		for range past.Steps() {
			continue
		}
	}
}
