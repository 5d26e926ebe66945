package checkout

import "slices"

// Requester is who asks: for an order to be placed, or to see one.
type Requester struct {
	// Caller is the namespace of its request ids: the name of a program, or user:{uuid} for a user who
	// connects without one.
	Caller string
	// User is user:{uuid} when it is a user, with or without a program in between; empty for a program.
	User string
	// Operator is somebody who works for the bank, and sees every order.
	Operator bool
	// Stores are the slugs of the stores that the requester acts for: those of his merchants. He sees their orders,
	// and has them refunded.
	Stores []string
	// IsMerchant is set for a merchant's program, which has no orders but those of Stores.
	IsMerchant bool
}

// Owner returns whose an order is that the requester places.
func (r *Requester) Owner() string {
	if r.User != "" {
		return r.User
	}
	return r.Caller
}

// ActsFor reports whether the requester acts for a store.
func (r *Requester) ActsFor(store string) bool { return slices.Contains(r.Stores, store) }

// Scope returns whose orders are there for the requester: a user's own, a program's those that were placed
// under its request ids, a merchant's those of his stores, and an operator's all. Sees adds the orders of a member's
// stores. These are the places that say so; the query of a single order repeats them.
func (r *Requester) Scope() Scope {
	switch {
	case r.Operator:
		return Scope{All: true}
	case r.IsMerchant:
		return Scope{Stores: r.Stores}
	case r.User != "":
		return Scope{Owner: r.User}
	}
	return Scope{Caller: r.Caller}
}

// Of returns the part of a scope that belongs to a user, user:{uuid}. It is the zero Scope when that is
// nothing.
func (s Scope) Of(user string) Scope {
	if s.IsEmpty() || s.Owner != "" && s.Owner != user {
		return Scope{}
	}
	s.Owner = user
	return s
}

// Sees reports whether an order is there for the requester. What is not seen is not there.
func (r *Requester) Sees(o *Order) bool {
	scope := r.Scope()
	return scope.Has(o) || r.ActsFor(o.Store.Slug)
}

// Repeats reports whether a request of the requester may be answered with an order that has its caller and
// request id: not with the order of another user of the same program. An order from before owners were
// recorded is its caller's.
func (r *Requester) Repeats(o *Order) bool {
	return r.User == "" || o.Owner == "" || o.Owner == r.User
}
