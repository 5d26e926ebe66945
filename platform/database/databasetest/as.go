package databasetest

import (
	"context"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// rolePassword is the password of the roles that tests sign in as.
const rolePassword = "of-a-test"

// signedIn are the roles of each server that can sign in already. It is a package variable because
// the tests of a program share a server. Two changes of a role at once would be in each other's way.
var signedIn struct {
	sync.Mutex
	roles map[string]bool
}

// As returns the address for a role of the server at an address, whose user must be a superuser. The
// role is made if it is missing, and can sign in from then on. Attributes, such as BYPASSRLS, are
// added to the role.
func As(t testing.TB, address, role string, attributes ...string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	signedIn.Lock()
	defer signedIn.Unlock()
	if key := parsed.Host + " " + role; !signedIn.roles[key] {
		letSignIn(t, *parsed, role, attributes)
		if signedIn.roles == nil {
			signedIn.roles = make(map[string]bool)
		}
		signedIn.roles[key] = true
	}
	parsed.User = url.UserPassword(role, rolePassword)
	return parsed.String()
}

// letSignIn gives a role a password and attributes.
func letSignIn(t testing.TB, server url.URL, role string, attributes []string) {
	t.Helper()
	server.Path = "/postgres"
	conn, err := pgx.Connect(t.Context(), server.String())
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	name := pgx.Identifier{role}.Sanitize()
	// A migration that runs at the same time may be making the role.
	_, err = conn.Exec(t.Context(), "DO $$ BEGIN CREATE ROLE "+name+"; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$")
	require.NoError(t, err)
	change := "ALTER ROLE " + name + " LOGIN PASSWORD '" + rolePassword + "'"
	for _, attribute := range attributes {
		change += " " + attribute
	}
	_, err = conn.Exec(t.Context(), change)
	require.NoError(t, err)
}
