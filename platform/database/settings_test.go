package database_test

import (
	"context"
	"testing"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/programtest"
	"github.com/stretchr/testify/require"
)

// limits are some settings of a session, as programs ask for them and as the server shows them.
var limits = map[string]string{
	"lock_timeout": "500ms", "transaction_timeout": "5000ms", "statement_timeout": "4s",
	"default_transaction_isolation": "read committed", "jit": "off", "enable_seqscan": "false",
}

// requireLimits requires that every connection of a pool has the limits.
func requireLimits(t *testing.T, pool *database.Pool) {
	t.Helper()
	for range 4 {
		conn, err := pool.Acquire(t.Context())
		require.NoError(t, err)
		defer conn.Release() // At the end, so that each is another connection.
		for name, want := range map[string]string{
			"lock_timeout": "500ms", "transaction_timeout": "5s", "statement_timeout": "4s", "timezone": "UTC",
			"idle_in_transaction_session_timeout": "10s", "default_transaction_isolation": "read committed", "jit": "off", "enable_seqscan": "off",
		} {
			var is string
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&is))
			require.Equal(t, want, is, name)
		}
	}
}

func none(context.Context) error { return nil }

func TestEverySessionHasItsLimits(t *testing.T) {
	pool := open(t, database.Config{URL: postgrestest.Database(t), Settings: limits})
	require.NoError(t, pool.Prepare(t.Context(), silent, none))
	requireLimits(t, pool)
}

// Something between program and server drops the settings and gives each connection a session of its
// own: the program sets them itself.
func TestLimitsThatAreDroppedOnTheWayAreSet(t *testing.T) {
	pool := open(t, database.Config{URL: programtest.Pooler(t, postgrestest.Database(t), false), Settings: limits})
	require.NoError(t, pool.Prepare(t.Context(), silent, none))
	require.NoError(t, pool.Ready(t.Context()))
	requireLimits(t, pool)
}

// A pooler that shares sessions would carry a setting to other clients, and lose it. The program does
// not use such a connection until the server itself has the limits for its role or its database.
func TestASharedSessionWithoutLimitsIsNotUsed(t *testing.T) {
	address := postgrestest.Database(t)
	owner := open(t, database.Config{URL: address})
	asked := map[string]string{"lock_timeout": "500ms"}
	pool := open(t, database.Config{URL: programtest.Pooler(t, address, true), Settings: asked})
	prepared := make(chan error, 1)
	go func() { prepared <- pool.Prepare(t.Context(), silent, none) }()
	const why = "waiting for the database: a session lacks the program's settings, and a pooler may share it: " +
		"idle_in_transaction_session_timeout is 0 and must be 10s, lock_timeout is 0 and must be 500ms, statement_timeout is 0 and must be 10s; " +
		"connect to the server itself, or set them with ALTER ROLE"
	await.Until(t, func() bool {
		err := fault.Of(pool.Ready(t.Context()))
		return err != nil && err.Message == why
	}, time.Minute, time.Millisecond)
	_, err := pool.Exec(t.Context(), "SELECT 1")
	require.Error(t, err)
	require.Equal(t, database.Unavailable, database.Classify(err), "%v", err)

	name := owner.Config().ConnConfig.Database
	for _, setting := range []string{"lock_timeout = '500ms'", "statement_timeout = '10s'", "idle_in_transaction_session_timeout = '10s'"} {
		_, err := owner.Exec(t.Context(), "ALTER DATABASE "+name+" SET "+setting)
		require.NoError(t, err)
	}
	require.NoError(t, <-prepared)
	require.NoError(t, pool.Ready(t.Context()))
	require.Equal(t, "0", show(t, owner, "lock_timeout"), "no session of another client was changed")
}

func show(t *testing.T, pool *database.Pool, name string) (value string) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&value))
	return value
}
