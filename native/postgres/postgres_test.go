package postgres_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"codebank.dev/native/child"
	"codebank.dev/native/postgres"
	"codebank.dev/native/postgres/postgrestest"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func value[T any](t *testing.T, conn *pgx.Conn, query string) T {
	t.Helper()
	var v T
	require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&v))
	return v
}

func TestCommitsAreDurableByDefault(t *testing.T) {
	conn := connect(t, postgrestest.Own(t, postgres.Options{}).URL("postgres"))
	require.Equal(t, "on", value[string](t, conn, "show fsync"))
	require.Equal(t, "on", value[string](t, conn, "show synchronous_commit"))
	require.Equal(t, "on", value[string](t, conn, "show full_page_writes"))
}

func TestTheServerIsTheReleaseThatWasChosen(t *testing.T) {
	conn := connect(t, postgrestest.Database(t))
	require.Regexp(t, `^18\.6`, value[string](t, conn, "show server_version"))
}

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	first, second := postgrestest.Database(t), postgrestest.Database(t)
	require.NotEqual(t, first, second)
	_, err := connect(t, first).Exec(t.Context(), "create table here (n int)")
	require.NoError(t, err)
	require.False(t, value[bool](t, connect(t, second), "select to_regclass('here') is not null"))
}

func TestADatabaseIsDroppedWithTheSessionsLeftInIt(t *testing.T) {
	server := postgrestest.Shared(t)
	t.Run("one test", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), postgrestest.Database(t))
		require.NoError(t, err)
		require.Equal(t, 1, value[int](t, conn, "select 1"))
	})
	conn := connect(t, server.URL("postgres"))
	require.Zero(t, value[int](t, conn, "select count(*) from pg_database where datname like 'test\\_%'"))
}

func TestCreatingADatabaseTwiceKeepsTheFirst(t *testing.T) {
	server := postgrestest.Shared(t)
	require.NoError(t, server.CreateDatabase(t.Context(), "bank-001"))
	t.Cleanup(func() { require.NoError(t, server.DropDatabase(context.Background(), "bank-001")) })
	_, err := connect(t, server.URL("bank-001")).Exec(t.Context(), "create table kept ()")
	require.NoError(t, err)
	require.NoError(t, server.CreateDatabase(t.Context(), "bank-001"))
	require.True(t, value[bool](t, connect(t, server.URL("bank-001")), "select to_regclass('kept') is not null"))
}

func TestAWrongPasswordIsRefused(t *testing.T) {
	config, err := pgx.ParseConfig(postgrestest.Shared(t).URL("postgres"))
	require.NoError(t, err)
	config.Password = "guess"
	_, err = pgx.ConnectConfig(t.Context(), config)
	require.ErrorContains(t, err, "password authentication failed")
}

func TestSettingsReachTheServer(t *testing.T) {
	server := postgrestest.Own(t, postgres.Options{Settings: map[string]string{"max_connections": "17"}})
	require.Equal(t, "17", value[string](t, connect(t, server.URL("postgres")), "show max_connections"))
}

// The server ends in every possible way and starts again at the same address. The committed
// rows must be there.
func TestCommittedRowsSurvive(t *testing.T) {
	ends := map[string]func(t *testing.T, server *postgres.Server){
		"a stop": func(t *testing.T, server *postgres.Server) {
			require.NoError(t, server.Stop(t.Context()))
			require.Nil(t, server.Done())
		},
		"a kill": func(_ *testing.T, server *postgres.Server) {
			server.Kill()
		},
		"a kill of the postmaster alone": func(t *testing.T, server *postgres.Server) {
			done := server.Done()
			require.NoError(t, syscall.Kill(server.Pid(), syscall.SIGKILL))
			<-done
		},
		"being frozen": func(t *testing.T, server *postgres.Server) {
			require.NoError(t, syscall.Kill(server.Pid(), syscall.SIGSTOP))
		},
		"nothing, a restart while it runs": func(*testing.T, *postgres.Server) {},
	}
	server := postgrestest.Own(t, postgres.Options{})
	url := server.URL("postgres")
	_, err := connect(t, url).Exec(t.Context(), "create table lives (n int)")
	require.NoError(t, err)
	lives := 0
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, url)
			_, err := conn.Exec(t.Context(), "insert into lives values (1)")
			require.NoError(t, err)
			lives++
			// An open transaction keeps its backend busy. It must leave nothing behind.
			tx, err := conn.Begin(t.Context())
			require.NoError(t, err)
			_, err = tx.Exec(t.Context(), "insert into lives values (1)")
			require.NoError(t, err)
			backends := child.Children(server.Pid())
			require.NotEmpty(t, backends)

			end(t, server)
			require.NoError(t, server.Restart(t.Context()))

			require.Equal(t, url, server.URL("postgres"))
			require.Equal(t, lives, value[int](t, connect(t, url), "select count(*) from lives"))
			for _, backend := range backends {
				require.False(t, child.Running(backend))
			}
		})
	}
}

func TestASecondStartFindsTheDataAgain(t *testing.T) {
	dir := t.TempDir()
	options := postgres.Options{Dir: filepath.Join(dir, "postgres")}
	first, err := postgres.Start(t.Context(), options)
	require.NoError(t, err)
	require.NoError(t, first.CreateDatabase(t.Context(), "kept"))
	require.NoError(t, first.Stop(t.Context()))

	second, err := postgres.Start(t.Context(), options)
	require.NoError(t, err)
	require.Equal(t, "kept", value[string](t, connect(t, second.URL("kept")), "select current_database()"))

	require.NoError(t, second.Remove())
	require.NoDirExists(t, second.Data())
	require.NoDirExists(t, options.Dir)
}

func TestAnInterruptedFirstStartIsRepeated(t *testing.T) {
	options := postgres.Options{Dir: t.TempDir()}
	data := ""
	// The start is interrupted later and later, until it succeeds.
	for patience := time.Millisecond; ; patience *= 2 {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		server, err := postgres.Start(ctx, options)
		cancel()
		if err == nil {
			data = server.Data()
			require.NoError(t, server.Ping(t.Context()))
			require.NoError(t, server.Remove())
			break
		}
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	require.NoDirExists(t, data)
}

func TestAFailureShowsTheEndOfTheLogAndLeavesNothingRunning(t *testing.T) {
	dir := t.TempDir()
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(child.Shelter(filepath.Join(dir, "data")))) })
	server, err := postgres.Start(t.Context(), postgres.Options{
		Dir: dir, Settings: map[string]string{"no_such_setting": "1"},
	})
	require.Nil(t, server)
	require.ErrorContains(t, err, `unrecognized configuration parameter "no_such_setting"`)
}

func TestARoleOwnsWhatItIsGiven(t *testing.T) {
	server := postgrestest.Own(t, postgres.Options{})
	for range 2 {
		require.NoError(t, server.CreateRole(t.Context(), "keeper"))
		require.NoError(t, server.CreateRole(t.Context(), "copier", "BYPASSRLS"))
		require.NoError(t, server.CreateDatabase(t.Context(), "given"))
		_, err := connect(t, server.URL("given")).Exec(t.Context(), `CREATE TABLE IF NOT EXISTS made (n bigint GENERATED ALWAYS AS IDENTITY);
			CREATE OR REPLACE VIEW seen AS SELECT * FROM made;
			CREATE OR REPLACE FUNCTION one() RETURNS integer LANGUAGE sql AS 'SELECT 1'`)
		require.NoError(t, err)
		require.NoError(t, server.GiveDatabase(t.Context(), "given", "keeper"))
	}
	keeper := connect(t, server.URLOf("keeper", "given"))
	_, err := keeper.Exec(t.Context(), "ALTER TABLE made ADD COLUMN m integer; DROP VIEW seen; DROP FUNCTION one; CREATE TABLE more ()")
	require.NoError(t, err)
	require.False(t, value[bool](t, keeper, "SELECT rolsuper OR rolcreaterole OR rolbypassrls FROM pg_roles WHERE rolname = 'keeper'"))
	require.True(t, value[bool](t, keeper, "SELECT rolbypassrls FROM pg_roles WHERE rolname = 'copier'"))
	require.NotEqual(t, server.PasswordOf("keeper"), server.PasswordOf("copier"))
	_, err = pgx.Connect(t.Context(), strings.Replace(server.URLOf("keeper", "given"), server.PasswordOf("keeper"), server.PasswordOf("copier"), 1))
	require.ErrorContains(t, err, "password authentication failed")
}
