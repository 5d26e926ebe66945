package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/bank/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/operations/pipelinetest"
)

// runRepublish runs the command against a database and returns its status and output.
func runRepublish(t *testing.T, url string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	environ := []string{"BANKCTL_LEDGER_DATABASE_URL=" + pipelinetest.Ledger(t, url, postgres.OperatorRole), "BANKCTL_TIMEOUT=30s"}
	status = run(t.Context(), append([]string{"republish"}, args...), environ, streams{out: &out, err: &err})
	return status, out.String(), err.String()
}

func TestRepublishMakesEventsAgainFromTheLedger(t *testing.T) {
	url := postgrestest.Database(t)
	bank := pipelinetest.StartBank(t, url)
	store := openStore(t, url)
	customer := bank.Issue(t)
	for range 4 {
		bank.Buy(t, customer, 100)
	}
	first := outboxEvents(t, store)
	require.Len(t, first, 5)
	published(t, url)

	account := customer.AccountID()
	status, stdout, stderr := runRepublish(t, url, "--account", account, "--from", "3", "--to", "4")
	require.Zero(t, status, stderr)
	require.Equal(t, "2 events of account "+account+" are in the outbox again\n", stdout)
	again := outboxEvents(t, store)
	require.Len(t, again, 2)
	for i, row := range again {
		row.ID, row.Waited = first[2+i].ID, first[2+i].Waited
		require.Equal(t, first[2+i], row)
	}

	status, _, stderr = runRepublish(t, url, "--account", account, "--to", "1", "--event-version", "1")
	require.Equal(t, 1, status, "an older version cannot say what the event said")
	require.Contains(t, stderr, "after 0 events of account "+account)
	require.Len(t, outboxEvents(t, store), 2)

	status, stdout, _ = runRepublish(t, url, "--account", account, "-o", "json")
	require.Zero(t, status)
	require.JSONEq(t, `{"account_id":"`+account+`","from_sequence":1,"events":5}`, stdout)

	bank.Refuse(t)
	refused := outboxEvents(t, store)
	status, stdout, stderr = runRepublish(t, url, "--refusals")
	require.Zero(t, status, stderr)
	require.Equal(t, "1 declines without an account are in the outbox again\n", stdout)
	again = outboxEvents(t, store)
	require.Len(t, again, len(refused)+1)
	require.Equal(t, refused[len(refused)-1].Body, again[len(refused)].Body)
}

func TestRepublishSaysWhenThereIsNothing(t *testing.T) {
	url := postgrestest.Database(t)
	store := openStore(t, url)
	pipelinetest.Ledger(t, url, postgres.OperatorRole)
	const nobody = "5a1f3c1e-9d2b-4c56-8a53-0d6a5f7f2b10"
	for _, tt := range []struct {
		rule   string
		args   []string
		status int
		says   string
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
		status, _, stderr := runRepublish(t, url, tt.args...)
		require.Equal(t, tt.status, status, "%s: %s", tt.rule, stderr)
		require.Contains(t, stderr, tt.says, tt.rule)
	}
	require.Empty(t, outboxEvents(t, store))
}

// openStore opens the ledger in a database, for reading.
func openStore(t *testing.T, url string) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Config{URL: url, BankCode: "001"})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	return store
}

// outboxEvents returns the events in the outbox.
func outboxEvents(t *testing.T, store *postgres.Store) []postgres.OutboxEvent {
	t.Helper()
	last, err := store.LastOutboxID(t.Context())
	require.NoError(t, err)
	var events []postgres.OutboxEvent
	for row, err := range store.OutboxEvents(t.Context(), 0, last) {
		require.NoError(t, err)
		events = append(events, *row)
	}
	return events
}

// published removes all events from the outbox, as the relay does.
func published(t *testing.T, url string) {
	t.Helper()
	_, err := dial(t, url).Exec(t.Context(), "DELETE FROM outbox")
	require.NoError(t, err)
}
