package rpc

import (
	"context"

	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	"codebank.dev/statement"
)

// readerOf returns who reads by a call: a user sees what is his, and an operator and a program that may call
// at all see everything.
func readerOf(ctx context.Context) statement.Reader {
	subject := serve.Principal(ctx)
	switch subject.Kind {
	case principal.Operator, principal.Service:
		return statement.Everybody
	case principal.User:
		if user := subject.UserID(); !user.IsZero() {
			return statement.Reader(user.String())
		}
	}
	return ""
}
