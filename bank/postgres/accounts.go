package postgres

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/platform/database/wire"
)

var (
	accountsOf = &wire.Statement{Name: "accounts_of", SQL: `SELECT ` + selected("a", accountColumns) + `
		FROM accounts a JOIN entries o ON o.account_id = a.id AND o.sequence = 1
		WHERE a.customer_id = $1::uuid AND ($2::uuid = '00000000-0000-0000-0000-000000000000' OR (o.occurred_at, a.id) >
			(SELECT l.occurred_at, l.account_id FROM entries l WHERE l.account_id = $2::uuid AND l.sequence = 1))
		ORDER BY o.occurred_at, a.id LIMIT $3::bigint`}
	// transactionDetails repeats the sums on the row of each leg.
	transactionDetails = &wire.Statement{Name: "transaction_details", SQL: `SELECT ` + selected("e", entryColumns) + `, sums.given_back, sums.captured, sums.released
		` + entryTables + ` CROSS JOIN (SELECT coalesce(sum(amount) FILTER (WHERE relation = 1), 0)::bigint AS given_back,
				coalesce(sum(amount) FILTER (WHERE relation = 2), 0)::bigint AS captured,
				coalesce(sum(amount) FILTER (WHERE relation = 3), 0)::bigint AS released
			FROM (` + counted + `e.original_transaction_id = $1::uuid) counted) sums
		WHERE e.transaction_id = $1::uuid ORDER BY e.leg`}
)

// AccountsOf implements bank.AccountReader.
func (s *Store) AccountsOf(ctx context.Context, customer, after bank.ID, limit int) (accounts []bank.Account, err error) {
	err = s.query(ctx, accountsOf, func(p *wire.Parameters) {
		p.UUIDArgument(customer)
		p.UUIDArgument(after)
		p.Int8Argument(int64(limit))
	}, func(r wire.Row) { accounts = append(accounts, accountOf(&r)) })
	return accounts, err
}

// Details implements bank.AccountReader.
func (s *Store) Details(ctx context.Context, transaction bank.ID) (details bank.TransactionDetails, err error) {
	err = s.one(ctx, transactionDetails, func(p *wire.Parameters) { p.UUIDArgument(transaction) }, func(r wire.Row) {
		var entry bank.Entry
		read(&r, entryColumns, &entry)
		details.GivenBack, details.Captured, details.Released = r.Int8(), r.Int8(), r.Int8()
		if entry.Leg == 0 {
			details.Entry = entry
		} else {
			details.Second = &entry
		}
	})
	if err == nil && details.Entry.TransactionID.IsZero() {
		return bank.TransactionDetails{}, bank.ErrNotFound // Leg 1 alone is no transaction.
	}
	return details, err
}
