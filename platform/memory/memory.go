// Package memory sets the garbage collector of programs that keep little memory alive and make much
// garbage, such as those that answer many short calls.
package memory

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"time"
)

const (
	// collectPercent lets the heap grow to five times the live heap. With the runtime's default of
	// 100, the collector took a fifth of the time of a purchase at the bank.
	collectPercent = 400
	// garbageAllowance is how many bytes of garbage, for each two processors, the heap may hold
	// beyond twice the live heap.
	garbageAllowance = 64 << 20
	// memoryInterval is how often the bound follows the live heap.
	memoryInterval = 250 * time.Millisecond
)

// TuneCollector makes the collector run less often than by default and limits the memory that this
// costs, until ctx ends. The limit is for more load than the program can carry: then the memory of
// waiting callers is alive too, and five times that would be too much. environ is the
// program's environment: an operator who sets GOGC or GOMEMLIMIT keeps his own settings. Call it once.
func TuneCollector(ctx context.Context, environ []string) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if slices.ContainsFunc(environ, func(entry string) bool { return strings.HasPrefix(entry, name+"=") }) {
			return
		}
	}
	debug.SetGCPercent(collectPercent)
	go boundMemory(ctx)
}

// boundMemory keeps the runtime's memory limit at the value of memoryBound.
func boundMemory(ctx context.Context) {
	ticks := time.NewTicker(memoryInterval)
	defer ticks.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for limit := int64(0); ; {
		metrics.Read(sample)
		// Setting the limit stops the world for a moment, so small changes are ignored.
		if bound := memoryBound(sample[0].Value.Uint64(), runtime.GOMAXPROCS(0)); max(bound-limit, limit-bound) > limit/20 {
			limit = bound
			debug.SetMemoryLimit(limit)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// memoryBound is how many bytes the process may use with so many bytes alive. It is twice those, so
// that the collector never has more work than by the runtime's default, and an allowance for
// garbage that grows with the number of processors.
func memoryBound(alive uint64, processors int) int64 {
	room := int64(garbageAllowance) * int64(max(2, processors)) / 2
	return 2*int64(min(alive, math.MaxInt64/4)) + room
}
