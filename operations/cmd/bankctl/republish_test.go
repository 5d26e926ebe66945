package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank"
	"codebank.dev/bank/banktest"
	"codebank.dev/bank/kafka"
	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
)

// republish runs the command against a database and returns its status and output.
func republish(t *testing.T, url string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	environ := []string{"BANKCTL_LEDGER_DATABASE_URL=" + url, "BANKCTL_TIMEOUT=30s"}
	status = run(t.Context(), append([]string{"republish"}, args...), environ, streams{out: &out, err: &err})
	return status, out.String(), err.String()
}

func TestRepublishMakesEventsAgainFromTheLedger(t *testing.T) {
	url := postgrestest.Database(t)
	store, err := postgres.Open(t.Context(), postgres.Config{URL: url, BankCode: "001"})
	require.NoError(t, err)
	defer store.Close()
	require.NoError(t, store.Migrate(t.Context()))
	account := openWithPurchases(t, store, 4)
	require.Empty(t, waiting(t, store))

	status, stdout, stderr := republish(t, url, "--account", account.String(), "--from", "3", "--to", "4")
	require.Zero(t, status, stderr)
	require.Equal(t, "2 events of account "+account.String()+" are in the outbox again\n", stdout)
	again := waiting(t, store)
	require.Len(t, again, 2)
	encoder := kafka.NewEncoder("001")
	for entry, err := range store.Entries(t.Context(), postgres.Position{}) {
		require.NoError(t, err)
		if entry.Sequence != 3 && entry.Sequence != 4 {
			continue
		}
		body, version, err := encoder.Append(nil, entry)
		require.NoError(t, err)
		require.Equal(t, bank.Event{
			TransactionID: entry.TransactionID, AccountID: entry.AccountID, Sequence: entry.Sequence,
			Key: entry.AccountID, SchemaVersion: version, Body: body,
		}, again[entry.Sequence-3].Event)
	}

	status, _, stderr = republish(t, url, "--account", account.String(), "--to", "1", "--event-version", "1")
	require.Zero(t, status, stderr)
	older := waiting(t, store)
	require.Equal(t, 1, older[len(older)-1].Event.SchemaVersion)

	status, stdout, _ = republish(t, url, "--account", account.String(), "-o", "json")
	require.Zero(t, status)
	require.JSONEq(t, `{"account_id":"`+account.String()+`","from_sequence":1,"events":5}`, stdout)
}

func TestRepublishSaysWhenThereIsNothing(t *testing.T) {
	url := postgrestest.Database(t)
	store, err := postgres.Open(t.Context(), postgres.Config{URL: url, BankCode: "001"})
	require.NoError(t, err)
	defer store.Close()
	require.NoError(t, store.Migrate(t.Context()))

	nobody := banktest.NewID().String()
	for _, tt := range []struct {
		rule   string
		args   []string
		status int
		told   string
	}{
		{"no such account", []string{"--account", nobody}, exitFailed, "there are no such"},
		{"no refusals", []string{"--refusals"}, exitFailed, "there are no such"},
		{"the database of another bank", []string{"--account", nobody, "--bank-code", "002"}, exitFailed, "bank 001, not 002"},
		{"neither account nor refusals", nil, exitUsage, "refusals"},
		{"both", []string{"--account", nobody, "--refusals"}, exitUsage, "refusals"},
		{"a span from behind", []string{"--account", nobody, "--from", "3", "--to", "2"}, exitUsage, "--from"},
		{"a version that there is not", []string{"--account", nobody, "--event-version", "9"}, exitUsage, "--event-version"},
		{"a span from nothing", []string{"--account", nobody, "--from", "0"}, exitUsage, "--from"},
		{"no database", []string{"--account", nobody, "--ledger-database-url", ""}, exitUsage, "--ledger-database-url"},
	} {
		status, _, stderr := republish(t, url, tt.args...)
		require.Equal(t, tt.status, status, "%s: %s", tt.rule, stderr)
		require.Contains(t, stderr, tt.told, tt.rule)
	}
	require.Empty(t, waiting(t, store))
}

// openWithPurchases opens an account that buys, and leaves no events of it.
func openWithPurchases(t *testing.T, store *postgres.Store, purchases int) bank.ID {
	t.Helper()
	account := banktest.NewAccount()
	issued := banktest.NewCard(account.ID)
	customer := banktest.Customer{Account: account.ID, Card: issued.Card.ID, Lookup: issued.Lookup}
	banktest.Commit(t, store, bank.Keys{}, func(book *bank.Book) error {
		book.Open(account)
		book.Issue(issued)
		entries := []bank.Entry{banktest.Opening(account.ID)}
		for range purchases {
			purchase := banktest.Purchase(customer, banktest.NewID(), 0)
			purchase.Card = issued.Card.CardSnapshot
			entries = append(entries, purchase)
		}
		for _, entry := range entries {
			entry.ProducerVersion = "bank/test"
			if _, err := book.Post(entry, bank.Effect{}, banktest.Start); err != nil {
				return err
			}
		}
		return nil
	})
	return account.ID
}

func waiting(t *testing.T, store *postgres.Store) []bank.OutboxRow {
	t.Helper()
	rows, err := store.Fetch(t.Context(), 1000, nil)
	require.NoError(t, err)
	return rows
}
