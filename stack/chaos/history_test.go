package chaos

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAnAnswerStaysWhatItWas(t *testing.T) {
	var h history
	n := h.begin(operation{kind: purchase, amount: 5})
	h.lose(n)
	h.refuse(n)
	require.Equal(t, unknown, h.get(n).state, "what may have happened was not refused")
	other := h.begin(operation{kind: purchase})
	h.refuse(other)
	h.lose(other)
	require.Equal(t, unknown, h.get(other).state, "one client was refused, the other never answered")
	first := outcome{id: [16]byte{1}, status: 1}
	require.Empty(t, h.answer(n, first))
	h.lose(n)
	require.Equal(t, answered, h.get(n).state)
	require.Empty(t, h.answer(n, first))
	require.NotEmpty(t, h.answer(n, outcome{id: [16]byte{1}, status: 2, reason: 8}), "another answer")
	require.NotEmpty(t, h.answer(n, outcome{id: [16]byte{2}, status: 1}), "another transaction")
	require.Equal(t, int64(1), h.acknowledged.Load())
	require.Equal(t, int64(3), h.repeats.Load())
	require.Equal(t, int64(2), h.unknowns.Load())
	require.Equal(t, first.status, h.get(n).status)
}

// Each test makes a ledger that is right, spoils one thing, and must hear of it.
func TestALedgerThatDiffersFromTheHistoryIsFound(t *testing.T) {
	account, shop := [16]byte{9}, [16]byte{8}
	one, two, three := int64(1), int64(2), int64(3)
	build := func() (*load, []row, map[[16]byte]stand) {
		l := &load{seen: newObservations()}
		l.wallet.reserve()
		opened := l.history.begin(operation{kind: issue, amount: 100})
		bought := l.history.begin(operation{kind: purchase, amount: 80})
		short := l.history.begin(operation{kind: purchase, amount: 30})
		l.note(opened, outcome{id: account})
		l.note(bought, outcome{id: [16]byte{1}, status: 1})
		l.note(short, outcome{id: [16]byte{2}, status: 2, reason: 8})
		return l, []row{
			{transaction: [16]byte{7}, account: &account, sequence: &one, kind: kindOpening, status: 3, limit: 100, caller: caller, request: requestID(opened)},
			{transaction: [16]byte{1}, account: &account, debit: &account, credit: &shop, sequence: &two, kind: kindPurchase, status: statusApproved, amount: 80, balance: -80, limit: 100, caller: caller, request: requestID(bought)},
			{transaction: [16]byte{2}, account: &account, sequence: &three, kind: kindPurchase, status: statusDeclined, decline: 8, amount: 30, balance: -80, limit: 100, caller: caller, request: requestID(short)},
		}, map[[16]byte]stand{account: {-80, 100, 3}}
	}
	judge := func(l *load, rows []row, standing map[[16]byte]stand) *observations {
		b := newBook(l)
		b.standing = standing
		for i := range rows {
			b.take(&rows[i])
		}
		b.close()
		b.complete()
		return l.seen
	}
	l, rows, standing := build()
	require.Empty(t, judge(l, rows, standing).problems)

	// An id that was voided before the purchase was sent, which a full queue refused.
	l, rows, standing = build()
	target := l.history.begin(operation{kind: purchase, amount: 5, voided: true})
	l.note(l.history.begin(operation{kind: void, target: target}), outcome{})
	l.history.refuse(target)
	tombstone := row{transaction: [16]byte{4}, kind: kindPurchase, status: statusVoided, caller: caller, request: requestID(target)}
	require.Empty(t, judge(l, append(rows, tombstone), standing).problems)
	tombstone.status, tombstone.decline = statusDeclined, 1
	l, rows, standing = build()
	target = l.history.begin(operation{kind: purchase, amount: 5})
	l.history.refuse(target)
	require.NotNil(t, judge(l, append(rows, tombstone), standing).problemOf("I4"), "refused, and there all the same")

	four := int64(4)
	for name, spoilt := range map[string]struct {
		invariant string
		spoil     func(*load, []row, map[[16]byte]stand) []row
	}{
		"an acknowledged purchase is lost": {"I3", func(_ *load, rows []row, _ map[[16]byte]stand) []row { return rows[:2] }},
		"an amount is another":             {"I3", func(_ *load, rows []row, _ map[[16]byte]stand) []row { rows[2].amount = 31; return rows }},
		"a decline became an approval":     {"I3", func(_ *load, rows []row, _ map[[16]byte]stand) []row { rows[2].status = statusApproved; return rows }},
		"an entry of nobody's": {"I4", func(_ *load, rows []row, _ map[[16]byte]stand) []row {
			return append(rows, row{transaction: [16]byte{3}, account: &account, sequence: &four, kind: kindPurchase, status: statusDeclined, decline: 6, balance: -80, limit: 100, caller: "mallory", request: "x"})
		}},
		"one request with two effects": {"I5", func(_ *load, rows []row, _ map[[16]byte]stand) []row { return append(rows, rows[2]) }},
		"a gap in the sequence":        {"I6", func(_ *load, rows []row, _ map[[16]byte]stand) []row { rows[2].sequence = &four; return rows }},
		"a balance out of nothing":     {"I8", func(_ *load, rows []row, _ map[[16]byte]stand) []row { rows[1].balance = -79; return rows }},
		"an account that stands elsewhere": {"I8", func(_ *load, rows []row, s map[[16]byte]stand) []row {
			s[account] = stand{-79, 100, 3}
			return rows
		}},
		"a limit passed":                       {"I2", func(_ *load, rows []row, _ map[[16]byte]stand) []row { rows[0].limit = 70; return rows }},
		"a decline that moved money":           {"I4", func(_ *load, rows []row, _ map[[16]byte]stand) []row { rows[2].debit = &account; return rows }},
		"money that went from an account home": {"I1", func(_ *load, rows []row, _ map[[16]byte]stand) []row { rows[1].credit = &account; return rows }},
		"a decline without a reason": {"expectations", func(_ *load, rows []row, _ map[[16]byte]stand) []row {
			rows[0].limit, rows[1].limit, rows[2].limit = 1_000, 1_000, 1_000
			return rows
		}},
	} {
		t.Run(name, func(t *testing.T) {
			l, rows, standing := build()
			require.NotNil(t, judge(l, spoilt.spoil(l, rows, standing), standing).problemOf(spoilt.invariant))
		})
	}
}
