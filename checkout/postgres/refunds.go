package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/id"
	"codebank.dev/platform/principal"
	"github.com/jackc/pgx/v5"
)

const (
	// refundColumns are the refunds of an order o as one value.
	refundColumns = `(SELECT jsonb_agg(to_jsonb(r) - 'order_id' ORDER BY r.created_at, r.id) FROM refunds r WHERE r.order_id = o.id)`
	// refundsOf reads them again under the lock of their order.
	refundsOf    = `SELECT ` + refundColumns + ` FROM orders o WHERE o.id = $1`
	insertRefund = `INSERT INTO refunds (id, order_id, caller, request_id, asked_by, asked_minor, amount_minor, reason, trace_id,
			state, reversal, refusal_reason, refusal_message, tries, next_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', '', '', $11, $12, $13) ON CONFLICT (caller, request_id) DO NOTHING`
	updateRefund = `UPDATE refunds SET state = $2, reversal = $3, refusal_reason = $4, refusal_message = $5, tries = $6,
		next_at = $7, ended_at = $8 WHERE id = $1`
	updateRefunded = `UPDATE orders SET state = $2, refunded_minor = $3 WHERE id = $1`
	claimRefunds   = `WITH due AS (
			SELECT id, next_at FROM refunds WHERE state = 1 AND next_at <= $1
			ORDER BY next_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED),
		claimed AS (
			UPDATE refunds SET next_at = $2 FROM due WHERE refunds.id = due.id
			RETURNING refunds.id, refunds.order_id, due.next_at AS was_due)
		SELECT ` + columns + `, c.id FROM claimed c JOIN orders o ON o.id = c.order_id ORDER BY c.was_due, c.id`
	openRefunds = `SELECT count(*), min(created_at) FROM refunds WHERE state = 1`
)

// refundRow is a refund as refundColumns shows it.
type refundRow struct {
	ID             string               `json:"id"`
	Caller         string               `json:"caller"`
	RequestID      string               `json:"request_id"`
	AskedBy        string               `json:"asked_by"`
	Asked          int64                `json:"asked_minor"`
	Amount         int64                `json:"amount_minor"`
	Reason         string               `json:"reason"`
	TraceID        string               `json:"trace_id"`
	State          checkout.RefundState `json:"state"`
	Reversal       string               `json:"reversal"`
	RefusalReason  string               `json:"refusal_reason"`
	RefusalMessage string               `json:"refusal_message"`
	Tries          int32                `json:"tries"`
	NextAt         *time.Time           `json:"next_at"`
	CreatedAt      time.Time            `json:"created_at"`
	EndedAt        *time.Time           `json:"ended_at"`
}

// scanRefunds reads refundColumns, which are null for an order without refunds.
func scanRefunds(text []byte) ([]checkout.Refund, error) {
	if len(text) == 0 {
		return nil, nil
	}
	var rows []refundRow
	if err := json.Unmarshal(text, &rows); err != nil {
		return nil, fmt.Errorf("refunds of an order: %w", err)
	}
	refunds := make([]checkout.Refund, len(rows))
	for i, row := range rows {
		known, err := id.Parse(row.ID)
		if err != nil {
			return nil, fmt.Errorf("refunds of an order: %w", err)
		}
		refunds[i] = checkout.Refund{
			ID: known,
			RefundRequest: checkout.RefundRequest{
				Caller: row.Caller, RequestID: row.RequestID, AskedBy: row.AskedBy, TraceID: row.TraceID, Asked: row.Asked, Reason: row.Reason,
			},
			State: row.State, Amount: row.Amount, Reversal: row.Reversal,
			Refusal: checkout.Refusal{Reason: row.RefusalReason, Message: row.RefusalMessage},
			Tries:   row.Tries, NextAt: timeOf(row.NextAt), CreatedAt: row.CreatedAt.UTC(), EndedAt: timeOf(row.EndedAt),
		}
	}
	return refunds, nil
}

// lockedRefunds reads the refunds of an order whose lock is held. Those that came with the order may be older
// than the lock: Postgres reads a row again that it has waited for, but not what a query inside the row shows.
func lockedRefunds(ctx context.Context, tx pgx.Tx, order checkout.ID) ([]checkout.Refund, error) {
	var text []byte
	if err := tx.QueryRow(ctx, refundsOf, [16]byte(order)).Scan(&text); err != nil {
		return nil, err
	}
	return scanRefunds(text)
}

// writeRefunds writes what a change of an ended order's refunds has changed. taken says that the request of
// a new refund has one already; nothing is written then.
func writeRefunds(ctx context.Context, tx pgx.Tx, before, after *checkout.Order) (taken bool, err error) {
	var records []auditlog.Record
	for i := range after.Refunds {
		r := &after.Refunds[i]
		known := before.Refund(r.ID)
		switch {
		case known == nil:
			done, err := tx.Exec(ctx, insertRefund, [16]byte(r.ID), [16]byte(after.ID), r.Caller, r.RequestID, r.AskedBy, r.Asked, r.Amount,
				r.Reason, r.TraceID, int16(r.State), r.Tries, nullTime(r.NextAt), r.CreatedAt)
			if err != nil || done.RowsAffected() == 0 {
				return err == nil, err
			}
			records = append(records, refundRecord(after.ID, r))
		case *known != *r:
			if _, err := tx.Exec(ctx, updateRefund, [16]byte(r.ID), int16(r.State), r.Reversal, r.Refusal.Reason, r.Refusal.Message,
				r.Tries, nullTime(r.NextAt), nullTime(r.EndedAt)); err != nil {
				return false, err
			}
		}
	}
	if before.State != after.State || before.Refunded() != after.Refunded() {
		_, err = tx.Exec(ctx, updateRefunded, [16]byte(after.ID), int16(after.State), after.Refunded())
	}
	if err == nil {
		err = table.Append(ctx, tx, records...) // Last, because it locks the head of the log.
	}
	return false, err
}

// refundRecord is the record of a new refund.
func refundRecord(order checkout.ID, r *checkout.Refund) auditlog.Record {
	return auditlog.Record{
		At: r.CreatedAt, Act: checkout.ActRefundOrder, WhoKind: cmp.Or(r.AskedAs, principal.Nobody.String()), Who: r.AskedBy,
		What: "orders/" + order.String() + "/refunds/" + r.ID.String(), Trace: r.TraceID, Result: auditlog.ResultOK,
	}
}

// ClaimRefunds implements checkout.RefundClaims.
func (s *Store) ClaimRefunds(ctx context.Context, now, until time.Time, limit int) ([]checkout.ClaimedRefund, error) {
	claimed, err := collect(ctx, s, func(row pgx.CollectableRow) (checkout.ClaimedRefund, error) {
		var refund [16]byte
		order, err := scanOrderAnd(row, &refund)
		return checkout.ClaimedRefund{Order: order, Refund: refund}, err
	}, claimRefunds, now, until, limit)
	if len(claimed) > 0 {
		s.failpoint.At(failpoints.RefundsClaimed)
	}
	return claimed, err
}

// RefundBacklog implements checkout.RefundClaims.
func (s *Store) RefundBacklog(ctx context.Context) (checkout.Backlog, error) {
	return s.backlog(ctx, openRefunds)
}

// backlog counts what a query finds.
func (s *Store) backlog(ctx context.Context, sql string) (checkout.Backlog, error) {
	var backlog checkout.Backlog
	var oldest *time.Time
	err := s.pool.QueryRow(ctx, sql).Scan(&backlog.Open, &oldest)
	backlog.Oldest = timeOf(oldest)
	return backlog, translate(err)
}
