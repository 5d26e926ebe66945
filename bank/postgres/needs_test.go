package postgres_test

import (
	"log/slog"
	"testing"

	"codebank.dev/bank/banktest"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
	"github.com/stretchr/testify/require"
)

// A bank that is ready can answer every call: the calls need no privilege that readiness does not
// check, and so no table.
func TestCallsNeedOnlyWhatReadinessChecks(t *testing.T) {
	// The suite reads the outbox as the relay does.
	before := []string{"SELECT ON bank", "SELECT ON outbox_id_seq"}
	banktest.TestStore(t, func(t *testing.T) banktest.Ledger {
		address := postgrestest.Database(t)
		openAt(t, address)
		ready := func(address string) error {
			store, err := postgres.Open(t.Context(), postgres.Config{URL: address, BankCode: "001"})
			require.NoError(t, err)
			defer store.Close()
			require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
			return store.Ready(t.Context())
		}
		store, err := postgres.Open(t.Context(), postgres.Config{URL: databasetest.Needy(t, address, before, ready), MaxConnections: 16})
		require.NoError(t, err)
		t.Cleanup(store.Close)
		return store
	})
}
