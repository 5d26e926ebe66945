package postgres

// The statements of a batch. Lists of values travel as arrays, so that one
// statement, planned once, serves a batch of any size. The order of columns is that
// of the functions in read.go and write.go.

const (
	accountColumns = `a.id, a.customer_id, a.kind, a.currency, a.balance, a.held, a.credit_limit, a.sequence, a.last_at`

	cardColumns = `c.id, c.brand, c.bin, c.last4, c.account_id, c.holder_name, c.expiry_month, c.expiry_year, c.blocked,
		c.wrong_at, c.locked_until, c.purchase_limit, c.purchase_minimum, c.purchases_per_minute,
		c.frequency_level, c.frequency_at, c.issued_at`

	tokenColumns = `t.hash, t.card_id, t.account_id, t.brand, t.bin, t.last4, t.verdict, t.expires_at, t.used_by`

	entryColumns = `e.transaction_id, e.leg, e.caller, e.request_id, e.fingerprint, e.trace_id,
		e.account_id, a.customer_id, e.sequence, e.kind, e.direction, e.status, e.decline,
		e.amount, coalesce(a.currency, e.refused_currency), e.debit_account, e.credit_account,
		e.balance_after, e.held_after, e.credit_limit_after,
		e.card_id, coalesce(c.brand, e.presented_brand), coalesce(c.bin, e.presented_bin), coalesce(c.last4, e.presented_last4),
		e.merchant_id, e.merchant_name, e.merchant_category_code, e.merchant_city, e.merchant_country,
		e.channel, e.description, e.original_transaction_id, e.counterparty_name, e.end_to_end_id, e.attempt,
		e.decision_micros, e.occurred_at, e.producer_version`

	entryTables = ` FROM entries e LEFT JOIN accounts a ON a.id = e.account_id LEFT JOIN cards c ON c.id = e.card_id `

	// givenBack is true of the entries that give back a part of another transaction.
	givenBack = `status = 1 AND leg = 0`
)

var (
	begin    = &statement{"begin", "BEGIN"}
	commit   = &statement{"commit", "COMMIT"}
	rollback = &statement{"rollback", "ROLLBACK"}

	// lockAccounts comes first: the later statements see what was committed while it waited.
	lockAccounts = &statement{"lock_accounts", `SELECT ` + accountColumns + `
		FROM accounts a WHERE a.id = ANY($1::uuid[]) ORDER BY a.id FOR NO KEY UPDATE`}
	// readCards locks nothing: a card changes under its account's lock only.
	readCards  = &statement{"read_cards", `SELECT ` + cardColumns + ` FROM cards c WHERE c.id = ANY($1::uuid[])`}
	lockTokens = &statement{"lock_tokens", `SELECT ` + tokenColumns + `
		FROM card_tokens t WHERE t.hash = ANY($1::bytea[]) ORDER BY t.hash FOR NO KEY UPDATE`}
	readEntries = &statement{"read_entries", `SELECT ` + entryColumns + entryTables + `
		WHERE e.transaction_id = ANY($1::uuid[]) ORDER BY e.transaction_id, e.leg`}
	readGivenBack = &statement{"read_given_back", `SELECT original_transaction_id, sum(amount)::bigint
		FROM entries WHERE original_transaction_id = ANY($1::uuid[]) AND ` + givenBack + ` GROUP BY original_transaction_id`}

	insertAccounts = &statement{"insert_accounts", `INSERT INTO accounts
		(id, customer_id, kind, currency, balance, held, credit_limit, sequence, last_at)
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::text[], $5::bigint[], $6::bigint[],
			$7::bigint[], $8::bigint[], $9::timestamptz[])`}
	insertCards = &statement{"insert_cards", `INSERT INTO cards
		(id, brand, bin, last4, account_id, holder_name, expiry_month, expiry_year, issued_at, blocked, wrong_at, locked_until,
			purchase_limit, purchase_minimum, purchases_per_minute, frequency_level, frequency_at)
		SELECT id, brand, bin, last4, account_id, holder_name, expiry_month, expiry_year, issued_at, blocked, wrong_at::bigint[], locked_until,
			purchase_limit, purchase_minimum, purchases_per_minute, frequency_level, frequency_at
		FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::integer[], $8::integer[],
			$9::timestamptz[], $10::boolean[], $11::text[], $12::timestamptz[], $13::bigint[], $14::bigint[], $15::integer[],
			$16::bigint[], $17::timestamptz[])
			AS u (id, brand, bin, last4, account_id, holder_name, expiry_month, expiry_year, issued_at, blocked, wrong_at, locked_until,
				purchase_limit, purchase_minimum, purchases_per_minute, frequency_level, frequency_at)`}
	insertSealed = &statement{"insert_sealed", `INSERT INTO vault (card_id, lookup, key_id, ciphertext)
		SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::text[], $4::bytea[])`}

	// insertEntries is for batches whose entries all have an account, and a card that
	// is known if any: four columns less for every row.
	insertEntries = &statement{"insert_entries", `INSERT INTO entries (` + insertedColumns + `)
		SELECT * FROM unnest(` + insertedTypes + `)`}
	insertAnyEntries = &statement{"insert_any_entries", `INSERT INTO entries (` + insertedColumns + `,
			refused_currency, presented_brand, presented_bin, presented_last4)
		SELECT * FROM unnest(` + insertedTypes + `, $34::text[], $35::smallint[], $36::text[], $37::text[])`}

	// insertEvents takes the ids in the order of the decisions.
	insertEvents = &statement{"insert_events", `INSERT INTO outbox (transaction_id, account_id, sequence, key, schema_version, body)
		SELECT transaction_id, account_id, sequence, key, schema_version, body
		FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::uuid[], $5::integer[], $6::bytea[]) WITH ORDINALITY
			AS u (transaction_id, account_id, sequence, key, schema_version, body, decision)
		ORDER BY decision`}

	updateAccounts = &statement{"update_accounts", `UPDATE accounts a
		SET balance = u.balance, held = u.held, credit_limit = u.credit_limit, sequence = u.sequence, last_at = u.last_at
		FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[])
			AS u (id, balance, held, credit_limit, sequence, last_at)
		WHERE a.id = u.id`}
	updateCards = &statement{"update_cards", `UPDATE cards c
		SET blocked = u.blocked, wrong_at = u.wrong_at::bigint[], locked_until = u.locked_until, purchase_limit = u.purchase_limit,
			purchase_minimum = u.purchase_minimum, purchases_per_minute = u.purchases_per_minute,
			frequency_level = u.frequency_level, frequency_at = u.frequency_at
		FROM unnest($1::uuid[], $2::boolean[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::integer[], $8::bigint[], $9::timestamptz[])
			AS u (id, blocked, wrong_at, locked_until, purchase_limit, purchase_minimum, purchases_per_minute, frequency_level, frequency_at)
		WHERE c.id = u.id`}
	useTokens = &statement{"use_tokens", `UPDATE card_tokens t SET used_by = u.used_by
		FROM unnest($1::bytea[], $2::uuid[]) AS u (hash, used_by) WHERE t.hash = u.hash`}
)

const (
	insertedColumns = `transaction_id, leg, account_id, sequence, kind, direction, status, decline, amount,
		debit_account, credit_account, balance_after, held_after, credit_limit_after, card_id,
		merchant_id, merchant_name, merchant_category_code, merchant_city, merchant_country,
		channel, description, original_transaction_id, counterparty_name, end_to_end_id, attempt,
		caller, request_id, fingerprint, trace_id, decision_micros, occurred_at, producer_version`
	insertedTypes = `$1::uuid[], $2::smallint[], $3::uuid[], $4::bigint[], $5::smallint[], $6::smallint[], $7::smallint[], $8::smallint[], $9::bigint[],
		$10::uuid[], $11::uuid[], $12::bigint[], $13::bigint[], $14::bigint[], $15::uuid[],
		$16::text[], $17::text[], $18::text[], $19::text[], $20::text[],
		$21::smallint[], $22::text[], $23::uuid[], $24::text[], $25::text[], $26::integer[],
		$27::text[], $28::text[], $29::bytea[], $30::text[], $31::bigint[], $32::timestamptz[], $33::text[]`
)

// executed lists all that Execute needs, prepared before a connection's first batch.
var executed = []*statement{
	begin, commit, rollback, lockAccounts, readCards, lockTokens, readEntries, readGivenBack,
	insertAccounts, insertCards, insertSealed, insertEntries, insertAnyEntries, insertEvents,
	updateAccounts, updateCards, useTokens,
}
