package postgres

import (
	"context"
	"slices"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/database/wire"
)

// endsHold is true for entries that end the hold original_transaction_id (bank.Entry.EndsHold). It is the
// condition of the index entries_hold_ended.
const endsHold = `status = 1 AND leg = 0 AND (kind IN (9, 11, 12) OR kind = 10 AND debit_account IS NULL)`

// openHoldColumns are those of an entry that opens a hold.
var openHoldColumns = []column[bank.Entry]{
	uuids("hold_id", func(e *bank.Entry) *bank.ID { return &e.TransactionID }),
	uuids("account_id", func(e *bank.Entry) *bank.ID { return &e.AccountID }),
	timestamps("expires_at", func(e *bank.Entry) *time.Time { return &e.HoldExpiresAt }),
}

var (
	// insertOpenHolds and deleteOpenHolds keep the holds that have an expiry and have not ended. Their rows
	// change only with the row of their account, so the account's version guards them.
	insertOpenHolds = &wire.Statement{Name: "insert_open_holds", SQL: inserting("open_holds", openHoldColumns)}
	deleteOpenHolds = &wire.Statement{Name: "delete_open_holds", SQL: `DELETE FROM open_holds WHERE hold_id = ANY($1::uuid[])`}

	dueHolds = &wire.Statement{Name: "due_holds", SQL: `SELECT hold_id, account_id, expires_at FROM open_holds
		WHERE expires_at <= $1::timestamptz AND (expires_at, hold_id) > ($2::timestamptz, $3::uuid)
		ORDER BY expires_at, hold_id LIMIT $4::bigint`}
	// holdByID finds what ended the hold by the index entries_hold_ended. A capture may release the rest on
	// its leg 1.
	holdByID = &wire.Statement{Name: "hold_by_id", SQL: `SELECT ` + selected("e", entryColumns) + `, ended.transaction_id, ended.kind,
			CASE WHEN ended.kind IN ` + kindsThat(bank.Captured) + ` THEN ended.amount ELSE 0 END,
			CASE WHEN ended.kind IN ` + kindsThat(bank.Captured) + ` THEN coalesce((SELECT r.amount FROM entries r
				WHERE r.transaction_id = ended.transaction_id AND r.leg = 1 AND r.kind = 10), 0) ELSE coalesce(ended.amount, 0) END,
			(SELECT coalesce(sum(amount), 0)::bigint FROM entries WHERE original_transaction_id = ended.transaction_id AND ` + givenBack + `)
		` + entryTables + `LEFT JOIN (SELECT transaction_id, kind, amount FROM entries
				WHERE original_transaction_id = $1::uuid AND ` + endsHold + `) ended ON true
		WHERE e.transaction_id = $1::uuid AND e.leg = 0 AND e.kind = 8`}
)

// addOpenHolds queues the holds that the entries open and end. A hold that the same batch opens and ends
// is never stored.
func addOpenHolds(b *wire.Batch, entries []*bank.Entry) {
	opened, ended := openHolds(entries)
	p := &b.Session.Parameters
	if len(opened) > 0 {
		addPointers(p, openHoldColumns, opened)
		b.Add(insertOpenHolds, nil)
	}
	if len(ended) > 0 {
		p.UUIDs(ended)
		b.Add(deleteOpenHolds, nil)
	}
}

// openHolds returns the entries that open holds which stay open, and the ids of earlier holds that the
// entries end.
func openHolds(entries []*bank.Entry) (opened []*bank.Entry, ended []bank.ID) {
	for _, e := range entries {
		if e.EndsHold() {
			ended = append(ended, e.OriginalID)
		}
	}
	for _, e := range entries {
		if !e.OpensHold() {
			continue
		}
		if i := slices.Index(ended, e.TransactionID); i >= 0 {
			ended = slices.Delete(ended, i, i+1)
			continue
		}
		opened = append(opened, e)
	}
	return opened, ended
}

// openingHold and endingHold are the parts of a single decision that opens a hold or ends one.
func openingHold(p *parameters) string {
	return `, opened AS (INSERT INTO open_holds (` + named(openHoldColumns) + `) SELECT ` + ones(p, openHoldColumns) + ` FROM posted)`
}

func endingHold(p *parameters) string {
	return `, ended AS (DELETE FROM open_holds WHERE hold_id = (SELECT ` + p.one(uuidType) + ` FROM posted))`
}

// Due implements bank.Holds.
func (s *Store) Due(ctx context.Context, now time.Time, after bank.DueHold, limit int) (due []bank.DueHold, err error) {
	err = s.query(ctx, dueHolds, func(p *wire.Parameters) {
		p.TimestampArgument(now)
		p.TimestampArgument(after.ExpiresAt)
		p.UUIDArgument(after.HoldID)
		p.Int8Argument(int64(limit))
	}, func(r wire.Row) {
		due = append(due, bank.DueHold{HoldID: r.UUID(), AccountID: r.UUID(), ExpiresAt: r.Timestamp()})
	})
	return due, err
}

// Hold implements bank.Holds; everything is as of the same moment.
func (s *Store) Hold(ctx context.Context, id bank.ID) (state bank.HoldState, err error) {
	err = s.one(ctx, holdByID, func(p *wire.Parameters) { p.UUIDArgument(id) }, func(r wire.Row) {
		read(&r, entryColumns, &state.Hold)
		state.EndID, state.EndedBy = r.UUID(), bank.Kind(r.Int2())
		state.Captured, state.Released, state.GivenBack = r.Int8(), r.Int8(), r.Int8()
	})
	return state, err
}
