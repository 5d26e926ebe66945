package postgres

import (
	"context"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/failpoints"
	"github.com/jackc/pgx/v5"
)

const (
	lockOrder   = `SELECT ` + columns + ` FROM orders o WHERE o.id = $1 FOR NO KEY UPDATE OF o`
	updateOrder = `UPDATE orders SET state = $2, purchase = $3, decline_code = $4, decline_reason = $5,
		decline_message = $6, token = $7, token_expires_at = $8, tries = $9, next_at = $10, voiding = $11, ended_at = $12
		WHERE id = $1`
	claimOrders = `WITH due AS (
			SELECT id, next_at FROM orders WHERE state = 1 AND next_at <= $1
			ORDER BY next_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED),
		claimed AS (
			UPDATE orders SET next_at = $2 FROM due WHERE orders.id = due.id
			RETURNING orders.*, due.next_at AS was_due)
		SELECT ` + columns + ` FROM claimed o ORDER BY o.was_due, o.id`
	openOrders = `SELECT count(*), min(created_at) FROM orders WHERE state = 1`
)

// Change implements checkout.OrderStore.
func (s *Store) Change(ctx context.Context, id checkout.ID, change func(checkout.Order) (checkout.Order, error)) (checkout.Order, error) {
	var order checkout.Order
	var refusal error
	refunds := false
	err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, lockOrder, [16]byte(id))
		if err != nil {
			return err
		}
		if order, err = onlyOrder(rows); err != nil {
			return err
		}
		if refunds = order.State != checkout.Pending; refunds {
			if order.Refunds, err = lockedRefunds(ctx, tx, id); err != nil {
				return err
			}
		}
		var changed checkout.Order
		if changed, refusal = change(order); refusal != nil {
			return nil
		}
		if refunds {
			taken, err := writeRefunds(ctx, tx, &order, &changed)
			if taken {
				refusal = checkout.ErrRefundReused
				return nil
			}
			order = changed
			return err
		}
		order = changed
		return update(ctx, tx, &changed)
	})
	if err != nil {
		return checkout.Order{}, translate(err)
	}
	if refunds {
		s.failpoint.At(failpoints.RefundChanged)
	} else {
		s.failpoint.At(failpoints.OrderChangedUnderLock)
	}
	return order, refusal
}

// update writes what may change of an order.
func update(ctx context.Context, tx pgx.Tx, o *checkout.Order) error {
	_, err := tx.Exec(ctx, updateOrder, [16]byte(o.ID), int16(o.State), o.Purchase,
		o.Decline.Code, o.Decline.Reason, o.Decline.Message,
		nullToken(o.PendingCharge.Token), nullTime(o.PendingCharge.TokenExpiresAt), o.PendingCharge.Tries, nullTime(o.PendingCharge.NextAt),
		int16(o.PendingCharge.Voiding), nullTime(o.EndedAt))
	return err
}

// Claim implements checkout.Claims.
func (s *Store) Claim(ctx context.Context, now, until time.Time, limit int) ([]checkout.Order, error) {
	orders, err := collect(ctx, s, scanOrder, claimOrders, now, until, limit)
	if len(orders) > 0 {
		s.failpoint.At(failpoints.OrdersClaimed)
	}
	return orders, err
}

// Backlog implements checkout.Claims.
func (s *Store) Backlog(ctx context.Context) (checkout.Backlog, error) {
	return s.backlog(ctx, openOrders)
}
