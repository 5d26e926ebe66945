package webhook

import "errors"

// ErrorClass is why a try had no answer, as the log of deliveries shows it. The texts are stored: append only.
type ErrorClass string

// The classes.
const (
	NoError  ErrorClass = ""
	TimedOut ErrorClass = "TIMEOUT"
	TLSError ErrorClass = "TLS"
	// AddressError: the name leads nowhere, or to an address that is not public. Which of the two it is would tell
	// merchants the names of this network.
	AddressError ErrorClass = "ADDRESS_NOT_PUBLIC"
	ConnectError ErrorClass = "CONNECTION"
	// nameError is stored of tries from before; it is shown as AddressError.
	nameError ErrorClass = "NAME"
	// SendError: the message could not be sent at all, because of something here.
	SendError ErrorClass = "NOT_SENT"
)

// Class returns why there was no answer; NoError if there was one.
func (r *Result) Class() ErrorClass {
	switch {
	case r.Err == nil:
		return NoError
	case errors.Is(r.Err, ErrTimeout):
		return TimedOut
	case errors.Is(r.Err, ErrTLS):
		return TLSError
	case errors.Is(r.Err, ErrName), errors.Is(r.Err, ErrAddress):
		return AddressError
	case errors.Is(r.Err, ErrConnect):
		return ConnectError
	}
	return SendError
}

// Shown returns the class as merchants see it.
func (c ErrorClass) Shown() ErrorClass {
	if c == nameError {
		return AddressError
	}
	return c
}
