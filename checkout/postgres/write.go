package postgres

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/platform/database"
	"codebank.dev/platform/groupcommit"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// A set is sent as arrays, so that one statement, planned once, serves a set of any size. The
// arrays are unnested in the select list, side by side.
const (
	// insertOrders writes orders and their items, but for orders whose request has an order
	// already. It returns the ids of those that were written. When all were, the items need not be
	// looked up among them.
	insertOrders = `WITH created AS (
			INSERT INTO orders (id, caller, request_id, fingerprint, trace_id, state,
				store_slug, store_name, store_category_code, store_city, store_country,
				total_minor, currency, description, attempt, card_brand, card_last4,
				purchase, decline_code, decline_reason, decline_message,
				token, token_expires_at, tries, next_at, voiding, created_at)
			SELECT unnest($1::uuid[]), unnest($2::text[]), unnest($3::text[]), unnest($4::bytea[]), unnest($5::text[]), unnest($6::smallint[]),
				unnest($7::text[]), unnest($8::text[]), unnest($9::text[]), unnest($10::text[]), unnest($11::text[]),
				unnest($12::bigint[]), unnest($13::text[]), unnest($14::text[]), unnest($15::integer[]), unnest($16::text[]), unnest($17::text[]),
				'', '', '', '',
				unnest($18::text[]), unnest($19::timestamptz[]), unnest($20::integer[]), unnest($21::timestamptz[]), unnest($22::smallint[]),
				unnest($23::timestamptz[])
			ON CONFLICT (caller, request_id) DO NOTHING
			RETURNING id),
		items AS (
			INSERT INTO order_items (order_id, line, product, name, quantity, unit_price_minor)
			SELECT i.order_id, i.line, i.product, i.name, i.quantity, i.unit_price
			FROM (SELECT unnest($24::uuid[]) AS order_id, unnest($25::smallint[]) AS line, unnest($26::text[]) AS product,
				unnest($27::text[]) AS name, unnest($28::integer[]) AS quantity, unnest($29::bigint[]) AS unit_price) i
			WHERE (SELECT count(*) FROM created) = cardinality($1::uuid[]) OR i.order_id IN (SELECT id FROM created))
		SELECT id FROM created`
	// updateOrders writes changes of pending orders that are as the change was made from. What else
	// there is of an order never changes while it is pending. An ended order has no next_at, so it is
	// not found. The state is not compared: with it the server may look for each row among all pending
	// orders. It returns the ids of those that were written.
	updateOrders = `UPDATE orders o SET state = u.state, purchase = u.purchase, decline_code = u.decline_code,
			decline_reason = u.decline_reason, decline_message = u.decline_message,
			token = CASE WHEN u.state = 1 THEN o.token END, token_expires_at = CASE WHEN u.state = 1 THEN o.token_expires_at END,
			tries = u.tries, next_at = u.next_at, voiding = u.voiding, ended_at = u.ended_at
		FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::smallint[]) AS state, unnest($3::text[]) AS purchase,
			unnest($4::text[]) AS decline_code, unnest($5::text[]) AS decline_reason, unnest($6::text[]) AS decline_message,
			unnest($7::integer[]) AS tries, unnest($8::timestamptz[]) AS next_at, unnest($9::smallint[]) AS voiding,
			unnest($10::timestamptz[]) AS ended_at,
			unnest($11::integer[]) AS tries_before, unnest($12::timestamptz[]) AS next_before, unnest($13::smallint[]) AS voiding_before) u
		WHERE o.id = u.id AND o.tries = u.tries_before AND o.next_at = u.next_before AND o.voiding = u.voiding_before
		RETURNING o.id`
)

// Write implements checkout.OrderStore, in one round trip: what is sent together is one
// transaction.
func (s *Store) Write(ctx context.Context, set []*checkout.OrderWrite) error {
	var created, changed []*checkout.OrderWrite
	for _, write := range set {
		write.Written = false
		if write.Before == nil {
			created = append(created, write)
		} else {
			changed = append(changed, write)
		}
	}
	batch := &pgx.Batch{}
	if len(created) > 0 {
		queueInsert(batch, created)
	}
	if len(changed) > 0 {
		queueUpdate(batch, changed)
	}
	if err := finish(s.pool.SendBatch(ctx, batch), created, changed); err != nil {
		return err
	}
	if len(created) > 0 {
		s.failpoint.At(failpoints.OrderStored)
	}
	if len(changed) > 0 {
		s.failpoint.At(failpoints.OrderChanged)
	}
	return nil
}

// finish reads the results of a batch with a statement for each set that is not empty, and
// marks what was written.
func finish(results pgx.BatchResults, sets ...[]*checkout.OrderWrite) error {
	for _, set := range sets {
		if len(set) == 0 {
			continue
		}
		if err := markWritten(results, set); err != nil {
			_ = results.Close()
			return notCommitted(err)
		}
	}
	if err := results.Close(); err != nil {
		return committing(err)
	}
	return nil
}

// markWritten reads the ids that a statement returned.
func markWritten(results pgx.BatchResults, set []*checkout.OrderWrite) error {
	rows, err := results.Query()
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
	if err != nil {
		return err
	}
	if len(ids) == len(set) {
		for _, write := range set {
			write.Written = true
		}
		return nil
	}
	written := make(map[checkout.ID]bool, len(ids))
	for _, id := range ids {
		written[id] = true
	}
	for _, write := range set {
		write.Written = written[write.After.ID]
	}
	return nil
}

// notCommitted returns the error of a set whose commit was not reached, or that may have been
// committed while the connection was lost.
func notCommitted(err error) error {
	switch database.Classify(err) {
	case database.Conflict:
		return fmt.Errorf("%w: %w", groupcommit.ErrRetry, err)
	case database.Refused:
		return fmt.Errorf("%w: %w", groupcommit.ErrRejected, err)
	}
	return translate(err)
}

// statementCompletionUnknown is the SQLSTATE of class 40 that says that the server does not know
// the outcome.
const statementCompletionUnknown = "40003"

// committing returns the error of a set whose commit was answered with err. Nothing was written
// only if a deferred check refused the data (class 23), or if the server rolled back because of
// another transaction (class 40). After any other answer the outcome is unknown.
func committing(err error) error {
	state := database.State(err)
	if len(state) == 5 && state != statementCompletionUnknown && (state[:2] == "23" || state[:2] == "40") {
		return notCommitted(err)
	}
	return errAway.Wrap(err)
}

// column returns a value of each write, as one parameter.
func column[T any](set []*checkout.OrderWrite, value func(*checkout.OrderWrite) T) []T {
	values := make([]T, len(set))
	for i, write := range set {
		values[i] = value(write)
	}
	return values
}

// texts is column for the texts of the orders to be stored.
func texts(set []*checkout.OrderWrite, value func(*checkout.Order) string) []string {
	return column(set, func(w *checkout.OrderWrite) string { return value(w.After) })
}

func ids(set []*checkout.OrderWrite) []pgtype.UUID {
	return column(set, func(w *checkout.OrderWrite) pgtype.UUID { return uuid(w.After.ID) })
}

func uuid(id checkout.ID) pgtype.UUID { return pgtype.UUID{Bytes: id, Valid: true} }

// queueInsert queues new orders in the order of their unique key, the same for every set, so that
// sets that wait for each other's requests never deadlock.
func queueInsert(batch *pgx.Batch, set []*checkout.OrderWrite) {
	slices.SortFunc(set, func(a, b *checkout.OrderWrite) int {
		return cmp.Or(cmp.Compare(a.After.Caller, b.After.Caller), cmp.Compare(a.After.RequestID, b.After.RequestID))
	})
	parameters := []any{
		ids(set),
		texts(set, func(o *checkout.Order) string { return o.Caller }),
		texts(set, func(o *checkout.Order) string { return o.RequestID }),
		column(set, func(w *checkout.OrderWrite) []byte { return w.After.Fingerprint[:] }),
		texts(set, func(o *checkout.Order) string { return o.TraceID }),
		column(set, func(w *checkout.OrderWrite) int16 { return int16(w.After.State) }),
		texts(set, func(o *checkout.Order) string { return o.Store.Slug }),
		texts(set, func(o *checkout.Order) string { return o.Store.Name }),
		texts(set, func(o *checkout.Order) string { return o.Store.CategoryCode }),
		texts(set, func(o *checkout.Order) string { return o.Store.City }),
		texts(set, func(o *checkout.Order) string { return o.Store.Country }),
		column(set, func(w *checkout.OrderWrite) int64 { return w.After.Total.Minor }),
		texts(set, func(o *checkout.Order) string { return o.Total.Currency.String() }),
		texts(set, func(o *checkout.Order) string { return o.Description }),
		column(set, func(w *checkout.OrderWrite) int32 { return w.After.Attempt }),
		texts(set, func(o *checkout.Order) string { return o.CardBrand }),
		texts(set, func(o *checkout.Order) string { return o.CardLast4 }),
		column(set, func(w *checkout.OrderWrite) *string { return nullToken(w.After.PendingCharge.Token) }),
		column(set, func(w *checkout.OrderWrite) *time.Time { return nullTime(w.After.PendingCharge.TokenExpiresAt) }),
		column(set, func(w *checkout.OrderWrite) int32 { return w.After.PendingCharge.Tries }),
		column(set, func(w *checkout.OrderWrite) *time.Time { return nullTime(w.After.PendingCharge.NextAt) }),
		column(set, func(w *checkout.OrderWrite) int16 { return int16(w.After.PendingCharge.Voiding) }),
		column(set, func(w *checkout.OrderWrite) time.Time { return w.After.CreatedAt }),
	}
	batch.Queue(insertOrders, append(parameters, itemColumns(set)...)...)
}

// itemColumns returns the items of new orders as parameters.
func itemColumns(set []*checkout.OrderWrite) []any {
	var orders []pgtype.UUID
	var lines []int16
	var products, names []string
	var quantities []int32
	var prices []int64
	for _, write := range set {
		for i, item := range write.After.Items {
			orders, lines = append(orders, uuid(write.After.ID)), append(lines, int16(i+1))
			products, names = append(products, item.Product), append(names, item.Name)
			quantities, prices = append(quantities, item.Quantity), append(prices, item.UnitPrice)
		}
	}
	return []any{orders, lines, products, names, quantities, prices}
}

// queueUpdate queues changes in the order of their ids, the same for every set.
func queueUpdate(batch *pgx.Batch, set []*checkout.OrderWrite) {
	slices.SortFunc(set, func(a, b *checkout.OrderWrite) int { return bytes.Compare(a.After.ID[:], b.After.ID[:]) })
	batch.Queue(updateOrders,
		ids(set),
		column(set, func(w *checkout.OrderWrite) int16 { return int16(w.After.State) }),
		texts(set, func(o *checkout.Order) string { return o.Purchase }),
		texts(set, func(o *checkout.Order) string { return o.Decline.Code }),
		texts(set, func(o *checkout.Order) string { return o.Decline.Reason }),
		texts(set, func(o *checkout.Order) string { return o.Decline.Message }),
		column(set, func(w *checkout.OrderWrite) int32 { return w.After.PendingCharge.Tries }),
		column(set, func(w *checkout.OrderWrite) *time.Time { return nullTime(w.After.PendingCharge.NextAt) }),
		column(set, func(w *checkout.OrderWrite) int16 { return int16(w.After.PendingCharge.Voiding) }),
		column(set, func(w *checkout.OrderWrite) *time.Time { return nullTime(w.After.EndedAt) }),
		column(set, func(w *checkout.OrderWrite) int32 { return w.Before.PendingCharge.Tries }),
		column(set, func(w *checkout.OrderWrite) time.Time { return w.Before.PendingCharge.NextAt }),
		column(set, func(w *checkout.OrderWrite) int16 { return int16(w.Before.PendingCharge.Voiding) }),
	)
}
