package postgres

import (
	"testing"

	"codebank.dev/bank"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/fault"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// An error before the commit was reached has the same class for the ledger as for every program, as
// an error of the ledger.
func TestEveryErrorBeforeTheCommitHasItsClass(t *testing.T) {
	for name, c := range databasetest.Errors() {
		err := notCommitted(c.Err)
		require.ErrorIs(t, err, c.Err, name)
		switch c.Class {
		case database.Conflict:
			require.ErrorIs(t, err, bank.ErrRetry, name)
		case database.Refused:
			require.ErrorIs(t, err, bank.ErrRejected, name)
		case database.Broken:
			require.Equal(t, fault.Internal, fault.CodeOf(err), name)
		case database.Unavailable, database.Ended:
			requireUnknown(t, err, name)
		}
	}
}

// The answer to the commit is certain only where the server says that it rolled back.
func TestOnlyARollbackAnswersTheCommitForCertain(t *testing.T) {
	for name, c := range databasetest.Errors() {
		err := committing(c.Err)
		switch state := database.State(c.Err); {
		case state != "40003" && (c.Class == database.Conflict && state != "55P03"):
			require.ErrorIs(t, err, bank.ErrRetry, name)
		case c.Class == database.Refused && state[:2] == "23":
			require.ErrorIs(t, err, bank.ErrRejected, name)
		default:
			requireUnknown(t, err, name)
		}
	}
	requireUnknown(t, committing(&pgconn.PgError{}), "no state")
}

func requireUnknown(t *testing.T, err error, name string) {
	t.Helper()
	known := fault.Of(err)
	require.Equal(t, fault.Unavailable, known.Code, name)
	require.Positive(t, known.RetryAfter, name)
	require.NotErrorIs(t, err, bank.ErrRetry, name)
	require.NotErrorIs(t, err, bank.ErrRejected, name)
}
