package postgres_test

import (
	"context"
	"log/slog"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"codebank.dev/codepix/codepixtest"
	"codebank.dev/codepix/payment"
	"codebank.dev/codepix/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/id"
)

// open migrates a new database, and opens it as the program's role. The connection is the administrator's.
func open(t testing.TB) (*postgres.Store, *pgx.Conn) {
	t.Helper()
	url := postgrestest.Database(t)
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: url}))
	store, err := postgres.Open(t.Context(), postgres.Config{URL: databasetest.As(t, url, postgres.ServiceRole)})
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
	require.NoError(t, store.Ready(t.Context()))
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return store, conn
}

func TestPayments(t *testing.T) {
	codepixtest.TestPayments(t, func(t *testing.T) codepixtest.Payments {
		store, _ := open(t)
		return store
	})
}

// Whatever a program believes, a payment goes along the drawn ways only, and no state that was reached is left.
func TestTheDatabaseRefusesWhatNoPaymentDoes(t *testing.T) {
	store, conn := open(t)
	for i := range 4 {
		message := codepixtest.Payment(i)
		steps := [][]payment.Received{
			codepixtest.From(codepixtest.SenderBank, message),
			codepixtest.From(codepixtest.ReceiverBank, codepixtest.Answer(message, payment.Confirm)),
			codepixtest.From(codepixtest.SenderBank, codepixtest.Answer(message, payment.Complete)),
		}[:i%3+1]
		if i == 3 {
			steps = append(steps, codepixtest.From(codepixtest.ReceiverBank, codepixtest.Answer(message, payment.Reject)))
		}
		for _, step := range steps {
			_, err := store.Apply(t.Context(), step)
			require.NoError(t, err)
		}
	}
	name := func(number int) string { return string(codepixtest.Payment(number).ID) }
	pending, confirmed, completed, rejected := name(0), name(1), name(2), name(3)
	end := "ended_at = now(), changed_at = now(), decided_at = now()"
	for rule, statement := range map[string]struct{ sql, name string }{
		"what is rejected is not confirmed":   {"state = 2, reason = '', ended_at = NULL, confirmed_at = now(), version = 3", rejected},
		"what is rejected is not completed":   {"state = 3, reason = '', confirmed_at = now(), version = 3", rejected},
		"what is confirmed is not rejected":   {"state = 4, reason = 'X', confirmed_at = NULL, version = 3, " + end, confirmed},
		"what is completed is not rejected":   {"state = 4, reason = 'X', confirmed_at = NULL, version = 3, " + end, completed},
		"what is completed is not pending":    {"state = 1, decided_at = NULL, ended_at = NULL, confirmed_at = NULL, version = 1", completed},
		"what is pending is not completed":    {"state = 3, confirmed_at = now(), version = 2, " + end, pending},
		"a state has its version":             {"state = 2, decided_at = now(), confirmed_at = now()", pending},
		"a version has its state":             {"version = version + 1", confirmed},
		"no more is returned than was paid":   {"returned_minor = amount_minor + 1", completed},
		"what is returned is not taken back":  {"returned_minor = -1", completed},
		"nothing open is returned":            {"returned_minor = 1", confirmed},
		"a rejection has a reason":            {"reason = ''", rejected},
		"a payment is not held":               {"held = true", pending},
		"the amount of a payment is positive": {"amount_minor = 0", pending},
	} {
		_, err := conn.Exec(t.Context(), "UPDATE payments SET "+statement.sql+" WHERE id = $1", statement.name)
		require.Equal(t, "23514", database.State(err), "%s: %v", rule, err)
	}
	role, err := pgx.Connect(t.Context(), databasetest.As(t, conn.Config().ConnString(), postgres.ServiceRole))
	require.NoError(t, err)
	defer role.Close(context.Background())
	for _, statement := range []string{
		"DELETE FROM payments", "UPDATE payments SET amount_minor = 1", "UPDATE payments SET receiver_account = sender_account",
		"UPDATE payment_outbox SET body = ''", "TRUNCATE payments", "DELETE FROM secrets",
	} {
		_, err := role.Exec(t.Context(), statement)
		require.Equal(t, "42501", database.State(err), "%s: %v", statement, err)
	}
}

func TestOffsetsNeverGoBackUnlessTheDatabaseWasRestored(t *testing.T) {
	store, conn := open(t)
	offsets, topic := store.Offsets(), id.ID{1}
	put := func(from, next int64) bool {
		ok, err := offsets.StoreOffset(t.Context(), topic, 3, from, next)
		require.NoError(t, err)
		return ok
	}
	require.True(t, put(0, 10))
	require.True(t, put(10, 20))
	require.True(t, put(10, 15), "another process is ahead")
	stored, err := offsets.LoadOffsets(t.Context(), topic)
	require.NoError(t, err)
	require.Equal(t, map[int32]int64{3: 20}, stored)
	_, err = conn.Exec(t.Context(), "UPDATE payment_offsets SET next_offset = 5")
	require.NoError(t, err)
	require.False(t, put(20, 30))
}

func TestASecretIsMadeUpOnce(t *testing.T) {
	store, _ := open(t)
	first, err := store.Secret(t.Context(), "one", sameBytes(1))
	require.NoError(t, err)
	again, err := store.Secret(t.Context(), "one", sameBytes(2))
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.Len(t, first, 32)
}

// sameBytes is a source of one byte.
type sameBytes byte

func (b sameBytes) Read(into []byte) (int, error) {
	for i := range into {
		into[i] = byte(b)
	}
	return len(into), nil
}
