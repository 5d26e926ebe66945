package postgres

import (
	"fmt"
	"slices"
	"strings"

	"codebank.dev/bank"
	"codebank.dev/platform/database/wire"
)

// The statements of a batch. Lists of values are sent as arrays, so that one statement, planned
// once, serves a batch of any size. The arrays are unnested in the select list, side by side. In
// FROM each array would first be copied into a row store, which costs more than the insert. The
// columns are those of entry_columns.go and state_columns.go.

const (
	entryTables = ` FROM entries e LEFT JOIN accounts a ON a.id = e.account_id LEFT JOIN cards c ON c.id = e.card_id `
)

// What entries count towards, by the table of kinds.
var (
	// givenBack is true for entries that give back a part of another transaction (bank.GivenBack). The
	// first line is the condition of the index entries_given_back.
	givenBack = `status = 1 AND leg = 0
				AND debit_account IS NOT NULL AND kind IN ` + kindsThat(bank.GivenBack)

	// relationOf is Relation of an entry r that is approved and refers to another transaction. It is null for
	// an entry that does not count.
	relationOf = fmt.Sprintf(`CASE WHEN r.debit_account IS NULL THEN CASE WHEN r.kind IN %s THEN %d END
			WHEN r.leg = 0 THEN CASE WHEN r.kind IN %s THEN %d WHEN r.kind IN %s THEN %d END END::smallint`,
		kindsThat(bank.Released), bank.Released, kindsThat(bank.GivenBack), bank.GivenBack, kindsThat(bank.Captured), bank.Captured)

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
	lockAccounts = &wire.Statement{Name: "lock_accounts", SQL: `SELECT ` + selected("a", accountColumns) + `, a.version
		FROM accounts a WHERE a.id = ANY($1::uuid[]) ORDER BY a.id FOR NO KEY UPDATE`}
	// readAccounts takes no lock: a batch that is decided on these rows is written only at their
	// versions.
	readAccounts = &wire.Statement{Name: "read_accounts", SQL: `SELECT ` + selected("a", accountColumns) + `, a.version
		FROM accounts a WHERE a.id = ANY($1::uuid[])`}
	// readCards takes no lock: a card changes only under its account's lock.
	readCards   = &wire.Statement{Name: "read_cards", SQL: `SELECT ` + selected("c", cardColumns) + ` FROM cards c WHERE c.id = ANY($1::uuid[])`}
	readEntries = &wire.Statement{Name: "read_entries", SQL: `SELECT ` + selected("e", entryColumns) + entryTables + `
		WHERE e.transaction_id = ANY($1::uuid[]) ORDER BY e.transaction_id, e.leg`}
	readTokenUses = &wire.Statement{Name: "read_token_uses", SQL: `SELECT nonce, transaction_id FROM used_tokens WHERE nonce = ANY($1::uuid[])`}
	// readSums finds the transactions by their legs 0, which are in the index entries_given_back, and
	// then all of their legs by their key, because leg 1 of a capture counts too.
	readSums = &wire.Statement{Name: "read_sums", SQL: `SELECT original, relation, sum(amount)::bigint
		FROM (` + counted + `e.original_transaction_id = ANY($1::uuid[])) counted
		WHERE relation IS NOT NULL GROUP BY original, relation`}

	insertAccounts = &wire.Statement{Name: "insert_accounts", SQL: inserting("accounts", accountColumns)}
	insertCards    = &wire.Statement{Name: "insert_cards", SQL: inserting("cards", cardColumns)}
	insertSealed   = &wire.Statement{Name: "insert_sealed", SQL: `INSERT INTO vault (card_id, lookup, key_id, ciphertext)
		SELECT unnest($1::uuid[]), unnest($2::bytea[]), unnest($3::text[]), unnest($4::bytea[])`}

	// insertEntries is for batches of usual entries: each has an account, a card of the bank if any, and
	// nothing rare. It has ten columns less for every row. So have insertTransfers and insertHolds nine and
	// seven.
	insertEntries    = &wire.Statement{Name: "insert_entries", SQL: inserting("entries", usualColumns)}
	insertTransfers  = &wire.Statement{Name: "insert_transfers", SQL: inserting("entries", ofTransfers)}
	insertHolds      = &wire.Statement{Name: "insert_holds", SQL: inserting("entries", ofHolds)}
	insertAnyEntries = &wire.Statement{Name: "insert_any_entries", SQL: inserting("entries", writtenColumns)}

	// insertTokenUses lets the primary key decide who uses a token.
	insertTokenUses = &wire.Statement{Name: "insert_token_uses", SQL: inserting("used_tokens", tokenUseColumns)}

	// insertEvents takes the ids in the order of the decisions, because they are drawn after the
	// sort.
	insertEvents = &wire.Statement{Name: "insert_events", SQL: `INSERT INTO outbox (` + named(outboxColumns) + `)
		SELECT ` + named(outboxColumns) + ` FROM (` + eventsInOrder + `) u ORDER BY decision`}
	insertRepublished = &wire.Statement{Name: "insert_republished", SQL: `INSERT INTO outbox (` + named(outboxColumns) + `, republished)
		SELECT ` + named(outboxColumns) + `, true FROM (` + eventsInOrder + `) u ORDER BY decision`}
	eventsInOrder = `SELECT ` + namedArrays(&parameters{}, outboxColumns) + `, generate_subscripts($1::uuid[], 1) AS decision`

	// updateAccounts fails with 40001 when a row has another version than the one the batch was
	// decided on. It updates, and so locks, the rows in the order of the arrays. It also fails when
	// it is too late to write an optimistic batch (see writtenWithin).
	updateAccounts = &wire.Statement{Name: "update_accounts", SQL: updatingAccounts(&parameters{})}
	updateCards    = &wire.Statement{Name: "update_cards", SQL: updatingCards(&parameters{})}
	// closeAccounts follows updateAccounts, which has checked the versions.
	closeAccounts = &wire.Statement{Name: "close_accounts", SQL: closingAccounts(&parameters{})}
)

// kindsThat returns the kinds that count towards another transaction by a relation, as a list in SQL.
func kindsThat(relation bank.Relation) string {
	var kinds []string
	for _, r := range bank.AllRules() {
		if kind := fmt.Sprintf("%d", uint8(r.Kind)); r.Relation == relation && !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return "(" + strings.Join(kinds, ", ") + ")"
}

// inserting returns a statement that inserts the rows of addColumns.
func inserting[T any](table string, columns []column[T]) string {
	return `INSERT INTO ` + table + ` (` + named(columns) + `) SELECT ` + arrays(&parameters{}, columns)
}

func updatingAccounts(p *parameters) string {
	return `WITH written AS (UPDATE accounts a SET ` + assignments("u", accountFigures) + `, version = u.version + 1
		FROM (SELECT ` + p.array(uuidType) + ` AS id, ` + namedArrays(p, accountFigures) + `, ` + p.array(bigintType) + ` AS version) u
		WHERE a.id = u.id AND a.version = u.version RETURNING 1)
		SELECT require_all(CASE WHEN clock_timestamp() < (` + p.one(timestampType) + `[])[1] THEN count(*) ELSE -1 END, cardinality($1::uuid[]))
		FROM written`
}

func closingAccounts(p *parameters) string {
	return `UPDATE accounts a SET ` + assignments("u", accountClosing) + `
		FROM (SELECT ` + p.array(uuidType) + ` AS id, ` + namedArrays(p, accountClosing) + `) u WHERE a.id = u.id AND a.closed_at IS NULL`
}

func updatingCards(p *parameters) string {
	return `UPDATE cards c SET ` + assignments("u", cardState) + `
		FROM (SELECT ` + p.array(uuidType) + ` AS id, ` + namedArrays(p, cardState) + `) u WHERE c.id = u.id`
}

// executed lists the statements that Execute needs. They are prepared before the first batch of a
// connection.
var executed = []*wire.Statement{
	begin, commit, rollback, lockAccounts, readAccounts, readCards, readEntries, readSums, readTokenUses, lockStoredTokens,
	insertAccounts, insertCards, insertSealed, insertEntries, insertTransfers, insertHolds, insertAnyEntries, insertTokenUses, insertEvents,
	updateAccounts, closeAccounts, updateCards, useStoredTokens, writeSingle, writeSingleByToken, writeAnySingle, writeAnySingleByToken,
	insertOpenHolds, deleteOpenHolds, writeOpening, writeOpeningByToken, writeEnding, sendMessages, endMessages,
	readPixCodes, payPixCodes,
}
