package outbox

import (
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// requirePasses waits until the watermark is later than now.
func (w *world) requirePasses(t *testing.T, within time.Duration, message string) {
	t.Helper()
	now := time.Now()
	eventually(t, within, func() bool { return w.completeTo().After(now) }, message)
}

// requireStaysBefore fails when the watermark reaches a moment within a while.
func (w *world) requireStaysBefore(t *testing.T, before time.Time, while time.Duration) {
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
			w.requirePasses(t, 6*time.Second, "with or without events")
			require.WithinDuration(t, time.Now(), n.relay.Stats().CompleteTo, 6*time.Second)
		}
		n.stop()
		require.Empty(t, w.findViolations())
		require.True(t, slices.IsSortedFunc(w.watermarks, time.Time.Compare))
		require.EqualValues(t, len(w.watermarks), n.relay.Stats().Watermarks)
		require.True(t, n.relay.Stats().CompleteTo.IsZero(), "a relay that does not lead has none")
	})
}

func TestATransactionThatStaysOpenHoldsTheWatermarkBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", nil)
		w.requirePasses(t, 6*time.Second, "at first")
		open := w.takeID()
		taken := time.Now().Add(time.Nanosecond)
		w.commit(2, 1, 2, 3)
		w.requireStaysBefore(t, taken, time.Minute)
		require.Equal(t, 3, len(w.bodies()), "no event waits for it")
		w.makeVisible(open, 1, 1)
		w.requirePasses(t, 10*time.Second, "it is committed")
		n.stop()
		require.Empty(t, w.findViolations())
	})
}

func TestARowThatIsHeldBackHoldsTheWatermarkBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", nil)
		w.commit(1, 1)
		eventually(t, time.Minute, drained(w), "the first is sent")
		w.requirePasses(t, 6*time.Second, "at first")
		held := time.Now().Add(time.Nanosecond)
		w.commit(1, 3)
		eventually(t, time.Minute, func() bool { return n.relay.Stats().Held == 1 }, "held back")
		w.requireStaysBefore(t, held, time.Minute)
		w.commit(1, 2)
		w.requirePasses(t, 10*time.Second, "its predecessor came")
		n.stop()
		require.Empty(t, w.findViolations())
	})
}

func TestABrokerThatIsAwayDelaysTheWatermarkOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", nil)
		w.requirePasses(t, 6*time.Second, "at first")
		w.set(func() { w.brokerDown = true })
		away := time.Now().Add(time.Nanosecond)
		w.commit(1, 1)
		w.requireStaysBefore(t, away, time.Minute)
		w.set(func() { w.brokerDown = false })
		w.requirePasses(t, 15*time.Second, "the broker is back")
		n.stop()
		require.Empty(t, w.findViolations())
	})
}

func TestAWatermarkThatFailsDelaysNoEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.refuseWatermarks = true
		log := new(logged)
		n := w.start("a", func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(log, nil)) })
		for i := range 10 {
			w.commit(1, int64(i+1))
			eventually(t, time.Second, drained(w), "events go on")
			time.Sleep(5 * time.Second)
		}
		require.Len(t, log.with("watermark not published"), 1)
		time.Sleep(time.Hour)
		require.Greater(t, len(log.with("level=ERROR")), 4, "the log says so again while it lasts")
		require.Less(t, len(log.with("level=ERROR")), 8)
		require.Greater(t, n.relay.Stats().WatermarkErrors, int64(5))
		require.True(t, w.completeTo().IsZero())
		w.set(func() { w.refuseWatermarks = false })
		w.requirePasses(t, 11*time.Second, "it is taken again")
		n.stop()
		require.Empty(t, w.findViolations())
	})
}

func TestANewLeaderContinuesTheWatermark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		first, second := w.start("first", nil), w.start("second", nil)
		w.requirePasses(t, 6*time.Second, "the first leads")
		w.commit(1, 1)
		first.die()
		w.commit(1, 2)
		w.requirePasses(t, 15*time.Second, "the second leads")
		second.stop()
		require.Empty(t, w.findViolations())
		require.True(t, slices.IsSortedFunc(w.watermarks, time.Time.Compare))
	})
}
