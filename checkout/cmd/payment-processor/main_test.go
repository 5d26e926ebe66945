package main

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/checkout/payment/accept"
	"codebank.dev/checkout/payment/failpoints"
	"codebank.dev/checkout/payment/paymenttest"
	"codebank.dev/checkout/postgres"
	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/programtest"
	"codebank.dev/platform/wallstest"
)

func TestMain(m *testing.M) { programtest.Main(m, main) }

// A record that is no charge goes to the dead-letter topic and is not read again: also when the program is killed
// between the two. What comes behind it goes on.
func TestAPoisonRecordBecomesALetterAndBlocksNobody(t *testing.T) {
	url := postgrestest.Database(t)
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: url}))
	kit, broker := wallstest.New(t), paymenttest.NewBroker(t)
	client := broker.Open(t, paymenttest.Letters)
	files := kit.Files(t, name)
	flags := broker.Flags("--http-address=127.0.0.1:0", "--database-url="+databasetest.As(t, url, postgres.PaymentProcessorRole),
		"--tls-certificate="+files.Certificate, "--tls-key="+files.Key, "--tls-authority="+files.Authority)
	start := func(more ...string) *programtest.Program {
		p := programtest.Start(t, nil, append(flags, more...)...)
		p.Client = kit.HTTP(t, "")
		return p
	}
	p := start("--failpoint=" + string(failpoints.ChargeLettersPublished))
	require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{Topic: accept.Topic, Key: []byte("poison"), Value: []byte("4111 is no charge")}).FirstErr())
	p.AwaitKilledAt(t, string(failpoints.ChargeLettersPublished))

	p = start()
	_, ready := p.AwaitReady(t)
	require.True(t, ready, p.Log())
	admin, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer admin.Close(context.Background())
	await.Until(t, func() bool {
		var read int64
		require.NoError(t, admin.QueryRow(t.Context(), "SELECT coalesce(sum(next_offset), 0) FROM charge_offsets").Scan(&read))
		return read == 1
	}, time.Minute, 10*time.Millisecond, "the record is dealt with")
	seen := 0
	for seen < 2 { // By the killed process, and by the one after it.
		fetched := client.PollFetches(t.Context())
		require.NoError(t, fetched.Err())
		seen += fetched.NumRecords()
	}
	require.NotContains(t, p.Log(), "4111")
	p.Interrupt(t)
	p.AwaitEnd(t)
}
