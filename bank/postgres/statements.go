package postgres

import "codebank.dev/platform/database/wire"

// The statements of a batch. Lists of values are sent as arrays, so that one statement, planned
// once, serves a batch of any size. The arrays are unnested in the select list, side by side. In
// FROM each array would first be copied into a row store, which costs more than the insert. The
// order of the columns is the order in the functions of read.go and write.go.

const (
	accountColumns = `a.id, a.customer_id, a.kind, a.currency, a.balance, a.held, a.credit_limit, a.sequence, a.last_at`

	cardColumns = `c.id, c.brand, c.bin, c.last4, c.account_id, c.holder_name, c.expiry_month, c.expiry_year, c.blocked,
		c.wrong_at, c.locked_until, c.purchase_limit, c.purchase_minimum, c.purchases_per_minute,
		c.frequency_level, c.frequency_at, c.issued_at, c.used`

	entryColumns = `e.transaction_id, e.leg, e.caller, e.request_id, e.fingerprint, e.trace_id,
		e.account_id, a.customer_id, e.sequence, e.kind, e.direction, e.status, e.decline,
		e.amount, coalesce(a.currency, e.refused_currency), e.debit_account, e.credit_account,
		e.balance_after, e.held_after, e.credit_limit_after,
		e.card_id, coalesce(c.brand, e.presented_brand), coalesce(c.bin, e.presented_bin), coalesce(c.last4, e.presented_last4),
		e.merchant_id, e.merchant_name, e.merchant_category_code, e.merchant_city, e.merchant_country,
		e.channel, e.description, e.original_transaction_id, e.counterparty_name, e.end_to_end_id, e.attempt,
		e.decision_micros, e.occurred_at, e.producer_version, e.card_use, e.risk_score, e.risk_rule`

	entryTables = ` FROM entries e LEFT JOIN accounts a ON a.id = e.account_id LEFT JOIN cards c ON c.id = e.card_id `

	// givenBack is true for entries that give back a part of another transaction (bank.GivenBack). The
	// first line is the condition of the index entries_given_back.
	givenBack = `status = 1 AND leg = 0
				AND debit_account IS NOT NULL AND kind IN (4, 10, 14)`

	// relationOf is bank.Relation of an entry r that is approved and refers to another transaction. It
	// is null for an entry that does not count.
	relationOf = `CASE WHEN r.debit_account IS NULL THEN CASE WHEN r.kind IN (10, 11) THEN 3 END
			WHEN r.leg = 0 THEN CASE WHEN r.kind IN (4, 10, 14) THEN 1 WHEN r.kind IN (9, 12) THEN 2 END END::smallint`

	// counted selects what counts towards earlier transactions; the condition on these is appended.
	counted = `SELECT r.original_transaction_id AS original, ` + relationOf + ` AS relation, r.amount
			FROM entries e JOIN entries r ON r.transaction_id = e.transaction_id AND r.original_transaction_id = e.original_transaction_id
			WHERE e.status = 1 AND e.leg = 0 AND r.status = 1 AND `
)

var (
	begin    = &wire.Statement{Name: "begin", SQL: "BEGIN"}
	commit   = &wire.Statement{Name: "commit", SQL: "COMMIT"}
	rollback = &wire.Statement{Name: "rollback", SQL: "ROLLBACK"}

	// lockAccounts comes first: the later statements see the commits that it waited for.
	lockAccounts = &wire.Statement{Name: "lock_accounts", SQL: `SELECT ` + accountColumns + `, a.version
		FROM accounts a WHERE a.id = ANY($1::uuid[]) ORDER BY a.id FOR NO KEY UPDATE`}
	// readAccounts takes no lock: a batch that is decided on these rows is written only at their
	// versions.
	readAccounts = &wire.Statement{Name: "read_accounts", SQL: `SELECT ` + accountColumns + `, a.version
		FROM accounts a WHERE a.id = ANY($1::uuid[])`}
	// readCards takes no lock: a card changes only under its account's lock.
	readCards   = &wire.Statement{Name: "read_cards", SQL: `SELECT ` + cardColumns + ` FROM cards c WHERE c.id = ANY($1::uuid[])`}
	readEntries = &wire.Statement{Name: "read_entries", SQL: `SELECT ` + entryColumns + entryTables + `
		WHERE e.transaction_id = ANY($1::uuid[]) ORDER BY e.transaction_id, e.leg`}
	readTokenUses = &wire.Statement{Name: "read_token_uses", SQL: `SELECT nonce, transaction_id FROM used_tokens WHERE nonce = ANY($1::uuid[])`}
	// readSums finds the transactions by their legs 0, which are in the index entries_given_back, and
	// then all of their legs by their key, because leg 1 of a capture counts too.
	readSums = &wire.Statement{Name: "read_sums", SQL: `SELECT original, relation, sum(amount)::bigint
		FROM (` + counted + `e.original_transaction_id = ANY($1::uuid[])) counted
		WHERE relation IS NOT NULL GROUP BY original, relation`}

	insertAccounts = &wire.Statement{Name: "insert_accounts", SQL: `INSERT INTO accounts
		(id, customer_id, kind, currency, balance, held, credit_limit, sequence, last_at)
		SELECT unnest($1::uuid[]), unnest($2::uuid[]), unnest($3::smallint[]), unnest($4::text[]), unnest($5::bigint[]),
			unnest($6::bigint[]), unnest($7::bigint[]), unnest($8::bigint[]), unnest($9::timestamptz[])`}
	insertCards = &wire.Statement{Name: "insert_cards", SQL: `INSERT INTO cards
		(id, brand, bin, last4, account_id, holder_name, expiry_month, expiry_year, issued_at, blocked, wrong_at, locked_until,
			purchase_limit, purchase_minimum, purchases_per_minute, frequency_level, frequency_at, used)
		SELECT unnest($1::uuid[]), unnest($2::smallint[]), unnest($3::text[]), unnest($4::text[]), unnest($5::uuid[]), unnest($6::text[]),
			unnest($7::integer[]), unnest($8::integer[]), unnest($9::timestamptz[]), unnest($10::boolean[]), unnest($11::text[])::bigint[],
			unnest($12::timestamptz[]), unnest($13::bigint[]), unnest($14::bigint[]), unnest($15::integer[]), unnest($16::bigint[]),
			unnest($17::timestamptz[]), unnest($18::boolean[])`}
	insertSealed = &wire.Statement{Name: "insert_sealed", SQL: `INSERT INTO vault (card_id, lookup, key_id, ciphertext)
		SELECT unnest($1::uuid[]), unnest($2::bytea[]), unnest($3::text[]), unnest($4::bytea[])`}

	// insertEntries is for batches in which every entry has an account, and a card of the bank if
	// any. It has four columns less for every row.
	insertEntries = &wire.Statement{Name: "insert_entries", SQL: `INSERT INTO entries (` + insertedColumns + `)
		SELECT ` + insertedValues}
	insertAnyEntries = &wire.Statement{Name: "insert_any_entries", SQL: `INSERT INTO entries (` + insertedColumns + `,
			refused_currency, presented_brand, presented_bin, presented_last4)
		SELECT ` + insertedValues + `, unnest($37::text[]), unnest($38::smallint[]), unnest($39::text[]), unnest($40::text[])`}

	// insertTokenUses lets the primary key decide who uses a token.
	insertTokenUses = &wire.Statement{Name: "insert_token_uses", SQL: `INSERT INTO used_tokens (nonce, transaction_id, expires_at)
		SELECT unnest($1::uuid[]), unnest($2::uuid[]), unnest($3::timestamptz[])`}

	// insertEvents takes the ids in the order of the decisions, because they are drawn after the
	// sort.
	insertEvents = &wire.Statement{Name: "insert_events", SQL: `INSERT INTO outbox (transaction_id, account_id, sequence, key, schema_version, body)
		SELECT transaction_id, account_id, sequence, key, schema_version, body
		FROM (` + eventsInOrder + `) u ORDER BY decision`}
	insertRepublished = &wire.Statement{Name: "insert_republished", SQL: `INSERT INTO outbox (transaction_id, account_id, sequence, key, schema_version, body, republished)
		SELECT transaction_id, account_id, sequence, key, schema_version, body, true
		FROM (` + eventsInOrder + `) u ORDER BY decision`}

	// updateAccounts fails with 40001 when a row has another version than the one the batch was
	// decided on. It updates, and so locks, the rows in the order of the arrays. It also fails when
	// it is too late to write an optimistic batch (see writtenWithin).
	updateAccounts = &wire.Statement{Name: "update_accounts", SQL: `WITH written AS (UPDATE accounts a
		SET balance = u.balance, held = u.held, credit_limit = u.credit_limit, sequence = u.sequence, last_at = u.last_at,
			version = u.version + 1
		FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::bigint[]) AS balance, unnest($3::bigint[]) AS held,
			unnest($4::bigint[]) AS credit_limit, unnest($5::bigint[]) AS sequence, unnest($6::timestamptz[]) AS last_at,
			unnest($7::bigint[]) AS version) u
		WHERE a.id = u.id AND a.version = u.version RETURNING 1)
		SELECT require_all(CASE WHEN clock_timestamp() < ($8::timestamptz[])[1] THEN count(*) ELSE -1 END, cardinality($1::uuid[]))
		FROM written`}
	updateCards = &wire.Statement{Name: "update_cards", SQL: `UPDATE cards c
		SET blocked = u.blocked, wrong_at = u.wrong_at::bigint[], locked_until = u.locked_until, purchase_limit = u.purchase_limit,
			purchase_minimum = u.purchase_minimum, purchases_per_minute = u.purchases_per_minute,
			frequency_level = u.frequency_level, frequency_at = u.frequency_at, used = u.used
		FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::boolean[]) AS blocked, unnest($3::text[]) AS wrong_at,
			unnest($4::timestamptz[]) AS locked_until, unnest($5::bigint[]) AS purchase_limit, unnest($6::bigint[]) AS purchase_minimum,
			unnest($7::integer[]) AS purchases_per_minute, unnest($8::bigint[]) AS frequency_level, unnest($9::timestamptz[]) AS frequency_at,
			unnest($10::boolean[]) AS used) u
		WHERE c.id = u.id`}
)

const (
	eventsInOrder = `SELECT unnest($1::uuid[]) AS transaction_id, unnest($2::uuid[]) AS account_id, unnest($3::bigint[]) AS sequence,
			unnest($4::uuid[]) AS key, unnest($5::integer[]) AS schema_version, unnest($6::bytea[]) AS body,
			generate_subscripts($1::uuid[], 1) AS decision`
	insertedColumns = `transaction_id, leg, account_id, sequence, kind, direction, status, decline, amount,
		debit_account, credit_account, balance_after, held_after, credit_limit_after, card_id,
		merchant_id, merchant_name, merchant_category_code, merchant_city, merchant_country,
		channel, description, original_transaction_id, counterparty_name, end_to_end_id, attempt,
		caller, request_id, fingerprint, trace_id, decision_micros, occurred_at, producer_version,
		card_use, risk_score, risk_rule`
	insertedValues = `unnest($1::uuid[]), unnest($2::smallint[]), unnest($3::uuid[]), unnest($4::bigint[]), unnest($5::smallint[]), unnest($6::smallint[]),
		unnest($7::smallint[]), unnest($8::smallint[]), unnest($9::bigint[]), unnest($10::uuid[]), unnest($11::uuid[]), unnest($12::bigint[]),
		unnest($13::bigint[]), unnest($14::bigint[]), unnest($15::uuid[]), unnest($16::text[]), unnest($17::text[]), unnest($18::text[]),
		unnest($19::text[]), unnest($20::text[]), unnest($21::smallint[]), unnest($22::text[]), unnest($23::uuid[]), unnest($24::text[]),
		unnest($25::text[]), unnest($26::integer[]), unnest($27::text[]), unnest($28::text[]), unnest($29::bytea[]), unnest($30::text[]),
		unnest($31::bigint[]), unnest($32::timestamptz[]), unnest($33::text[]),
		unnest($34::smallint[]), unnest($35::smallint[]), unnest($36::smallint[])`
)

// executed lists the statements that Execute needs. They are prepared before the first batch of a
// connection.
var executed = []*wire.Statement{
	begin, commit, rollback, lockAccounts, readAccounts, readCards, readEntries, readSums, readTokenUses, lockStoredTokens,
	insertAccounts, insertCards, insertSealed, insertEntries, insertAnyEntries, insertTokenUses, insertEvents,
	updateAccounts, updateCards, useStoredTokens, writeSingle, writeSingleByToken,
}
