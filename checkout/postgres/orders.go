package postgres

import (
	"context"
	"errors"

	"codebank.dev/checkout"
	"codebank.dev/checkout/failpoints"
	"github.com/jackc/pgx/v5"
)

// insertOrder writes an order and its items in one statement, which is one
// transaction, or nothing when the request has an order already.
const insertOrder = `WITH created AS (
		INSERT INTO orders (id, caller, request_id, fingerprint, trace_id, state,
			store_slug, store_name, store_category_code, store_city, store_country,
			total_minor, currency, description, attempt, card_brand, card_last4,
			purchase, decline_code, decline_reason, decline_message,
			token, token_expires_at, tries, next_at, voiding, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
			'', '', '', '', $18, $19, $20, $21, $22, $23)
		ON CONFLICT (caller, request_id) DO NOTHING
		RETURNING id)
	INSERT INTO order_items (order_id, line, product, name, quantity, unit_price_minor)
	SELECT created.id, i.line, i.product, i.name, i.quantity, i.unit_price
	FROM created, unnest($24::text[], $25::text[], $26::integer[], $27::bigint[])
		WITH ORDINALITY AS i (product, name, quantity, unit_price, line)`

const (
	orderByRequest = `SELECT ` + columns + ` FROM orders o WHERE o.caller = $1 AND o.request_id = $2`
	orderByID      = `SELECT ` + columns + ` FROM orders o WHERE o.id = $1 AND o.caller = $2`
)

// Create implements checkout.Orders.
func (s *Store) Create(ctx context.Context, o checkout.Order) (stored checkout.Order, created bool, err error) {
	var products, names []string
	var quantities []int32
	var prices []int64
	for _, item := range o.Items {
		products, names = append(products, item.Product), append(names, item.Name)
		quantities, prices = append(quantities, item.Quantity), append(prices, item.UnitPrice)
	}
	tag, err := s.pool.Exec(ctx, insertOrder,
		[16]byte(o.ID), o.Caller, o.RequestID, o.Fingerprint[:], o.TraceID, int16(o.State),
		o.Store.Slug, o.Store.Name, o.Store.CategoryCode, o.Store.City, o.Store.Country,
		o.Total.Minor, o.Total.Currency.String(), o.Description, o.Attempt, o.CardBrand, o.CardLast4,
		nullToken(o.PendingCharge.Token), nullTime(o.PendingCharge.TokenExpiresAt), o.PendingCharge.Tries, nullTime(o.PendingCharge.NextAt),
		int16(o.PendingCharge.Voiding), o.CreatedAt,
		products, names, quantities, prices)
	if err != nil {
		return checkout.Order{}, false, translate(err)
	}
	if tag.RowsAffected() > 0 {
		s.failpoint.At(failpoints.OrderStored)
		return o, true, nil
	}
	// The conflicting order is committed, because the insert waited for it.
	stored, err = s.ByRequest(ctx, o.Caller, o.RequestID)
	return stored, false, err
}

// ByRequest implements checkout.Orders.
func (s *Store) ByRequest(ctx context.Context, caller, requestID string) (checkout.Order, error) {
	return s.one(ctx, orderByRequest, caller, requestID)
}

// ByID implements checkout.Orders.
func (s *Store) ByID(ctx context.Context, caller string, id checkout.ID) (checkout.Order, error) {
	return s.one(ctx, orderByID, [16]byte(id), caller)
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
