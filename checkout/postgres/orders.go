package postgres

import (
	"context"
	"errors"

	"codebank.dev/checkout"
	"github.com/jackc/pgx/v5"
)

const (
	orderByRequest = `SELECT ` + columns + ` FROM orders o WHERE o.caller = $1 AND o.request_id = $2`
	// The condition on the owner is one that no index serves: the server might look for the order among all
	// of a caller's. It is that of checkout.Requester.Sees; $5 are the requester's stores, $6 says that he has no others.
	orderByID = `SELECT ` + columns + ` FROM orders o WHERE o.id = $1
		AND CASE WHEN $4 OR o.store_slug = ANY ($5::text[]) THEN true WHEN $6 THEN false WHEN $3 <> '' THEN o.owner = $3 ELSE o.caller = $2 END`
)

// ByRequest implements checkout.OrderStore.
func (s *Store) ByRequest(ctx context.Context, caller, requestID string) (checkout.Order, error) {
	return s.one(ctx, orderByRequest, caller, requestID)
}

// ByID implements checkout.OrderStore.
func (s *Store) ByID(ctx context.Context, by checkout.Requester, id checkout.ID) (checkout.Order, error) {
	return s.one(ctx, orderByID, [16]byte(id), by.Caller, by.User, by.Operator, append([]string{}, by.Stores...), by.IsMerchant)
}

func (s *Store) one(ctx context.Context, sql string, arguments ...any) (checkout.Order, error) {
	rows, err := s.pool.Query(ctx, sql, arguments...)
	if err != nil {
		return checkout.Order{}, translate(err)
	}
	return onlyOrder(rows)
}

// onlyOrder reads the one order of a result; checkout.ErrNoOrder when it is empty.
func onlyOrder(rows pgx.Rows) (checkout.Order, error) {
	order, err := pgx.CollectExactlyOneRow(rows, scanOrder)
	if errors.Is(err, pgx.ErrNoRows) {
		return checkout.Order{}, checkout.ErrNoOrder
	}
	return order, translate(err)
}
