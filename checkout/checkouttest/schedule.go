package checkouttest

import (
	"context"
	"strconv"
	"testing"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/checkout/inmem"
	"codebank.dev/checkout/order"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestSchedules shows that whatever fails whenever, in the end every order is ended,
// the bank keeps exactly the purchases of the approved ones, and no caller was told
// anything else. store may hold orders of earlier runs as long as they have ended.
func TestSchedules(t *testing.T, store Store) {
	require.NoError(t, store.Seed(t.Context(), Seeds(), Start()))
	request := Request(t, "", VisaNumber)
	declining := Card(t, DecliningNumber)
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		sweep(r, t.Context(), store)
		run++
		request.By.Caller = "run-" + strconv.Itoa(run)
		s := &schedule{
			T: r, ctx: t.Context(), store: store, clock: NewClock(), request: request, declining: declining,
			answers: make(map[checkout.ID]checkout.Order), refunds: make(map[checkout.ID]checkout.Refund),
		}
		s.bank = inmem.NewAcquirer(s.clock)
		s.bank.Decline("1881", checkout.Decline{Code: "51", Reason: "INSUFFICIENT_FUNDS", Message: "Não há limite."})
		for range rapid.IntRange(1, 25).Draw(r, "steps") {
			s.step()
		}
		s.verify()
	})
}

// schedule is one run: what is done, what fails, and what callers were told.
type schedule struct {
	*rapid.T
	ctx       context.Context
	store     Store
	bank      *inmem.Acquirer
	clock     *Clock
	request   order.Request
	declining pan.CardData

	placed  int
	asked   int // refunds
	answers map[checkout.ID]checkout.Order
	refunds map[checkout.ID]checkout.Refund
}

// step lets one thing happen.
func (s *schedule) step() {
	s.bank.Script(rapid.SliceOfN(rapid.SampledFrom([]inmem.Fault{
		inmem.NoFault, inmem.Unreached, inmem.LostAnswer, inmem.Late, inmem.Refusing, inmem.Breaking,
	}), 0, 4).Draw(s.T, "faults")...)
	switch rapid.SampledFrom([]string{"place", "place", "repeat", "refund", "refund", "reconcile", "reconcile", "wait", "deliver", "away"}).Draw(s.T, "what") {
	case "place":
		s.place(s.placed)
		s.placed++
	case "repeat":
		if s.placed > 0 {
			s.place(rapid.IntRange(0, s.placed-1).Draw(s.T, "which"))
		}
	case "refund":
		if s.placed > 0 {
			s.refund(rapid.IntRange(0, s.placed-1).Draw(s.T, "of"))
		}
	case "reconcile":
		process := s.process()
		_, _ = process.Reconciler.Pass(s.ctx)
		_, _ = process.Refunder.Pass(s.ctx)
	case "wait":
		s.clock.Advance(time.Duration(rapid.IntRange(1, 1200).Draw(s.T, "seconds")) * time.Second)
	case "deliver":
		s.bank.DeliverLate()
	case "away":
		s.bank.SetAway(rapid.Bool().Draw(s.T, "away"))
	}
}

// process starts a process that may die after some steps, and during which another
// process, mortal too, may do a pass at a failpoint.
func (s *schedule) process() *Shop {
	interlude := rapid.SampledFrom(append(append(failpoints.Order(), failpoints.RefundStored, failpoints.AfterRefundAnswer), "")).Draw(s.T, "interlude")
	wait := rapid.SampledFrom([]time.Duration{0, time.Minute, 10 * time.Minute}).Draw(s.T, "before interlude")
	// Drawn here, because the hook runs on a goroutine of its own.
	other := s.mortal(nil)
	return s.mortal(func(point failpoint.Point) {
		if point != interlude {
			return
		}
		interlude = ""
		s.clock.Advance(wait)
		_, _ = other.Reconciler.Pass(s.ctx)
		_, _ = other.Refunder.Pass(s.ctx)
	})
}

// mortal starts a process; about every other one dies after some steps.
func (s *schedule) mortal(hook failpoint.Hook) *Shop {
	shop := NewShop(s.T, Setting{Store: s.store, Bank: s.bank, Clock: s.clock, Hook: hook})
	if rapid.Bool().Draw(s.T, "dies") {
		shop.Kill(rapid.IntRange(0, 16).Draw(s.T, "after"))
	}
	return shop
}

func (s *schedule) place(number int) {
	request := s.request
	request.RequestID = "r" + strconv.Itoa(number)
	if number%4 == 3 {
		request.Card = s.declining
	}
	placed, err := s.process().Orders.Place(s.ctx, request)
	if err == nil {
		s.told(placed)
	}
}

// refund asks for a refund of an order, or asks again.
func (s *schedule) refund(number int) {
	order, err := s.store.ByRequest(s.ctx, s.request.By.Caller, "r"+strconv.Itoa(number))
	if err != nil {
		return
	}
	if s.asked == 0 || rapid.Bool().Draw(s.T, "another refund") {
		s.asked++
	}
	request := RefundRequest(order.ID, "f"+strconv.Itoa(rapid.IntRange(1, s.asked).Draw(s.T, "refund")),
		rapid.SampledFrom([]int64{0, 1, order.Total.Minor / 2}).Draw(s.T, "amount"))
	request.By, request.Caller = s.request.By, s.request.By.Caller
	_, made, err := s.process().Refunds.Refund(s.ctx, request)
	if err == nil {
		s.toldRefund(made)
	}
}

// toldRefund keeps what a caller was told of a refund. No caller is told two different ends.
func (s *schedule) toldRefund(made checkout.Refund) {
	if earlier, ok := s.refunds[made.ID]; ok && earlier.State != checkout.RefundPending {
		require.Equal(s.T, earlier, made)
	}
	s.refunds[made.ID] = made
}

// told keeps what a caller was told. No caller is told two different ends; what was given back is another
// matter.
func (s *schedule) told(placed checkout.Order) {
	for _, made := range placed.Refunds {
		s.toldRefund(made)
	}
	if placed.Refunds = nil; placed.State > checkout.Declined {
		placed.State = checkout.Approved
	}
	if earlier, ok := s.answers[placed.ID]; ok && earlier.State != checkout.Pending {
		require.Equal(s.T, earlier, placed)
	}
	s.answers[placed.ID] = placed
}

// verify lets everything heal and checks what is left.
func (s *schedule) verify() {
	s.bank.Heal()
	open, err := NewShop(s.T, Setting{Store: s.store, Bank: s.bank, Clock: s.clock}).ReconcileAll(s.ctx, s.clock, 30)
	require.NoError(s.T, err)
	require.Zero(s.T, open, "orders left open")
	approved := make(map[string]money.Amount)
	for number := range s.placed {
		ended, err := s.store.ByRequest(s.ctx, s.request.By.Caller, "r"+strconv.Itoa(number))
		if err != nil {
			require.ErrorIs(s.T, err, checkout.ErrNoOrder)
			continue
		}
		s.told(ended)
		require.True(s.T, ended.PendingCharge.Token.IsZero())
		left := ended.Total
		left.Minor -= ended.Refunded()
		require.Equal(s.T, ended.Refundable(), left.Minor, "no refund is open")
		if ended.State != checkout.Declined && left.Minor > 0 {
			approved[ended.ID.String()] = left
		}
		for _, made := range ended.Refunds {
			delete(s.refunds, made.ID)
		}
	}
	require.Empty(s.T, s.refunds, "a refund that a caller was told of is there")
	require.Equal(s.T, approved, s.bank.Kept(), "the bank has given back what checkout says")
}

// sweep ends what a failed run left open, so that it does not disturb the next.
func sweep(r *rapid.T, ctx context.Context, store Store) {
	sweepRefunds(r, ctx, store)
	for {
		claimed, err := store.Claim(ctx, Start().AddDate(10, 0, 0), Start().AddDate(9, 0, 0), 100)
		require.NoError(r, err)
		if len(claimed) == 0 {
			return
		}
		for _, left := range claimed {
			_, err := store.Change(ctx, left.ID, func(o checkout.Order) (checkout.Order, error) {
				given, err := o.GivenUp(checkout.TimedOut, o.CreatedAt)
				if err != nil {
					return o, err
				}
				return given.Voided(checkout.Decision{Outcome: checkout.OutcomeVoided}, o.CreatedAt)
			})
			require.NoError(r, err)
		}
	}
}

func sweepRefunds(r *rapid.T, ctx context.Context, store Store) {
	for {
		claimed, err := store.ClaimRefunds(ctx, Start().AddDate(10, 0, 0), Start().AddDate(9, 0, 0), 100)
		require.NoError(r, err)
		if len(claimed) == 0 {
			return
		}
		for _, left := range claimed {
			_, err := store.Change(ctx, left.Order.ID, func(o checkout.Order) (checkout.Order, error) {
				return o.RefundRefused(left.Refund, checkout.Refusal{Reason: "SWEPT"}, o.CreatedAt)
			})
			require.NoError(r, err)
		}
	}
}
