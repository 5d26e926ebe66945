package postgres

import (
	"context"
	"fmt"
	"time"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/failpoints"
	"codebank.dev/codepix/key"
	"codebank.dev/platform/id"
	"github.com/jackc/pgx/v5"
)

// find reads a key and the buckets of who asks. It is all that a look-up asks of the database.
const find = `SELECT k.bank_code, k.account_id, k.holder_name, k.holder_document, k.created_at, c.level, c.at, b.level, b.at
FROM (VALUES (1)) AS one
LEFT JOIN pix_keys k ON k.kind = $1 AND k.key = $2 AND k.state = 2
LEFT JOIN pix_buckets c ON c.bank_code = $3 AND c.customer = $4 AND $4 <> ''
LEFT JOIN pix_buckets b ON b.bank_code = $3 AND b.customer = ''`

// Find implements directory.Buckets.
func (d *Directory) Find(ctx context.Context, k key.Key, who directory.BucketName) (found directory.Found, err error) {
	var code, name, document *string
	var account *[16]byte
	var createdAt, customerAt, bankAt *time.Time
	var customerLevel, bankLevel *int64
	err = d.pool.QueryRow(ctx, find, kindOf(k), k.Text, who.BankCode, who.Customer).
		Scan(&code, &account, &name, &document, &createdAt, &customerLevel, &customerAt, &bankLevel, &bankAt)
	if err != nil {
		return directory.Found{}, translate(err)
	}
	if code != nil {
		found.Active = &directory.Entry{Key: k, State: directory.Active, CreatedAt: createdAt.UTC(), Account: directory.Account{
			Party: directory.Party{BankCode: *code, AccountID: id.ID(*account)}, HolderName: *name, HolderDocument: *document,
		}}
	}
	found.Customer, found.Bank = bucket(customerLevel, customerAt), bucket(bankLevel, bankAt)
	return found, nil
}

// bucket returns a bucket that is stored, or nil.
func bucket(level *int64, at *time.Time) *directory.Bucket {
	if level == nil {
		return nil
	}
	return &directory.Bucket{Level: *level, At: at.UTC()}
}

const (
	fillBuckets = `INSERT INTO pix_buckets (bank_code, customer, level, at) SELECT bank_code, customer, level, $4
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS new(bank_code, customer, level) ON CONFLICT DO NOTHING`
	lockBuckets = `SELECT b.bank_code, b.customer, b.level, b.at FROM pix_buckets b
JOIN unnest($1::text[], $2::text[]) AS named(bank_code, customer) USING (bank_code, customer) ORDER BY b.bank_code, b.customer FOR UPDATE OF b`
	setBuckets = `UPDATE pix_buckets b SET level = new.level, at = new.at
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[]) AS new(bank_code, customer, level, at)
WHERE b.bank_code = new.bank_code AND b.customer = new.customer`
)

// Spend implements directory.Buckets. The spendings are in the order of their names, so two calls never wait for each
// other.
func (d *Directory) Spend(ctx context.Context, now time.Time, spendings []directory.Spending) (after []directory.Bucket, err error) {
	codes, customers := make([]string, len(spendings)), make([]string, len(spendings))
	levels, times := make([]int64, len(spendings)), make([]time.Time, len(spendings))
	for i, s := range spendings {
		codes[i], customers[i], levels[i] = s.Name.BankCode, s.Name.Customer, s.Rate.Full(now).Level
	}
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		after = after[:0]
		stored := map[directory.BucketName]directory.Bucket{}
		batch := &pgx.Batch{}
		batch.Queue(fillBuckets, codes, customers, levels, now)
		batch.Queue(lockBuckets, codes, customers).Query(func(rows pgx.Rows) error {
			var name directory.BucketName
			var b directory.Bucket
			_, err := pgx.ForEachRow(rows, []any{&name.BankCode, &name.Customer, &b.Level, &b.At}, func() error {
				stored[name] = directory.Bucket{Level: b.Level, At: b.At.UTC()}
				return nil
			})
			return err
		})
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		for i, s := range spendings {
			bucket, known := stored[s.Name]
			if !known {
				return fmt.Errorf("postgres: the bucket of %s is not there", s.Name.BankCode) // Pruned this moment; it is tried again.
			}
			taken := s.Rate.Taken(bucket, s.Level, now)
			after = append(after, taken)
			levels[i], times[i] = taken.Level, taken.At
		}
		_, err := tx.Exec(ctx, setBuckets, codes, customers, levels, times)
		return err
	})
	d.failpoint.After(err, failpoints.TokensSpent)
	return after, translate(err)
}
