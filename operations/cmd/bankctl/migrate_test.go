package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/native/postgres/postgrestest"
)

// runMigrate runs the command and returns its status and output.
func runMigrate(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	status = run(t.Context(), append([]string{"migrate"}, args...), nil, streams{out: &out, err: &err})
	return status, out.String(), err.String()
}

func TestMigratingAgainChangesNothing(t *testing.T) {
	url := postgrestest.Database(t)
	for range 2 {
		status, stdout, stderr := runMigrate(t, "ledger", "--ledger-database-url", url)
		require.Zero(t, status, stderr)
		require.Equal(t, "the database ledger has the schema of this version\n", stdout)
	}
	status, stdout, _ := runMigrate(t, "ledger", "--ledger-database-url", url, "-o", "json")
	require.Zero(t, status)
	require.JSONEq(t, `{"database":"ledger","migrated":true}`, stdout)
	status, _, stderr := runMigrate(t, "ledger", "--ledger-database-url", url, "--bank-code", "002")
	require.Equal(t, exitFailed, status)
	require.Contains(t, stderr, "the database is the ledger of another bank: it is bank 001, this program is bank 002")
	status, _, stderr = runMigrate(t, "ledger", "--ledger-database-url", "postgres://u:hunter2@127.0.0.1:1/x", "--timeout", "1s")
	require.Equal(t, exitFailed, status)
	require.Contains(t, stderr, "waiting for the database ledger: ")
	require.NotContains(t, stderr, "hunter2")
}
