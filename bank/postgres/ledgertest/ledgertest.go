// Package ledgertest gives tests a ledger that was migrated by its owner and is used by the bank's
// role, as in operation.
package ledgertest

import (
	"testing"

	"codebank.dev/bank/postgres"
	"codebank.dev/platform/database/databasetest"
	"github.com/stretchr/testify/require"
)

// Migrated migrates the ledger of bank 001 at an address, whose user must be a superuser, and returns
// its address for the bank's role. It may be called again.
func Migrated(t testing.TB, address string) string {
	t.Helper()
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: address}, "001"))
	return databasetest.As(t, address, postgres.ServiceRole)
}
