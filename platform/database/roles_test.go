package database_test

import (
	"context"
	"errors"
	"testing"
	"testing/fstest"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/databasetest"
	"codebank.dev/platform/fault"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// walled is a schema with a program that may do little and a reader.
func walled(writerRights database.Needs) database.Schema {
	return database.Schema{
		Migrations: fstest.MapFS{"migrations/00001_one.sql": {Data: []byte(
			"-- +goose Up\nCREATE TABLE one (n integer, kept integer); CREATE TABLE two (n integer); CREATE SEQUENCE three;")}},
		Roles: []database.Role{
			{Name: "roles_writer", Rights: writerRights},
			{Name: "roles_reader", Rights: database.Needs{"two": "SELECT", "three": "SELECT"}, Temporary: true},
		},
	}
}

func connect(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// requireRefused requires that the server refuses each statement for lack of a privilege.
func requireRefused(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := conn.Exec(t.Context(), statement)
		require.Equal(t, "42501", database.State(err), "%s: %v", statement, err)
	}
}

func requireAllowed(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err, statement)
	}
}

func TestARoleHasTheRightsOfTheSchemaAndNoOthers(t *testing.T) {
	address := postgrestest.Database(t)
	owner := open(t, database.Config{URL: address})
	wide := walled(database.Needs{"one": "SELECT INSERT UPDATE DELETE", "two": "SELECT"})
	require.NoError(t, owner.Migrate(t.Context(), wide, func() {}))
	writer := connect(t, databasetest.As(t, address, "roles_writer"))
	requireAllowed(t, writer, "INSERT INTO one VALUES (1, 1)", "UPDATE one SET kept = 2", "SELECT FROM two", "SELECT FROM migrations")
	requireRefused(t, writer, "SELECT FROM three", "INSERT INTO two VALUES (1)", "CREATE TABLE mine ()", "CREATE TEMPORARY TABLE mine ()",
		"TRUNCATE one", "DELETE FROM migrations")

	// A database of a server before Postgres 15 keeps this right when it is moved to a later one.
	_, err := owner.Exec(t.Context(), "GRANT CREATE ON SCHEMA public TO PUBLIC")
	require.NoError(t, err)
	narrow := walled(database.Needs{"one": "SELECT INSERT UPDATE(n)"})
	require.NoError(t, owner.Migrate(t.Context(), narrow, func() {}))
	requireAllowed(t, writer, "INSERT INTO one VALUES (2, 2)", "UPDATE one SET n = 3", "SELECT FROM one FOR NO KEY UPDATE")
	requireRefused(t, writer, "UPDATE one SET kept = 3", "DELETE FROM one", "SELECT FROM two")
	for _, statement := range []string{"CREATE TABLE mine ()", "DROP TABLE one", "ALTER TABLE one ADD COLUMN m integer", "ALTER TABLE one DISABLE TRIGGER ALL"} {
		requireRefused(t, writer, statement)
	}
	reader := connect(t, databasetest.As(t, address, "roles_reader"))
	requireAllowed(t, reader, "SELECT FROM two", "SELECT last_value FROM three", "CREATE TEMPORARY TABLE mine ()")
	requireRefused(t, reader, "SELECT FROM one", "SELECT nextval('three')")

	_, err = pgx.Connect(t.Context(), databasetest.As(t, address, "roles_stranger"))
	require.Equal(t, "42501", database.State(err), "nobody else connects: %v", err)
}

// A column's privilege is enough: a program is given no more columns than it writes.
func TestAPrivilegeOnColumnsMeetsTheNeed(t *testing.T) {
	address := postgrestest.Database(t)
	schema := walled(database.Needs{"one": "SELECT UPDATE(n)"})
	require.NoError(t, open(t, database.Config{URL: address}).Migrate(t.Context(), schema, func() {}))
	for needs, ready := range map[string]bool{"SELECT UPDATE": true, "SELECT UPDATE DELETE": false} {
		pool := open(t, database.Config{URL: databasetest.As(t, address, "roles_writer"), Needs: database.Needs{"one": needs}})
		require.NoError(t, pool.Prepare(t.Context(), silent, func(context.Context) error { return nil }))
		require.Equal(t, ready, pool.Ready(t.Context()) == nil, needs)
	}
}

func TestADatabaseThatLacksMigrationsIsAwaited(t *testing.T) {
	address := postgrestest.Database(t)
	owner := open(t, database.Config{URL: address})
	schema := walled(nil)
	waiting := func(had string) {
		t.Helper()
		err := owner.Migrated(t.Context(), schema)
		require.EqualError(t, err, "database: it has had migration "+had+" and this program needs 1; run bankctl migrate")
	}
	waiting("0")
	require.NoError(t, owner.Migrate(t.Context(), schema, func() {}))
	require.NoError(t, owner.Migrated(t.Context(), schema))
	_, err := owner.Exec(t.Context(), "INSERT INTO migrations (version_id, is_applied) VALUES (2, true)")
	require.NoError(t, err)
	require.NoError(t, owner.Migrated(t.Context(), schema), "an older program goes on")
	_, err = owner.Exec(t.Context(), "DELETE FROM migrations WHERE version_id > 0")
	require.NoError(t, err)
	waiting("0")

	pool := open(t, database.Config{URL: databasetest.As(t, address, "roles_writer")})
	ended := make(chan error, 1)
	go func() {
		ended <- pool.Prepare(t.Context(), silent, func(ctx context.Context) error { return pool.Migrated(ctx, schema) })
	}()
	await.Until(t, func() bool {
		return fault.Of(pool.Ready(t.Context())).Message ==
			"waiting for the database: it has had migration 0 and this program needs 1; run bankctl migrate"
	}, 30*time.Second, 10*time.Millisecond)
	_, err = owner.Exec(t.Context(), "INSERT INTO migrations (version_id, is_applied) VALUES (1, true)")
	require.NoError(t, err)
	require.NoError(t, <-ended)
	require.NoError(t, pool.Ready(t.Context()))
}

// A role that a migration may not make is asked for by name.
func TestAMissingRoleThatTheOwnerMayNotMakeIsNamed(t *testing.T) {
	address := postgrestest.Database(t)
	owner := databasetest.As(t, address, "roles_owner")
	requireAllowed(t, connect(t, address), "GRANT CREATE ON SCHEMA public TO roles_owner")
	schema := database.Schema{Migrations: steps, Roles: []database.Role{{Name: "roles_absent", Rights: database.Needs{"one": "SELECT"}}}}
	pool := open(t, database.Config{URL: owner})
	require.ErrorContains(t, pool.Migrate(t.Context(), schema, func() {}),
		"the role roles_absent is missing, and this user may not make it; CREATE ROLE roles_absent as an administrator")
	databasetest.As(t, address, "roles_absent")
	require.NoError(t, pool.Migrate(t.Context(), schema, func() {}))
	schema.Roles[0].MemberOf = []string{"pg_read_all_stats"}
	require.ErrorContains(t, pool.Migrate(t.Context(), schema, func() {}),
		`GRANT "pg_read_all_stats" TO "roles_absent" as an administrator`)
	requireAllowed(t, connect(t, address), "GRANT pg_read_all_stats TO roles_absent")
	require.NoError(t, pool.Migrate(t.Context(), schema, func() {}))
	requireAllowed(t, connect(t, databasetest.As(t, address, "roles_absent")), "SELECT FROM one")
}

// A library makes its own tables in a schema of its own, in one process at a time, and a role gets rights on them.
func TestALibraryMigratesItsOwnSchema(t *testing.T) {
	address := postgrestest.Database(t)
	schema := walled(database.Needs{"one": "SELECT", "library.job": "SELECT INSERT", "library.job_number_seq": "USAGE"})
	schema.Library = func(ctx context.Context, pool *pgxpool.Pool) error {
		_, err := pool.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS library; CREATE TABLE IF NOT EXISTS library.job (number bigserial PRIMARY KEY)")
		return err
	}
	failures := make(chan error)
	for range 4 {
		owner := open(t, database.Config{URL: address})
		go func() { failures <- owner.Migrate(t.Context(), schema, func() {}) }()
	}
	for range 4 {
		require.NoError(t, <-failures)
	}
	writer := connect(t, databasetest.As(t, address, "roles_writer"))
	requireAllowed(t, writer, "SELECT FROM one", "INSERT INTO library.job DEFAULT VALUES")
	requireRefused(t, writer, "DELETE FROM library.job", "CREATE TABLE library.mine ()")
	requireRefused(t, connect(t, databasetest.As(t, address, "roles_reader")), "SELECT FROM library.job")

	schema.Roles[0].Rights = database.Needs{"one": "SELECT", "library.job": "SELECT"}
	require.NoError(t, open(t, database.Config{URL: address}).Migrate(t.Context(), schema, func() {}))
	requireRefused(t, writer, "INSERT INTO library.job DEFAULT VALUES", "SELECT nextval('library.job_number_seq')")

	schema.Library = func(context.Context, *pgxpool.Pool) error { return errors.New("the library is broken") }
	require.ErrorContains(t, open(t, database.Config{URL: address}).Migrate(t.Context(), schema, func() {}), "the library is broken")
}
