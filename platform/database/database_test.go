package database_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/native/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database"
	"codebank.dev/platform/fault"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

var silent = slog.New(slog.DiscardHandler)

func open(t *testing.T, config database.Config) *database.Pool {
	t.Helper()
	config.ApplicationName = "test"
	pool, err := database.Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

func setting(t *testing.T, pool *database.Pool, name string) (value string) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&value))
	return value
}

func TestAURLThatCannotBeReadIsNotRepeated(t *testing.T) {
	for _, text := range []string{
		"postgres://user:hunter2@host:notaport/db", "postgres://u:hunter2@[x", "hunter2", "::hunter2",
		"postgres://user:hunter2@host/db?sslmode=hunter2", "host=h password='hunter2", "postgres://hunter2/%zz",
	} {
		_, err := database.Open(t.Context(), database.Config{URL: text})
		require.ErrorContains(t, err, "cannot be read", text)
		for ; err != nil; err = errors.Unwrap(err) {
			require.NotContains(t, err.Error(), "hunter2")
		}
	}
}

func TestSettingsOfAProgramGoBeforeTheCommonOnes(t *testing.T) {
	address := postgrestest.Database(t)
	common := open(t, database.Config{URL: address})
	own := open(t, database.Config{URL: address, Settings: map[string]string{"statement_timeout": "4s", "lock_timeout": "500ms"}})
	for name, want := range map[string][2]string{
		"application_name":                    {"test", "test"},
		"TimeZone":                            {"UTC", "UTC"},
		"statement_timeout":                   {"10s", "4s"},
		"idle_in_transaction_session_timeout": {"10s", "10s"},
		"lock_timeout":                        {"0", "500ms"},
	} {
		require.Equal(t, want[0], setting(t, common, name), name)
		require.Equal(t, want[1], setting(t, own, name), name)
	}
	require.EqualValues(t, database.DefaultMaxConnections, common.Config().MaxConns)
	require.Equal(t, database.DefaultConnectTimeout, common.Config().ConnConfig.ConnectTimeout)
}

func TestEveryNewConnectionIsTold(t *testing.T) {
	var connected int
	pool := open(t, database.Config{URL: postgrestest.Database(t), MaxConnections: 1, ConnectTimeout: time.Second,
		OnConnect: func(context.Context, *pgx.Conn) error { connected++; return nil }})
	for range 2 {
		conn, err := pool.Acquire(t.Context())
		require.NoError(t, err)
		require.NoError(t, conn.Conn().Close(t.Context()))
		conn.Release()
	}
	require.Equal(t, 2, connected)
}

// steps are two migrations. The second checks the settings that it runs under.
var steps = fstest.MapFS{
	"migrations/00001_one.sql": {Data: []byte("-- +goose Up\nCREATE TABLE one (n integer);")},
	"migrations/00002_two.sql": {Data: []byte("-- +goose Up\nINSERT INTO one SELECT 2 WHERE current_setting('statement_timeout') = '0';")},
}

func TestSeveralProcessesMayMigrateAtOnce(t *testing.T) {
	address := postgrestest.Database(t)
	var group sync.WaitGroup
	committed := make(chan int, 10)
	for range 3 {
		pool := open(t, database.Config{URL: address, Settings: map[string]string{"statement_timeout": "1ms"}})
		group.Go(func() {
			if err := pool.Migrate(t.Context(), database.Schema{Migrations: steps}, func() { committed <- 1 }); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Len(t, committed, 2, "each migration once")
	var rows int
	require.NoError(t, open(t, database.Config{URL: address}).QueryRow(t.Context(), "SELECT count(*) FROM one").Scan(&rows))
	require.Equal(t, 1, rows)
}

// waits calls Prepare and returns what it ends with, once Ready says the words.
func waits(t *testing.T, pool *database.Pool, words string) (ended chan error) {
	t.Helper()
	ended = make(chan error, 1)
	go func() { ended <- pool.Prepare(t.Context(), silent, func(context.Context) error { return nil }) }()
	await.Until(t, func() bool {
		err := pool.Ready(t.Context())
		return err != nil && fault.Of(err).Message == "waiting for the database: "+words
	}, 30*time.Second, 10*time.Millisecond, words)
	err := fault.Of(pool.Ready(t.Context()))
	require.Equal(t, fault.Unavailable, err.Code)
	require.Positive(t, err.RetryAfter)
	return ended
}

func TestADatabaseThatIsAwayIsAwaited(t *testing.T) {
	server := postgrestest.Own(t, postgres.Options{})
	address := server.URL("late")
	wrong, err := url.Parse(address)
	require.NoError(t, err)
	wrong.User = url.UserPassword(wrong.User.Username(), "wrong")
	refused := open(t, database.Config{URL: wrong.String()})
	waits(t, refused, "the server refuses the password (SQLSTATE 28P01)")
	pool := open(t, database.Config{URL: address})
	ended := waits(t, pool, "it does not exist on the server (SQLSTATE 3D000)")
	server.Kill()
	await.Until(t, func() bool {
		return fault.Of(pool.Ready(t.Context())).Message == "waiting for the database: the server cannot be reached"
	}, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, server.Restart(t.Context()))
	require.NoError(t, server.CreateDatabase(t.Context(), "late"))
	require.NoError(t, <-ended)
	require.NoError(t, pool.Ready(t.Context()))

	require.NoError(t, server.Stop(t.Context()))
	require.ErrorContains(t, pool.Ready(t.Context()), "waiting for the database: ")
	require.NoError(t, server.Restart(t.Context()))
	await.Until(t, func() bool { return pool.Ready(t.Context()) == nil }, 30*time.Second, 10*time.Millisecond)
	require.Error(t, refused.Ready(t.Context()), "nothing has been mended there")
}

// A frozen server takes connections and answers nothing.
func TestAServerThatDoesNotAnswerIsAwaited(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	pool := open(t, database.Config{URL: "postgres://u@" + listener.Addr().String() + "/x?sslmode=disable", ConnectTimeout: 50 * time.Millisecond})
	waits(t, pool, "the server does not answer in time")
}

func TestPrepareStartsAgainFromTheFirstStep(t *testing.T) {
	pool := open(t, database.Config{URL: postgrestest.Database(t)})
	var tries int
	require.NoError(t, pool.Prepare(t.Context(), silent, func(ctx context.Context) error {
		require.ErrorContains(t, pool.Ready(ctx), "it is being prepared")
		if tries++; tries < 3 {
			_, err := pool.Exec(ctx, "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$")
			return err
		}
		return nil
	}))
	require.Equal(t, 3, tries)
}

func TestPrepareGivesUpOnWhatNoWaitingCures(t *testing.T) {
	other := errors.New("the database belongs to another bank")
	for name, test := range map[string]struct {
		step func(ctx context.Context, pool *database.Pool) error
		want string
	}{
		"an error that is marked": {func(context.Context, *database.Pool) error { return database.Permanent(other) }, other.Error()},
		"a schema that does not fit": {func(ctx context.Context, pool *database.Pool) error {
			_, err := pool.Exec(ctx, "SELECT nothing")
			return err
		}, "42703"},
		"data that the schema refuses": {func(ctx context.Context, pool *database.Pool) error {
			_, err := pool.Exec(ctx, "SELECT 1/0")
			return err
		}, "22012"},
	} {
		pool := open(t, database.Config{URL: postgrestest.Database(t)})
		err := pool.Prepare(t.Context(), silent, func(ctx context.Context) error { return test.step(ctx, pool) })
		require.ErrorContains(t, err, test.want, name)
		require.Error(t, pool.Ready(t.Context()), "%s: never ready", name)
	}
	require.ErrorIs(t, database.Permanent(other), other)
}

func TestAMissingPrivilegeIsAwaited(t *testing.T) {
	pool := open(t, database.Config{URL: postgrestest.Database(t)})
	granted := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- pool.Prepare(t.Context(), silent, func(ctx context.Context) error {
			select {
			case <-granted:
				return nil
			default:
				_, err := pool.Exec(ctx, "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '42501'; END $$")
				return err
			}
		})
	}()
	await.Until(t, func() bool {
		err := pool.Ready(t.Context())
		return err != nil && fault.Of(err).Message == "waiting for the database: the user lacks a privilege (SQLSTATE 42501)"
	}, 30*time.Second, 10*time.Millisecond)
	close(granted)
	require.NoError(t, <-ended)
}

func TestPrepareEndsWithItsContext(t *testing.T) {
	pool := open(t, database.Config{URL: "postgres://nobody@127.0.0.1:1/none"})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var log bytes.Buffer
	err := pool.Prepare(ctx, slog.New(slog.NewTextHandler(&log, nil)), func(context.Context) error { return nil })
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, 1, bytes.Count(log.Bytes(), []byte("waiting for the database: the server cannot be reached")), "told once, then once a minute")
}
