package outbox

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank"
)

// eventually waits, on the clock of the synctest bubble, until condition holds.
func eventually(t *testing.T, within time.Duration, condition func() bool, message string) {
	t.Helper()
	for deadline := time.Now().Add(within); !condition(); time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(deadline), message)
	}
}

func drained(w *world) func() bool { return func() bool { return w.waiting() == 0 } }

func TestEveryEventIsPublishedInOrderAndDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", nil)
		var want []string
		for i := range 100 {
			account, sequence := byte(1+i%3), int64(1+i/3)
			w.commit(account, sequence)
			want = append(want, fmt.Sprintf("%d:%d", account, sequence))
		}
		w.commit(0, 0)
		eventually(t, time.Minute, drained(w), "not drained")
		n.stop()
		require.Len(t, w.bodies(), 101)
		require.Equal(t, want, w.bodies()[:100])
		require.Empty(t, w.findViolations())
		stats := n.relay.Stats()
		require.Equal(t, int64(101), stats.Published)
		require.Equal(t, int64(101), stats.Deleted)
		require.Zero(t, stats.Repeats)
		require.Zero(t, stats.InFlight)
		require.False(t, stats.Leading)
	})
}

func TestRowThatBecomesVisibleLateIsNotSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", nil)
		early := w.takeID()
		for range 50 {
			w.commit(2, int64(len(w.committed)+1))
		}
		eventually(t, time.Minute, drained(w), "later ids do not wait for it")
		w.makeVisible(early, 1, 1)
		eventually(t, time.Minute, drained(w), "the late row is found below the others")
		n.stop()
		require.Empty(t, w.findViolations())
	})
}

func TestOneLeadsAndAnotherTakesOverAfterItsDeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		first := w.start("first", nil)
		eventually(t, time.Second, func() bool { return first.relay.Stats().Leading }, "a single relay leads at once")
		second := w.start("second", nil)
		time.Sleep(time.Minute)
		require.True(t, first.relay.Stats().Leading)
		require.False(t, second.relay.Stats().Leading)
		require.Equal(t, int64(1), first.relay.Stats().Epoch)

		first.die()
		died := time.Now()
		w.commit(1, 1)
		eventually(t, 5*time.Second, drained(w), "the second takes over")
		require.Greater(t, time.Since(died), time.Second, "but not while the dead one's lease lasts")
		require.Equal(t, int64(2), second.relay.Stats().Epoch)
		second.stop()
		require.Empty(t, w.findViolations())
	})
}

func TestARelayThatEndsInGoodOrderHandsOverAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		first := w.start("first", func(c *Config) { c.Lease = time.Hour })
		eventually(t, time.Second, func() bool { return first.relay.Stats().Leading }, "leads")
		for i := range 20 {
			w.commit(1, int64(i+1))
		}
		time.Sleep(10 * time.Millisecond) // some are in flight
		first.stop()
		require.Len(t, w.bodies(), 20-w.waiting(), "every published row is deleted, and no other")
		second := w.start("second", nil)
		eventually(t, 5*time.Second, drained(w), "a lease given back is free")
		second.stop()
		require.Empty(t, w.findViolations())
		require.Len(t, w.bodies(), 20, "an end in good order repeats nothing")
	})
}

func TestARelayEndsInTimeWithTheBrokerAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.brokerDown = true
		n := w.start("a", func(c *Config) { c.Flush = 2 * time.Second })
		w.commit(1, 1, 2, 3)
		eventually(t, time.Second, func() bool { return n.relay.Stats().InFlight == 3 }, "in flight")
		before := time.Now()
		n.stop()
		require.LessOrEqual(t, time.Since(before), 3*time.Second)
		require.Equal(t, 3, w.waiting())
	})
}

func TestLeaderStepsDownBeforeItsLeaseEndsAtTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", nil)
		eventually(t, time.Second, func() bool { return n.relay.Stats().Leading }, "leads")
		w.set(func() { w.storeDown = true })
		eventually(t, time.Minute, func() bool { return !n.relay.Stats().Leading }, "steps down")
		require.True(t, time.Now().Before(w.expires), "%s before the lease ends", time.Until(w.expires))
		w.set(func() { w.storeDown = false })
		eventually(t, 10*time.Second, func() bool { return n.relay.Stats().Leading }, "leads again")
		n.stop()
	})
}

func TestDeposedLeaderDeletesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		old := w.start("old", nil)
		eventually(t, time.Second, func() bool { return old.relay.Stats().Leading }, "leads")
		w.commit(1, 1, 2, 3)
		eventually(t, time.Second, func() bool { return old.relay.Stats().Published > 0 }, "some are acknowledged")
		old.freeze()
		w.set(func() { w.brokerDown = true })
		fresh := w.start("new", nil)
		eventually(t, 10*time.Second, func() bool { return fresh.relay.Stats().Leading }, "another takes over")
		before := w.waiting()
		old.thaw()
		time.Sleep(5 * time.Second)
		require.Equal(t, before, w.waiting())
		require.False(t, old.relay.Stats().Leading)
		w.set(func() { w.brokerDown = false })
		eventually(t, 10*time.Second, drained(w), "the new leader publishes")
		old.stop()
		fresh.stop()
		require.Empty(t, w.findViolations())
	})
}

func TestGapIsHeldBackAndOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", nil)
		w.commit(1, 4) // the first of an account may have any sequence
		missing := w.takeID()
		w.commit(1, 6, 7)
		w.commit(2, 1, 2, 3)
		eventually(t, time.Minute, func() bool { return w.waiting() == 2 && n.relay.Stats().Held == 2 }, "two are held back")
		require.Equal(t, []string{"1:4", "2:1", "2:2", "2:3"}, w.bodies())
		w.commit(1, 8)
		time.Sleep(time.Minute)
		require.Equal(t, int64(3), n.relay.Stats().Held)
		w.makeVisible(missing, 1, 5)
		eventually(t, time.Second, drained(w), "they follow their predecessor")
		n.stop()
		require.Equal(t, []string{"1:5", "1:6", "1:7", "1:8"}, w.bodies()[4:])
		require.Zero(t, n.relay.Stats().Held)
	})
}

func TestRepeatIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", nil)
		w.commit(1, 1, 2, 3)
		w.republish(1, 1, 2, 3)
		w.commit(1, 4)
		eventually(t, time.Minute, drained(w), "not drained")
		n.stop()
		require.Equal(t, []string{"1:1", "1:2", "1:3", "1:1", "1:2", "1:3", "1:4"}, w.bodies())
		require.Equal(t, int64(3), n.relay.Stats().Repeats)
	})
}

// A new leader knows nothing of an account. The events of a republish are older than those that it
// sent last, so they must not count as the last ones sent.
func TestARepublishHoldsNoLaterEventBackUnderANewLeader(t *testing.T) {
	for _, republished := range [][]int64{{2, 3}, {1}, {11}, {5, 6, 7}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, {2, 3, 2, 3, 9}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			first := w.start("first", nil)
			w.commit(1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
			eventually(t, time.Minute, drained(w), "the first leader sends everything")
			first.stop()
			second := w.start("second", nil)
			w.republish(1, republished...)
			eventually(t, time.Minute, drained(w), "republished events are sent")
			w.commit(1, 12)
			eventually(t, time.Minute, drained(w), fmt.Sprintf("a purchase after a republish of %v", republished))
			second.stop()
			require.Empty(t, w.findViolations())
			require.Len(t, w.bodies(), 12+len(republished))
		})
	}
}

// A row that was lost from the outbox is made again by a republish, as the warning says. What waits
// for it follows, whatever else is republished.
func TestARepublishOfWhatIsMissingEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", nil)
		w.commit(1, 1, 2, 3)
		w.commit(1, 7, 8)
		eventually(t, time.Minute, func() bool { return n.relay.Stats().Held == 2 }, "4 to 6 are missing")
		w.republish(1, 1, 2)
		w.republish(1, 6)
		eventually(t, time.Minute, func() bool { return n.relay.Stats().Held == 3 }, "one out of order waits too")
		w.republish(1, 4, 5, 6)
		eventually(t, time.Minute, drained(w), "not drained")
		n.stop()
		require.Empty(t, w.findViolations())
	})
}

// logged collects the log of a relay.
type logged struct {
	mutex sync.Mutex
	lines []string
}

func (l *logged) Write(line []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.lines = append(l.lines, string(line))
	return len(line), nil
}

func (l *logged) with(text string) (lines []string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestTheWarningOfAnEventThatIsHeldBackPrintsTheRemedy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, log := newWorld(), new(logged)
		n := w.start("a", func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(log, nil)) })
		w.commit(1, 3)
		w.commit(1, 7, 8)
		w.commit(2, 1)
		eventually(t, time.Minute, func() bool { return n.relay.Stats().Held == 2 }, "held back")
		remedy := fmt.Sprintf(`remedy="bankctl republish --account %s --from 4 --to 6"`, bank.ID{1})
		require.Len(t, log.with(remedy), 1)
		time.Sleep(time.Hour)
		again := log.with("level=ERROR")
		require.GreaterOrEqual(t, len(again), 5, "it is repeated while it lasts")
		require.LessOrEqual(t, len(again), 7)
		require.Contains(t, again[0], remedy)
		w.republish(1, 4, 5, 6)
		eventually(t, time.Minute, drained(w), "the remedy mends it")
		time.Sleep(time.Hour)
		require.Len(t, log.with("level=ERROR"), len(again))
		n.stop()
	})
}

// The broker's limit was lowered below the size of an event.
func TestOnlyTheAccountOfAnEventThatIsTooLargeWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, log := newWorld(), new(logged)
		w.tooLarge = func(e bank.Event) bool { return e.AccountID == bank.ID{1} && e.Sequence == 3 }
		n := w.start("a", func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(log, nil)) })
		for i := range 30 {
			w.commit(byte(1+i%3), int64(1+i/3))
		}
		eventually(t, time.Minute, func() bool { return w.waiting() == 8 }, "the other accounts go on")
		w.republish(1, 3)
		w.commit(2, 11)
		w.commit(1, 11)
		eventually(t, time.Minute, func() bool { return w.waiting() == 10 }, "they go on after it, too")
		time.Sleep(time.Hour)
		require.Equal(t, 10, w.waiting())
		require.EqualValues(t, 10, n.relay.Stats().Held)
		require.Less(t, n.relay.Stats().PublishErrors, int64(60*2*10), "tries in an hour")
		alarms := log.with("level=ERROR")
		require.LessOrEqual(t, len(alarms), 2*7, "the alarm is repeated every ten minutes for each of two rows")
		require.Contains(t, alarms[0], "an event is larger than the broker takes")
		require.Contains(t, alarms[0], "sequence=3 bytes=3")
		require.Empty(t, log.with("bankctl republish"), "a republish does not mend it")
		w.set(func() { w.tooLarge = nil })
		eventually(t, 2*time.Minute, drained(w), "the limit was raised")
		n.stop()
		require.Empty(t, w.findViolations())
	})
}

// An operator deletes the row of an event that is too large. Then the event is missing.
func TestARowThatIsTooLargeAndDeletedByHandIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, log := newWorld(), new(logged)
		w.tooLarge = func(e bank.Event) bool { return e.Sequence == 2 }
		n := w.start("a", func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(log, nil)) })
		w.commit(1, 1, 2, 3)
		eventually(t, time.Minute, func() bool { return n.relay.Stats().Held == 2 }, "2 is too large and 3 waits")
		w.set(func() { delete(w.rows, 2) })
		remedy := fmt.Sprintf(`remedy="bankctl republish --account %s --from 2 --to 2"`, bank.ID{1})
		eventually(t, 5*time.Minute, func() bool { return len(log.with(remedy)) == 1 }, "the alarm names the remedy")
		w.set(func() { w.tooLarge = nil })
		w.republish(1, 2)
		eventually(t, 2*time.Minute, drained(w), "the remedy mends it")
		n.stop()
		require.Empty(t, w.findViolations())
	})
}

func TestAtMaxHeldTheRelayStopsFetchingAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", func(c *Config) { c.MaxHeld = 10 })
		w.commit(1, 1)
		missing := w.takeID()
		for i := range 100 {
			w.commit(1, int64(3+i))
		}
		time.Sleep(time.Minute)
		require.LessOrEqual(t, n.relay.Stats().Held, int64(10+3*7), "the bound and the batches under way")
		fetches := n.relay.Stats().Fetches
		time.Sleep(time.Minute)
		require.Equal(t, fetches, n.relay.Stats().Fetches)
		n.stop()
		require.Equal(t, 101-1, w.waiting())
		w.makeVisible(missing, 1, 2)
		n = w.start("b", nil)
		eventually(t, time.Minute, drained(w), "not drained")
		n.stop()
		require.Empty(t, w.findViolations())
	})
}

func TestFailedPublishSendsAllAgainInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.failures = 3
		n := w.start("a", nil)
		for i := range 60 {
			w.commit(byte(1+i%2), int64(1+i/2))
		}
		eventually(t, time.Minute, drained(w), "not drained")
		w.set(func() { w.failures = 1 })
		w.commit(1, 31) // the last one fails, with nothing behind it
		eventually(t, time.Minute, drained(w), "not drained")
		n.stop()
		require.Empty(t, w.findViolations())
		require.NotZero(t, n.relay.Stats().PublishErrors)
	})
}

func TestNoticeIsFasterThanPolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", func(c *Config) { c.Poll = time.Minute })
		time.Sleep(10 * time.Minute)
		w.commit(1, 1)
		n.relay.Notify()
		eventually(t, 100*time.Millisecond, func() bool { return n.relay.Stats().Published == 1 }, "a notice is followed at once")
		time.Sleep(10 * time.Minute)
		w.commit(1, 2)
		eventually(t, 2*time.Minute, func() bool { return n.relay.Stats().Published == 2 }, "without one polling finds it")
		n.stop()
	})
}

func TestIdleRelayIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		n := w.start("a", nil)
		time.Sleep(time.Second)
		before := n.relay.Stats().Fetches
		time.Sleep(time.Minute)
		require.Less(t, n.relay.Stats().Fetches-before, int64(900), "polls a minute")
		for range 10_000 {
			n.relay.Notify()
			time.Sleep(100 * time.Microsecond)
		}
		n.stop()
		require.Less(t, n.relay.Stats().Fetches-before, int64(900+300), "notices do not make it spin")
	})
}

func TestABrokerThatIsAwayForLongCostsNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.brokerDown = true
		n := w.start("a", func(c *Config) { c.MaxRows = 28 })
		for i := range 1000 {
			w.commit(1, int64(i+1))
		}
		time.Sleep(time.Hour)
		require.LessOrEqual(t, n.relay.Stats().InFlight, int64(28))
		require.LessOrEqual(t, n.publisher.most, 28)
		require.True(t, n.relay.Stats().Leading)
		require.Equal(t, int64(1000), n.relay.Stats().BacklogRows)
		fetches := n.relay.Stats().Fetches
		time.Sleep(time.Hour)
		require.Equal(t, fetches, n.relay.Stats().Fetches, "a full flight fetches nothing")
		w.set(func() { w.brokerDown = false })
		eventually(t, time.Minute, drained(w), "it goes on when the broker is back")
		n.stop()
		require.Empty(t, w.findViolations())
		require.Len(t, w.bodies(), 1000)
	})
}

func TestBytesInFlightAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.brokerDown = true
		n := w.start("a", func(c *Config) { c.MaxRows, c.MaxBytes = 700, 20 })
		for i := range 100 {
			w.commit(1, int64(i+1)) // bodies of three to five bytes
		}
		time.Sleep(time.Minute)
		require.LessOrEqual(t, n.relay.Stats().InFlight, int64(14))
		w.set(func() { w.brokerDown = false })
		eventually(t, time.Minute, drained(w), "deleted rows make room")
		n.stop()
	})
}

func TestARelayWaitsForAStoreThatIsAwayWithBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.storeDown = true
		n := w.start("a", nil)
		time.Sleep(time.Hour)
		require.Less(t, n.relay.Stats().StoreErrors, int64(3600*3), "tries in an hour")
		w.set(func() { w.storeDown = false })
		w.commit(1, 1)
		eventually(t, 2*time.Second, drained(w), "it goes on when the store is back")
		n.stop()
	})
}

func TestAConfigWithoutItsPortsPanics(t *testing.T) {
	require.Panics(t, func() { New(Config{}) })
}
