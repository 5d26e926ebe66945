package database_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/fault"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestEveryErrorHasItsClass(t *testing.T) {
	for name, c := range databasetest.Errors() {
		require.Equal(t, c.Class.String(), database.Classify(c.Err).String(), name)
	}
}

func TestFaults(t *testing.T) {
	away := fault.New(fault.Unavailable, "AWAY", "Away.")
	databasetest.TestFault(t, func(err error) error { return database.Fault(err, away) })
	require.Equal(t, away.Code, fault.CodeOf(away), "the words of the program stay as they are")
	require.Zero(t, away.RetryAfter)
}

// The server ships the list of its states.
func TestTheListHasEveryStateOfTheServer(t *testing.T) {
	conn, err := pgx.Connect(t.Context(), postgrestest.Database(t))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	var folder string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT setting FROM pg_config WHERE name = 'SHAREDIR'").Scan(&folder))
	text, err := os.ReadFile(filepath.Join(folder, "errcodes.txt"))
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^([0-9A-Z]{5})\s+E\s`).FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(found), 200)
	cases := databasetest.Errors()
	for _, line := range found {
		require.Contains(t, cases, "SQLSTATE "+line[1])
	}
}
