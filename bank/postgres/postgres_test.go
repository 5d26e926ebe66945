package postgres_test

import (
	"log/slog"
	"testing"
	"time"

	"codebank.dev/bank/banktest"
	"codebank.dev/bank/inmem"
	"codebank.dev/bank/postgres"
	"codebank.dev/bank/postgres/ledgertest"
	"codebank.dev/native/postgres/postgrestest"
	"github.com/stretchr/testify/require"
)

// open returns a migrated ledger in a database of its own, as the bank's role uses it.
func open(t *testing.T) banktest.Ledger { return openAt(t, postgrestest.Database(t)) }

// openLocking returns a ledger that decides every batch under locks.
func openLocking(t *testing.T) banktest.Ledger {
	return openWith(t, postgres.Config{URL: postgrestest.Database(t), LockAlways: true})
}

// openAt migrates the ledger at a URL as its owner, and opens it as the bank's role. The bank's code is 001.
func openAt(t testing.TB, url string) *postgres.Store {
	t.Helper()
	return openWith(t, postgres.Config{URL: url})
}

func openWith(t testing.TB, config postgres.Config) *postgres.Store {
	t.Helper()
	config.URL, config.BankCode, config.MaxConnections = ledgertest.Migrated(t, config.URL), "001", 16
	store, err := postgres.Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
	return store
}

func TestStore(t *testing.T)           { banktest.TestStore(t, open) }
func TestStoreUnderLocks(t *testing.T) { banktest.TestStore(t, openLocking) }
func TestOutbox(t *testing.T)          { banktest.TestOutbox(t, open) }
func TestMessages(t *testing.T)        { banktest.TestMessages(t, open) }

func TestTwoProcessesOnOneLedger(t *testing.T) {
	url := postgrestest.Database(t)
	banktest.TestConcurrency(t, openAt(t, url), openAt(t, url))
	banktest.TestConcurrency(t, openAt(t, url), openWith(t, postgres.Config{URL: url, LockAlways: true}))
}

func TestMemoryAndPostgresAreEquivalent(t *testing.T) {
	banktest.TestEquivalence(t, inmem.New(time.Now), open(t))
}
