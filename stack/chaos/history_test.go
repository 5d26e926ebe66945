package chaos

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALaterAnswerMustEqualTheFirst(t *testing.T) {
	var h history
	n := h.begin(operation{kind: purchase, amount: 5})
	h.markUnknown(n)
	h.markRefused(n)
	require.Equal(t, unknown, h.get(n).state, "an operation that may have taken effect is not refused")
	other := h.begin(operation{kind: purchase})
	h.markRefused(other)
	h.markUnknown(other)
	require.Equal(t, unknown, h.get(other).state, "one client was refused, the other got no answer")
	first := outcome{id: [16]byte{1}, status: 1}
	require.Empty(t, h.answer(n, first))
	h.markUnknown(n)
	require.Equal(t, answered, h.get(n).state)
	require.Empty(t, h.answer(n, first))
	require.NotEmpty(t, h.answer(n, outcome{id: [16]byte{1}, status: 2, reason: 8}), "another answer")
	require.NotEmpty(t, h.answer(n, outcome{id: [16]byte{2}, status: 1}), "another transaction")
	require.Equal(t, int64(1), h.acknowledged.Load())
	require.Equal(t, int64(3), h.repeats.Load())
	require.Equal(t, int64(2), h.unknowns.Load())
	require.Equal(t, first.status, h.get(n).status)
}

// Each case builds a correct ledger, changes one thing, and expects a finding.
func TestALedgerThatDiffersFromTheHistoryIsFound(t *testing.T) {
	account, shop := [16]byte{9}, [16]byte{8}
	one, two, three := int64(1), int64(2), int64(3)
	build := func() (*load, []entryRow, map[[16]byte]accountState) {
		l := &load{observed: newObservations()}
		l.cards.reserve()
		opened := l.history.begin(operation{kind: issue, amount: 100})
		bought := l.history.begin(operation{kind: purchase, amount: 80})
		short := l.history.begin(operation{kind: purchase, amount: 30})
		l.recordAnswer(opened, outcome{id: account})
		l.recordAnswer(bought, outcome{id: [16]byte{1}, status: 1})
		l.recordAnswer(short, outcome{id: [16]byte{2}, status: 2, reason: 8})
		return l, []entryRow{
			{transaction: [16]byte{7}, account: &account, sequence: &one, kind: kindOpening, status: 3, limit: 100, caller: caller, request: requestID(opened)},
			{transaction: [16]byte{1}, account: &account, debit: &account, credit: &shop, sequence: &two, kind: kindPurchase, status: statusApproved, amount: 80, balance: -80, limit: 100, caller: caller, request: requestID(bought)},
			{transaction: [16]byte{2}, account: &account, sequence: &three, kind: kindPurchase, status: statusDeclined, decline: 8, amount: 30, balance: -80, limit: 100, caller: caller, request: requestID(short)},
		}, map[[16]byte]accountState{account: {-80, 0, 100, 3}}
	}
	check := func(l *load, rows []entryRow, accountRows map[[16]byte]accountState) *observations {
		b := newLedgerCheck(l)
		b.accountRows = accountRows
		for i := range rows {
			b.addEntry(&rows[i])
		}
		b.finishAccount()
		b.checkMissing()
		return l.observed
	}
	l, rows, accountRows := build()
	require.Empty(t, check(l, rows, accountRows).problems)

	// An id was voided before its purchase was sent, and a full queue refused the purchase.
	l, rows, accountRows = build()
	target := l.history.begin(operation{kind: purchase, amount: 5, voided: true})
	l.recordAnswer(l.history.begin(operation{kind: void, target: target}), outcome{})
	l.history.markRefused(target)
	tombstone := entryRow{transaction: [16]byte{4}, kind: kindPurchase, status: statusVoided, caller: caller, request: requestID(target)}
	require.Empty(t, check(l, append(rows, tombstone), accountRows).problems)
	tombstone.status, tombstone.decline = statusDeclined, 1
	l, rows, accountRows = build()
	target = l.history.begin(operation{kind: purchase, amount: 5})
	l.history.markRefused(target)
	require.NotNil(t, check(l, append(rows, tombstone), accountRows).problemOf("I4"), "refused, and in the ledger all the same")

	four := int64(4)
	for name, spoilt := range map[string]struct {
		invariant string
		spoil     func(*load, []entryRow, map[[16]byte]accountState) []entryRow
	}{
		"an acknowledged purchase is lost": {"I3", func(_ *load, rows []entryRow, _ map[[16]byte]accountState) []entryRow { return rows[:2] }},
		"an amount differs": {"I3", func(_ *load, rows []entryRow, _ map[[16]byte]accountState) []entryRow {
			rows[2].amount = 31
			return rows
		}},
		"a decline became an approval": {"I3", func(_ *load, rows []entryRow, _ map[[16]byte]accountState) []entryRow {
			rows[2].status = statusApproved
			return rows
		}},
		"an entry without a request": {"I4", func(_ *load, rows []entryRow, _ map[[16]byte]accountState) []entryRow {
			return append(rows, entryRow{transaction: [16]byte{3}, account: &account, sequence: &four, kind: kindPurchase, status: statusDeclined, decline: 6, balance: -80, limit: 100, caller: "mallory", request: "x"})
		}},
		"one request with two effects": {"I5", func(_ *load, rows []entryRow, _ map[[16]byte]accountState) []entryRow { return append(rows, rows[2]) }},
		"a gap in the sequence": {"I6", func(_ *load, rows []entryRow, _ map[[16]byte]accountState) []entryRow {
			rows[2].sequence = &four
			return rows
		}},
		"a balance out of nothing": {"I8", func(_ *load, rows []entryRow, _ map[[16]byte]accountState) []entryRow {
			rows[1].balance = -79
			return rows
		}},
		"an account's row differs": {"I8", func(_ *load, rows []entryRow, s map[[16]byte]accountState) []entryRow {
			s[account] = accountState{-79, 0, 100, 3}
			return rows
		}},
		"a limit passed": {"I2", func(_ *load, rows []entryRow, _ map[[16]byte]accountState) []entryRow {
			rows[0].limit = 70
			return rows
		}},
		"a decline that moved money": {"I4", func(_ *load, rows []entryRow, _ map[[16]byte]accountState) []entryRow {
			rows[2].debit = &account
			return rows
		}},
		"debit and credit on one account": {"I1", func(_ *load, rows []entryRow, _ map[[16]byte]accountState) []entryRow {
			rows[1].credit = &account
			return rows
		}},
		"a decline without a reason": {"expectations", func(_ *load, rows []entryRow, _ map[[16]byte]accountState) []entryRow {
			rows[0].limit, rows[1].limit, rows[2].limit = 1_000, 1_000, 1_000
			return rows
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l, rows, accountRows := build()
			require.NotNil(t, check(l, spoilt.spoil(l, rows, accountRows), accountRows).problemOf(spoilt.invariant))
		})
	}
}
