package checkouttest

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/charge"
	"codebank.dev/checkout/clock"
	"codebank.dev/checkout/inmem"
	"codebank.dev/native/await"
	"codebank.dev/platform/money"
	"github.com/stretchr/testify/require"
)

// hundredAtOnce sends equal requests to two processes.
func hundredAtOnce(t *testing.T, store Store) {
	const requests = 100
	require.NoError(t, store.Seed(t.Context(), Seeds(), Start()))
	bank := inmem.NewAcquirer(clock.System{})
	shops := []*Shop{NewShop(t, Setting{Store: store, Bank: bank, Clock: clock.System{}}), NewShop(t, Setting{Store: store, Bank: bank, Clock: clock.System{}})}
	orders := make([]checkout.Order, requests)
	request := Request(t, "same", VisaNumber)
	var running sync.WaitGroup
	for i := range requests {
		running.Go(func() {
			var err error
			if orders[i], err = shops[i%2].Orders.Place(t.Context(), request); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	for _, placed := range orders {
		require.Equal(t, checkout.Approved, placed.State)
		require.Equal(t, orders[0], placed)
	}
	require.Len(t, bank.Kept(), 1)
}

// outOfTime lets the bank hang for longer than the caller waits.
func outOfTime(t *testing.T, store Store) {
	require.NoError(t, store.Seed(t.Context(), Seeds(), Start()))
	bank := inmem.NewAcquirer(clock.System{})
	shop := NewShop(t, Setting{Store: store, Bank: bank, Clock: clock.System{}})
	bank.Script(inmem.NoFault, inmem.Hanging)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	placed, err := shop.Orders.Place(ctx, Request(t, "r1", VisaNumber))
	require.NoError(t, err)
	require.NoError(t, ctx.Err(), "the answer came in time")
	require.Equal(t, checkout.Pending, placed.State)
	require.Len(t, bank.Kept(), 1)

	again, err := shop.Orders.Place(t.Context(), Request(t, "other", VisaNumber))
	require.NoError(t, err)
	require.Equal(t, checkout.Approved, again.State, "one that hangs holds nobody up")
}

// hasty are limits under which everything that can happen happens within seconds.
func hasty() charge.Limits {
	return charge.Limits{
		Deadline: 200 * time.Millisecond, Try: 250 * time.Millisecond,
		SendAgain: time.Second, TokenMargin: time.Second,
		Retry:     charge.Backoff{First: 5 * time.Millisecond, Most: 20 * time.Millisecond},
		Reconcile: charge.Backoff{First: 20 * time.Millisecond, Most: 100 * time.Millisecond},
		Batch:     16, Workers: 4, Poll: 10 * time.Millisecond,
	}
}

// sideBySide lets two processes place and reconcile at once, with a bank that fails
// every other call, and then heals.
func sideBySide(t *testing.T, store Store) {
	const orders, callers = 60, 12
	require.NoError(t, store.Seed(t.Context(), Seeds(), Start()))
	bank := inmem.NewAcquirer(clock.System{})
	for range 3 * orders {
		bank.Script(inmem.Fault(rand.IntN(2*int(inmem.LastFault+1)) % int(inmem.LastFault+1)))
	}
	ctx, stop := context.WithCancel(t.Context())
	var reconciling, placing sync.WaitGroup
	defer reconciling.Wait()
	defer stop()
	requests := make(chan int)
	for range callers {
		shop := NewShop(t, Setting{Store: store, Bank: bank, Clock: clock.System{}, Limits: hasty()})
		placing.Go(func() {
			for number := range requests {
				_, _ = shop.Orders.Place(t.Context(), Request(t, "r"+strconv.Itoa(number%orders), VisaNumber))
			}
		})
	}
	for range 2 {
		shop := NewShop(t, Setting{Store: store, Bank: bank, Clock: clock.System{}, Limits: hasty()})
		reconciling.Go(func() { shop.Reconciler.Run(ctx) })
	}
	for number := range 2 * orders { // Each request is made twice.
		requests <- number
	}
	close(requests)
	placing.Wait()
	bank.Heal()
	await.Until(t, func() bool {
		backlog, err := store.Backlog(t.Context())
		return err == nil && backlog.Open == 0
	}, time.Minute, 10*time.Millisecond, "orders left open")
	requireKept(t, store, bank, orders)
}

// requireKept holds the bank's purchases against the approved orders.
func requireKept(t *testing.T, store Store, bank *inmem.Acquirer, orders int) {
	t.Helper()
	approved := make(map[string]money.Amount)
	for number := range orders {
		ended, err := store.ByRequest(t.Context(), "shop", "r"+strconv.Itoa(number))
		if err != nil { // The bank gave no token.
			require.ErrorIs(t, err, checkout.ErrNoOrder)
			continue
		}
		require.NotEqual(t, checkout.Pending, ended.State)
		if ended.State == checkout.Approved {
			approved[ended.ID.String()] = ended.Total
		}
	}
	require.NotEmpty(t, approved)
	require.Equal(t, approved, bank.Kept())
}
