package bank

import (
	"time"

	"codebank.dev/platform/fault"
)

// earliestHistory is the earliest time that a request may name.
var earliestHistory = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// History allows requests to name the time at which they were made, so that a bank can
// be loaded with a past. A nil *History allows no request to.
type History struct {
	// Now returns the present; no request may name a later time. Required.
	Now func() time.Time
}

// Check returns nil when a request that names the time at may be decided; the zero time
// is none. Otherwise it returns fault.InvalidArgument naming request_time.
func (h *History) Check(at time.Time) error {
	const field = "request_time"
	switch {
	case at.IsZero():
		return nil
	case h == nil:
		return fault.Invalid(field, "This bank loads no history: leave this field empty.")
	case at.Nanosecond()%int(time.Millisecond) != 0:
		return fault.Invalid(field, "The time must be in whole milliseconds.")
	case at.Before(earliestHistory):
		return fault.Invalid(field, "The time must not lie before the year 2000.")
	case at.After(h.Now()):
		return fault.Invalid(field, "The time must not lie in the future.")
	}
	return nil
}

// RequestTime returns the time at which a request is decided: the time at that it names, or now if at is
// zero.
func RequestTime(at, now time.Time) time.Time {
	if at.IsZero() {
		return now
	}
	return at
}
