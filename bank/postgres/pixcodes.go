package postgres

import (
	"bytes"
	"context"
	"math"
	"slices"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/database/wire"
)

var (
	pixCodeColumns = []column[bank.PixCode]{
		uuids("id", func(c *bank.PixCode) *bank.ID { return &c.ID }),
		uuids("account_id", func(c *bank.PixCode) *bank.ID { return &c.Account }),
		uuids("request_id", func(c *bank.PixCode) *bank.ID { return &c.RequestID }),
		hashes("fingerprint", func(c *bank.PixCode) *[32]byte { return &c.Fingerprint }),
		booleans("once", func(c *bank.PixCode) *bool { return &c.Once }),
		texts("state", func(c *bank.PixCode) *bank.PixCodeState { return &c.State }),
		texts("key", func(c *bank.PixCode) *string { return &c.Key }),
		texts("txid", func(c *bank.PixCode) *string { return &c.TxID }),
		bigints("amount", func(c *bank.PixCode) *int64 { return &c.AmountMinor }),
		texts("message", func(c *bank.PixCode) *string { return &c.Message }),
		texts("text", func(c *bank.PixCode) *string { return &c.Text }),
		timestamps("created_at", func(c *bank.PixCode) *time.Time { return &c.CreatedAt }),
		nullableTimestamps("expires_at", func(c *bank.PixCode) *time.Time { return &c.ExpiresAt }),
	}
	// pixCodeReads are pixCodeColumns with what the database and later commits add.
	pixCodeReads = slices.Concat(pixCodeColumns, []column[bank.PixCode]{
		nullableTimestamps("ended_at", func(c *bank.PixCode) *time.Time { return &c.EndedAt }),
		texts("paid_by", func(c *bank.PixCode) *string { return &c.PaidBy }),
		bigints("position", func(c *bank.PixCode) *int64 { return &c.Position }),
	})
	paidCodeColumns = []column[bank.PixCodePayment]{
		uuids("id", func(c *bank.PixCodePayment) *bank.ID { return &c.Code }),
		texts("paid_by", func(c *bank.PixCodePayment) *string { return &c.EndToEndID }),
		timestamps("ended_at", func(c *bank.PixCodePayment) *time.Time { return &c.At }),
	}
)

var (
	selectPixCodes = `SELECT ` + selected("c", pixCodeReads) + ` FROM pix_codes c `
	readPixCodes   = &wire.Statement{Name: "read_pix_codes", SQL: selectPixCodes + `WHERE c.id = ANY($1::uuid[])`}
	// payPixCodes fails with 40001 when a code has ended since the batch was decided.
	payPixCodes = &wire.Statement{Name: "pay_pix_codes", SQL: `WITH paid AS (
			UPDATE pix_codes c SET state = 'PAID', ` + assignments("u", paidCodeColumns[1:]) + `
			FROM (SELECT ` + namedArrays(&parameters{}, paidCodeColumns) + `) u WHERE c.id = u.id AND c.state = 'ACTIVE' RETURNING 1
		)
		SELECT require_all(count(*), cardinality($1::uuid[])) FROM paid`}

	// insertPixCode inserts nothing when the account has as many active codes as it may, or when a key exists.
	insertPixCode = &wire.Statement{Name: "insert_pix_code", SQL: `INSERT INTO pix_codes (` + named(pixCodeColumns) + `)
		SELECT ` + named(pixCodeColumns) + ` FROM (SELECT ` + namedArrays(&parameters{}, pixCodeColumns) + `) u
		WHERE $14::bigint > (SELECT count(*) FROM pix_codes a
			WHERE a.account_id = u.account_id AND a.state = 'ACTIVE' AND coalesce(a.expires_at, 'infinity') > u.created_at)
		ON CONFLICT DO NOTHING`}
	// lockPixCodes lets one code after the other be counted and stored for an account.
	lockPixCodes  = &wire.Statement{Name: "lock_pix_codes", SQL: `SELECT pg_advisory_xact_lock(hashtextextended('pix_codes', 0) # hashtextextended($1::uuid::text, 0))`}
	pixCodeMade   = &wire.Statement{Name: "pix_code_made", SQL: selectPixCodes + `WHERE c.request_id = $1::uuid OR c.id = $2::uuid ORDER BY c.request_id <> $1::uuid LIMIT 1`}
	pixCodeByID   = &wire.Statement{Name: "pix_code_by_id", SQL: selectPixCodes + `WHERE c.id = $1::uuid`}
	pixCodesOf    = &wire.Statement{Name: "pix_codes_of", SQL: selectPixCodes + `WHERE c.account_id = $1::uuid AND c.position < $2::bigint ORDER BY c.account_id DESC, c.position DESC LIMIT $3::bigint`}
	cancelPixCode = &wire.Statement{Name: "cancel_pix_code", SQL: `UPDATE pix_codes SET state = 'CANCELLED', ended_at = $2::timestamptz
		WHERE id = $1::uuid AND state = 'ACTIVE' AND coalesce(expires_at, 'infinity') > $2::timestamptz`}
)

// pixCodeOf reads pixCodeReads.
func pixCodeOf(r *wire.Row) (code bank.PixCode) {
	read(r, pixCodeReads, &code)
	return code
}

// addPaidCodes queues the codes that a batch pays, in the order of their keys; nothing for a batch that pays none.
func addPaidCodes(b *wire.Batch, paid []bank.PixCodePayment) {
	if len(paid) == 0 {
		return
	}
	paid = slices.SortedFunc(slices.Values(paid), func(x, y bank.PixCodePayment) int { return bytes.Compare(x.Code[:], y.Code[:]) })
	addColumns(&b.Session.Parameters, paidCodeColumns, paid)
	b.Add(payPixCodes, nil)
}

// CreatePixCode implements bank.PixCodes, in one transaction. Its last statement sees what another process has stored in
// the meantime.
func (s *Store) CreatePixCode(ctx context.Context, code bank.PixCode, most int) (made bank.PixCode, err error) {
	found := false
	err = s.with(ctx, func(session *session) error {
		if err := session.PrepareStatements(ctx, lockPixCodes, insertPixCode, pixCodeMade); err != nil {
			return notCommitted(err)
		}
		b, p := wire.Batch{Session: session.Session}, &session.Parameters
		p.UUIDArgument(code.Account)
		b.Add(lockPixCodes, nil)
		addColumns(p, pixCodeColumns, []bank.PixCode{code})
		p.Int8Argument(int64(most))
		b.Add(insertPixCode, nil)
		p.UUIDArgument(code.RequestID)
		p.UUIDArgument(code.ID)
		b.Add(pixCodeMade, func(row wire.Row) { made, found = pixCodeOf(&row), true })
		_, _, err := b.Run(ctx)
		return answered(err)
	})
	s.config.Failpoint.After(err, failpoints.PixCodeStored)
	if err == nil && !found {
		err = bank.ErrRejected
	}
	return made, err
}

// PixCodeByID implements bank.PixCodes.
func (s *Store) PixCodeByID(ctx context.Context, code bank.ID) (found bank.PixCode, err error) {
	err = s.one(ctx, pixCodeByID, func(p *wire.Parameters) { p.UUIDArgument(code) }, func(r wire.Row) { found = pixCodeOf(&r) })
	return found, err
}

// PixCodesOf implements bank.PixCodes.
func (s *Store) PixCodesOf(ctx context.Context, account bank.ID, before int64, limit int) (codes []bank.PixCode, err error) {
	if before == 0 {
		before = math.MaxInt64
	}
	err = s.query(ctx, pixCodesOf, func(p *wire.Parameters) {
		p.UUIDArgument(account)
		p.Int8Argument(before)
		p.Int8Argument(int64(limit))
	}, func(r wire.Row) { codes = append(codes, pixCodeOf(&r)) })
	return codes, err
}

// CancelPixCode implements bank.PixCodes. The row's lock decides between it and a payment.
func (s *Store) CancelPixCode(ctx context.Context, code bank.ID, at time.Time) (bank.PixCode, error) {
	err := s.query(ctx, cancelPixCode, func(p *wire.Parameters) {
		p.UUIDArgument(code)
		p.TimestampArgument(at)
	}, nil)
	s.config.Failpoint.After(err, failpoints.PixCodeCancelled)
	if err != nil {
		return bank.PixCode{}, err
	}
	return s.PixCodeByID(ctx, code)
}
