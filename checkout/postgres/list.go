package postgres

import (
	"context"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/platform/money"
)

// The lists of orders. The ended ones come from the index that fits whose orders are asked for, the open
// ones from the small index of open orders. Both parts are of one snapshot, so no order is missed while it
// ends. Each part is read from its newest order on and ends after a page.
var (
	listOfOwner  = listing("", "o.owner = $1", "")
	listOfCaller = listing("", "o.caller = $2", "")
	listOfStore  = listing("", "o.store_slug = $3", "")
	// listOfStores reads a page of each store of a merchant.
	listOfStores = listing("", "o.store_slug = s.slug", "unnest($12::text[]) AS s (slug) CROSS JOIN LATERAL")
	// listAll reads a page of each store. It finds the stores by steps through the index: orders refer to
	// no table of stores.
	listAll = listing(`WITH RECURSIVE s AS (
			(SELECT min(store_slug) AS slug FROM orders WHERE state <> 1)
			UNION ALL
			SELECT (SELECT min(o.store_slug) FROM orders o WHERE o.state <> 1 AND o.store_slug > s.slug) FROM s WHERE s.slug IS NOT NULL)`,
		"o.store_slug = s.slug", "s CROSS JOIN LATERAL")
)

// listing returns a query for a page: of the ended orders that key names, once for each row of each, and of
// the open ones.
func listing(with, key, each string) string {
	const (
		chosen = ` AND (o.created_at, o.id) < ($4, $5) AND o.created_at >= $6
			AND ($1 = '' OR o.owner = $1) AND ($2 = '' OR o.caller = $2) AND ($3 = '' OR o.store_slug = $3)
			AND (cardinality($7::smallint[]) = 0 OR o.state = ANY ($7)) AND ($8 = '' OR o.currency = $8)
			AND o.total_minor >= $9 AND ($10 = 0 OR o.total_minor <= $10)
			AND (cardinality($12::text[]) = 0 OR o.store_slug = ANY ($12))`
		newest = ` ORDER BY o.created_at DESC, o.id DESC LIMIT $11`
	)
	return with + ` SELECT ` + columns + ` FROM (
		SELECT ended.* FROM ` + each + ` (SELECT o.* FROM orders o WHERE o.state <> 1 AND ` + key + chosen + newest + `) ended
		UNION ALL
		SELECT open.* FROM (SELECT o.* FROM orders o WHERE o.state = 1` + chosen + newest + `) open) o` + newest
}

// endOfTime is later than every order.
var endOfTime = time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)

// List implements checkout.OrderStore.
func (s *Store) List(ctx context.Context, query checkout.OrderQuery) ([]checkout.Order, error) {
	filter, before, sql := &query.Filter, query.After, listAll
	switch {
	case query.Scope.IsEmpty():
		return nil, nil
	case query.Scope.Owner != "":
		sql = listOfOwner
	case query.Scope.Caller != "":
		sql = listOfCaller
	case filter.Store != "":
		sql = listOfStore
	case len(query.Scope.Stores) > 0:
		sql = listOfStores
	}
	if before.PlacedAt.IsZero() {
		// No order has the zero id, so the end is exclusive.
		if before.PlacedAt = filter.End; filter.End.IsZero() {
			before.PlacedAt = endOfTime
		}
	}
	states := make([]int16, len(filter.States))
	for i, state := range filter.States {
		states[i] = int16(state)
	}
	currency := ""
	if filter.Currency != (money.Currency{}) {
		currency = filter.Currency.String()
	}
	return collect(ctx, s, scanOrder, sql, query.Scope.Owner, query.Scope.Caller, filter.Store, before.PlacedAt, [16]byte(before.ID),
		filter.Start, states, currency, filter.MinTotal, filter.MaxTotal, query.Limit, append([]string{}, query.Scope.Stores...))
}
