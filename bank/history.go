package bank

import (
	"time"

	"codebank.dev/platform/fault"
)

// earliestHistory is the first moment that a history may tell of.
var earliestHistory = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// History lets requests say when they were made, so that a bank can be given a past.
// A nil History lets none.
type History struct {
	// Now is the present, which no request may pass. Required.
	Now func() time.Time
}

// Check returns nil when a request that names no time (zero), or at, may be decided;
// else fault.InvalidArgument naming request_time.
func (h *History) Check(at time.Time) error {
	const field = "request_time"
	switch {
	case at.IsZero():
		return nil
	case h == nil:
		return fault.Invalid(field, "This bank loads no history: a request is of the time at which it comes.")
	case at.Nanosecond()%int(time.Millisecond) != 0:
		return fault.Invalid(field, "The time must be in whole milliseconds.")
	case at.Before(earliestHistory):
		return fault.Invalid(field, "The time must not lie before the year 2000.")
	case at.After(h.Now()):
		return fault.Invalid(field, "The time must not lie in the future.")
	}
	return nil
}

// Moment appends the time that a request says it was made at, when it says one: a
// request that says none has the form it always had.
func (c Canonical) Moment(at time.Time) Canonical {
	if at.IsZero() {
		return c
	}
	return c.Text("at").Number(at.UnixMilli())
}
