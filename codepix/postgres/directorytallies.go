package postgres

import (
	"context"
	"maps"
	"slices"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/failpoints"
	"codebank.dev/codepix/key"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

const (
	addTally     = "UPDATE pix_tallies SET count = count + $4, digest = digest # $5 WHERE bank_code = $1 AND kind = $2 AND key_id = $3"
	insertTally  = "INSERT INTO pix_tallies (bank_code, kind, key_id, count, digest) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"
	lockTallies  = "SELECT kind FROM pix_tallies WHERE bank_code = $1 ORDER BY kind FOR UPDATE"
	setTally     = "UPDATE pix_tallies SET key_id = $3, count = $4, digest = $5 WHERE bank_code = $1 AND kind = $2"
	readTallies  = "SELECT kind, key_id, count, digest FROM pix_tallies WHERE bank_code = $1"
	countedEntry = "SELECT " + entryColumns + " FROM pix_keys WHERE bank_code = $1 AND state = 2"
)

// bits returns a digest as the database has it, where # is the exclusive or.
func bits(d directory.Digest) pgtype.Bits {
	return pgtype.Bits{Bytes: d[:], Len: int32(len(d)) * 8, Valid: true}
}

// bank returns a bank that takes part.
func (d *Directory) bank(code string) (directory.Bank, error) {
	bank, known := d.banks.Bank(code)
	if !known {
		return bank, directory.ErrNoBank
	}
	return bank, nil
}

// tally brings the tallies up to what a change made of the active entry. It is called behind the change, and locks
// the banks in their order.
func (d *Directory) tally(ctx context.Context, tx pgx.Tx, diff *difference) error {
	before, after := diff.before.Active, diff.after.Active
	if before == after || before != nil && after != nil && *before == *after {
		return nil
	}
	changes := map[string]directory.Tally{}
	for entry, by := range map[*directory.Entry]int64{before: -1, after: 1} {
		if entry == nil {
			continue
		}
		bank, err := d.bank(entry.Account.BankCode)
		if err != nil {
			return err
		}
		changes[bank.Code] = changes[bank.Code].Add(bank.Digester.Digest(entry), by)
	}
	for _, code := range slices.Sorted(maps.Keys(changes)) {
		bank, err := d.bank(code)
		if err != nil {
			return err
		}
		if err := add(ctx, tx, bank, diff.after.Key.Kind, changes[code]); err != nil {
			return err
		}
	}
	return nil
}

// add adds to one tally of a bank. If it is made with another secret, all of the bank's are made anew; the change is
// among the keys already.
func add(ctx context.Context, tx pgx.Tx, bank directory.Bank, kind key.Kind, change directory.Tally) error {
	arguments := []any{bank.Code, int16(kind), bank.Digester.KeyID(), change.Count, bits(change.Digest)}
	tag, err := tx.Exec(ctx, addTally, arguments...)
	if err != nil || tag.RowsAffected() > 0 {
		return err
	}
	if change.Count > 0 { // It is perhaps the first one.
		tag, err = tx.Exec(ctx, insertTally, arguments...)
		if err != nil || tag.RowsAffected() > 0 {
			return err
		}
	}
	return recount(ctx, tx, bank)
}

// recount sums up a bank's active keys anew. Nobody changes them meanwhile, because who does needs the rows that are
// locked here before he commits.
func recount(ctx context.Context, tx pgx.Tx, bank directory.Bank) error {
	rows, err := tx.Query(ctx, lockTallies, bank.Code)
	if err != nil {
		return err
	}
	kinds, err := pgx.CollectRows(rows, pgx.RowTo[key.Kind])
	if err != nil {
		return err
	}
	counted, err := count(ctx, tx, bank)
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	for _, kind := range kinds {
		batch.Queue(setTally, bank.Code, int16(kind), bank.Digester.KeyID(), counted[kind].Count, bits(counted[kind].Digest))
	}
	return tx.SendBatch(ctx, batch).Close()
}

// querier is a transaction, or a connection of the pool.
type querier interface {
	Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error)
}

// count reads a bank's active keys and sums them up.
func count(ctx context.Context, from querier, bank directory.Bank) (map[key.Kind]directory.Tally, error) {
	rows, err := from.Query(ctx, countedEntry, bank.Code)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	tallies := map[key.Kind]directory.Tally{}
	for rows.Next() {
		entry, err := scanEntry(rows)
		if err != nil {
			return nil, err
		}
		tallies[entry.Key.Kind] = tallies[entry.Key.Kind].Add(bank.Digester.Digest(&entry), 1)
	}
	return tallies, rows.Err()
}

// TalliesOf implements directory.Tallies.
func (d *Directory) TalliesOf(ctx context.Context, bankCode string) (map[key.Kind]directory.Tally, string, error) {
	bank, err := d.bank(bankCode)
	if err != nil {
		return nil, "", err
	}
	tallies, same, err := d.kept(ctx, bank)
	if err == nil && !same {
		err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error { return recount(ctx, tx, bank) })
		d.failpoint.After(err, failpoints.TalliesRecounted)
		if err == nil {
			tallies, _, err = d.kept(ctx, bank)
		}
	}
	return tallies, bank.Digester.KeyID(), translate(err)
}

// kept returns the tallies of a bank, and whether all of them are made with its secret.
func (d *Directory) kept(ctx context.Context, bank directory.Bank) (tallies map[key.Kind]directory.Tally, same bool, err error) {
	rows, err := d.pool.Query(ctx, readTallies, bank.Code)
	if err != nil {
		return nil, false, err
	}
	tallies, same = map[key.Kind]directory.Tally{}, true
	var kind key.Kind
	var keyID string
	var tally directory.Tally
	var digest pgtype.Bits
	_, err = pgx.ForEachRow(rows, []any{&kind, &keyID, &tally.Count, &digest}, func() error {
		copy(tally.Digest[:], digest.Bytes)
		if same = same && keyID == bank.Digester.KeyID(); tally.Count != 0 {
			tallies[kind] = tally
		}
		return nil
	})
	return tallies, same, err
}

// Recount implements directory.Tallies.
func (d *Directory) Recount(ctx context.Context, bankCode string) (map[key.Kind]directory.Tally, error) {
	bank, err := d.bank(bankCode)
	if err != nil {
		return nil, err
	}
	tallies, err := count(ctx, d.pool, bank)
	return tallies, translate(err)
}
