package memory

import (
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/await"
)

func TestTheMemoryBoundLeavesTheCollectorItsUsualRoom(t *testing.T) {
	for _, alive := range []uint64{0, 20 << 20, 500 << 20} {
		bound := memoryBound(alive, 2)
		require.EqualValues(t, 2*alive+garbageAllowance, bound)
		require.Greater(t, memoryBound(alive, 4), bound, "more processors make more garbage")
		require.Equal(t, bound, memoryBound(alive, 1))
	}
	require.Positive(t, memoryBound(math.MaxUint64, 2))
}

func TestTheMemoryLimitFollowsWhatIsAlive(t *testing.T) {
	runtime.GC() // Garbage of earlier tests is not alive.
	restored := debug.SetMemoryLimit(math.MaxInt64)
	ctx, stop := context.WithCancel(t.Context())
	var bounding sync.WaitGroup
	bounding.Go(func() { boundMemory(ctx) })
	defer func() {
		stop()
		bounding.Wait()
		debug.SetMemoryLimit(restored)
	}()
	limit := func() int64 { return debug.SetMemoryLimit(-1) }
	await.Until(t, func() bool { return limit() != math.MaxInt64 }, time.Minute, time.Millisecond)
	before := limit()

	alive := make([]byte, 100<<20)
	runtime.GC()
	await.Until(t, func() bool { return limit() > before+int64(len(alive)) }, time.Minute, time.Millisecond)
	runtime.KeepAlive(alive)
}

func TestAnOperatorsSettingsAreKept(t *testing.T) {
	for _, setting := range []string{"GOGC=50", "GOMEMLIMIT=1GiB"} {
		percent := debug.SetGCPercent(50)
		TuneCollector(t.Context(), []string{setting})
		require.Equal(t, 50, debug.SetGCPercent(percent), setting)
	}
}
