package checkouttest

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/clock"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/checkout/inmem"
	"codebank.dev/native/await"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

// place has an order of 7980 centavos placed, and approved.
func (s *scene) place(requestID string) checkout.Order {
	s.Helper()
	placed, err := s.shop(nil).Orders.Place(s.Context(), Request(s, requestID, VisaNumber))
	require.NoError(s, err)
	require.Equal(s, checkout.Approved, placed.State)
	return placed
}

// kept returns what the bank keeps of an order.
func (s *scene) kept(order checkout.ID) int64 { return s.bank.Kept()[order.String()].Minor }

func refunded(s *scene) {
	placed, shop := s.place("r1"), s.shop(nil)
	order, part, err := shop.Refunds.Refund(s.Context(), RefundRequest(placed.ID, "f1", 3000))
	require.NoError(s, err)
	require.Equal(s, checkout.RefundDone, part.State)
	require.NotEmpty(s, part.Reversal)
	require.Equal(s, checkout.PartiallyRefunded, order.State)
	require.EqualValues(s, 4980, s.kept(placed.ID))
	require.Equal(s, order, s.stored("r1"))

	_, _, err = shop.Refunds.Refund(s.Context(), RefundRequest(placed.ID, "f2", 4981))
	require.ErrorIs(s, err, checkout.ErrAboveLeft)
	order, rest, err := shop.Refunds.Refund(s.Context(), RefundRequest(placed.ID, "f3", 0))
	require.NoError(s, err)
	require.EqualValues(s, 4980, rest.Amount)
	require.Equal(s, checkout.Refunded, order.State)
	require.Len(s, order.Refunds, 2)
	require.Zero(s, s.kept(placed.ID))
	_, _, err = shop.Refunds.Refund(s.Context(), RefundRequest(placed.ID, "f4", 1))
	require.ErrorIs(s, err, checkout.ErrNothingLeft)
	require.Equal(s, order, s.stored("r1"))

	declined, err := shop.Orders.Place(s.Context(), Request(s, "r2", DecliningNumber))
	require.NoError(s, err)
	_, _, err = shop.Refunds.Refund(s.Context(), RefundRequest(declined.ID, "f5", 1))
	require.ErrorIs(s, err, checkout.ErrNotPaid)
}

func refundRepeated(s *scene) {
	placed, other, shop := s.place("r1"), s.place("r2"), s.shop(nil)
	order, first, err := shop.Refunds.Refund(s.Context(), RefundRequest(placed.ID, "f1", 3000))
	require.NoError(s, err)
	calls := s.bank.Calls()
	again, repeated, err := s.shop(nil).Refunds.Refund(s.Context(), RefundRequest(placed.ID, "f1", 3000))
	require.NoError(s, err)
	require.Equal(s, first, repeated)
	require.Equal(s, order, again)
	require.Equal(s, calls, s.bank.Calls())
	for _, reused := range []struct {
		order  checkout.ID
		amount int64
	}{{placed.ID, 3001}, {placed.ID, 0}, {other.ID, 3000}} {
		_, _, err = shop.Refunds.Refund(s.Context(), RefundRequest(reused.order, "f1", reused.amount))
		require.ErrorIs(s, err, checkout.ErrRefundReused)
	}
	require.Equal(s, other, s.stored("r2"))
}

func refundedByNobodyElse(s *scene) {
	placed := s.place("r1")
	for name, by := range map[string]checkout.Requester{
		"another program": Program("mall"), "a user": {Caller: "shop", User: "user:ada"}, "its owner": {Caller: "shop", User: "shop"},
	} {
		request := RefundRequest(placed.ID, "f1", 0)
		request.By = by
		_, _, err := s.shop(nil).Refunds.Refund(s.Context(), request)
		require.ErrorIs(s, err, checkout.ErrNoOrder, name)
	}
	request := RefundRequest(placed.ID, "f1", 0)
	request.By = checkout.Requester{Caller: "operator", Operator: true}
	order, _, err := s.shop(nil).Refunds.Refund(s.Context(), request)
	require.NoError(s, err)
	require.Equal(s, checkout.Refunded, order.State)
}

func refundedLater(s *scene) {
	placed := s.place("r1")
	s.bank.Script(inmem.LostAnswer)
	s.bank.SetAway(true)
	order, open, err := s.shop(nil).Refunds.Refund(s.Context(), RefundRequest(placed.ID, "f1", 3000))
	require.NoError(s, err)
	require.Equal(s, checkout.RefundPending, open.State)
	require.Equal(s, checkout.Approved, order.State)
	require.EqualValues(s, 4980, order.Refundable(), "its amount is reserved")
	s.bank.Heal()
	s.bank.Script(inmem.Breaking, inmem.Refusing, inmem.Unreached, inmem.LostAnswer)
	ended := s.reconciled("r1")
	require.Equal(s, checkout.PartiallyRefunded, ended.State)
	require.EqualValues(s, 4980, s.kept(placed.ID), "given back once")
}

func refundRefused(s *scene) {
	placed := s.place("r1")
	// Somebody else has given back a part at the bank.
	_, err := s.bank.Refund(s.Context(), checkout.Reversal{RequestID: "elsewhere", Purchase: placed.Purchase, AmountMinor: 5000})
	require.NoError(s, err)
	order, refused, err := s.shop(nil).Refunds.Refund(s.Context(), RefundRequest(placed.ID, "f1", 3000))
	require.NoError(s, err)
	require.Equal(s, checkout.RefundRefused, refused.State)
	require.NotEmpty(s, refused.Refusal.Reason)
	require.Equal(s, checkout.Approved, order.State)
	require.Equal(s, placed.Total.Minor, order.Refundable())
	order, done, err := s.shop(nil).Refunds.Refund(s.Context(), RefundRequest(placed.ID, "f2", 2980))
	require.NoError(s, err)
	require.Equal(s, checkout.RefundDone, done.State)
	require.Equal(s, order, s.stored("r1"))
}

func refundCrashed(s *scene) {
	for _, point := range []failpoint.Point{failpoints.RefundStored, failpoints.AfterRefundAnswer} {
		placed := s.place(string(point))
		var dying *Shop
		dying = s.shop(func(passed failpoint.Point) {
			if passed == point {
				dying.Kill(0)
			}
		})
		_, _, _ = dying.Refunds.Refund(s.Context(), RefundRequest(placed.ID, string(point), 3000))
		require.Equal(s, checkout.RefundPending, s.stored(string(point)).Refunds[0].State, point)
		ended := s.reconciled(string(point))
		require.Equal(s, checkout.PartiallyRefunded, ended.State, point)
		require.EqualValues(s, 4980, s.kept(placed.ID), point)
		_, again, err := s.shop(nil).Refunds.Refund(s.Context(), RefundRequest(placed.ID, string(point), 3000))
		require.NoError(s, err)
		require.Equal(s, ended.Refunds[0], again, point)
	}
}

// refundsAtOnce asks two processes for more than was paid, in parts, while the bank fails now and then.
func refundsAtOnce(t *testing.T, store Store) {
	const requests = 24
	require.NoError(t, store.Seed(t.Context(), Seeds(), Start()))
	bank := inmem.NewAcquirer(clock.System{})
	shops := []*Shop{
		NewShop(t, Setting{Store: store, Bank: bank, Clock: clock.System{}, Limits: hasty()}),
		NewShop(t, Setting{Store: store, Bank: bank, Clock: clock.System{}, Limits: hasty()}),
	}
	placed, err := shops[0].Orders.Place(t.Context(), Request(t, "r1", VisaNumber))
	require.NoError(t, err)
	for i := range requests {
		if i%3 == 0 {
			bank.Script(inmem.LostAnswer, inmem.Breaking)
		}
	}
	var running sync.WaitGroup
	for i := range requests {
		running.Go(func() {
			// Each request is made twice, and asks for an eighth of the order.
			_, _, err := shops[i%2].Refunds.Refund(t.Context(), RefundRequest(placed.ID, "f"+strconv.Itoa(i/2), placed.Total.Minor/8))
			if err != nil && fault.CodeOf(err) != fault.FailedPrecondition && fault.CodeOf(err) != fault.Unavailable {
				t.Error(err)
			}
		})
	}
	running.Wait()
	bank.Heal()
	await.Until(t, func() bool {
		_, err := shops[0].Refunder.Pass(t.Context())
		require.NoError(t, err)
		backlog, err := store.RefundBacklog(t.Context())
		return err == nil && backlog.Open == 0
	}, time.Minute, 10*time.Millisecond)
	order, err := store.ByRequest(t.Context(), "shop", "r1")
	require.NoError(t, err)
	require.EqualValues(t, order.Total.Minor-order.Refunded(), bank.Kept()[order.ID.String()].Minor)
	require.LessOrEqual(t, order.Refunded(), order.Total.Minor)
	require.Positive(t, order.Refunded())
}

// refundIsStored holds a store to what it promises of refunds.
func refundIsStored(t *testing.T, store shelf) {
	ctx := t.Context()
	pay := func(requestID string) checkout.Order {
		order, _, err := store.Create(ctx, Order(t, "shop", requestID, Start()))
		require.NoError(t, err)
		order, err = store.Change(ctx, order, approveIt)
		require.NoError(t, err)
		return order
	}
	asked := func(requestID string, amount int64, due time.Time) (checkout.ID, func(checkout.Order) (checkout.Order, error)) {
		id := NewID(t)
		request := RefundRequest(id, requestID, amount).RefundRequest
		return id, func(o checkout.Order) (checkout.Order, error) { return o.Refunding(id, request, due, due) }
	}
	order, other := pay("r1"), pay("r2")
	first, ask := asked("f1", 100, Start())
	reserved, err := store.Change(ctx, order, ask)
	require.NoError(t, err)
	_, ask = asked("f1", 100, Start())
	same, err := store.Change(ctx, other, ask)
	require.ErrorIs(t, err, checkout.ErrRefundReused)
	require.Equal(t, other, same)
	second, ask := asked("f2", 0, Start().Add(time.Minute))
	reserved, err = store.Change(ctx, reserved, ask)
	require.NoError(t, err)
	found, err := store.ByID(ctx, Program("shop"), order.ID)
	require.NoError(t, err)
	require.Equal(t, reserved, found)
	backlog, err := store.RefundBacklog(ctx)
	require.NoError(t, err)
	require.Equal(t, checkout.Backlog{Open: 2, Oldest: Start()}, backlog)
	refundsAreClaimed(t, store, order, [2]checkout.ID{first, second})
	refundsEndOnce(t, store, order, [2]checkout.ID{first, second})
	third, ask := asked("f3", 0, Start())
	_, err = store.Change(ctx, order, ask)
	require.NoError(t, err)
	done, err := store.Change(ctx, order, func(o checkout.Order) (checkout.Order, error) { return o.RefundAnswered(third, "reversals/3", Start()) })
	require.NoError(t, err)
	require.Equal(t, checkout.Refunded, done.State)
	listed, err := store.List(ctx, checkout.OrderQuery{
		Scope: checkout.Scope{All: true}, Filter: checkout.OrderFilter{States: []checkout.OrderState{checkout.Refunded}}, Limit: 5,
	})
	require.NoError(t, err)
	require.Equal(t, []checkout.Order{done}, listed)
}

// refundsAreClaimed claims two refunds, the second of which is due a minute later.
func refundsAreClaimed(t *testing.T, store shelf, order checkout.Order, refunds [2]checkout.ID) {
	ctx, first, second := t.Context(), refunds[0], refunds[1]
	until := Start().Add(time.Hour)
	for _, want := range []int{1, 0} {
		claimed, err := store.ClaimRefunds(ctx, Start(), until, 10)
		require.NoError(t, err)
		require.Len(t, claimed, want, "what is due, once")
		if want == 1 {
			require.Equal(t, first, claimed[0].Refund)
			require.Equal(t, order.ID, claimed[0].Order.ID)
		}
	}
	postponed, err := store.Change(ctx, order, func(o checkout.Order) (checkout.Order, error) { return o.RefundPostponed(first, until) })
	require.NoError(t, err)
	require.EqualValues(t, 1, postponed.Refund(first).Tries)
	claimed, err := store.ClaimRefunds(ctx, until, until, 1)
	require.NoError(t, err)
	require.Equal(t, second, claimed[0].Refund, "the longest due first")
}

// refundsEndOnce ends two refunds: one is done, one refused.
func refundsEndOnce(t *testing.T, store shelf, order checkout.Order, refunds [2]checkout.ID) {
	ctx, first, second := t.Context(), refunds[0], refunds[1]
	done, err := store.Change(ctx, order, func(o checkout.Order) (checkout.Order, error) { return o.RefundAnswered(first, "reversals/1", Start()) })
	require.NoError(t, err)
	require.Equal(t, checkout.PartiallyRefunded, done.State)
	_, err = store.Change(ctx, order, func(o checkout.Order) (checkout.Order, error) {
		return o.RefundRefused(second, checkout.Refusal{Reason: "X", Message: "Não."}, Start())
	})
	require.NoError(t, err)
	_, err = store.Change(ctx, order, func(o checkout.Order) (checkout.Order, error) {
		return o.RefundAnswered(second, "reversals/2", Start())
	})
	require.ErrorIs(t, err, checkout.ErrRefundEnded)
}

// refundsFollowEachOther has many callers ask for more than was paid.
func refundsFollowEachOther(t *testing.T, store shelf) {
	const callers = 30
	order, _, err := store.Create(t.Context(), Order(t, "shop", "r1", Start()))
	require.NoError(t, err)
	order, err = store.Change(t.Context(), order, approveIt)
	require.NoError(t, err)
	var running sync.WaitGroup
	for i := range callers {
		id, request := NewID(t), RefundRequest(order.ID, "f"+strconv.Itoa(i), order.Total.Minor/10).RefundRequest
		running.Go(func() {
			_, err := store.Change(t.Context(), order, func(o checkout.Order) (checkout.Order, error) { return o.Refunding(id, request, Start(), Start()) })
			if err == nil {
				_, err = store.Change(t.Context(), order, func(o checkout.Order) (checkout.Order, error) { return o.RefundAnswered(id, "reversals/1", Start()) })
			}
			if err != nil && fault.CodeOf(err) != fault.FailedPrecondition {
				t.Error(err)
			}
		})
	}
	running.Wait()
	order, err = store.ByID(t.Context(), Program("shop"), order.ID)
	require.NoError(t, err)
	require.Len(t, order.Refunds, 10)
	require.Equal(t, checkout.Refunded, order.State)
}
