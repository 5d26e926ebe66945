package main

import (
	"math"
	"path/filepath"
	"testing"

	"codebank.dev/bank/outbox"
	"codebank.dev/bank/postgres"
	"codebank.dev/bank/vault"
	native "codebank.dev/native/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/prometheus/client_golang/prometheus"
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
		"--database-url="+databaseURL, "--vault-key-file="+keys, "--relay=false", "--insecure=operator")
}

func TestTheProgramWaitsForItsDatabase(t *testing.T) {
	programtest.TestAwaitsDatabase(t, programtest.Waiting{
		Server: postgrestest.Own(t, native.Options{}),
		Role:   postgres.ServiceRole,
		Migrate: func(url string) error {
			return postgres.Migrate(t.Context(), postgres.Config{URL: url}, "001")
		},
		Start: func(url string) *programtest.Program { return launch(t, url) },
		Call: func(address string) error {
			conn, err := serve.Dial(address)
			require.NoError(t, err)
			defer conn.Close()
			_, err = bankv1.NewCardServiceClient(conn).GetAccount(t.Context(), &bankv1.GetAccountRequest{Name: account})
			return err
		},
		Path: "/v1/" + account,
		Write: func(address string) error {
			conn, err := serve.Dial(address)
			require.NoError(t, err)
			defer conn.Close()
			_, err = bankv1.NewCardServiceClient(conn).IssueCard(t.Context(), &bankv1.IssueCardRequest{
				RequestId: "read-only", HolderName: "MARIA SILVA", Currency: "BRL", CreditLimitMinor: 100_000,
			})
			return err
		},
	})
}

func TestEveryFigureWithAnAlarmIsThereFromTheStart(t *testing.T) {
	shown := programtest.RequireAlarmFigures(t, launch(t, programtest.NoDatabase), "codebank_relay_", "codebank_ledger_")
	require.Contains(t, shown, "codebank_relay_watermark_age_seconds +Inf\n", "not known is an endless age")
	require.Contains(t, shown, "codebank_relay_leading 0\n")

	keys := filepath.Join(t.TempDir(), "vault.json")
	require.NoError(t, vault.NewKeyFile(keys, nil))
	relaying := programtest.Start(t, nil, "--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0", "--vault-key-file="+keys,
		"--database-url="+programtest.NoDatabase, "--kafka-brokers=127.0.0.1:1", "--registry-url=http://127.0.0.1:1",
		"--insecure=operator")
	shown = programtest.RequireAlarmFigures(t, relaying, "codebank_relay_", "codebank_ledger_")
	require.Contains(t, shown, "codebank_relay_watermark_age_seconds +Inf\n")
}

func TestTheFiguresOfALeaderThatKnowsNothingYet(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(statsOf{outbox.Stats{Leading: true, BacklogUnknown: true}})
	families, err := registry.Gather()
	require.NoError(t, err)
	endless := 0
	for _, family := range families {
		if math.IsInf(family.GetMetric()[0].GetGauge().GetValue(), 1) {
			require.Contains(t, []string{"codebank_relay_backlog_age_seconds", "codebank_relay_watermark_age_seconds"}, family.GetName())
			endless++
		}
	}
	require.Equal(t, 2, endless)
}

// statsOf shows the figures of a relay with these counters.
type statsOf struct{ outbox.Stats }

func (s statsOf) Describe(out chan<- *prometheus.Desc) { prometheus.DescribeByCollect(s, out) }
func (s statsOf) Collect(out chan<- prometheus.Metric) { collectRelay(out, &s.Stats) }

func TestTheProgramEndsWhenTheDatabaseIsAnotherBanks(t *testing.T) {
	url := postgrestest.Database(t)
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: url}, "002"))
	p := launch(t, databasetest.As(t, url, postgres.ServiceRole))
	p.AwaitEnd(t)
	require.Contains(t, p.Log(), "bank: postgres: the database is the ledger of another bank: it is bank 002, this program is bank 001")
}
