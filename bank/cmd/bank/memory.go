package main

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
	// collectPercent lets the heap grow to five times what is alive: the bank keeps
	// little alive and makes much garbage, and with the runtime's own 100 a purchase
	// spent a fifth of its time in the collector.
	collectPercent = 400
	// garbageRoom is how much garbage, in bytes for each two processors, may lie about
	// on top of as much as is alive.
	garbageRoom = 64 << 20
	// memoryInterval is how often the bound follows what is alive.
	memoryInterval = 250 * time.Millisecond
)

// collectLess has the collector run more rarely than it would, and bounds what that
// costs in memory, until ctx ends: under more load than the bank can carry callers
// that wait are alive too, and five times that would be several times the memory.
// An operator who sets GOGC or GOMEMLIMIT decides alone.
func collectLess(ctx context.Context, environ []string) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
		if slices.ContainsFunc(environ, func(entry string) bool { return strings.HasPrefix(entry, name+"=") }) {
			return
		}
	}
	debug.SetGCPercent(collectPercent)
	go boundMemory(ctx)
}

// boundMemory keeps the runtime's memory limit at what memoryBound says.
func boundMemory(ctx context.Context) {
	ticks := time.NewTicker(memoryInterval)
	defer ticks.Stop()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for limit := int64(0); ; {
		metrics.Read(sample)
		// The world stops for a moment when the limit is set, so not for every little.
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

// memoryBound is how many bytes the process aims to hold with so many alive: twice
// those, so that the collector has never more to do than by the runtime's default,
// and room for garbage that grows with the processors that make it.
func memoryBound(alive uint64, processors int) int64 {
	room := int64(garbageRoom) * int64(max(2, processors)) / 2
	return 2*int64(min(alive, math.MaxInt64/4)) + room
}
