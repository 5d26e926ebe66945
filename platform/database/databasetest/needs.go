package databasetest

import (
	"context"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

var (
	missing   = regexp.MustCompile(`missing: ([A-Z]+ on [a-z_.]+(?:, [A-Z]+ on [a-z_.]+)*)`)
	privilege = regexp.MustCompile(`([A-Z]+ on [a-z_.]+)`)
)

// Needy makes a user of the database at an address, and returns the address for that user. The
// user has the privileges that a program prepares itself with, and those that the program says
// it needs before it is ready, and no others. ready prepares a store at an address and returns
// why it is not ready. So a call that needs more than readiness checks fails for that user.
func Needy(t *testing.T, address string, prepares []string, ready func(address string) error) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	run := func(statement string) {
		t.Helper()
		_, err := conn.Exec(context.WithoutCancel(t.Context()), statement)
		require.NoError(t, err, statement)
	}
	user := "needy_" + conn.Config().Database
	run("CREATE ROLE " + user + " LOGIN PASSWORD 'secret'")
	t.Cleanup(func() {
		run("DROP OWNED BY " + user)
		run("DROP ROLE " + user)
		_ = conn.Close(context.Background())
	})
	connecting := "CONNECT ON DATABASE " + pgx.Identifier{conn.Config().Database}.Sanitize()
	for _, one := range append(prepares, "SELECT ON migrations", connecting) {
		run("GRANT " + one + " TO " + user)
	}
	read, err := url.Parse(address)
	require.NoError(t, err)
	read.User = url.UserPassword(user, "secret")
	err = ready(read.String())
	require.Error(t, err, "it is ready without any privilege")
	found := missing.FindStringSubmatch(err.Error())
	require.NotNil(t, found, "%v", err)
	for _, one := range privilege.FindAllString(found[1], -1) {
		run("GRANT " + strings.Replace(one, " on ", " ON ", 1) + " TO " + user)
	}
	require.NoError(t, ready(read.String()))
	return read.String()
}
