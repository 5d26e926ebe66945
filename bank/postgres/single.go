package postgres

import (
	"codebank.dev/bank"
	"codebank.dev/platform/database/wire"
)

// A single decision is the usual batch of an idle bank. Its write set is one statement instead of three,
// with single values as parameters. Each part reads the result of the one before, so the account is
// updated first and the outbox id is taken last.
var (
	writeSingle        = &wire.Statement{Name: "write_single", SQL: writingSingle(&parameters{}, usualColumns, false)}
	writeSingleByToken = &wire.Statement{Name: "write_single_by_token", SQL: writingSingle(&parameters{}, usualColumns, true)}

	writeAnySingle        = &wire.Statement{Name: "write_any_single", SQL: writingSingle(&parameters{}, writtenColumns, false)}
	writeAnySingleByToken = &wire.Statement{Name: "write_any_single_by_token", SQL: writingSingle(&parameters{}, writtenColumns, true)}

	// An entry that opens a hold, or ends one, is rare.
	writeOpening        = &wire.Statement{Name: "write_opening", SQL: writingSingle(&parameters{}, writtenColumns, false, openingHold)}
	writeOpeningByToken = &wire.Statement{Name: "write_opening_by_token", SQL: writingSingle(&parameters{}, writtenColumns, true, openingHold)}
	writeEnding         = &wire.Statement{Name: "write_ending", SQL: writingSingle(&parameters{}, writtenColumns, false, endingHold)}
)

// writingSingle returns the statement for an entry with these columns, which uses a card token or not, and
// with more parts of the write set. Its parameters are those that addSingle writes, in the same order.
func writingSingle(p *parameters, columns []column[bank.Entry], byToken bool, parts ...func(*parameters) string) string {
	id, figures, version := p.one(uuidType), assignedOnes(p, accountFigures), p.one(bigintType)
	written := `WITH written AS (UPDATE accounts SET ` + figures + `, version = ` + version + ` + 1
		WHERE id = ` + id + ` AND version = ` + version + ` RETURNING id)`
	posted := `, posted AS (INSERT INTO entries (` + named(columns) + `) SELECT ` + ones(p, columns) + ` FROM written RETURNING leg)`
	emitted := `, emitted AS (INSERT INTO outbox (` + named(outboxColumns) + `) SELECT ` + ones(p, outboxColumns) + ` FROM posted RETURNING id)`
	inTime := `clock_timestamp() < ` + p.one(timestampType)
	used := ""
	if byToken {
		used = `, used AS (INSERT INTO used_tokens (` + named(tokenUseColumns) + `) SELECT ` + ones(p, tokenUseColumns) + ` FROM posted)`
	}
	for _, part := range parts {
		used += part(p)
	}
	return written + posted + used + emitted + ` SELECT require_all(CASE WHEN ` + inTime + ` THEN count(*) ELSE -1 END, 1) FROM emitted`
}

// isSingle reports whether changes are a single decision on an existing account that stays open.
func isSingle(changes *bank.Changes) bool {
	return len(changes.Accounts) == 1 && !changes.Accounts[0].IsClosed() && len(changes.Entries) == 1 && len(changes.Events) == 1 &&
		len(changes.NewAccounts)+len(changes.NewCards)+len(changes.Cards) == 0 &&
		(len(changes.TokenUses) == 0 || len(changes.TokenUses) == 1 && changes.TokenUses[0].StoredHash == [32]byte{})
}

func addSingle(b *wire.Batch, seen *view, changes *bank.Changes) {
	p := &b.Session.Parameters
	columns, write, byToken := usualColumns, writeSingle, writeSingleByToken
	if e := changes.Entries[0]; hasOwnData(e) || hasRareData(e) {
		columns, write, byToken = writtenColumns, writeAnySingle, writeAnySingleByToken
	}
	addVersions(p, seen, changes.Accounts)
	addPointers(p, columns, changes.Entries)
	addColumns(p, outboxColumns, changes.Events)
	addDeadline(p, seen)
	opened, ended := openHolds(changes.Entries)
	switch {
	case len(opened) > 0:
		write, byToken = writeOpening, writeOpeningByToken
	case len(ended) > 0:
		write = writeEnding
	}
	if len(changes.TokenUses) > 0 {
		write = byToken
		addColumns(p, tokenUseColumns, changes.TokenUses)
	}
	if len(opened) > 0 {
		addPointers(p, openHoldColumns, opened)
	}
	if len(ended) > 0 {
		p.UUIDs(ended)
	}
	b.AddValues(write, p.Elements(), nil)
}
