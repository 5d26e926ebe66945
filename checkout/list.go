package checkout

import (
	"slices"
	"time"

	"codebank.dev/platform/money"
)

// Scope is whose orders a requester sees: those that have what is set of Owner, Caller and Stores. The zero Scope
// has no order.
type Scope struct {
	All    bool   // every order, without regard to Owner and Caller if they are empty
	Owner  string // see Requester.Owner
	Caller string // the program whose request made the order
	// Stores are the slugs of the stores of which the order is one; none for all.
	Stores []string
}

// IsEmpty reports whether no order can be within the scope.
func (s *Scope) IsEmpty() bool {
	return !s.All && s.Owner == "" && s.Caller == "" && len(s.Stores) == 0
}

// Has reports whether an order is within the scope.
func (s *Scope) Has(o *Order) bool {
	return !s.IsEmpty() && (s.Owner == "" || o.Owner == s.Owner) && (s.Caller == "" || o.Caller == s.Caller) &&
		(len(s.Stores) == 0 || slices.Contains(s.Stores, o.Store.Slug))
}

// Position is a place in a list of orders, the newest first: behind the order that was placed at this time
// and has this id. The zero Position is before the first order.
type Position struct {
	PlacedAt time.Time
	ID       ID
}

// PositionOf returns the position behind an order.
func PositionOf(o *Order) Position { return Position{PlacedAt: o.CreatedAt, ID: o.ID} }

// IsBefore reports whether an order comes later in the list than the position.
func (p *Position) IsBefore(o *Order) bool {
	if p.PlacedAt.IsZero() || o.CreatedAt.Before(p.PlacedAt) {
		return true
	}
	return o.CreatedAt.Equal(p.PlacedAt) && slices.Compare(o.ID[:], p.ID[:]) < 0
}

// OrderFilter says which orders are asked for. The zero OrderFilter is all.
type OrderFilter struct {
	States     []OrderState // none means all
	Start, End time.Time    // when the order was placed, Start inclusive and End exclusive; zero means no bound
	Store      string       // slug
	Currency   money.Currency
	// MinTotal and MaxTotal bound the total in minor units, inclusive; 0 means no bound.
	MinTotal, MaxTotal int64
}

// Has reports whether an order is asked for.
func (f *OrderFilter) Has(o *Order) bool {
	switch {
	case len(f.States) > 0 && !slices.Contains(f.States, o.State),
		!f.Start.IsZero() && o.CreatedAt.Before(f.Start),
		!f.End.IsZero() && !o.CreatedAt.Before(f.End),
		f.Store != "" && o.Store.Slug != f.Store,
		f.Currency != (money.Currency{}) && o.Total.Currency != f.Currency,
		o.Total.Minor < f.MinTotal,
		f.MaxTotal != 0 && o.Total.Minor > f.MaxTotal:
		return false
	}
	return true
}

// OrderQuery asks for a page of orders: up to Limit behind a position, the newest first.
type OrderQuery struct {
	Scope  Scope
	Filter OrderFilter
	After  Position
	Limit  int
}
