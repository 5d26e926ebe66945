package checkout

// Requester is who asks: for an order to be placed, or to see one.
type Requester struct {
	// Caller is the namespace of its request ids: the name of a program, or user:{uuid} for a user who
	// connects without one.
	Caller string
	// User is user:{uuid} when it is a user, with or without a program in between; empty for a program.
	User string
	// Operator is somebody who works for the bank, and sees every order.
	Operator bool
}

// Owner returns whose an order is that the requester places.
func (r *Requester) Owner() string {
	if r.User != "" {
		return r.User
	}
	return r.Caller
}

// Sees reports whether an order is there for the requester: a user sees his own orders, a program those
// that were placed under its request ids, and an operator all. What is not seen is not there.
func (r *Requester) Sees(o *Order) bool {
	switch {
	case r.Operator:
		return true
	case r.User != "":
		return o.Owner == r.User
	}
	return o.Caller == r.Caller
}

// Repeats reports whether a request of the requester may be answered with an order that has its caller and
// request id: not with the order of another user of the same program. An order from before owners were
// recorded is its caller's.
func (r *Requester) Repeats(o *Order) bool {
	return r.User == "" || o.Owner == "" || o.Owner == r.User
}
