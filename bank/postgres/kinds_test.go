package postgres_test

import (
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

// rowOf returns an approved entry of 10 by the rules of its kind: a debit of an account whose
// available amount is 0 afterwards. It is laid over the row of a purchase.
func rowOf(r *bank.Rules) columns {
	row := columns{
		"transaction_id": banktest.NewID().String(), "sequence": 3, "kind": r.Kind, "direction": bank.Debit, "status": bank.Approved,
		"amount": 10, "balance_after": -1000, "held_after": 0, "credit_limit_after": 1000,
	}
	if !r.Moves {
		row["debit_account"], row["credit_account"] = nil, nil
	}
	if r.Of != 0 {
		row["original_transaction_id"] = banktest.NewID().String()
	}
	return row
}

func (c columns) with(changes columns) columns {
	row := columns{}
	for _, from := range []columns{c, changes} {
		for name, value := range from {
			row[name] = value
		}
	}
	return row
}

// The constraints of the database repeat the table of kinds as a second wall. The rows of this test
// are written past the program.
//
// The wall does not know all of the table. Of the kinds that exist today it does not refuse a purchase,
// a reversal or a void of a purchase that moves nothing, nor a purchase that refers to another
// transaction. It does not ask the limit for a reversal that debits a customer, which is a reversal of a
// transfer, nor for the return of a Pix. The change that brings a kind brings its wall.
func TestTheDatabaseKeepsTheRulesOfEachKind(t *testing.T) {
	url := postgrestest.Database(t)
	store := openAt(t, url)
	banktest.Buy(t, store, banktest.OpenCustomer(t, store, 1000), 10)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	insert := func(row columns) error {
		overlay, err := json.Marshal(row)
		require.NoError(t, err)
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		defer func() { _ = tx.Rollback(t.Context()) }()
		tag, err := tx.Exec(t.Context(), `INSERT INTO entries SELECT (jsonb_populate_record(e, $1::jsonb)).* FROM entries e WHERE kind = 3`, overlay)
		if err == nil {
			require.EqualValues(t, 1, tag.RowsAffected())
		}
		return err
	}
	withoutWall := map[bank.Kind]bool{bank.KindReversal: true, bank.KindPixReturn: true}
	nowhere := columns{"debit_account": nil, "credit_account": nil}
	beyond := columns{"balance_after": -1001}
	for _, r := range bank.AllRules() {
		name, row := r.Kind.String()+" of "+r.Of.String(), rowOf(&r)
		applied := r.Kind == bank.KindOpening || r.Kind == bank.KindLimitChange || r.Kind == bank.KindClosing
		if applied {
			row = row.with(columns{"status": bank.Applied, "amount": 0, "direction": bank.NoDirection})
		}
		require.NoError(t, insert(row), "%s: what keeps the rules", name)
		require.NoError(t, insert(row.with(beyond).with(columns{"direction": bank.Credit})), "%s: a credit never asks the limit", name)
		switch asked := insert(row.with(beyond)); {
		case r.AsksLimit && !withoutWall[r.Kind]:
			require.ErrorContains(t, asked, "entries_within_limit", name)
		default:
			require.NoError(t, asked, "%s does not ask the limit", name)
		}
		require.NoError(t, insert(row.with(columns{"held_after": 500, "balance_after": -500})), name)
		require.Equal(t, insert(row.with(beyond)) == nil, insert(row.with(columns{"held_after": 501, "balance_after": -500})) == nil,
			"%s: what is held is not available", name)
		declined := columns{"status": bank.Declined, "decline": bank.Blocked}
		require.NoError(t, insert(row.with(declined).with(nowhere).with(beyond)), "%s: a decline moves nothing and asks nothing", name)
		moved := row.with(columns{"debit_account": banktest.NewID().String(), "credit_account": banktest.NewID().String()})
		require.ErrorContains(t, insert(moved.with(declined)), "entries_only_approved_moves", name)
		if applied {
			require.ErrorContains(t, insert(moved), "entries_only_approved_moves", name)
		}
		require.ErrorContains(t, insert(moved.with(columns{"status": bank.Approved, "debit_account": nil})), "entries_movement", name)
		require.ErrorContains(t, insert(row.with(columns{"held_after": -1, "balance_after": 0})), "held_after", name)
		require.NoError(t, insert(row.with(columns{"leg": 1})), "%s: a second leg", name)
		require.ErrorContains(t, insert(row.with(columns{"leg": 2})), "leg", name)
	}
}
