package main

import (
	"path/filepath"
	"testing"

	"codebank.dev/bank/postgres"
	"codebank.dev/bank/vault"
	native "codebank.dev/native/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/stretchr/testify/require"
)

// account is one that no ledger has.
const account = "accounts/3f1c1f0e-8f64-4d5e-9a55-0c8f1b2a7d01"

// launch runs a bank that relays nothing and waits for nothing.
func launch(t *testing.T, databaseURL string) *programtest.Program {
	t.Helper()
	keys := filepath.Join(t.TempDir(), "vault.json")
	require.NoError(t, vault.NewKeyFile(keys, nil))
	return programtest.Start(t, nil, "--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0",
		"--database-url="+databaseURL, "--vault-key-file="+keys, "--relay=false")
}

func TestTheProgramWaitsForItsDatabase(t *testing.T) {
	programtest.TestAwaitsDatabase(t, programtest.Waiting{
		Server: postgrestest.Own(t, native.Options{}),
		Start:  func(url string) *programtest.Program { return launch(t, url) },
		Call: func(address string) error {
			conn, err := serve.Dial(address, serve.WithCaller("shop"))
			require.NoError(t, err)
			defer conn.Close()
			_, err = bankv1.NewCardServiceClient(conn).GetAccount(t.Context(), &bankv1.GetAccountRequest{Name: account})
			return err
		},
		Path: "/v1/" + account,
	})
}

func TestTheProgramEndsWhenTheDatabaseIsAnotherBanks(t *testing.T) {
	url := postgrestest.Database(t)
	store, err := postgres.Open(t.Context(), postgres.Config{URL: url, BankCode: "002"})
	require.NoError(t, err)
	defer store.Close()
	require.NoError(t, store.Migrate(t.Context()))
	p := launch(t, url)
	p.AwaitEnd(t)
	require.Contains(t, p.Log(), "bank: postgres: the database is the ledger of another bank: it is bank 002, this program is bank 001")
}
