package postgres

import (
	"codebank.dev/bank"
	"codebank.dev/platform/database/wire"
)

// writeSingle is the write set of a single decision, the usual batch of an idle bank: one statement
// instead of three, with single values as parameters. Each part reads the result of the one before,
// so the account is updated first and the outbox id is taken last.
var writeSingle = &wire.Statement{Name: "write_single", SQL: singleEntry + singleEvent}

// writeSingleByToken is writeSingle for a purchase that uses a card token.
var writeSingleByToken = &wire.Statement{Name: "write_single_by_token", SQL: singleEntry + singleTokenUse + singleEvent}

const (
	singleEntry = `WITH written AS (UPDATE accounts
		SET balance = $2, held = $3, credit_limit = $4, sequence = $5, last_at = $6, version = $7::bigint + 1
		WHERE id = $1 AND version = $7::bigint RETURNING id),
	posted AS (INSERT INTO entries (` + insertedColumns + `)
		SELECT $8::uuid, $9::smallint, $10::uuid, $11::bigint, $12::smallint, $13::smallint, $14::smallint, $15::smallint, $16::bigint,
			$17::uuid, $18::uuid, $19::bigint, $20::bigint, $21::bigint, $22::uuid, $23::text, $24::text, $25::text, $26::text, $27::text,
			$28::smallint, $29::text, $30::uuid, $31::text, $32::text, $33::integer, $34::text, $35::text, $36::bytea, $37::text,
			$38::bigint, $39::timestamptz, $40::text, $41::smallint, $42::smallint, $43::smallint FROM written RETURNING leg)`
	singleTokenUse = `,
	used AS (INSERT INTO used_tokens (nonce, transaction_id, expires_at) SELECT $51::uuid, $52::uuid, $53::timestamptz FROM posted)`
	singleEvent = `,
	emitted AS (INSERT INTO outbox (transaction_id, account_id, sequence, key, schema_version, body)
		SELECT $44::uuid, $45::uuid, $46::bigint, $47::uuid, $48::integer, $49::bytea FROM posted RETURNING id)
	SELECT require_all(CASE WHEN clock_timestamp() < $50::timestamptz THEN count(*) ELSE -1 END, 1) FROM emitted`
)

// isSingle reports whether changes are a single decision on an existing account.
func isSingle(changes *bank.Changes) bool {
	return len(changes.Accounts) == 1 && len(changes.Entries) == 1 && len(changes.Events) == 1 && !hasOwnData(changes.Entries[0]) &&
		len(changes.NewAccounts)+len(changes.NewCards)+len(changes.Cards) == 0 &&
		(len(changes.TokenUses) == 0 || len(changes.TokenUses) == 1 && changes.TokenUses[0].StoredHash == [32]byte{})
}

func addSingle(b *wire.Batch, seen *view, changes *bank.Changes) {
	p := &b.Session.Parameters
	addVersions(p, seen, changes.Accounts)
	addMovements(p, changes.Entries)
	addBodies(p, changes.Events)
	addDeadline(p, seen)
	write := writeSingle
	if len(changes.TokenUses) > 0 {
		write = writeSingleByToken
		addUses(p, changes.TokenUses)
	}
	b.AddValues(write, p.Elements(), nil)
}
