package postgres

import (
	"context"
	"time"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/failpoints"
	"codebank.dev/codepix/key"
	"codebank.dev/platform/database"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/id"
	"github.com/jackc/pgx/v5"
)

var _ directory.Store = (*Directory)(nil)

// Directory is keys and claims in Postgres. It is safe for concurrent use, and any number of processes may open the
// same database. A map of its files:
//
//	directory.go        a change: what is known of a key, and the difference to write
//	directorydiff.go    the statements that write it
//	directoryread.go    entries and claims
//	directorytallies.go the digests over the banks' keys
//	directorycodes.go   codes that are due, and what is too old
//	directorybuckets.go the tokens of look-ups
//
// Locks are taken in one order: the key's advisory lock, its rows, the tallies by bank. Buckets are locked by their
// names, in transactions of their own.
type Directory struct {
	pool      *database.Pool
	banks     directory.Banks
	failpoint failpoint.Hook
}

// Directory returns the keys and claims of the store. The banks say what their keys count for in digests.
func (s *Store) Directory(banks directory.Banks) *Directory {
	return &Directory{pool: s.pool, banks: banks, failpoint: s.failpoint}
}

// changeTries is how often a change is decided. Each try but the first follows a commit of another process.
const changeTries = 3

// Change implements directory.Keys.
func (d *Directory) Change(ctx context.Context, change directory.Change, decide func(*directory.Record) error) error {
	var err error
	for range changeTries {
		var refusal error
		err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
			before, err := load(ctx, tx, &change)
			if err != nil {
				return err
			}
			after := before.Clone()
			if refusal = decide(after); refusal != nil {
				return errRefused
			}
			return d.write(ctx, tx, &difference{change: &change, before: before, after: after})
		})
		d.failpoint.After(err, failpoints.KeyChanged)
		if refusal != nil {
			return refusal
		}
		if err == nil || database.Classify(err) != database.Conflict {
			break
		}
	}
	return translate(err)
}

// The statements that load a record. The first one makes changes of one key follow each other; the unique indexes
// would arbitrate without it, but then who loses has to decide again.
const (
	lockKey      = "SELECT pg_advisory_xact_lock(hashtextextended($2, $1::bigint))"
	loadEntries  = "SELECT " + entryColumns + " FROM pix_keys WHERE kind = $1 AND key = $2 ORDER BY bank_code, account_id"
	loadClaims   = "SELECT " + claimColumns + " FROM pix_claims WHERE kind = $1 AND key = $2 AND (state <= 2 OR id = $3) ORDER BY created_at, id"
	loadProofs   = "SELECT bank_code, account_id, requested_at, hash, expires_at, attempts, used FROM pix_codes WHERE kind = $1 AND key = $2 ORDER BY bank_code, account_id FOR UPDATE"
	loadSends    = "SELECT since, count FROM pix_code_sends WHERE kind = $1 AND key = $2"
	loadRequest  = "SELECT fingerprint, kind, key, state, created_at, claim_id FROM pix_requests WHERE bank_code = $1 AND request_id = $2"
	countOfParty = "SELECT count(*) FROM pix_keys WHERE bank_code = $1 AND account_id = $2"
)

// load reads all that is known of a key, in one round trip.
func load(ctx context.Context, tx pgx.Tx, change *directory.Change) (*directory.Record, error) {
	r := &directory.Record{Key: change.Key}
	kind, text := int16(change.Key.Kind), change.Key.Text
	batch := &pgx.Batch{}
	batch.Queue(lockKey, kind, text)
	batch.Queue(loadEntries, kind, text).Query(each(scanEntry, func(e directory.Entry) {
		if e.State == directory.Active {
			r.Active = &e
		} else {
			r.Pending = append(r.Pending, e)
		}
	}))
	batch.Queue(loadClaims, kind, text, [16]byte(change.Claim)).Query(each(scanClaim, func(c directory.Claim) { r.Claims = append(r.Claims, c) }))
	batch.Queue(loadProofs, kind, text).Query(each(scanProof, func(p directory.Proof) { r.Proofs = append(r.Proofs, p) }))
	batch.Queue(loadSends, kind, text).Query(each(scanSends, func(s directory.Sends) { r.Sends = s }))
	if change.RequestID != "" {
		batch.Queue(loadRequest, change.Party.BankCode, change.RequestID).Query(each(scanRequest, func(q directory.Request) { r.Request = &q }))
	}
	batch.Queue(countOfParty, change.Party.BankCode, [16]byte(change.Party.AccountID)).QueryRow(func(row pgx.Row) error { return row.Scan(&r.OfParty) })
	return r, tx.SendBatch(ctx, batch).Close()
}

// each returns a callback that scans all rows of a result.
func each[T any](scan pgx.RowToFunc[T], do func(T)) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		all, err := pgx.CollectRows(rows, scan)
		for _, one := range all {
			do(one)
		}
		return err
	}
}

// entryColumns are the columns that scanEntry reads.
const entryColumns = "kind, key, bank_code, account_id, state, holder_name, holder_document, created_at"

func scanEntry(row pgx.CollectableRow) (e directory.Entry, err error) {
	err = row.Scan(&e.Key.Kind, &e.Key.Text, &e.Account.BankCode, (*[16]byte)(&e.Account.AccountID), &e.State,
		&e.Account.HolderName, &e.Account.HolderDocument, &e.CreatedAt)
	e.CreatedAt = e.CreatedAt.UTC()
	return e, err
}

// claimColumns are the columns that scanClaim reads.
const claimColumns = `id, kind, key, state, claimer_bank, claimer_account, claimer_name, claimer_document,
	donor_bank, donor_account, donor_name, donor_document, donor_proved, created_at, resolve_at`

func scanClaim(row pgx.CollectableRow) (c directory.Claim, err error) {
	var resolveAt *time.Time
	err = row.Scan((*[16]byte)(&c.ID), &c.Key.Kind, &c.Key.Text, &c.State,
		&c.Claimer.BankCode, (*[16]byte)(&c.Claimer.AccountID), &c.Claimer.HolderName, &c.Claimer.HolderDocument,
		&c.Donor.BankCode, (*[16]byte)(&c.Donor.AccountID), &c.Donor.HolderName, &c.Donor.HolderDocument,
		&c.DonorProved, &c.CreatedAt, &resolveAt)
	c.CreatedAt, c.ResolveAt = c.CreatedAt.UTC(), orZero(resolveAt)
	return c, err
}

func scanProof(row pgx.CollectableRow) (p directory.Proof, err error) {
	var hash []byte
	var expiresAt *time.Time
	err = row.Scan(&p.BankCode, (*[16]byte)(&p.AccountID), &p.RequestedAt, &hash, &expiresAt, &p.Attempts, &p.Used)
	p.RequestedAt, p.ExpiresAt = p.RequestedAt.UTC(), orZero(expiresAt)
	copy(p.Hash[:], hash)
	return p, err
}

func scanSends(row pgx.CollectableRow) (s directory.Sends, err error) {
	err = row.Scan(&s.Since, &s.Count)
	return s, err
}

func scanRequest(row pgx.CollectableRow) (q directory.Request, err error) {
	var fingerprint []byte
	var createdAt *time.Time
	var claim *[16]byte
	err = row.Scan(&fingerprint, &q.Key.Kind, &q.Key.Text, &q.State, &createdAt, &claim)
	copy(q.Fingerprint[:], fingerprint)
	q.CreatedAt = orZero(createdAt)
	if claim != nil {
		q.Claim = id.ID(*claim)
	}
	return q, err
}

// orZero returns a time of the database, or the zero time for NULL.
func orZero(at *time.Time) time.Time {
	if at == nil {
		return time.Time{}
	}
	return at.UTC()
}

// orNull returns a time for the database, or NULL for the zero time.
func orNull(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// kindOf returns a kind for the database.
func kindOf(k key.Key) int16 { return int16(k.Kind) }
