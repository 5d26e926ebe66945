package paymenttest

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/platform/outbox"
)

// account is where the café is paid to.
const account = "accounts/00000000-0000-4000-8000-00000000000c"

// Payout returns a payout to accept under a key; 0 asks for all.
func Payout(t require.TestingT, owner payment.Owner, key string, minor int64) *payment.PayoutRequest {
	request, err := payment.RequestID(owner, key)
	require.NoError(t, err)
	return &payment.PayoutRequest{
		Owner: owner, ID: request, Fingerprint: Fingerprint(key), AmountMinor: minor, Currency: money.MustCurrency("BRL"), At: Start.Add(time.Minute),
		Record: func(p payment.Payout) (outbox.Row, error) { return record(p.ID), nil },
	}
}

// Paid returns the answer that a payout is paid.
func Paid(payout id.ID) payment.Result {
	return payment.Result{Payout: payout, Decision: payment.Decision{Approved: true}, At: Start.Add(2 * time.Minute)}
}

// Unpaid returns the answer that a payout has failed.
func Unpaid(payout id.ID) payment.Result {
	rejection := payment.Rejection{Code: "46", Reason: "ACCOUNT_CLOSED", Message: "closed"}
	return payment.Result{Payout: payout, Decision: payment.Decision{Rejection: rejection}, At: Start.Add(2 * time.Minute)}
}

// sell lets a charge of Minor be paid to an owner.
func (s *Subject) sell(ctx context.Context, t require.TestingT, owner payment.Owner, key string) payment.Charge {
	sold := s.accept(ctx, t, Acceptance(t, owner, key, true))
	answer := Approval(sold.ID, id.ID{})
	if owner.Mode == payment.Live {
		answer.Decision.Purchase = "purchases/" + sold.ID.String()
	}
	s.apply(ctx, t, true, answer)
	return sold
}

// payOut accepts a payout.
func (s *Subject) payOut(ctx context.Context, t require.TestingT, request *payment.PayoutRequest) payment.Payout {
	stored, known, err := s.Payouts.AcceptPayout(ctx, request)
	require.NoError(t, err)
	require.False(t, known)
	require.Equal(t, payment.PayoutPending, stored.State)
	return stored
}

func (s *Subject) requireBalance(ctx context.Context, t require.TestingT, owner payment.Owner, want payment.Balance) {
	want.Currency = money.MustCurrency("BRL")
	balances, err := s.Figures.Balances(ctx, owner)
	require.NoError(t, err)
	require.Equal(t, []payment.Balance{want}, balances)
	require.Equal(t, want.Left(), sumOf(s.moved(ctx, t, owner, 2)), "the movements are the balance")
}

func paysOut(t *testing.T, s *Subject) {
	ctx := t.Context()
	s.SetAccount(t, Cafe.Merchant, account)
	refuse := func(request *payment.PayoutRequest, want error) {
		t.Helper()
		_, _, err := s.Payouts.AcceptPayout(ctx, request)
		require.ErrorIs(t, err, want)
	}
	refuse(Payout(t, Cafe, "of-nothing", 0), payment.ErrPayoutAmount)
	refuse(Payout(t, Cafe, "more", 1), payment.ErrPayoutAmount)
	sold := s.sell(ctx, t, Cafe, "sold")
	refuse(Payout(t, Cafe, "more", Minor+1), payment.ErrPayoutAmount)
	refuse(Payout(t, Cafe, "sold", 1), payment.ErrKeyReused)
	first := s.payOut(ctx, t, Payout(t, Cafe, "more", 200)) // A key that was refused is free again.
	require.Equal(t, account, first.Account)
	require.Equal(t, []id.ID{first.ID}, s.waiting(ctx, t))
	s.requireBalance(ctx, t, Cafe, payment.Balance{Captured: Minor, PayingOut: 200})
	stored, known, err := s.Payouts.AcceptPayout(ctx, Payout(t, Cafe, "more", 200))
	require.NoError(t, err)
	require.True(t, known)
	require.Equal(t, first, stored)
	another := Payout(t, Cafe, "more", 300)
	another.Fingerprint = Fingerprint("another request")
	refuse(another, payment.ErrKeyReused)
	_, _, err = s.Store.AcceptCharge(ctx, Acceptance(t, Cafe, "more", true))
	require.ErrorIs(t, err, payment.ErrKeyReused)

	rest := s.payOut(ctx, t, Payout(t, Cafe, "all", 0))
	require.Equal(t, int64(Minor-200), rest.Amount.Minor)
	refuse(Payout(t, Cafe, "none", 0), payment.ErrPayoutAmount)
	s.apply(ctx, t, true, Paid(first.ID), Unpaid(rest.ID))
	s.apply(ctx, t, false, Unpaid(first.ID), Paid(rest.ID), Paid(id.ID{1}))
	require.Empty(t, s.waiting(ctx, t))
	s.requireBalance(ctx, t, Cafe, payment.Balance{Captured: Minor, PaidOut: 200})
	read, err := s.Payouts.Payout(ctx, Cafe, rest.ID)
	require.NoError(t, err)
	require.Equal(t, []any{payment.PayoutFailed, "ACCOUNT_CLOSED", rest}, []any{read.State, read.Rejection.Reason, read.AsAccepted()})

	// What is given back after a payout may be more than what is left. Then nothing is paid out.
	refund, _, err := s.Store.AcceptOperation(ctx, Operation(t, &sold, "back", Ask{payment.Refund, Minor}))
	require.NoError(t, err)
	refuse(Payout(t, Cafe, "none", 0), payment.ErrPayoutAmount)
	s.apply(ctx, t, true, Approval(sold.ID, refund.ID))
	s.requireBalance(ctx, t, Cafe, payment.Balance{Captured: Minor, Refunded: Minor, PaidOut: 200})
	s.sell(ctx, t, Cafe, "sold-again")
	require.Equal(t, int64(Minor-200), s.payOut(ctx, t, Payout(t, Cafe, "none", 0)).Amount.Minor)
}

// payoutWalls: a live payout needs an account, and nobody sees another's.
func payoutWalls(t *testing.T, s *Subject) {
	ctx := t.Context()
	s.SetAccount(t, Cafe.Merchant, "")
	s.sell(ctx, t, Cafe, "test")
	s.sell(ctx, t, OtherMode, "live")
	_, _, err := s.Payouts.AcceptPayout(ctx, Payout(t, OtherMode, "payout", 1))
	require.ErrorIs(t, err, payment.ErrNoPayoutAccount)
	require.Empty(t, s.payOut(ctx, t, Payout(t, Cafe, "payout", 1)).Account)
	s.SetAccount(t, Cafe.Merchant, account)
	live := s.payOut(ctx, t, Payout(t, OtherMode, "payout", 1))
	require.Equal(t, account, live.Account)
	for _, owner := range []payment.Owner{Cafe, Other} {
		_, err = s.Payouts.Payout(ctx, owner, live.ID)
		require.ErrorIs(t, err, payment.ErrNoPayout)
	}
	_, _, err = s.Payouts.AcceptPayout(ctx, Payout(t, Other, "payout", 1))
	require.ErrorIs(t, err, payment.ErrPayoutAmount, "another's balance")
	const more = 4
	for i := range more {
		s.payOut(ctx, t, Payout(t, Cafe, "p"+strconv.Itoa(i), 1))
	}
	for size := 1; size <= more+2; size++ {
		listed := map[id.ID]bool{}
		for page := (payment.Page{Size: size}); ; {
			found, err := s.Payouts.Payouts(ctx, Cafe, page)
			require.NoError(t, err)
			for _, one := range found {
				require.False(t, listed[one.ID])
				require.Equal(t, Cafe, one.Owner)
				listed[one.ID] = true
			}
			if len(found) < size {
				break
			}
			last := &found[len(found)-1]
			page.After = &payment.Place{CreatedAtMicros: last.CreatedAt.UnixMicro(), ID: last.ID}
		}
		require.Len(t, listed, more+1)
	}
}

// payoutsAtOnce: whoever asks at once, no more is paid out than there is, also while it is given back.
func payoutsAtOnce(t *testing.T, s *Subject) {
	ctx := t.Context()
	sold := s.sell(ctx, t, Cafe, "sold")
	var group sync.WaitGroup
	taken, failures := make(chan int64, 20), make(chan error, 20)
	for i := range 10 {
		group.Go(func() {
			stored, _, err := s.Payouts.AcceptPayout(ctx, Payout(t, Cafe, "payout"+strconv.Itoa(i), 100))
			if err == nil {
				taken <- stored.Amount.Minor
			} else if !errors.Is(err, payment.ErrPayoutAmount) {
				failures <- err
			}
		})
		group.Go(func() {
			_, _, err := s.Store.AcceptOperation(ctx, Operation(t, &sold, "refund"+strconv.Itoa(i), Ask{payment.Refund, 10}))
			if err != nil {
				failures <- err
			}
		})
	}
	group.Wait()
	close(taken)
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	var sum int64
	for one := range taken {
		sum += one
	}
	require.LessOrEqual(t, sum, int64(Minor))
	require.Positive(t, sum)
	balances, err := s.Figures.Balances(ctx, Cafe)
	require.NoError(t, err)
	require.Equal(t, payment.Balance{Currency: money.MustCurrency("BRL"), Captured: Minor, Reserved: 100, PayingOut: sum}, balances[0])
}
