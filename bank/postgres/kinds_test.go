package postgres_test

import (
	"context"
	"encoding/json"
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/native/postgres/postgrestest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// columns are the columns of an entry as JSON.
type columns map[string]any

func (c columns) with(changes columns) columns {
	row := columns{}
	for _, from := range []columns{c, changes} {
		for name, value := range from {
			row[name] = value
		}
	}
	return row
}

// wall writes entries of one account past the program.
type wall struct {
	conn           *pgx.Conn
	account, other string // the account, and the other end of its movements
	hold           string // an open hold of 10 on the account
}

func newWall(t *testing.T) *wall {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	customer, hold := banktest.OpenCustomer(t, store, 1000), banktest.NewID()
	banktest.Buy(t, store, customer, 10)
	banktest.Commit(t, store, banktest.KeysOf(customer, hold), func(book *bank.Book) error {
		_, err := book.Post(banktest.Hold(customer, hold, 10), bank.Effect{Held: 10}, banktest.Start)
		return err
	})
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return &wall{conn: conn, account: customer.Account.String(), other: banktest.Settlement.String(), hold: hold.String()}
}

// insert lays a row over that of a purchase, inserts it and takes it back.
func (w *wall) insert(t *testing.T, row columns) error {
	t.Helper()
	overlay, err := json.Marshal(row)
	require.NoError(t, err)
	tx, err := w.conn.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(t.Context()) }()
	tag, err := tx.Exec(t.Context(), `INSERT INTO entries SELECT (jsonb_populate_record(e, $1::jsonb)).* FROM entries e WHERE kind = 3`, overlay)
	if err == nil {
		require.EqualValues(t, 1, tag.RowsAffected())
	}
	return err
}

// directed returns a row with a direction, and with its movement, if it has one, in that direction.
func (w *wall) directed(row columns, direction bank.Direction) columns {
	row = row.with(columns{"direction": direction})
	if row["debit_account"] == nil {
		return row
	}
	if direction == bank.Debit {
		return row.with(columns{"debit_account": w.account, "credit_account": w.other})
	}
	return row.with(columns{"debit_account": w.other, "credit_account": w.account})
}

// rowOf returns an approved entry of 10 by the rules of its kind, after which the available amount is 0.
func (w *wall) rowOf(r *bank.Rules) columns {
	row := columns{
		"transaction_id": banktest.NewID().String(), "sequence": 4, "kind": r.Kind, "status": bank.Approved, "leg": 0,
		"amount": 10, "balance_after": -1000, "held_after": 0, "credit_limit_after": 1000,
		"debit_account": w.account, "credit_account": w.other,
	}
	if !r.Moves {
		row = row.with(nowhere)
	}
	if r.Of != 0 {
		row["original_transaction_id"] = banktest.NewID().String()
	}
	if r.Of == bank.KindHold {
		row["original_transaction_id"], row["hold_id"] = w.hold, w.hold
	}
	if r.Kind == bank.KindHold {
		row["hold_id"] = row["transaction_id"]
	}
	if r.Kind == bank.KindClosing {
		row["balance_after"] = 0
	}
	if isApplied(r.Kind) {
		return w.directed(row.with(columns{"status": bank.Applied, "amount": 0}), bank.NoDirection)
	}
	return w.directed(row, directionsOf(r.Kind)[0])
}

func isApplied(kind bank.Kind) bool {
	return kind == bank.KindOpening || kind == bank.KindLimitChange || kind == bank.KindClosing
}

// directionsOf returns the directions that leg 0 of a kind may have, first the usual one.
func directionsOf(kind bank.Kind) []bank.Direction {
	switch kind {
	case bank.KindPurchase, bank.KindWithdrawal, bank.KindTransfer, bank.KindHold, bank.KindCapture, bank.KindPixOut:
		return []bank.Direction{bank.Debit}
	case bank.KindReversal, bank.KindDeposit, bank.KindPixIn:
		return []bank.Direction{bank.Credit}
	case bank.KindVoid:
		return []bank.Direction{bank.Credit, bank.Debit}
	}
	return []bank.Direction{bank.Debit, bank.Credit}
}

var (
	nowhere = columns{"debit_account": nil, "credit_account": nil}
	beyond  = columns{"balance_after": -1001}
)

// The constraints of the database repeat the table of kinds as a second wall. The rows of this test
// are written past the program.
func TestTheDatabaseKeepsTheRulesOfEachKind(t *testing.T) {
	w := newWall(t)
	for _, r := range bank.AllRules() {
		name, row := r.Kind.String()+" of "+r.Of.String(), w.rowOf(&r)
		require.NoError(t, w.insert(t, row), "%s: what keeps the rules", name)
		for _, direction := range directionsOf(r.Kind) {
			if direction == bank.Credit && r.Kind != bank.KindClosing {
				require.NoError(t, w.insert(t, w.directed(row, direction).with(beyond)), "%s: a credit never asks the limit", name)
			}
		}
		w.testLimit(t, name, &r)
		declined := columns{"status": bank.Declined, "decline": bank.Blocked}
		require.NoError(t, w.insert(t, row.with(declined).with(nowhere).with(beyond)), "%s: a decline moves nothing and asks nothing", name)
		moved := columns{"debit_account": w.account, "credit_account": w.other}
		require.ErrorContains(t, w.insert(t, row.with(moved).with(declined)), "entries_only_approved_moves", name)
		if isApplied(r.Kind) {
			require.ErrorContains(t, w.insert(t, row.with(moved)), "entries_only_approved_moves", name)
		}
		oneEnd := "entries_movement"
		if r.Held != bank.HeldStays && !r.Moves && r.Kind != bank.KindVoid {
			oneEnd = "entries_hold_moves" // The constraints are checked in the order of their names.
		}
		require.ErrorContains(t, w.insert(t, row.with(columns{"status": bank.Approved, "debit_account": w.account, "credit_account": nil})), oneEnd, name)
		require.ErrorContains(t, w.insert(t, row.with(columns{"held_after": -1, "balance_after": 0})), "held_after", name)
		require.ErrorContains(t, w.insert(t, row.with(columns{"leg": 2})), "entries_", name)
		w.testMovement(t, name, &r)
		w.testReference(t, name, &r)
	}
}

// testLimit writes a debit of the kind beyond what is available. That of a reversal is on leg 1.
func (w *wall) testLimit(t *testing.T, name string, r *bank.Rules) {
	debit := w.rowOf(r)
	if r.Kind == bank.KindClosing {
		for _, figures := range []columns{{"balance_after": 1}, {"balance_after": -1}, {"held_after": 1}} {
			require.ErrorContains(t, w.insert(t, debit.with(figures)), "entries_zero_at_closing", "%s with %v", name, figures)
		}
		return
	}
	if r.Kind == bank.KindReversal {
		debit["leg"] = 1
	}
	if r.Kind != bank.KindDeposit && r.Kind != bank.KindPixIn && !isApplied(r.Kind) {
		debit = w.directed(debit, bank.Debit)
	}
	require.NoError(t, w.insert(t, debit.with(columns{"held_after": 500, "balance_after": -500})), name)
	for _, change := range []columns{beyond, {"held_after": 501, "balance_after": -500}} {
		switch asked := w.insert(t, debit.with(change)); {
		case r.AsksLimit:
			require.ErrorContains(t, asked, "entries_within_limit", name)
		default:
			require.NoError(t, asked, "%s does not ask the limit", name)
		}
	}
}

// testMovement writes entries of the kind whose movement is not that of the kind. What takes from a hold is
// tested with the walls of holds.
func (w *wall) testMovement(t *testing.T, name string, r *bank.Rules) {
	row, directions := w.rowOf(r), directionsOf(r.Kind)
	if r.Moves && r.Held == bank.HeldStays && r.Kind != bank.KindVoid {
		require.ErrorContains(t, w.insert(t, row.with(nowhere)), "entries_move", "%s moves nothing", name)
	}
	sides, turns := "entries_sides", "entries_directions"
	if r.Kind == bank.KindHold || r.Relation == bank.Captured {
		sides, turns = "entries_hold_moves", "entries_hold_moves"
	}
	if r.Moves {
		swapped := row.with(columns{"debit_account": row["credit_account"], "credit_account": row["debit_account"]})
		require.ErrorContains(t, w.insert(t, swapped), sides, "%s moves to the wrong side", name)
		strange := row.with(columns{"debit_account": banktest.NewID().String(), "credit_account": banktest.NewID().String()})
		require.ErrorContains(t, w.insert(t, strange), sides, "%s moves between others", name)
		require.ErrorContains(t, w.insert(t, row.with(columns{"direction": bank.NoDirection})), "entries_", "%s without a direction", name)
	}
	if len(directions) == 1 && !isApplied(r.Kind) {
		turned := w.directed(row, bank.Debit+bank.Credit-directions[0])
		require.ErrorContains(t, w.insert(t, turned), turns, "%s in the other direction", name)
	}
	second := row.with(columns{"leg": 1})
	switch r.Kind {
	case bank.KindTransfer, bank.KindReversal:
		require.ErrorContains(t, w.insert(t, second), "entries_directions", "%s: both legs in one direction", name)
		require.NoError(t, w.insert(t, w.directed(second, bank.Debit+bank.Credit-directions[0])), "%s: a second leg", name)
	case bank.KindVoid:
		if r.Of == bank.KindHold {
			require.ErrorContains(t, w.insert(t, second), "of hold", "%s: a release on leg 1 is that of a capture", name)
			return
		}
		require.NoError(t, w.insert(t, second), "%s: a second leg", name)
	default:
		require.ErrorContains(t, w.insert(t, second), "entries_second_leg", name)
	}
}

// testReference writes entries that refer to a transaction and should not, and the other way round.
func (w *wall) testReference(t *testing.T, name string, r *bank.Rules) {
	row := w.rowOf(r)
	if r.Of == 0 {
		refers := columns{"original_transaction_id": banktest.NewID().String()}
		require.ErrorContains(t, w.insert(t, row.with(refers)), "entries_refer", "%s refers to another transaction", name)
		return
	}
	missing := "entries_refer"
	if r.Of == bank.KindHold {
		missing = "entries_end_names_hold" // The constraints are checked in the order of their names.
	}
	require.ErrorContains(t, w.insert(t, row.with(columns{"original_transaction_id": nil})), missing, "%s refers to nothing", name)
}

// The rows of accounts are written past the program too.
func TestTheDatabaseKeepsWalletsAboveZeroAndClosedAccountsClosed(t *testing.T) {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	wallet := banktest.NewAccount()
	wallet.Kind = bank.AccountWallet
	banktest.Commit(t, store, bank.Keys{}, func(book *bank.Book) error {
		book.Open(wallet)
		_, err := book.Post(banktest.Opening(wallet.ID), bank.Effect{Balance: 100}, banktest.Start)
		return err
	})
	card := banktest.OpenCustomer(t, store, 1000)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	update := func(account bank.ID, changes string) error {
		tag, err := conn.Exec(t.Context(), `UPDATE accounts SET `+changes+` WHERE id = $1`, account.String())
		if err == nil {
			require.EqualValues(t, 1, tag.RowsAffected())
		}
		return err
	}
	for _, tt := range []struct {
		rule    string
		account bank.ID
		changes string
		refusal string
	}{
		{"a wallet holds what it has", wallet.ID, `held = 100`, ""},
		{"a wallet is not below zero", wallet.ID, `balance = -1, held = 0`, "accounts_wallet"},
		{"a wallet holds no more than it has", wallet.ID, `held = 101`, "accounts_wallet"},
		{"a wallet has no credit", wallet.ID, `credit_limit = 1`, "accounts_wallet"},
		{"a card may owe", card.Account, `balance = -1000`, ""},
		{"an account that owes is not closed", card.Account, `closed_at = now()`, "accounts_closed"},
		{"an account with holds is not closed", card.Account, `balance = 0, held = 1, closed_at = now()`, "accounts_closed"},
		{"an account with nothing is closed", card.Account, `balance = 0, held = 0, closed_at = now()`, ""},
		{"a closed account takes sequences", card.Account, `sequence = sequence + 1, version = version + 1, last_at = now()`, ""},
		{"a closed account is not opened again", card.Account, `closed_at = NULL`, "rows of accounts are kept as they are"},
		{"a closed account was closed once", card.Account, `closed_at = closed_at + interval '1 second'`, "rows of accounts are kept as they are"},
		{"a closed account keeps its limit", card.Account, `credit_limit = 999`, "rows of accounts are kept as they are"},
		{"a closed account gets something back", card.Account, `balance = 2`, ""},
		{"nothing is taken from a closed account", card.Account, `balance = 1`, "rows of accounts are kept as they are"},
		{"a closed account holds nothing", card.Account, `held = 1`, "rows of accounts are kept as they are"},
	} {
		err := update(tt.account, tt.changes)
		if tt.refusal == "" {
			require.NoError(t, err, tt.rule)
			continue
		}
		require.ErrorContains(t, err, tt.refusal, tt.rule)
	}
}
