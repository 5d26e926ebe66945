package database_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database"
	"codebank.dev/platform/fault"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// oneTable is what calls need in these tests.
var oneTable = database.Needs{"one": "SELECT INSERT", "two": "SELECT"}

// requireUnready requires that a pool is not ready, with these words for everybody and this cause for the log.
func requireUnready(t *testing.T, pool *database.Pool, words, cause string) {
	t.Helper()
	err := fault.Of(pool.Ready(t.Context()))
	require.NotNil(t, err, "it is ready")
	require.Equal(t, fault.Unavailable, err.Code)
	require.Positive(t, err.RetryAfter)
	require.Equal(t, "waiting for the database: "+words, err.Message)
	require.ErrorContains(t, err, cause)
}

// asUser makes a role and returns the database's address for it.
func asUser(t *testing.T, pool *database.Pool, address, role string) string {
	t.Helper()
	_, err := pool.Exec(t.Context(), "CREATE ROLE "+role+" LOGIN PASSWORD 'secret'")
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := pool.Exec(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role)
		require.NoError(t, err)
	})
	read, err := url.Parse(address)
	require.NoError(t, err)
	read.User = url.UserPassword(role, "secret")
	return read.String()
}

func TestAProgramIsReadyWhenItsCallsFindWhatTheyNeed(t *testing.T) {
	address := postgrestest.Database(t)
	owner := open(t, database.Config{URL: address})
	run := func(statement string) {
		t.Helper()
		_, err := owner.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	run("CREATE TABLE one (n integer); CREATE TABLE two (n integer); CREATE TABLE three (n integer)")
	pool := open(t, database.Config{URL: asUser(t, owner, address, "needs_one"), Needs: oneTable})
	require.NoError(t, pool.Prepare(t.Context(), silent, func(context.Context) error { return nil }))
	const missing = "a table is missing, or the user lacks a privilege on it; the log says which"
	requireUnready(t, pool, missing, "missing: SELECT on one, INSERT on one, SELECT on two")
	run("GRANT SELECT, INSERT ON one TO needs_one")
	requireUnready(t, pool, missing, "missing: SELECT on two")
	run("GRANT SELECT ON two TO needs_one")
	require.NoError(t, pool.Ready(t.Context()))

	for _, change := range []struct{ broken, mended, words, cause string }{
		{"ALTER TABLE one RENAME TO gone", "ALTER TABLE gone RENAME TO one", missing, "on one"},
		{"REVOKE INSERT ON one FROM needs_one", "GRANT INSERT ON one TO needs_one", missing, "missing: INSERT on one"},
		{"ALTER ROLE needs_one SET default_transaction_read_only = on", "ALTER ROLE needs_one RESET ALL", "it is read-only", "transaction_read_only"},
	} {
		run(change.broken)
		pool.Reset()
		requireUnready(t, pool, change.words, change.cause)
		run(change.mended)
		pool.Reset()
		require.NoError(t, pool.Ready(t.Context()), change.mended)
	}
	reader := open(t, database.Config{
		URL: address, Needs: database.Needs{"two": "SELECT"}, Settings: map[string]string{"default_transaction_read_only": "on"},
	})
	require.NoError(t, reader.Prepare(t.Context(), silent, func(context.Context) error { return nil }))
	require.NoError(t, reader.Ready(t.Context()), "who only reads needs no writes")
}

func TestAProgramWhoseTablesAreLockedIsNotReady(t *testing.T) {
	address := postgrestest.Database(t)
	owner := open(t, database.Config{URL: address})
	_, err := owner.Exec(t.Context(), "CREATE TABLE one (n integer); CREATE TABLE two (n integer)")
	require.NoError(t, err)
	pool := open(t, database.Config{URL: address, Needs: oneTable})
	require.NoError(t, pool.Prepare(t.Context(), silent, func(context.Context) error { return nil }))
	for lock, blocked := range map[string]bool{
		"one IN ACCESS EXCLUSIVE": true, "one IN EXCLUSIVE": true, "one IN SHARE": true, "one IN SHARE ROW EXCLUSIVE": true, "two IN ACCESS EXCLUSIVE": true,
		"one IN SHARE UPDATE EXCLUSIVE": false, "one IN ROW EXCLUSIVE": false, "two IN EXCLUSIVE": false,
	} {
		transaction, err := owner.BeginTx(t.Context(), pgx.TxOptions{})
		require.NoError(t, err)
		_, err = transaction.Exec(t.Context(), "LOCK TABLE "+lock+" MODE")
		require.NoError(t, err)
		if blocked {
			requireUnready(t, pool, "a table is locked against this program; the log says which", "locked: "+lock[:3]+" in ")
		} else {
			require.NoError(t, pool.Ready(t.Context()), lock)
		}
		require.NoError(t, transaction.Rollback(t.Context()))
		require.NoError(t, pool.Ready(t.Context()), lock)
	}
}

func TestAPoolWithoutAFreeConnectionIsNotReady(t *testing.T) {
	pool := open(t, database.Config{URL: postgrestest.Database(t), MaxConnections: 1})
	require.NoError(t, pool.Prepare(t.Context(), silent, func(context.Context) error { return nil }))
	held, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Equal(t, "waiting for the database: the server does not answer in time", fault.Of(pool.Ready(ctx)).Message)
	held.Release()
	require.NoError(t, pool.Ready(t.Context()))
}

// A session that began while the database was read-only stays so. The pool replaces it, as it must
// when the sessions lead to a server that is no longer the primary one.
func TestReadOnlySessionsAreReplaced(t *testing.T) {
	address := postgrestest.Database(t)
	owner := open(t, database.Config{URL: address})
	run := func(statement string) {
		t.Helper()
		_, err := owner.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	name := owner.Config().ConnConfig.Database
	run("CREATE TABLE one (n integer); CREATE TABLE two (n integer)")
	write := func(pool *database.Pool) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := pool.Exec(ctx, "INSERT INTO one VALUES (1)")
			return err
		}
	}
	run("ALTER DATABASE " + name + " SET default_transaction_read_only = on")
	early := open(t, database.Config{URL: address, Needs: oneTable})
	prepared := make(chan error, 1)
	go func() { prepared <- early.Prepare(t.Context(), silent, write(early)) }()
	await.Until(t, func() bool {
		err := fault.Of(early.Ready(t.Context()))
		return err != nil && err.Message == "waiting for the database: it is read-only (SQLSTATE 25006)"
	}, time.Minute, time.Millisecond)
	late := open(t, database.Config{URL: address, Needs: oneTable})
	require.NoError(t, late.Prepare(t.Context(), silent, func(context.Context) error { return nil }))
	requireUnready(t, late, "it is read-only", "transaction_read_only")

	run("ALTER DATABASE " + name + " RESET default_transaction_read_only")
	select {
	case err := <-prepared:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		require.FailNow(t, "it waits still")
	}
	await.Until(t, func() bool { return late.Ready(t.Context()) == nil }, time.Minute, 10*time.Millisecond)
	require.NoError(t, write(late)(t.Context()))
}
