package postgres

import (
	"bytes"
	"context"
	"encoding/json"

	"codebank.dev/checkout"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
	"github.com/jackc/pgx/v5"
)

// Whoever inserts the row of an act first does it; the other waits for his commit.
const (
	beginAct    = `INSERT INTO acts (caller, request_id, fingerprint) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	answerAct   = `UPDATE acts SET answer = $3 WHERE caller = $1 AND request_id = $2`
	repeatedAct = `SELECT fingerprint, answer FROM acts WHERE caller = $1 AND request_id = $2`
)

// actsFor is the condition of checkout.Actor for a merchant: $1 operator, $2 user or NULL, $3 merchant.
const actsFor = `($1::boolean OR m.slug = $3::text
	OR EXISTS (SELECT FROM merchant_members b WHERE b.user_id = $2::uuid AND b.merchant = m.slug))`

// actor returns the parameters of actsFor, and more.
func actor(by checkout.Actor, more ...any) []any {
	return append([]any{by.Operator, optionalID(by.User), by.Merchant}, more...)
}

// act does something once, and commits it with its answer and its record. T must survive JSON.
func act[T any](ctx context.Context, s *Store, a checkout.Act, do func(pgx.Tx) (T, error)) (T, error) {
	var answer T
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		begun, err := tx.Exec(ctx, beginAct, a.Caller, a.RequestID, a.Fingerprint[:])
		if err != nil {
			return err
		}
		if begun.RowsAffected() == 0 {
			return repeated(ctx, tx, &a, &answer)
		}
		if answer, err = do(tx); err != nil {
			return err
		}
		text, err := json.Marshal(answer)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, answerAct, a.Caller, a.RequestID, text); err != nil {
			return err
		}
		return table.Append(ctx, tx, a.Record)
	})
	s.failpoint.After(err, failpoints.ActDone)
	if err != nil {
		var none T
		return none, translate(err)
	}
	return answer, nil
}

// repeated reads the answer to an act that was done before.
func repeated(ctx context.Context, tx pgx.Tx, a *checkout.Act, answer any) error {
	var fingerprint, text []byte
	if err := tx.QueryRow(ctx, repeatedAct, a.Caller, a.RequestID).Scan(&fingerprint, &text); err != nil {
		return err
	}
	if !bytes.Equal(fingerprint, a.Fingerprint[:]) {
		return checkout.ErrActReused
	}
	return json.Unmarshal(text, answer)
}

// taken returns checkout.ErrSlugTaken for the violation of a unique key.
func taken(err error) error {
	if err != nil && database.State(err) == uniqueViolation {
		return checkout.ErrSlugTaken
	}
	return err
}

const uniqueViolation = "23505"

// AuditHead returns the head of the audit log.
func (s *Store) AuditHead(ctx context.Context) (auditlog.Head, error) {
	head, err := table.Head(ctx, s.pool)
	return head, translate(err)
}
