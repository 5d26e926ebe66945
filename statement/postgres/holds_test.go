package postgres_test

import (
	"strings"
	"testing"
	"time"

	"codebank.dev/schemas/event"
	"codebank.dev/statement"
	"codebank.dev/statement/postgres"
	"codebank.dev/statement/statementtest"
	"github.com/stretchr/testify/require"
)

// life is the events of an account, with the figures after each.
type life struct {
	account       string
	events        []event.Transaction
	balance, held int64
}

// add appends an event that changes the balance and the held amount.
func (l *life) add(kind event.Kind, direction event.Direction, amount, moves, holds int64, with ...func(*event.Transaction)) *event.Transaction {
	e := statementtest.Purchase(l.account, int64(len(l.events)+1))
	l.balance, l.held = l.balance+moves, l.held+holds
	e.Kind, e.Direction, e.AmountMinor = kind, direction, amount
	e.BalanceAfterMinor, e.HeldAfterMinor = event.Some(l.balance), event.Some(l.held)
	for _, one := range with {
		one(&e)
	}
	l.events = append(l.events, e)
	return &l.events[len(l.events)-1]
}

func (l *life) hold(amount int64) string {
	return l.add(event.KindHold, event.DirectionDebit, amount, 0, amount, func(e *event.Transaction) {
		e.HoldID = e.TransactionID
		e.HoldExpiresAtMillis = event.Some(statementtest.Opened.Add(7 * 24 * time.Hour).UnixMilli())
	}).TransactionID
}

func refersTo(transaction string) func(*event.Transaction) {
	return func(e *event.Transaction) { e.OriginalTransactionID, e.HoldID = transaction, transaction }
}

func pendingHolds(t *testing.T, store *postgres.Store) statement.Page {
	t.Helper()
	page, err := statement.NewService(store).PendingHolds(t.Context(), statement.HoldQuery{Reader: statement.Everybody, Account: aliceID, Size: 10})
	require.NoError(t, err)
	return page
}

func posted(t *testing.T, store *postgres.Store, account string) []statement.Line {
	t.Helper()
	page, err := statement.NewService(store).Page(t.Context(), statement.PageQuery{Reader: statement.Everybody, Account: accountID(account), Size: 10})
	require.NoError(t, err)
	return page.Lines
}

func TestAHoldIsPendingUntilItEnds(t *testing.T) {
	for name, end := range map[string]struct {
		by      func(l *life, hold string)
		posted  int
		balance int64
	}{
		"captured": {func(l *life, hold string) {
			l.add(event.KindCapture, event.DirectionDebit, 500, -500, -500, refersTo(hold))
		}, 1, -500},
		"captured in part": {func(l *life, hold string) {
			l.add(event.KindCapture, event.DirectionDebit, 300, -300, -300, refersTo(hold))
			l.add(event.KindVoid, event.DirectionNone, 200, 0, -200, refersTo(hold))
		}, 1, -300},
		"voided":  {func(l *life, hold string) { l.add(event.KindVoid, event.DirectionNone, 500, 0, -500, refersTo(hold)) }, 0, 0},
		"expired": {func(l *life, hold string) { l.add(event.KindExpiry, event.DirectionNone, 500, 0, -500, refersTo(hold)) }, 0, 0},
		"sent by Pix": {func(l *life, hold string) {
			l.add(event.KindPixOut, event.DirectionDebit, 500, -500, -500, refersTo(hold))
		}, 1, -500},
	} {
		t.Run(name, func(t *testing.T) {
			store, sink, _ := opened(t)
			l := &life{account: alice}
			hold := l.hold(500)
			sink.Write(t, l.events...)
			page := pendingHolds(t, store)
			require.Len(t, page.Lines, 1)
			require.Equal(t, int64(500), page.Lines[0].Amount)
			require.Equal(t, statementtest.Opened.Add(7*24*time.Hour), page.Lines[0].HoldExpiresAt)
			require.Equal(t, []int64{0, 500}, []int64{page.State.Balance, page.State.Held})
			require.Empty(t, posted(t, store, alice), "what is set aside is no line yet")

			end.by(l, hold)
			sink.Write(t, l.events...)
			page = pendingHolds(t, store)
			require.Empty(t, page.Lines)
			require.Equal(t, []int64{end.balance, 0}, []int64{page.State.Balance, page.State.Held})
			require.Len(t, posted(t, store, alice), end.posted)
		})
	}
}

// What ends a hold may arrive before an event between the two, and even before the hold.
func TestAHoldIsGoneAsSoonAsItsEndArrives(t *testing.T) {
	store, sink, _ := opened(t)
	l := &life{account: alice}
	first, second := l.hold(500), l.hold(70)
	l.add(event.KindPurchase, event.DirectionDebit, 100, -100, 0)
	l.add(event.KindExpiry, event.DirectionNone, 500, 0, -500, refersTo(first))
	l.add(event.KindVoid, event.DirectionNone, 70, 0, -70, refersTo(second))
	sink.Write(t, l.events[0], l.events[3], l.events[4])
	page := pendingHolds(t, store)
	require.Empty(t, page.Lines)
	require.Equal(t, int64(500), page.State.Held, "as of the last event before the gap")
	sink.Write(t, l.events[1])
	require.Empty(t, pendingHolds(t, store).Lines)
	sink.Write(t, l.events[2])
	require.Zero(t, pendingHolds(t, store).State.Held)
}

// A declined hold sets nothing aside, a reversal ends no hold, and another account's event ends none.
func TestWhatEndsNoHoldLeavesItPending(t *testing.T) {
	store, sink, _ := opened(t)
	l := &life{account: alice}
	captured := l.hold(500)
	capture := l.add(event.KindCapture, event.DirectionDebit, 500, -500, -500, refersTo(captured)).TransactionID
	hold := l.hold(70)
	l.add(event.KindReversal, event.DirectionCredit, 500, 500, 0, refersTo(capture))
	l.add(event.KindHold, event.DirectionDebit, 9_000_000, 0, 0, func(e *event.Transaction) {
		e.Status, e.DeclineCode, e.DeclineReason = event.StatusDeclined, "51", event.DeclineInsufficientFunds
	})
	other := &life{account: bob}
	other.add(event.KindVoid, event.DirectionNone, 70, 0, 0, refersTo(hold))
	sink.Write(t, append(l.events, other.events...)...)
	page := pendingHolds(t, store)
	require.Equal(t, []int64{3}, sequences(page))
}

func TestATransferIsOneLineOnEachStatementWithTheOtherAccount(t *testing.T) {
	store, sink, _ := opened(t)
	payer, recipient := &life{account: alice}, &life{account: bob}
	leg := func(l, other *life, number int32, kind event.Kind, direction event.Direction, amount, moves int64, name string) {
		l.add(kind, direction, amount, moves, 0, func(e *event.Transaction) {
			e.TransactionID, e.CounterpartyAccountID, e.Leg, e.MerchantName, e.MerchantID = name, other.account, event.Some(number), "", ""
		})
	}
	leg(payer, recipient, 0, event.KindTransfer, event.DirectionDebit, 500, -500, "transfer")
	leg(recipient, payer, 1, event.KindTransfer, event.DirectionCredit, 500, 500, "transfer")
	leg(payer, recipient, 0, event.KindReversal, event.DirectionCredit, 200, 200, "back")
	leg(recipient, payer, 1, event.KindReversal, event.DirectionDebit, 200, -200, "back")
	for range 2 { // Every event arrives twice.
		sink.Write(t, append(payer.events, recipient.events...)...)
	}
	for account, want := range map[string][]string{
		alice: {"REVERSAL CREDIT back " + bob, "TRANSFER DEBIT transfer " + bob},
		bob:   {"REVERSAL DEBIT back " + alice, "TRANSFER CREDIT transfer " + alice},
	} {
		var got []string
		for _, line := range posted(t, store, account) {
			got = append(got, strings.Join([]string{line.Kind, line.Direction, line.TransactionID, line.CounterpartyAccountID}, " "))
		}
		require.Equal(t, want, got)
	}
}

// An account with many holds of the past reads few of them, and every page of its pending ones follows on.
func TestManyEndedHoldsAreNotRead(t *testing.T) {
	store, sink, _ := opened(t)
	l := &life{account: alice}
	for range 200 {
		l.add(event.KindExpiry, event.DirectionNone, 5, 0, -5, refersTo(l.hold(5)))
	}
	old := l.hold(5)
	for range 200 {
		l.add(event.KindExpiry, event.DirectionNone, 5, 0, -5, refersTo(l.hold(5)))
	}
	l.hold(7)
	sink.Write(t, l.events...)
	service := statement.NewService(store)
	first, err := service.PendingHolds(t.Context(), statement.HoldQuery{Reader: statement.Everybody, Account: aliceID, Size: 1})
	require.NoError(t, err)
	require.Equal(t, []int64{802}, sequences(first))
	require.NotZero(t, first.Next)
	second, err := service.PendingHolds(t.Context(), statement.HoldQuery{Reader: statement.Everybody, Account: aliceID, Size: 1, Below: first.Next})
	require.NoError(t, err)
	require.Equal(t, []int64{401}, sequences(second))
	require.Equal(t, old, second.Lines[0].TransactionID)
	require.Zero(t, second.Next)
}

// A pending hold, and what ends it, are found in indexes that have nothing else, however long the account's
// history is.
func TestHoldsAreFoundByTheirIndexes(t *testing.T) {
	_, sink, url := opened(t)
	l := &life{account: alice}
	for range 2000 {
		l.add(event.KindPurchase, event.DirectionDebit, 1, -1, 0)
	}
	l.hold(5)
	sink.Write(t, l.events...)
	_, err := sink.Pool().Exec(t.Context(), "ANALYZE statement_lines")
	require.NoError(t, err)
	plan := planAs(t, url, postgres.SelectHolds, alice, customer, int64(1<<40), 65)
	require.Contains(t, plan, "statement_lines_holds")
	require.Contains(t, plan, "statement_lines_hold_ends")
	require.NotContains(t, plan, "Seq Scan on statement_lines")
}
