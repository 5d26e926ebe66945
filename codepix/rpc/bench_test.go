package rpc_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/health/grpc_health_v1"

	"codebank.dev/codepix/codepixtest"
	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/key"
	"codebank.dev/codepix/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
)

// onPostgres replaces the directory in memory by one in Postgres.
func (h *hub) onPostgres(t testing.TB) {
	t.Helper()
	url := postgrestest.Database(t)
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: url}))
	store, err := postgres.Open(t.Context(), postgres.Config{URL: databasetest.As(t, url, postgres.ServiceRole)})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
	banks := codepixtest.NewDirectoryBanks()
	service, err := directory.New(directory.Config{Store: store.Directory(banks), Banks: banks, Secret: codepixtest.DirectorySecret})
	require.NoError(t, err)
	h.desk.Service, h.directory.Service, h.keys = service, service, store.Directory(banks)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); service.Guard().Run(ctx, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() { cancel(); <-ended })
}

// BenchmarkLookUpKey compares look-ups on Postgres with a call that does nothing, by the median of each, over TLS: of a
// key that nobody has asked about for a second, and of one that was asked about just now. They take turns. The payer
// pays after each look-up, so he is never slowed.
func BenchmarkLookUpKey(b *testing.B) {
	h := start(b)
	h.onPostgres(b)
	conn := h.kit.Dial(b, h.address, "001/bank")
	one, health := codepixv1.NewDirectoryServiceClient(conn), grpc_health_v1.NewHealthClient(conn)
	keys := manyKeys(b, one)
	_, err := one.CreateKey(b.Context(), &codepixv1.CreateKeyRequest{RequestId: "r1", Kind: codepixv1.KeyKind_KEY_KIND_CPF, Key: cpf, Account: ana(account11)})
	require.NoError(b, err)
	look := func(wanted string) func() error {
		return func() error {
			_, err := one.LookUpKey(b.Context(), &codepixv1.LookUpKeyRequest{Key: wanted, CustomerId: account22})
			h.desk.Initiated("001", account22)
			return err
		}
	}
	who := directory.BucketName{BankCode: "001", Customer: account22}
	times := map[string][]time.Duration{}
	for i := 0; b.Loop(); i++ {
		for name, do := range map[string]func() error{
			"empty": func() error {
				_, err := health.Check(b.Context(), &grpc_health_v1.HealthCheckRequest{})
				return err
			},
			"look-up": look(keys[i%len(keys)]), "look-up-again": look(cpf),
			"database": func() error {
				_, err := h.keys.Find(b.Context(), key.Key{Kind: key.Random, Text: keys[(i+1)%len(keys)]}, who)
				return err
			},
		} {
			begun := time.Now()
			require.NoError(b, do())
			times[name] = append(times[name], time.Since(begun))
		}
	}
	slices.Sort(times["empty"])
	for name, all := range times {
		slices.Sort(all)
		p50, p99 := all[len(all)/2], all[len(all)*99/100]
		b.ReportMetric(float64(p50.Microseconds()), "µs/"+name+"-p50")
		b.ReportMetric(float64(p99.Microseconds()), "µs/"+name+"-p99")
		b.ReportMetric(float64(p50)/float64(times["empty"][len(all)/2]), "times/"+name)
	}
}

// manyKeys registers so many keys that each is asked about less than once a second.
func manyKeys(b *testing.B, one codepixv1.DirectoryServiceClient) (keys []string) {
	b.Helper()
	const accounts, keysOfEach = 150, 20
	for i := range accounts * keysOfEach {
		made, err := one.CreateKey(b.Context(), &codepixv1.CreateKeyRequest{
			RequestId: fmt.Sprint("many-", i), Kind: codepixv1.KeyKind_KEY_KIND_RANDOM, Account: ana(codepixtest.AccountID(100 + i/keysOfEach)),
		})
		require.NoError(b, err)
		keys = append(keys, made.GetKey().GetKey())
	}
	return keys
}
