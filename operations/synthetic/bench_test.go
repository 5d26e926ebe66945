package synthetic_test

import "testing"

// Making a step must cost little compared with its decision.
func BenchmarkSteps(b *testing.B) {
	load := made(b, year(100_000))
	b.ReportAllocs()
	for b.Loop() {
		for range load.Steps() {
			continue
		}
	}
}
