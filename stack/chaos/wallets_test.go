package chaos

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// Each case builds a correct ledger of two wallets, changes one thing, and expects a finding.
func TestALedgerOfWalletsThatDiffersFromTheHistoryIsFound(t *testing.T) {
	first, second, cash, shop := [16]byte{1}, [16]byte{2}, [16]byte{8}, [16]byte{9}
	at := func(sequence int64) *int64 { return &sequence }
	type world struct {
		load     *load
		rows     []entryRow
		accounts map[[16]byte]accountState
	}
	build := func() *world {
		l := &load{observed: newObservations()}
		begin := func(op operation, given outcome) (uint32, string) {
			n := l.history.begin(op)
			l.recordAnswer(n, given)
			return n, requestID(n)
		}
		for i, account := range [][16]byte{first, second} {
			l.wallets.add(&wallet{index: l.wallets.reserve(), account: "accounts/" + uuid.UUID(account).String(), opened: 100})
			begin(operation{kind: opening, account: uint32(i), amount: 100}, outcome{id: account})
		}
		sent, sentID := begin(operation{kind: transfer, account: 0, target: 1, amount: 30}, outcome{[16]byte{11}, 1, 0})
		_, backID := begin(operation{kind: transferReturn, account: 0, target: sent, amount: 10}, outcome{[16]byte{12}, 1, 0})
		_, shortID := begin(operation{kind: transfer, account: 0, target: 1, amount: 300}, outcome{[16]byte{13}, 2, 8})
		held, heldID := begin(operation{kind: hold, account: 1, amount: 40}, outcome{[16]byte{14}, 1, 0})
		_, takenID := begin(operation{kind: capture, account: 1, target: held, amount: 25}, outcome{[16]byte{15}, 1, 0})
		_, lapsedID := begin(operation{kind: hold, account: 1, amount: 50}, outcome{[16]byte{16}, 1, 0})
		row := func(id byte, account *[16]byte, sequence int64, kind int16, amount, balance int64, request string) entryRow {
			return entryRow{transaction: [16]byte{id}, account: account, sequence: at(sequence), kind: kind, status: statusApproved, amount: amount, balance: balance, caller: caller, request: request}
		}
		move := func(e entryRow, debit, credit, original *[16]byte, leg int16) entryRow {
			e.debit, e.credit, e.original, e.leg = debit, credit, original, leg
			return e
		}
		holding := func(e entryRow, held int64, original *[16]byte, leg int16) entryRow {
			e.held, e.original, e.leg = held, original, leg
			return e
		}
		transferID, holdID, lapsed := [16]byte{11}, [16]byte{14}, [16]byte{16}
		open := func(id byte, account *[16]byte, request string) entryRow {
			e := row(id, account, 1, kindOpening, 0, 0, request)
			e.status = 3
			return e
		}
		declined := row(13, &first, 5, kindTransfer, 300, 80, shortID)
		declined.status, declined.decline = statusDeclined, 8
		return &world{load: l, rows: []entryRow{
			open(21, &first, requestID(0)),
			move(row(22, &first, 2, kindDeposit, 100, 100, requestID(0)), &cash, &first, nil, 0),
			move(row(11, &first, 3, kindTransfer, 30, 70, sentID), &first, &second, nil, 0),
			move(row(12, &first, 4, kindReversal, 10, 80, backID), &second, &first, &transferID, 0),
			declined,
			open(23, &second, requestID(1)),
			move(row(24, &second, 2, kindDeposit, 100, 100, requestID(1)), &cash, &second, nil, 0),
			move(row(11, &second, 3, kindTransfer, 30, 130, sentID), &first, &second, nil, 1),
			move(row(12, &second, 4, kindReversal, 10, 120, backID), &second, &first, &transferID, 1),
			holding(row(14, &second, 5, kindHold, 40, 120, heldID), 40, nil, 0),
			holding(move(row(15, &second, 6, kindCapture, 25, 95, takenID), &second, &shop, nil, 0), 15, &holdID, 0),
			holding(row(15, &second, 7, kindVoid, 15, 95, takenID), 0, &holdID, 1),
			holding(row(16, &second, 8, kindHold, 50, 95, lapsedID), 50, nil, 0),
			holding(row(17, &second, 9, kindExpiry, 50, 95, lapsedID), 0, &lapsed, 0),
		}, accounts: map[[16]byte]accountState{first: {80, 0, 0, 5}, second: {95, 0, 0, 9}}}
	}
	check := func(w *world) *observations {
		b := newLedgerCheck(w.load)
		b.accountRows = w.accounts
		for i := range w.rows {
			b.addEntry(&w.rows[i])
		}
		b.finishAccount()
		b.checkMissing()
		return w.load.observed
	}
	require.Empty(t, check(build()).problems)
	for name, spoilt := range map[string]struct {
		invariant string
		spoil     func(*world)
	}{
		"one side of a transfer is missing": {transfersWhole, func(w *world) { w.rows = append(w.rows[:7:7], w.rows[8:]...) }},
		"a side of a transfer is doubled":   {transfersWhole, func(w *world) { w.rows = append(w.rows, w.rows[7]) }},
		"both sides on one account":         {transfersWhole, func(w *world) { w.rows[7].account = &first }},
		"a side with another amount":        {"I3", func(w *world) { w.rows[7].amount = 31 }},
		"a declined transfer moved money":   {"I4", func(w *world) { w.rows[4].debit, w.rows[4].credit = &first, &second }},
		"a decline became an approval":      {"I3", func(w *world) { w.rows[4].status = statusApproved }},
		"a transfer beyond the balance":     {"I2", func(w *world) { w.rows[1].amount, w.rows[1].balance = 20, 20 }},
		"a return of another transfer":      {"I11", func(w *world) { w.rows[3].original = &[16]byte{14} }},
		"the deposit of an opening is lost": {"I3", func(w *world) { w.rows = append(w.rows[:1:1], w.rows[2:]...) }},
		"a hold that does not end":          {holdsEnd, func(w *world) { w.rows = w.rows[:13] }},
		"a hold that ends twice": {holdsEnd, func(w *world) {
			again := w.rows[13]
			again.transaction = [16]byte{18}
			w.rows = append(w.rows, again)
		}},
		"the rest of a hold is not released":    {holdsEnd, func(w *world) { w.rows = append(w.rows[:11:11], w.rows[12:]...) }},
		"a hold that sets nothing aside":        {"I8", func(w *world) { w.rows[9].held = 0 }},
		"an expiry of a hold that was captured": {holdsEnd, func(w *world) { w.rows[13].original = &[16]byte{14} }},
		"a capture that its client did not get": {"I4", func(w *world) { w.load.history.change(6, func(op *operation) { op.state = failed }) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := build()
			spoilt.spoil(w)
			require.NotNil(t, check(w).problemOf(spoilt.invariant), "%v", w.load.observed.problems)
		})
	}
}

// A refusal that repeats for ever ends an operation whose outcome was unknown.
func TestAFailedOperationIsKnown(t *testing.T) {
	var h history
	n := h.begin(operation{kind: capture})
	h.markUnknown(n)
	h.markFailed(n)
	h.markUnknown(n)
	require.Equal(t, failed, h.get(n).state)
	given := h.begin(operation{kind: capture})
	h.answer(given, outcome{status: 1})
	h.markFailed(given)
	require.Equal(t, answered, h.get(given).state)
}
