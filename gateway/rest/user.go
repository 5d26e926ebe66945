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
	key, err := serve.OnlyHeader(r, gateway.KeyHeader)
	if err != nil {
		return id.ID{}, id.ID{}, err
	}
	request, err = gateway.RequestID(user, key)
	return user, request, err
}
