package banktest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/bank"
	"codebank.dev/native/await"
	"github.com/stretchr/testify/require"
)

// TestOutbox proves that a ledger keeps the contracts of bank.Outbox and bank.Marker.
func TestOutbox(t *testing.T, open Open) {
	run(t, open, []rule{
		{"an empty outbox answers empty", fetchesNothing},
		{"rows come lowest id first, in the order of decisions", fetchesInOrder},
		{"rows in flight are skipped", skipsInFlight},
		{"deleted rows are gone, and deleting again is no error", deletesRows},
		{"one holder leads until its lease ends", leadsAlone},
		{"a higher epoch fences off the lower ones", fencesOldLeaders},
		{"the backlog is counted", countsBacklog},
		{"a relay beside busy writers sends everything in order", relaysEverything},
		{"a mark is drained when every row up to it is deleted, whatever comes later", drainsMarks},
		{"only the leader marks, and marks never go back", marksForward},
		{"no event that was decided before the time of a drained mark is in the outbox", marksCompleteTimes},
	})
}

func fetchesNothing(t *testing.T, ledger Ledger) {
	waiting, err := ledger.Fetch(t.Context(), 10, nil)
	require.NoError(t, err)
	require.Empty(t, waiting)
	rows, oldest, err := ledger.Backlog(t.Context())
	require.NoError(t, err)
	require.Zero(t, rows)
	require.True(t, oldest.IsZero())
}

func fetchesInOrder(t *testing.T, ledger Ledger) {
	customers := OpenCustomers(t, ledger, 3, 1000)
	var want []bank.Event
	for range 3 {
		var keys bank.Keys
		for _, customer := range customers {
			keys.Add(KeysOf(customer))
		}
		Commit(t, ledger, keys, func(book *bank.Book) error {
			for i := range 6 {
				customer := customers[(i*2)%3]
				entry, err := book.Post(Purchase(customer, NewID(), 1), bank.Effect{Balance: -1}, Start)
				if err != nil {
					return err
				}
				book.Emit(EventOf(entry))
				want = append(want, EventOf(entry))
			}
			return nil
		})
	}
	got := fetchAll(t, ledger, nil)
	require.Len(t, got, len(want))
	for i, row := range got {
		require.Equal(t, want[i], row.Event)
		require.True(t, i == 0 || got[i-1].ID < row.ID)
	}
	few, err := ledger.Fetch(t.Context(), 5, nil)
	require.NoError(t, err)
	require.Equal(t, got[:5], few)
	none, err := ledger.Fetch(t.Context(), 0, nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

func skipsInFlight(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1000)
	for range 10 {
		Buy(t, ledger, customer, 1)
	}
	all := fetchAll(t, ledger, nil)
	require.Len(t, all, 10)
	for _, skipped := range [][]int{{0}, {9}, {0, 1, 2}, {3, 4, 8}, {9, 0, 5}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}} {
		var skip []int64
		want := []bank.OutboxRow{}
		for _, i := range skipped {
			skip = append(skip, all[i].ID)
		}
		for i, row := range all {
			if !contains(skipped, i) {
				want = append(want, row)
			}
		}
		require.Equal(t, want, append([]bank.OutboxRow{}, fetchAll(t, ledger, skip)...), "%v", skipped)
		few, err := ledger.Fetch(t.Context(), 2, skip)
		require.NoError(t, err)
		require.Equal(t, want[:min(2, len(want))], append([]bank.OutboxRow{}, few...), "%v", skipped)
	}
}

func contains(list []int, value int) bool {
	for _, element := range list {
		if element == value {
			return true
		}
	}
	return false
}

func deletesRows(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1000)
	for range 6 {
		Buy(t, ledger, customer, 1)
	}
	epoch, err := ledger.Acquire(t.Context(), "one", time.Minute)
	require.NoError(t, err)
	all := fetchAll(t, ledger, nil)
	for range 2 {
		require.NoError(t, ledger.Delete(t.Context(), epoch, []int64{all[1].ID, all[4].ID}))
	}
	require.NoError(t, ledger.Delete(t.Context(), epoch, nil))
	require.Equal(t, []bank.OutboxRow{all[0], all[2], all[3], all[5]}, fetchAll(t, ledger, nil))
	// One by one, so that the floor that a store keeps has moved.
	for {
		left := fetchAll(t, ledger, nil)
		if len(left) == 0 {
			break
		}
		require.NoError(t, ledger.Delete(t.Context(), epoch, []int64{left[0].ID}))
	}
	bought := Buy(t, ledger, customer, 1)
	left := fetchAll(t, ledger, nil)
	require.Len(t, left, 1)
	require.Equal(t, EventOf(&bought), left[0].Event)
}

func leadsAlone(t *testing.T, ledger Ledger) {
	ctx := t.Context()
	first, err := ledger.Acquire(ctx, "one", time.Minute)
	require.NoError(t, err)
	_, err = ledger.Acquire(ctx, "two", time.Minute)
	require.ErrorIs(t, err, bank.ErrLeaseLost)
	again, err := ledger.Acquire(ctx, "one", time.Millisecond)
	require.NoError(t, err)
	require.Equal(t, first, again, "a renewal keeps the epoch")
	var second int64
	await.Until(t, func() bool {
		second, err = ledger.Acquire(ctx, "two", time.Minute)
		return err == nil
	}, 10*time.Second, time.Millisecond, "a lease ends by itself")
	require.Greater(t, second, first)
	_, err = ledger.Acquire(ctx, "one", time.Minute)
	require.ErrorIs(t, err, bank.ErrLeaseLost)
}

func fencesOldLeaders(t *testing.T, ledger Ledger) {
	ctx := t.Context()
	Buy(t, ledger, OpenCustomer(t, ledger, 1000), 1)
	old, err := ledger.Acquire(ctx, "one", time.Millisecond)
	require.NoError(t, err)
	ids := []int64{fetchAll(t, ledger, nil)[0].ID}
	var leader int64
	await.Until(t, func() bool {
		leader, err = ledger.Acquire(ctx, "two", time.Minute)
		return err == nil
	}, 10*time.Second, time.Millisecond)
	require.ErrorIs(t, ledger.Delete(ctx, old, ids), bank.ErrLeaseLost)
	require.Len(t, fetchAll(t, ledger, nil), 1)
	require.NoError(t, ledger.Delete(ctx, leader, ids))
	require.Empty(t, fetchAll(t, ledger, nil))
}

func countsBacklog(t *testing.T, ledger Ledger) {
	customer := OpenCustomer(t, ledger, 1000)
	before := time.Now()
	for range 3 {
		Buy(t, ledger, customer, 1)
	}
	rows, oldest, err := ledger.Backlog(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 3, rows)
	require.WithinDuration(t, before, oldest, 10*time.Second)
}

// fetchAll fetches every row.
func fetchAll(t testing.TB, ledger bank.Outbox, skip []int64) []bank.OutboxRow {
	t.Helper()
	waiting, err := ledger.Fetch(t.Context(), 100_000, skip)
	require.NoError(t, err)
	return waiting
}

// relaysEverything is a small relay. It keeps a few rows in flight and deletes them out of order.
// In the end it must have seen the events of every account without a gap.
func relaysEverything(t *testing.T, ledger Ledger) {
	const writers, each = 6, 30
	customers := OpenCustomers(t, ledger, writers, 1000)
	epoch, err := ledger.Acquire(t.Context(), "relay", time.Minute)
	require.NoError(t, err)
	var group sync.WaitGroup
	for _, customer := range customers {
		group.Go(func() {
			for range each {
				Buy(t, ledger, customer, 1)
			}
		})
	}
	sent := make(map[int64]bank.Event)
	last := make(map[bank.ID]int64)
	var flying []int64
	deadline := time.Now().Add(30 * time.Second)
	for len(sent) < writers*each && time.Now().Before(deadline) {
		waiting, err := ledger.Fetch(t.Context(), 7, flying)
		require.NoError(t, err)
		for _, row := range waiting {
			require.NotContains(t, sent, row.ID, "a row in flight or deleted is never fetched again")
			require.Equal(t, max(last[row.Event.AccountID], 1)+1, row.Event.Sequence)
			last[row.Event.AccountID] = row.Event.Sequence
			sent[row.ID] = row.Event
			flying = append(flying, row.ID)
		}
		if len(flying) > 10 || len(waiting) == 0 {
			require.NoError(t, ledger.Delete(t.Context(), epoch, flying[len(flying)/2:]))
			flying = flying[:len(flying)/2]
		}
	}
	group.Wait()
	require.Len(t, sent, writers*each)
	require.NoError(t, ledger.Delete(t.Context(), epoch, flying))
	require.Empty(t, fetchAll(t, ledger, nil))
}

func drainsMarks(t *testing.T, ledger Ledger) {
	ctx := t.Context()
	epoch, err := ledger.Acquire(ctx, "one", time.Minute)
	require.NoError(t, err)
	empty, err := ledger.Mark(ctx, epoch)
	require.NoError(t, err)
	requireDrained(t, ledger, empty, true)
	customer := OpenCustomer(t, ledger, 1000)
	for range 3 {
		Buy(t, ledger, customer, 1)
	}
	requireDrained(t, ledger, empty, true)
	mark, err := ledger.Mark(ctx, epoch)
	require.NoError(t, err)
	early := fetchAll(t, ledger, nil)
	Buy(t, ledger, customer, 1)
	for _, row := range early {
		requireDrained(t, ledger, mark, false)
		require.NoError(t, ledger.Delete(ctx, epoch, []int64{row.ID}))
	}
	requireDrained(t, ledger, mark, true)
	require.Len(t, fetchAll(t, ledger, nil), 1, "the later one waits still")
}

func requireDrained(t *testing.T, ledger Ledger, mark bank.Mark, want bool) {
	t.Helper()
	drained, err := ledger.Drained(t.Context(), mark)
	require.NoError(t, err)
	require.Equal(t, want, drained)
}

func marksForward(t *testing.T, ledger Ledger) {
	ctx := t.Context()
	first, err := ledger.Acquire(ctx, "one", time.Millisecond)
	require.NoError(t, err)
	_, err = ledger.Mark(ctx, first+1)
	require.ErrorIs(t, err, bank.ErrNoMark, "an epoch that does not exist")
	var last time.Time
	for range 5 {
		mark, err := ledger.Mark(ctx, first)
		require.NoError(t, err)
		require.False(t, mark.CompleteTo.Before(last))
		require.Equal(t, mark.CompleteTo.Truncate(time.Millisecond), mark.CompleteTo)
		last = mark.CompleteTo
	}
	var second int64
	await.Until(t, func() bool {
		second, err = ledger.Acquire(ctx, "two", time.Minute)
		return err == nil
	}, 10*time.Second, time.Millisecond)
	_, err = ledger.Mark(ctx, first)
	require.ErrorIs(t, err, bank.ErrNoMark, "a deposed leader")
	mark, err := ledger.Mark(ctx, second)
	require.NoError(t, err)
	require.False(t, mark.CompleteTo.Before(last), "the next leader continues the marks")
}

// marksCompleteTimes is a relay beside busy writers that marks all the time. No row may appear
// below a drained mark, and no row that appears later may have been decided before the time of a
// drained mark.
func marksCompleteTimes(t *testing.T, ledger Ledger) {
	// The writers go on until enough marks were drained beside them.
	const writers, marks = 6, 3
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	customers := OpenCustomers(t, ledger, writers, 1_000_000)
	epoch, err := ledger.Acquire(ctx, "relay", time.Minute)
	require.NoError(t, err)
	var mutex sync.Mutex
	decided := make(map[bank.ID]time.Time)
	var group sync.WaitGroup
	var drainedMarks atomic.Int64
	// If the writers were far faster than the deletes, the test would never end.
	waiting := make(chan struct{}, 10*writers)
	for _, customer := range customers {
		group.Go(func() {
			for drainedMarks.Load() < marks && ctx.Err() == nil {
				waiting <- struct{}{}
				before := time.Now()
				entry := Buy(t, ledger, customer, 1)
				mutex.Lock()
				decided[entry.TransactionID] = before
				mutex.Unlock()
			}
		})
	}
	type late struct {
		transaction bank.ID
		completeTo  time.Time
	}
	var found []late
	var drained bank.Mark
	written := make(chan struct{})
	go func() {
		group.Wait()
		close(written)
	}()
	for all := false; ; {
		mark, err := ledger.Mark(ctx, epoch)
		require.NoError(t, err)
		rows := fetchAll(t, ledger, nil)
		for _, row := range rows {
			require.Greater(t, row.ID, drained.LastID, "a row below a drained mark")
			found = append(found, late{row.Event.TransactionID, drained.CompleteTo})
			require.NoError(t, ledger.Delete(ctx, epoch, []int64{row.ID}))
			<-waiting
		}
		if all && len(rows) == 0 {
			break
		}
		select {
		case <-written:
			all = true
		default:
		}
		if is, err := ledger.Drained(ctx, mark); err == nil && is && mark.LastID > drained.LastID {
			drained = mark
			drainedMarks.Add(1)
		}
	}
	require.Len(t, found, len(decided))
	for _, l := range found {
		// Buy began a moment before its decision.
		require.False(t, decided[l.transaction].Add(time.Second).Before(l.completeTo))
	}
}
