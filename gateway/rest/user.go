package rest

import (
	"net/http"

	"codebank.dev/gateway"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
)

// errNotPerson refuses a user whose provider does not name people by UUIDs: nothing in the bank can be his.
var errNotPerson = fault.New(fault.PermissionDenied, "NOT_A_CUSTOMER", "This account is no customer of the bank.")

// User returns who makes a request that the walls have let in. Errors: fault.PermissionDenied.
func User(r *http.Request) (id.ID, error) {
	subject := serve.Principal(r.Context())
	user := subject.UserID()
	if user.IsZero() {
		return id.ID{}, errNotPerson
	}
	return user, nil
}

// RequestID returns the id that a command has at the bank, by its user and his Idempotency-Key. Errors:
// fault.InvalidArgument Idempotency-Key; fault.PermissionDenied.
func RequestID(r *http.Request) (user id.ID, request id.ID, err error) {
	if user, err = User(r); err != nil {
		return id.ID{}, id.ID{}, err
	}
	keys := r.Header.Values(gateway.KeyHeader)
	if len(keys) > 1 {
		return id.ID{}, id.ID{}, errTwoKeys
	}
	request, err = gateway.RequestID(user, r.Header.Get(gateway.KeyHeader))
	return user, request, err
}

var errTwoKeys = fault.Invalid(gateway.KeyHeader, "The header Idempotency-Key is given twice.")

// setReplayed says in the header of an answer whether it was given before.
func setReplayed(w http.ResponseWriter, replayed bool) {
	const header = "Idempotency-Replayed"
	if replayed {
		w.Header().Set(header, "true")
	} else {
		w.Header().Del(header)
	}
}
