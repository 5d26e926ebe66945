package postgres

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"codebank.dev/checkout"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/wire"
	"codebank.dev/platform/groupcommit"
)

// A set is sent as arrays, so that one statement, planned once, serves a set of any size. The
// arrays are unnested in the select list, side by side.
var (
	// insertOrders writes orders and their items, but for orders whose request has an order
	// already. It returns the ids of those that were written. When all were, the items need not be
	// looked up among them.
	insertOrders = &wire.Statement{Name: "insert_orders", SQL: `WITH created AS (
			INSERT INTO orders (id, caller, owner, request_id, fingerprint, trace_id, state,
				store_slug, store_name, store_category_code, store_city, store_country,
				total_minor, currency, description, attempt, card_brand, card_last4,
				purchase, decline_code, decline_reason, decline_message,
				token, token_expires_at, tries, next_at, voiding, created_at, secret_hash)
			SELECT unnest($1::uuid[]), unnest($2::text[]), unnest($3::text[]), unnest($4::text[]), unnest($5::bytea[]), unnest($6::text[]), unnest($7::smallint[]),
				unnest($8::text[]), unnest($9::text[]), unnest($10::text[]), unnest($11::text[]), unnest($12::text[]),
				unnest($13::bigint[]), unnest($14::text[]), unnest($15::text[]), unnest($16::integer[]), unnest($17::text[]), unnest($18::text[]),
				'', '', '', '',
				unnest($19::text[]), unnest($20::timestamptz[]), unnest($21::integer[]), unnest($22::timestamptz[]), unnest($23::smallint[]),
				unnest($24::timestamptz[]), unnest($31::bytea[])
			ON CONFLICT (caller, request_id) DO NOTHING
			RETURNING id),
		items AS (
			INSERT INTO order_items (order_id, line, product, name, quantity, unit_price_minor)
			SELECT i.order_id, i.line, i.product, i.name, i.quantity, i.unit_price
			FROM (SELECT unnest($25::uuid[]) AS order_id, unnest($26::smallint[]) AS line, unnest($27::text[]) AS product,
				unnest($28::text[]) AS name, unnest($29::integer[]) AS quantity, unnest($30::bigint[]) AS unit_price) i
			WHERE (SELECT count(*) FROM created) = cardinality($1::uuid[]) OR i.order_id IN (SELECT id FROM created))
		SELECT id FROM created`}
	// updateOrders writes changes of pending orders that are as the change was made from. What else
	// there is of an order never changes while it is pending. An ended order has no next_at, so it is
	// not found. The state is not compared: with it the server may look for each row among all pending
	// orders. It returns the ids of those that were written.
	updateOrders = &wire.Statement{Name: "update_orders", SQL: `UPDATE orders o SET state = u.state, purchase = u.purchase, decline_code = u.decline_code,
			decline_reason = u.decline_reason, decline_message = u.decline_message,
			token = CASE WHEN u.state = 1 THEN o.token END, token_expires_at = CASE WHEN u.state = 1 THEN o.token_expires_at END,
			tries = u.tries, next_at = u.next_at, voiding = u.voiding, ended_at = u.ended_at
		FROM (SELECT unnest($1::uuid[]) AS id, unnest($2::smallint[]) AS state, unnest($3::text[]) AS purchase,
			unnest($4::text[]) AS decline_code, unnest($5::text[]) AS decline_reason, unnest($6::text[]) AS decline_message,
			unnest($7::integer[]) AS tries, unnest($8::timestamptz[]) AS next_at, unnest($9::smallint[]) AS voiding,
			unnest($10::timestamptz[]) AS ended_at,
			unnest($11::integer[]) AS tries_before, unnest($12::timestamptz[]) AS next_before, unnest($13::smallint[]) AS voiding_before) u
		WHERE o.id = u.id AND o.tries = u.tries_before AND o.next_at = u.next_before AND o.voiding = u.voiding_before
		RETURNING o.id`}
)

// Write implements checkout.OrderStore, in one round trip: what is sent together is one
// transaction.
func (s *Store) Write(ctx context.Context, set []*checkout.OrderWrite) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return notCommitted(err)
	}
	defer conn.Release()
	session := wire.SessionOf(conn.Conn().PgConn())
	if err := session.PrepareStatements(ctx, insertOrders, updateOrders); err != nil {
		return notCommitted(err)
	}
	w := newWriting(session, set)
	done, _, err := w.batch.Run(ctx)
	switch {
	case errors.Is(err, wire.ErrRange):
		return fmt.Errorf("%w: %w", groupcommit.ErrRejected, err)
	case err != nil && done < w.batch.Len():
		if database.Classify(err) == database.Broken {
			// The prepared statements may be older than the schema: the next call prepares anew.
			_ = conn.Conn().Close(context.WithoutCancel(ctx))
		}
		return notCommitted(err)
	case err != nil:
		return committing(err)
	}
	w.markWritten()
	if len(w.created) > 0 {
		s.failpoint.At(failpoints.OrderStored)
	}
	if len(w.changed) > 0 {
		s.failpoint.At(failpoints.OrderChanged)
	}
	return nil
}

// writing is a set that is being written: a statement for the new orders and one for the changes,
// each only if there are any.
type writing struct {
	batch            wire.Batch
	created, changed []*checkout.OrderWrite
	written          []checkout.ID // as the statements return them
}

func newWriting(session *wire.Session, set []*checkout.OrderWrite) *writing {
	w := &writing{batch: wire.Batch{Session: session}, written: make([]checkout.ID, 0, len(set))}
	for _, write := range set {
		write.Written = false
		if write.Before == nil {
			w.created = append(w.created, write)
		} else {
			w.changed = append(w.changed, write)
		}
	}
	returned := func(r wire.Row) { w.written = append(w.written, r.UUID()) }
	if len(w.created) > 0 {
		addInsert(&w.batch, w.created, returned)
	}
	if len(w.changed) > 0 {
		addUpdate(&w.batch, w.changed, returned)
	}
	return w
}

// markWritten marks the orders whose ids were returned. An order is in a set once.
func (w *writing) markWritten() {
	all := len(w.written) == len(w.created)+len(w.changed)
	var written map[checkout.ID]bool
	if !all {
		written = make(map[checkout.ID]bool, len(w.written))
		for _, id := range w.written {
			written[id] = true
		}
	}
	for _, set := range [][]*checkout.OrderWrite{w.created, w.changed} {
		for _, write := range set {
			write.Written = all || written[write.After.ID]
		}
	}
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

// column writes one parameter: an array with a value of each order as it is to be stored.
func column(p *wire.Parameters, element uint32, set []*checkout.OrderWrite, put func(*checkout.Order)) {
	p.Array(element, len(set))
	for _, write := range set {
		put(write.After)
	}
}

// before is column for the orders as they were before the change.
func before(p *wire.Parameters, element uint32, set []*checkout.OrderWrite, put func(*checkout.Order)) {
	p.Array(element, len(set))
	for _, write := range set {
		put(write.Before)
	}
}

// addInsert queues new orders in the order of their unique key, the same for every set, so that
// sets that wait for each other's requests never deadlock.
func addInsert(b *wire.Batch, set []*checkout.OrderWrite, returned func(wire.Row)) {
	p := &b.Session.Parameters
	slices.SortFunc(set, func(a, b *checkout.OrderWrite) int {
		return cmp.Or(cmp.Compare(a.After.Caller, b.After.Caller), cmp.Compare(a.After.RequestID, b.After.RequestID))
	})
	column(p, wire.TypeUUID, set, func(o *checkout.Order) { p.UUID(o.ID) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.Caller) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.Owner) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.RequestID) })
	column(p, wire.TypeBytes, set, func(o *checkout.Order) { p.Bytes(o.Fingerprint[:]) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.TraceID) })
	column(p, wire.TypeInt2, set, func(o *checkout.Order) { p.Int2(uint8(o.State)) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.Store.Slug) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.Store.Name) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.Store.CategoryCode) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.Store.City) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.Store.Country) })
	column(p, wire.TypeInt8, set, func(o *checkout.Order) { p.Int8(o.Total.Minor) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.Total.Currency.String()) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.Description) })
	column(p, wire.TypeInt4, set, func(o *checkout.Order) { p.Int4(int(o.Attempt)) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.CardBrand) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.CardLast4) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.OptionalText(o.PendingCharge.Token.Reveal()) })
	column(p, wire.TypeTimestamp, set, func(o *checkout.Order) { p.OptionalTimestamp(o.PendingCharge.TokenExpiresAt) })
	column(p, wire.TypeInt4, set, func(o *checkout.Order) { p.Int4(int(o.PendingCharge.Tries)) })
	column(p, wire.TypeTimestamp, set, func(o *checkout.Order) { p.OptionalTimestamp(o.PendingCharge.NextAt) })
	column(p, wire.TypeInt2, set, func(o *checkout.Order) { p.Int2(uint8(o.PendingCharge.Voiding)) })
	column(p, wire.TypeTimestamp, set, func(o *checkout.Order) { p.Timestamp(o.CreatedAt) })
	addItems(p, set)
	column(p, wire.TypeBytes, set, func(o *checkout.Order) { putSecretHash(p, o) })
	b.Add(insertOrders, returned)
}

// putSecretHash writes null for an order that is no guest's.
func putSecretHash(p *wire.Parameters, o *checkout.Order) {
	if o.IsGuests() {
		p.Bytes(o.SecretHash[:])
	} else {
		p.Null()
	}
}

// addItems writes the items of new orders.
func addItems(p *wire.Parameters, set []*checkout.OrderWrite) {
	items := 0
	for _, write := range set {
		items += len(write.After.Items)
	}
	itemColumn := func(element uint32, put func(o *checkout.Order, line int)) {
		p.Array(element, items)
		for _, write := range set {
			for line := range write.After.Items {
				put(write.After, line)
			}
		}
	}
	itemColumn(wire.TypeUUID, func(o *checkout.Order, _ int) { p.UUID(o.ID) })
	itemColumn(wire.TypeInt2, func(_ *checkout.Order, line int) { p.Int2(uint8(line + 1)) })
	itemColumn(wire.TypeText, func(o *checkout.Order, line int) { p.Text(o.Items[line].Product) })
	itemColumn(wire.TypeText, func(o *checkout.Order, line int) { p.Text(o.Items[line].Name) })
	itemColumn(wire.TypeInt4, func(o *checkout.Order, line int) { p.Int4(int(o.Items[line].Quantity)) })
	itemColumn(wire.TypeInt8, func(o *checkout.Order, line int) { p.Int8(o.Items[line].UnitPrice) })
}

// addUpdate queues changes in the order of their ids, the same for every set.
func addUpdate(b *wire.Batch, set []*checkout.OrderWrite, returned func(wire.Row)) {
	p := &b.Session.Parameters
	slices.SortFunc(set, func(a, b *checkout.OrderWrite) int { return bytes.Compare(a.After.ID[:], b.After.ID[:]) })
	column(p, wire.TypeUUID, set, func(o *checkout.Order) { p.UUID(o.ID) })
	column(p, wire.TypeInt2, set, func(o *checkout.Order) { p.Int2(uint8(o.State)) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.Purchase) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.Decline.Code) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.Decline.Reason) })
	column(p, wire.TypeText, set, func(o *checkout.Order) { p.Text(o.Decline.Message) })
	column(p, wire.TypeInt4, set, func(o *checkout.Order) { p.Int4(int(o.PendingCharge.Tries)) })
	column(p, wire.TypeTimestamp, set, func(o *checkout.Order) { p.OptionalTimestamp(o.PendingCharge.NextAt) })
	column(p, wire.TypeInt2, set, func(o *checkout.Order) { p.Int2(uint8(o.PendingCharge.Voiding)) })
	column(p, wire.TypeTimestamp, set, func(o *checkout.Order) { p.OptionalTimestamp(o.EndedAt) })
	before(p, wire.TypeInt4, set, func(o *checkout.Order) { p.Int4(int(o.PendingCharge.Tries)) })
	before(p, wire.TypeTimestamp, set, func(o *checkout.Order) { p.Timestamp(o.PendingCharge.NextAt) })
	before(p, wire.TypeInt2, set, func(o *checkout.Order) { p.Int2(uint8(o.PendingCharge.Voiding)) })
	b.Add(updateOrders, returned)
}
