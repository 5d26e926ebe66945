package paymenttest

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// all is a span with everything in it.
var all = payment.Span{From: time.UnixMilli(0).UTC(), To: Start.AddDate(10, 0, 0)}

// figures lets each thing happen that is counted, in two hours.
func figures(t *testing.T, s *Subject) {
	ctx := t.Context()
	charge := func(owner payment.Owner, key string, captureNow bool) payment.Charge {
		return s.accept(ctx, t, Acceptance(t, owner, key, captureNow))
	}
	operate := func(of payment.Charge, key string, ask Ask) id.ID {
		stored, _, err := s.Store.AcceptOperation(ctx, Operation(t, &of, key, ask))
		require.NoError(t, err)
		return stored.ID
	}
	later := func(result payment.Result) payment.Result {
		result.At = Start.Add(time.Hour)
		return result
	}
	paid, second := charge(Cafe, "paid", true), charge(Cafe, "second", true)
	refused, held, voided := charge(Cafe, "refused", true), charge(Cafe, "held", false), charge(Cafe, "voided", false)
	charge(Cafe, "pending", true)
	other := charge(Other, "other", true)
	s.apply(ctx, t, true, Approval(paid.ID, id.ID{}), Refusal(refused.ID, id.ID{}), Approval(held.ID, id.ID{}), Approval(other.ID, id.ID{}),
		Approval(voided.ID, id.ID{}), later(Approval(second.ID, id.ID{})))
	captured := operate(held, "capture", Ask{payment.Capture, 300})
	release := operate(voided, "void", Ask{Kind: payment.Void})
	back, kept := operate(paid, "refund", Ask{payment.Refund, 120}), operate(paid, "refund-again", Ask{payment.Refund, 80})
	operate(paid, "still-under-way", Ask{payment.Refund, 50})
	s.apply(ctx, t, true, Approval(held.ID, captured), Approval(voided.ID, release), later(Approval(paid.ID, back)), later(Refusal(paid.ID, kept)))

	real := money.MustCurrency("BRL")
	hour := Start.Truncate(time.Hour)
	want := []payment.Count{
		{Start: hour, Currency: real, Figure: payment.CountApproved, Count: 1, AmountMinor: Minor},
		{Start: hour, Currency: real, Figure: payment.CountAuthorized, Count: 2, AmountMinor: 2 * Minor},
		{Start: hour, Currency: real, Figure: payment.CountRejected, Reason: "INSUFFICIENT_FUNDS", Count: 1, AmountMinor: Minor},
		{Start: hour, Currency: real, Figure: payment.CountCaptured, Count: 1, AmountMinor: 300},
		{Start: hour, Currency: real, Figure: payment.CountVoided, Count: 1, AmountMinor: Minor},
		{Start: hour.Add(time.Hour), Currency: real, Figure: payment.CountApproved, Count: 1, AmountMinor: Minor},
		{Start: hour.Add(time.Hour), Currency: real, Figure: payment.CountRefunded, Count: 1, AmountMinor: 120},
	}
	found, err := s.Figures.Statistics(ctx, Cafe, all)
	require.NoError(t, err)
	require.Equal(t, want, found)
	found, err = s.Figures.Statistics(ctx, Cafe, payment.Span{From: hour.Add(time.Hour), To: hour.Add(2 * time.Hour)})
	require.NoError(t, err)
	require.Equal(t, want[5:], found)
	found, err = s.Figures.Statistics(ctx, OtherMode, all)
	require.NoError(t, err)
	require.Empty(t, found)

	byDay := all
	byDay.ByDay = true
	found, err = s.Figures.Statistics(ctx, Cafe, byDay)
	require.NoError(t, err)
	day := time.Date(Start.Year(), Start.Month(), Start.Day(), 0, 0, 0, 0, time.UTC)
	require.Equal(t, payment.Count{Start: day, Currency: real, Figure: payment.CountApproved, Count: 2, AmountMinor: 2 * Minor}, found[0])
	require.Len(t, found, len(want)-1)

	balances, err := s.Figures.Balances(ctx, Cafe)
	require.NoError(t, err)
	require.Equal(t, []payment.Balance{{Currency: real, Captured: 2*Minor + 300, Refunded: 120, Reserved: 50}}, balances)
	balances, err = s.Figures.Balances(ctx, OtherMode)
	require.NoError(t, err)
	require.Empty(t, balances)
}

// movements compares pages of every size with the balance.
func movements(t *testing.T, s *Subject) {
	ctx := t.Context()
	for i := range 7 {
		paid := s.accept(ctx, t, Acceptance(t, Cafe, "k"+strconv.Itoa(i), true))
		s.apply(ctx, t, true, Approval(paid.ID, id.ID{}))
		refund, _, err := s.Store.AcceptOperation(ctx, Operation(t, &paid, "r"+strconv.Itoa(i), Ask{payment.Refund, int64(i) + 1}))
		require.NoError(t, err)
		answer := Approval(paid.ID, refund.ID)
		if i%2 == 0 {
			answer = Refusal(paid.ID, refund.ID)
		}
		s.apply(ctx, t, true, answer)
	}
	for size := 1; size <= 11; size++ {
		read := s.moved(ctx, t, Cafe, size)
		require.Len(t, read, 10)
		require.Equal(t, int64(7*Minor-2-4-6), sumOf(read))
	}
	one := s.moved(ctx, t, Cafe, 100)[0]
	require.Equal(t, payment.CountApproved, one.Figure)
	require.Equal(t, "2 × Café coado", one.Description)
	none, err := s.Figures.Movements(ctx, Cafe, payment.MovementQuery{From: all.From, To: one.At, Size: 10})
	require.NoError(t, err)
	require.Empty(t, none, "the end is exclusive")
	require.Empty(t, s.moved(ctx, t, OtherMode, 10))
}

// moved returns all movements of an owner, read by pages.
func (s *Subject) moved(ctx context.Context, t require.TestingT, owner payment.Owner, size int) (read []payment.Movement) {
	query := payment.MovementQuery{From: all.From, To: all.To, Size: size}
	for {
		page, err := s.Figures.Movements(ctx, owner, query)
		require.NoError(t, err)
		read = append(read, page...)
		if len(page) < size {
			return read
		}
		query.After = &page[len(page)-1]
	}
}

func sumOf(movements []payment.Movement) (sum int64) {
	for i := range movements {
		sum += movements[i].Amount.Minor
	}
	return sum
}

// compareFigures compares the feed and all figures with the model.
func (w *walk) compareFigures() {
	const most = 1_000
	changes, err := w.Feed.Changes(w.ctx, w.owner, 0, most)
	require.NoError(w.t, err)
	require.Equal(w.t, w.history, changes)
	newest, err := w.Feed.Newest(w.ctx, []payment.Owner{w.owner, {Merchant: "nobody", Mode: payment.Live}})
	require.NoError(w.t, err)
	if len(w.history) == 0 {
		require.Empty(w.t, newest)
	} else {
		require.Equal(w.t, map[payment.Owner]int64{w.owner: int64(len(w.history))}, newest)
	}
	var counts []payment.Count
	for i := range w.history {
		if count, counted := w.history[i].Count(); counted {
			counts = append(counts, count)
		}
	}
	found, err := w.Figures.Statistics(w.ctx, w.owner, all)
	require.NoError(w.t, err)
	require.ElementsMatch(w.t, payment.MergeCounts(counts), found)
	var want payment.Balance
	for _, c := range w.charges {
		want.Captured, want.Refunded, want.Reserved = want.Captured+c.Captured, want.Refunded+c.Refunded, want.Reserved+c.Reserved
	}
	balances, err := w.Figures.Balances(w.ctx, w.owner)
	require.NoError(w.t, err)
	if want == (payment.Balance{}) {
		require.Empty(w.t, balances)
		return
	}
	want.Currency = money.MustCurrency("BRL")
	require.Equal(w.t, []payment.Balance{want}, balances)
	require.Equal(w.t, want.Captured-want.Refunded, sumOf(w.moved(w.ctx, w.t, w.owner, 3)))
}
