package postgres_test

import (
	"encoding/json"
	"testing"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"github.com/stretchr/testify/require"
)

// insertAll inserts rows, each list by one statement, and returns the first error. It takes all of them
// back.
func (w *wall) insertAll(t *testing.T, rows ...[]columns) error {
	t.Helper()
	tx, err := w.conn.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(t.Context()) }()
	sequence := 3
	for _, statement := range rows {
		for i := range statement {
			sequence++
			statement[i] = columns{"sequence": sequence}.with(statement[i])
		}
		overlay, err := json.Marshal(statement)
		require.NoError(t, err)
		_, err = tx.Exec(t.Context(), `INSERT INTO entries SELECT (jsonb_populate_record(e, r)).*
			FROM entries e, jsonb_array_elements($1::jsonb) r WHERE e.kind = 3`, overlay)
		if err != nil {
			return err
		}
	}
	return nil
}

// end returns the row of an approved entry of a kind that ends the hold.
func (w *wall) end(kind bank.Kind, amount int64) columns {
	row := columns{
		"transaction_id": banktest.NewID().String(), "kind": kind, "direction": bank.NoDirection, "amount": amount,
		"original_transaction_id": w.hold, "hold_id": w.hold, "debit_account": nil, "credit_account": nil,
	}
	if kind == bank.KindCapture || kind == bank.KindPixOut {
		row = row.with(columns{
			"direction": bank.Debit, "debit_account": w.account, "credit_account": w.other,
		})
	}
	return row
}

// The database alone keeps the rules of holds, whatever the program writes.
func TestTheDatabaseKeepsTheRulesOfHolds(t *testing.T) {
	w := newWall(t)
	other := banktest.NewID()
	hold := columns{"kind": bank.KindHold, "debit_account": nil, "credit_account": nil, "transaction_id": other.String(), "hold_id": other.String()}
	capture, part := w.end(bank.KindCapture, 10), w.end(bank.KindCapture, 6)
	rest := w.end(bank.KindVoid, 4).with(columns{"transaction_id": part["transaction_id"], "leg": 1})
	for _, kind := range []bank.Kind{bank.KindCapture, bank.KindPixOut, bank.KindVoid, bank.KindExpiry} {
		require.NoError(t, w.insertAll(t, []columns{w.end(kind, 10)}), kind)
		require.ErrorContains(t, w.insertAll(t, []columns{w.end(kind, 9)}), "ends 9 of hold", kind)
		require.ErrorContains(t, w.insertAll(t, []columns{w.end(kind, 11)}), "ends 11 of hold", kind)
		nobody := columns{"original_transaction_id": other.String(), "hold_id": other.String()}
		require.ErrorContains(t, w.insertAll(t, []columns{w.end(kind, 10).with(nobody)}), "which is <NULL>", "%s of a hold that does not exist", kind)
		require.ErrorContains(t, w.insertAll(t, []columns{w.end(kind, 10).with(columns{"hold_id": nil})}), "entries_end_names_hold", kind)
		require.ErrorContains(t, w.insertAll(t, []columns{w.end(kind, 10).with(columns{"hold_id": other.String()})}), "entries_end_names_hold", kind)
		require.ErrorContains(t, w.insertAll(t, []columns{w.end(kind, 10).with(columns{"original_transaction_id": nil})}), "entries_end_names_hold", kind)
		for _, second := range []bank.Kind{bank.KindCapture, bank.KindPixOut, bank.KindVoid, bank.KindExpiry} {
			require.ErrorContains(t, w.insertAll(t, []columns{w.end(kind, 10)}, []columns{w.end(second, 10)}), "entries_hold_ended", "%s, then %s", kind, second)
		}
	}
	require.NoError(t, w.insertAll(t, []columns{hold}))
	require.NoError(t, w.insertAll(t, []columns{part, rest}), "the rest is released in the same statement")
	for name, test := range map[string]struct {
		rows []columns
		want string
	}{
		"a hold without its name":         {[]columns{hold.with(columns{"hold_id": nil})}, "entries_hold_names_itself"},
		"a hold with another's name":      {[]columns{hold.with(columns{"hold_id": w.hold})}, "entries_hold_names_itself"},
		"a hold that is a credit":         {[]columns{hold.with(columns{"direction": bank.Credit})}, "entries_hold_moves"},
		"a hold that moves money":         {[]columns{hold.with(columns{"debit_account": w.account, "credit_account": w.other})}, "entries_hold_moves"},
		"a hold beyond the limit":         {[]columns{hold.with(columns{"held_after": 2000})}, "entries_within_limit"},
		"a capture that moves nothing":    {[]columns{capture.with(columns{"debit_account": nil, "credit_account": nil})}, "entries_hold_moves"},
		"a capture to the customer":       {[]columns{capture.with(columns{"debit_account": w.other, "credit_account": w.account})}, "entries_hold_moves"},
		"a capture from another account":  {[]columns{capture.with(columns{"debit_account": other.String()})}, "entries_hold_moves"},
		"a capture that is a credit":      {[]columns{capture.with(columns{"direction": bank.Credit})}, "entries_hold_moves"},
		"an expiry that moves money":      {[]columns{w.end(bank.KindExpiry, 10).with(columns{"debit_account": w.account, "credit_account": w.other})}, "entries_hold_moves"},
		"a release without its capture":   {[]columns{rest}, "of hold"},
		"a part without its release":      {[]columns{part}, "ends 6 of hold"},
		"a part with too large a release": {[]columns{part, rest.with(columns{"amount": 5})}, "ends 11 of hold"},
		"a release of a whole hold":       {[]columns{capture, rest.with(columns{"transaction_id": capture["transaction_id"]})}, "ends 14 of hold"},
	} {
		require.ErrorContains(t, w.insertAll(t, test.rows), test.want, name)
	}
	require.ErrorContains(t, w.insertAll(t, []columns{capture}, []columns{rest.with(columns{"transaction_id": capture["transaction_id"]})}),
		"ends 14 of hold", "a release that comes later")
	var held int64
	require.NoError(t, w.conn.QueryRow(t.Context(), `SELECT held FROM accounts WHERE id = $1`, w.account).Scan(&held))
	require.EqualValues(t, 10, held)
	_, err := w.conn.Exec(t.Context(), `UPDATE accounts SET held = -1 WHERE id = $1`, w.account)
	require.ErrorContains(t, err, "accounts_held_check")
}
