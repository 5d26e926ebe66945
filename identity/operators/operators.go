// Package operators makes operators of the bank. It works on identity's database and needs no program
// that serves: the first operator is made before anybody can sign in.
package operators

import (
	"context"
	"log/slog"

	"codebank.dev/identity"
	"codebank.dev/identity/access"
	"codebank.dev/identity/hashing"
	"codebank.dev/identity/postgres"
)

// Add gives the user with an e-mail address the role of an operator, and opens the account with the
// password first if the address has none. The act is in the audit log as one of a command. It waits
// until the database answers and is migrated, or ctx ends. It returns whether it opened
// an account; if not, the password stays as it was. Errors: InvalidArgument email or new_password, and
// those of the store.
func Add(ctx context.Context, databaseURL, email, password string) (created bool, err error) {
	store, err := postgres.Open(ctx, postgres.Config{URL: databaseURL, MaxConnections: 1, ApplicationName: "operators"})
	if err != nil {
		return false, err
	}
	defer store.Close()
	if err := store.Prepare(ctx, slog.Default()); err != nil {
		return false, err
	}
	hasher, err := hashing.New(hashing.Default())
	if err != nil {
		return false, err
	}
	// No token is signed here, so the service needs no keys, and what tokens say does not matter.
	service, err := access.NewService(access.Config{Store: store, Hasher: hasher, Issuer: "-", Audience: "-"})
	if err != nil {
		return false, err
	}
	return service.AddOperator(ctx, identity.Origin{}, email, password)
}
