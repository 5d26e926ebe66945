// Package fault is the one error type of Code Bank: a code from a closed list, a
// stable reason, a message that may be shown to the caller, and a cause that may not.
// Each transport translates codes by its own table. Nothing else about an error crosses
// a process boundary.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Code is the class of an error. The list is closed: the table of every transport has
// every code, and a test over Codes checks that.
type Code uint8

// The codes. Their meaning is the caller's next step.
const (
	// Internal is a broken program or an unforeseen failure: report it.
	Internal Code = iota
	// InvalidArgument is a request that can never succeed as it is; Field names what is wrong.
	InvalidArgument
	// NotFound is a thing that does not exist or is not the caller's.
	NotFound
	// Aborted is a request id that was used before with another request.
	Aborted
	// FailedPrecondition is a request that the present state of things forbids.
	FailedPrecondition
	// ResourceExhausted is a refusal before any work was done: try again after RetryAfter.
	ResourceExhausted
	// Unavailable is an unknown outcome: send the same request id again.
	Unavailable
	// DeadlineExceeded is an unknown outcome after the caller's own deadline or cancellation.
	DeadlineExceeded
	// Unauthenticated is a caller that did not say who it is.
	Unauthenticated
	// PermissionDenied is a caller that may not do this.
	PermissionDenied
)

var codeNames = [...]string{
	"INTERNAL", "INVALID_ARGUMENT", "NOT_FOUND", "ABORTED", "FAILED_PRECONDITION",
	"RESOURCE_EXHAUSTED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "UNAUTHENTICATED", "PERMISSION_DENIED",
}

// Codes returns every code, for tests that check that a table is complete.
func Codes() []Code {
	codes := make([]Code, len(codeNames))
	for i := range codes {
		codes[i] = Code(i)
	}
	return codes
}

// String returns the code as it is written on the wire, for example NOT_FOUND.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("CODE_%d", uint8(c))
}

// Error is an error that may leave the process. Message and Field are safe to
// show; the cause is for logs only.
type Error struct {
	Code Code
	// Reason is a stable UPPER_SNAKE word for programs, for example REQUEST_ID_REUSED.
	Reason string
	// Field is the path of the request field at fault, for example card_data.number; empty when none is.
	Field string
	// Message is a sentence for people. It never holds card data, secrets or addresses.
	Message string
	// RetryAfter is how long to wait before trying again; 0 if there is no advice.
	RetryAfter time.Duration

	cause error
}

// New returns an error of the given code with a stable reason and a message that may be shown.
func New(code Code, reason, message string) *Error {
	return &Error{Code: code, Reason: reason, Message: message}
}

// Invalid returns an InvalidArgument error that names the field at fault.
func Invalid(field, message string) *Error {
	return &Error{Code: InvalidArgument, Reason: "INVALID_FIELD", Field: field, Message: message}
}

// In returns a copy of e that names the field of the request at fault.
func (e *Error) In(field string) *Error {
	c := *e
	c.Field = field
	return &c
}

// Wrap returns a copy of e that carries cause for the logs.
func (e *Error) Wrap(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// After returns a copy of e that tells the caller how long to wait.
func (e *Error) After(wait time.Duration) *Error {
	c := *e
	c.RetryAfter = wait
	return &c
}

// Error returns code, field, message and cause. It is for logs, not for callers.
func (e *Error) Error() string {
	text := e.Code.String()
	if e.Field != "" {
		text += " " + e.Field
	}
	text += ": " + e.Message
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is a fault of the same code and reason, so that a
// fault can serve as a sentinel even after Wrap.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code && other.Reason == e.Reason && other.Field == e.Field
}

// Of returns err as a fault. The end of a context becomes DeadlineExceeded. Any other foreign error
// becomes Internal with a message that tells nothing. Of(nil) is nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return New(DeadlineExceeded, "DEADLINE_EXCEEDED", "The call ended before its answer; the outcome is unknown.").Wrap(err)
	}
	return New(Internal, "INTERNAL", "Something went wrong on our side.").Wrap(err)
}

// CodeOf returns the code that Of gives err, which must not be nil.
func CodeOf(err error) Code { return Of(err).Code }
