package postgres_test

import (
	"testing"

	"codebank.dev/checkout/checkouttest"
	"codebank.dev/checkout/postgres"
	"codebank.dev/stack/postgres/postgrestest"
	"github.com/stretchr/testify/require"
)

func open(t testing.TB) checkouttest.Store { return openStore(t) }

func openStore(t testing.TB) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgrestest.Database(t), 0)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Migrate(t.Context()))
	return store
}

func TestStore(t *testing.T) { checkouttest.TestStore(t, open) }
