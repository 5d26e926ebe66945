package outbox

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// passes waits until the watermark is later than now.
func (w *world) passes(t *testing.T, within time.Duration, message string) {
	t.Helper()
	now := time.Now()
	eventually(t, within, func() bool { return w.completeTo().After(now) }, message)
}

// stands holds that the watermark never gets to a moment, as long as while lasts.
func (w *world) stands(t *testing.T, before time.Time, while time.Duration) {
	t.Helper()
	time.Sleep(while)
	require.True(t, w.completeTo().Before(before), "complete to %s, but not before %s", w.completeTo(), before)
}

func TestAWatermarkFollowsTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", nil)
		for i := range 20 {
			w.commit(1, int64(i+1))
			w.passes(t, 6*time.Second, "with or without events")
			require.WithinDuration(t, time.Now(), n.relay.Stats().CompleteTo, 6*time.Second)
		}
		n.stop()
		require.Empty(t, w.judge())
		require.True(t, slices.IsSortedFunc(w.watermarks, time.Time.Compare))
		require.EqualValues(t, len(w.watermarks), n.relay.Stats().Watermarks)
		require.True(t, n.relay.Stats().CompleteTo.IsZero(), "who does not lead has none")
	})
}

func TestATransactionThatStaysOpenHoldsTheWatermarkBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", nil)
		w.passes(t, 6*time.Second, "at first")
		open := w.take()
		taken := time.Now().Add(time.Nanosecond)
		w.commit(2, 1, 2, 3)
		w.stands(t, taken, time.Minute)
		require.Equal(t, 3, len(w.bodies()), "events do not wait for it")
		w.show(open, 1, 1)
		w.passes(t, 10*time.Second, "it is committed")
		n.stop()
		require.Empty(t, w.judge())
	})
}

func TestARowThatIsHeldBackHoldsTheWatermarkBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", nil)
		w.commit(1, 1)
		eventually(t, time.Minute, drained(w), "the first is sent")
		w.passes(t, 6*time.Second, "at first")
		held := time.Now().Add(time.Nanosecond)
		w.commit(1, 3)
		eventually(t, time.Minute, func() bool { return n.relay.Stats().Held == 1 }, "held back")
		w.stands(t, held, time.Minute)
		w.commit(1, 2)
		w.passes(t, 10*time.Second, "its predecessor came")
		n.stop()
		require.Empty(t, w.judge())
	})
}

func TestABrokerThatIsAwayDelaysTheWatermarkAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", nil)
		w.passes(t, 6*time.Second, "at first")
		w.set(func() { w.brokerDown = true })
		away := time.Now().Add(time.Nanosecond)
		w.commit(1, 1)
		w.stands(t, away, time.Minute)
		w.set(func() { w.brokerDown = false })
		w.passes(t, 15*time.Second, "the broker is back")
		n.stop()
		require.Empty(t, w.judge())
	})
}

func TestAWatermarkThatFailsDelaysNoEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.refuse = true
		n := w.start("a", nil)
		for i := range 10 {
			w.commit(1, int64(i+1))
			eventually(t, time.Second, drained(w), "events go on")
			time.Sleep(5 * time.Second)
		}
		require.Greater(t, n.relay.Stats().WatermarkErrors, int64(5))
		require.True(t, w.completeTo().IsZero())
		w.set(func() { w.refuse = false })
		w.passes(t, 11*time.Second, "it is taken again")
		n.stop()
		require.Empty(t, w.judge())
	})
}

func TestANewLeaderGoesOnWithTheWatermark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		first, second := w.start("first", nil), w.start("second", nil)
		w.passes(t, 6*time.Second, "the first leads")
		w.commit(1, 1)
		first.die()
		w.commit(1, 2)
		w.passes(t, 15*time.Second, "the second leads")
		second.stop()
		require.Empty(t, w.judge())
		require.True(t, slices.IsSortedFunc(w.watermarks, time.Time.Compare))
	})
}
