package client

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"
)

// The reasons of errors that programs decide by. The list is not closed.
const (
	ReasonChargeNotFound = "CHARGE_NOT_FOUND"
	ReasonChargePending  = "CHARGE_PENDING"
	ReasonChargeState    = "CHARGE_STATE"
	ReasonChargeAmount   = "CHARGE_AMOUNT"
	ReasonUnderWay       = "OPERATION_UNDER_WAY"
	ReasonPayoutAccount  = "PAYOUT_ACCOUNT_MISSING"
	ReasonPayoutAmount   = "PAYOUT_AMOUNT"
	ReasonPayoutNotFound = "PAYOUT_NOT_FOUND"
	ReasonKeyReused      = "IDEMPOTENCY_KEY_REUSED"
	reasonRunning        = "REQUEST_RUNNING"
)

// Error is a refusal of the gateway: problem details as RFC 9457 has them.
type Error struct {
	Status int    `json:"status"` // of HTTP
	Title  string `json:"title"`
	Detail string `json:"detail"` // what a person reads
	Reason string `json:"reason"` // a stable name
	// Field is the part of the request that is wrong; empty if it is none.
	Field string `json:"field"`
	// TraceID names the call in the gateway's log.
	TraceID string `json:"traceId"`
	// RetryAfter is how long the gateway wants a client to wait; 0 if it does not say.
	RetryAfter time.Duration `json:"-"`
}

// Error implements error.
func (e *Error) Error() string {
	text := "client: " + strconv.Itoa(e.Status) + " " + e.Reason
	if e.Field != "" {
		text += " " + e.Field
	}
	return text + ": " + e.Detail
}

// UnansweredError says that nobody knows what became of a command: a try may have taken effect, and no later one has
// told. Err is why the last try has not. Send the command again under
// the same key to find out.
type UnansweredError struct {
	// Key is the Idempotency-Key; empty for a read.
	Key string
	// Err is why the last try had no answer.
	Err error
}

// Error implements error.
func (e *UnansweredError) Error() string { return fmt.Sprintf("client: no answer: %v", e.Err) }

// Unwrap returns why there was no answer.
func (e *UnansweredError) Unwrap() error { return e.Err }

// errorOf returns the refusal that an answer is.
func errorOf(answer *http.Response, body []byte) *Error {
	refusal := &Error{}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind != "application/problem+json" || json.Unmarshal(body, refusal) != nil {
		refusal = &Error{Detail: "the answer is none of the gateway's"} // It is that of a proxy in between.
	}
	refusal.Status = answer.StatusCode
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil && seconds > 0 {
		refusal.RetryAfter = min(time.Duration(seconds)*time.Second, longestWait)
	}
	return refusal
}

// longestWait is the most that a client waits before a try because the gateway says so.
const longestWait = 2 * time.Minute

// isUnknown reports whether the request may have taken effect although it was answered so.
func (e *Error) isUnknown() bool {
	return e.Status >= http.StatusInternalServerError || e.Reason == reasonRunning
}

// isAboutCaller reports whether the answer is about who asks and how often. It says nothing about an earlier try.
func (e *Error) isAboutCaller() bool {
	return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
}

// isPassing reports whether the same request may succeed later.
func (e *Error) isPassing() bool {
	switch e.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case http.StatusConflict:
		return e.Reason == reasonRunning
	}
	return false
}
