package checkouttest

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"codebank.dev/checkout"
	"github.com/stretchr/testify/require"
)

// TestStore holds a store to its ports. open returns an empty store.
func TestStore(t *testing.T, open func(testing.TB) Store) {
	for _, rule := range []struct {
		name string
		show func(*testing.T, shelf)
	}{
		{"the catalogue begins with seeds, which change nothing that is there", catalogueIsSeeded},
		{"the catalogue is read in pages without gaps or repeats", catalogueIsPaged},
		{"a change of the catalogue makes a new version, and nothing else does", changeMakesVersion},
		{"an order is priced by one version of the catalogue", pricedByOneVersion},
		{"an order comes back as it was stored", orderComesBack},
		{"an order is its caller's alone", orderIsItsCallers},
		{"an order of a user is there for him, the program and operators", orderIsItsOwners},
		{"orders are listed to those who see them, the newest first", ordersAreListed},
		{"a list has what its filter asks for, each order once", listsFollowTheFilter},
		{"a request makes one order", requestMakesOneOrder},
		{"a change is stored whole or not at all", changeIsWhole},
		{"changes of one order follow each other", changesFollowEachOther},
		{"a set is written but for what is taken or has changed", setIsWritten},
		{"a change made from an order as it was is made again from the order as it is", changeIsMadeAgain},
		{"orders of many callers share writes", manyShareWrites},
		{"a refund is stored with its order, claimed, and ended once", refundIsStored},
		{"refunds of one order follow each other, and are no more than was paid", refundsFollowEachOther},
		{"claiming takes what is due, longest due first, and leases it", claimTakesWhatIsDue},
		{"claims made at once do not overlap", claimsDoNotOverlap},
		{"the backlog counts what is open", backlogCountsOpen},
	} {
		t.Run(rule.name, func(t *testing.T) {
			store := open(t)
			rule.show(t, shelf{store, Batched(t, store), store})
		})
	}
	testMerchants(t, open)
}

func orderComesBack(t *testing.T, store shelf) {
	ctx := t.Context()
	order := Order(t, "shop", "r1", Start())
	order.SecretHash = checkout.NewOrderSecret(nil, order.ID).Hash()
	stored, created, err := store.Create(ctx, order)
	require.NoError(t, err)
	require.True(t, created)
	require.Equal(t, order, stored)
	byID, err := store.ByID(ctx, Program("shop"), order.ID)
	require.NoError(t, err)
	require.Equal(t, order, byID)
	byRequest, err := store.ByRequest(ctx, "shop", "r1")
	require.NoError(t, err)
	require.Equal(t, order, byRequest)

	ended, err := store.Change(ctx, order, declineIt)
	require.NoError(t, err)
	require.Equal(t, checkout.Declined, ended.State)
	byID, err = store.ByID(ctx, Program("shop"), order.ID)
	require.NoError(t, err)
	require.Equal(t, ended, byID)
	require.True(t, byID.PendingCharge.Token.IsZero(), "the token goes when the order ends")
}

func declineIt(o checkout.Order) (checkout.Order, error) {
	return o.Answered(checkout.Decision{
		Outcome: checkout.OutcomeDeclined, Purchase: "purchases/1",
		Decline: checkout.Decline{Code: "51", Reason: "INSUFFICIENT_FUNDS", Message: "Não há limite."},
	}, o.CreatedAt.Add(time.Second))
}

func approveIt(o checkout.Order) (checkout.Order, error) {
	return o.Answered(checkout.Decision{Outcome: checkout.OutcomeApproved, Purchase: "purchases/2"}, o.CreatedAt.Add(time.Second))
}

func orderIsItsCallers(t *testing.T, store shelf) {
	ctx := t.Context()
	order, _, err := store.Create(ctx, Order(t, "shop", "r1", Start()))
	require.NoError(t, err)
	_, err = store.ByID(ctx, Program("thief"), order.ID)
	require.ErrorIs(t, err, checkout.ErrNoOrder)
	_, err = store.ByRequest(ctx, "thief", "r1")
	require.ErrorIs(t, err, checkout.ErrNoOrder)
	_, err = store.ByID(ctx, Program("shop"), NewID(t))
	require.ErrorIs(t, err, checkout.ErrNoOrder)
	_, created, err := store.Create(ctx, Order(t, "thief", "r1", Start()))
	require.NoError(t, err)
	require.True(t, created, "request ids of two callers never meet")
}

func orderIsItsOwners(t *testing.T, store shelf) {
	const ada, bob = "user:ada", "user:bob"
	of := func(owner, requestID string) checkout.ID {
		order := Order(t, "shop", requestID, Start())
		order.Owner = owner
		_, created, err := store.Create(t.Context(), order)
		require.NoError(t, err)
		require.True(t, created)
		return order.ID
	}
	orders := map[string]checkout.ID{"ada's": of(ada, "r1"), "the shop's": of("shop", "r2"), "from before owners": of("", "r3")}
	for name, rule := range map[string]struct {
		by   checkout.Requester
		sees []string
	}{
		"the user by the program": {checkout.Requester{Caller: "shop", User: ada}, []string{"ada's"}},
		"the user by another one": {checkout.Requester{Caller: "mall", User: ada}, []string{"ada's"}},
		"the user himself":        {checkout.Requester{Caller: ada, User: ada}, []string{"ada's"}},
		"another user":            {checkout.Requester{Caller: "shop", User: bob}, nil},
		"the program":             {Program("shop"), []string{"ada's", "the shop's", "from before owners"}},
		"another program":         {Program("mall"), nil},
		"an operator":             {checkout.Requester{Caller: "operator", Operator: true}, []string{"ada's", "the shop's", "from before owners"}},
		"the store's merchant":    {checkout.Requester{Caller: "merchant:paper:live", IsMerchant: true, Stores: []string{"books", "coffee"}}, []string{"ada's", "the shop's", "from before owners"}},
		"another merchant":        {checkout.Requester{Caller: "shop", IsMerchant: true, Stores: []string{"coffee"}}, nil},
		"a merchant's member":     {checkout.Requester{Caller: bob, User: bob, Stores: []string{"books"}}, []string{"ada's", "the shop's", "from before owners"}},
	} {
		for order, id := range orders {
			found, err := store.ByID(t.Context(), rule.by, id)
			if slices.Contains(rule.sees, order) {
				require.NoError(t, err, "%s: %s", name, order)
				require.Equal(t, id, found.ID)
				require.True(t, rule.by.Sees(&found))
				require.Equal(t, rule.by.User == "" || rule.by.ActsFor("books"), rule.by.MayRefund(&found))
			} else {
				require.ErrorIs(t, err, checkout.ErrNoOrder, "%s: %s", name, order)
			}
		}
	}
}

func requestMakesOneOrder(t *testing.T, store shelf) {
	const callers = 40
	orders := make([]checkout.Order, callers)
	firsts := make([]bool, callers)
	var running sync.WaitGroup
	for i := range callers {
		proposal := Order(t, "shop", "same", Start())
		running.Go(func() {
			var err error
			orders[i], firsts[i], err = store.Create(t.Context(), proposal)
			if err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	created := 0
	for i := range callers {
		require.Equal(t, orders[0], orders[i])
		if firsts[i] {
			created++
		}
	}
	require.Equal(t, 1, created)
}

func changeIsWhole(t *testing.T, store shelf) {
	ctx := t.Context()
	order, _, err := store.Create(ctx, Order(t, "shop", "r1", Start()))
	require.NoError(t, err)
	refusal := errors.New("no")
	same, err := store.Change(ctx, order, func(o checkout.Order) (checkout.Order, error) {
		changed, _ := approveIt(o)
		return changed, refusal
	})
	require.ErrorIs(t, err, refusal)
	require.Equal(t, order, same)
	_, err = store.Change(ctx, Order(t, "shop", "nowhere", Start()), approveIt)
	require.ErrorIs(t, err, checkout.ErrNoOrder)

	approved, err := store.Change(ctx, order, approveIt)
	require.NoError(t, err)
	again, err := store.Change(ctx, order, declineIt)
	require.ErrorIs(t, err, checkout.ErrEnded)
	require.Equal(t, approved, again)
}

func changesFollowEachOther(t *testing.T, store shelf) {
	const changes = 50
	order, _, err := store.Create(t.Context(), Order(t, "shop", "r1", Start()))
	require.NoError(t, err)
	var running sync.WaitGroup
	for i := range changes {
		running.Go(func() {
			next := Start().Add(time.Duration(i) * time.Second)
			if _, err := store.Change(t.Context(), order, func(o checkout.Order) (checkout.Order, error) {
				return o.Postponed(next)
			}); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	order, err = store.ByID(t.Context(), Program("shop"), order.ID)
	require.NoError(t, err)
	require.EqualValues(t, changes, order.PendingCharge.Tries)
}

func setIsWritten(t *testing.T, store shelf) {
	ctx := t.Context()
	taken, _, err := store.Create(ctx, Order(t, "shop", "taken", Start()))
	require.NoError(t, err)
	moved, _, err := store.Create(ctx, Order(t, "shop", "moved", Start()))
	require.NoError(t, err)
	ended, err := store.Change(ctx, Order(t, "shop", "nowhere", Start()), approveIt)
	require.ErrorIs(t, err, checkout.ErrNoOrder)
	ended, _, err = store.Create(ctx, Order(t, "shop", "ended", Start()))
	require.NoError(t, err)
	_, err = store.Change(ctx, ended, approveIt)
	require.NoError(t, err)
	postponed, err := store.store.Change(ctx, moved.ID, func(o checkout.Order) (checkout.Order, error) { return o.Postponed(Start()) })
	require.NoError(t, err)

	change := func(from checkout.Order) *checkout.OrderWrite {
		after, err := declineIt(from)
		require.NoError(t, err)
		return &checkout.OrderWrite{Before: &from, After: &after, Written: true}
	}
	create := func(requestID string) *checkout.OrderWrite {
		order := Order(t, "shop", requestID, Start())
		return &checkout.OrderWrite{After: &order, Written: true}
	}
	set := []*checkout.OrderWrite{
		create("new"), create("taken"), create("twice"), create("twice"),
		change(taken), change(moved), change(ended), change(Order(t, "shop", "nowhere", Start())),
	}
	require.NoError(t, store.store.Write(ctx, slices.Clone(set)))
	var written []bool
	for _, write := range set {
		written = append(written, write.Written)
	}
	one := written[2] != written[3]
	require.True(t, one, "of two orders of one request one is written")
	written[2], written[3] = true, false
	require.Equal(t, []bool{true, false, true, false, true, false, false, false}, written)
	for _, want := range []*checkout.Order{set[0].After, set[4].After, &postponed} {
		found, err := store.ByID(ctx, Program("shop"), want.ID)
		require.NoError(t, err)
		require.Equal(t, *want, found)
	}
	require.NoError(t, store.store.Write(ctx, []*checkout.OrderWrite{change(postponed)}), "a set may be a change alone")
}

func changeIsMadeAgain(t *testing.T, store shelf) {
	ctx := t.Context()
	known, _, err := store.Create(ctx, Order(t, "shop", "r1", Start()))
	require.NoError(t, err)
	claimed, err := store.Claim(ctx, Start(), Start().Add(time.Hour), 1)
	require.NoError(t, err)
	require.Len(t, claimed, 1)
	postponed, err := store.Change(ctx, known, func(o checkout.Order) (checkout.Order, error) { return o.Postponed(Start()) })
	require.NoError(t, err)
	require.EqualValues(t, 1, postponed.PendingCharge.Tries)
	voiding, err := store.Change(ctx, known, func(o checkout.Order) (checkout.Order, error) { return o.GivenUp(checkout.TimedOut, Start()) })
	require.NoError(t, err)
	require.Equal(t, checkout.TimedOut, voiding.PendingCharge.Voiding)
	same, err := store.Change(ctx, known, approveIt)
	require.ErrorIs(t, err, checkout.ErrVoiding, "an approval does not count after the decision to void")
	require.Equal(t, voiding, same)
	ended, err := store.Change(ctx, voiding, func(o checkout.Order) (checkout.Order, error) {
		return o.Voided(checkout.Decision{Outcome: checkout.OutcomeVoided, Purchase: "purchases/1"}, Start())
	})
	require.NoError(t, err)
	for _, stale := range []checkout.Order{known, postponed, voiding, ended} {
		same, err = store.Change(ctx, stale, approveIt)
		require.ErrorIs(t, err, checkout.ErrEnded)
		require.Equal(t, ended, same)
	}
}

// manyShareWrites has many callers place and end orders at once, some under the same request id.
func manyShareWrites(t *testing.T, store shelf) {
	const callers, each, requests = 32, 12, 200
	var working sync.WaitGroup
	for caller := range callers {
		working.Go(func() {
			for i := range each {
				proposal := Order(t, "shop", "r"+strconv.Itoa((caller*each+i)%requests), Start())
				order, _, err := store.Create(t.Context(), proposal)
				if err == nil {
					_, err = store.Change(t.Context(), order, approveIt)
				}
				if err != nil && !errors.Is(err, checkout.ErrEnded) {
					t.Error(err)
				}
			}
		})
	}
	working.Wait()
	for i := range requests {
		order, err := store.ByRequest(t.Context(), "shop", "r"+strconv.Itoa(i))
		require.NoError(t, err)
		require.Equal(t, checkout.Approved, order.State)
		require.Len(t, order.Items, 2)
	}
	require.LessOrEqual(t, store.Stats().Batches, store.Stats().Commands)
}

func claimTakesWhatIsDue(t *testing.T, store shelf) {
	ctx := t.Context()
	var placed []checkout.Order
	for i := range 4 {
		order := Order(t, "shop", "r"+strconv.Itoa(i), Start())
		order.PendingCharge.NextAt = Start().Add(time.Duration(3-i) * time.Minute)
		_, _, err := store.Create(ctx, order)
		require.NoError(t, err)
		placed = append(placed, order)
	}
	_, err := store.Change(ctx, placed[3], approveIt)
	require.NoError(t, err)

	now, until := Start().Add(2*time.Minute), Start().Add(time.Hour)
	claimed, err := store.Claim(ctx, now.Add(-2*time.Minute), until, 10)
	require.NoError(t, err)
	require.Empty(t, claimed, "the only one due has ended")
	claimed, err = store.Claim(ctx, now, until, 1)
	require.NoError(t, err)
	placed[2].PendingCharge.NextAt = until
	require.Equal(t, []checkout.Order{placed[2]}, claimed)
	claimed, err = store.Claim(ctx, now, until, 10)
	require.NoError(t, err)
	placed[1].PendingCharge.NextAt = until
	require.Equal(t, []checkout.Order{placed[1]}, claimed)
	claimed, err = store.Claim(ctx, now, until, 10)
	require.NoError(t, err)
	require.Empty(t, claimed, "leased, or not due yet")
	claimed, err = store.Claim(ctx, until, until.Add(time.Hour), 10)
	require.NoError(t, err)
	require.Len(t, claimed, 3, "a lease ends")
	require.Equal(t, placed[0].ID, claimed[0].ID)
}

func claimsDoNotOverlap(t *testing.T, store shelf) {
	const orders, claimers = 60, 6
	for i := range orders {
		_, _, err := store.Create(t.Context(), Order(t, "shop", "r"+strconv.Itoa(i), Start()))
		require.NoError(t, err)
	}
	var mutex sync.Mutex
	seen := make(map[checkout.ID]int)
	var running sync.WaitGroup
	for range claimers {
		running.Go(func() {
			for range orders {
				claimed, err := store.Claim(t.Context(), Start(), Start().Add(time.Hour), 7)
				if err != nil {
					t.Error(err)
					return
				}
				mutex.Lock()
				for _, order := range claimed {
					seen[order.ID]++
				}
				mutex.Unlock()
			}
		})
	}
	running.Wait()
	require.Len(t, seen, orders)
	for id, times := range seen {
		require.Equal(t, 1, times, id)
	}
}

func backlogCountsOpen(t *testing.T, store shelf) {
	ctx := t.Context()
	backlog, err := store.Backlog(ctx)
	require.NoError(t, err)
	require.Equal(t, checkout.Backlog{}, backlog)
	var orders []checkout.Order
	for i := range 3 {
		order := Order(t, "shop", "r"+strconv.Itoa(i), Start().Add(time.Duration(i)*time.Minute))
		_, _, err := store.Create(ctx, order)
		require.NoError(t, err)
		orders = append(orders, order)
	}
	_, err = store.Change(ctx, orders[0], approveIt)
	require.NoError(t, err)
	backlog, err = store.Backlog(ctx)
	require.NoError(t, err)
	require.Equal(t, checkout.Backlog{Open: 2, Oldest: orders[1].CreatedAt}, backlog)
}
