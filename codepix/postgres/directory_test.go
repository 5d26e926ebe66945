package postgres_test

import (
	"context"
	"log/slog"
	"testing"

	"codebank.dev/codepix/codepixtest"
	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/postgres"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/database/databasetest"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// directories are two programs, each with its own pool, on one database.
type directories struct {
	url      string
	programs [2]*postgres.Store
}

func openDirectories(t testing.TB) *directories {
	t.Helper()
	d := &directories{url: postgrestest.Database(t)}
	require.NoError(t, postgres.Migrate(t.Context(), postgres.Config{URL: d.url}))
	for i := range d.programs {
		store, err := postgres.Open(t.Context(), postgres.Config{URL: databasetest.As(t, d.url, postgres.ServiceRole)})
		require.NoError(t, err)
		t.Cleanup(store.Close)
		require.NoError(t, store.Prepare(t.Context(), slog.New(slog.DiscardHandler)))
		require.NoError(t, store.Ready(t.Context()))
		d.programs[i] = store
	}
	return d
}

// empty empties the database, which is quicker than another one.
func (d *directories) empty(t testing.TB, banks directory.Banks) (directory.Store, directory.Store) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.url)
	require.NoError(t, err)
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, table := range []string{"pix_keys", "pix_claims", "pix_codes", "pix_code_sends", "pix_requests", "pix_tallies", "pix_buckets"} {
		_, err = conn.Exec(t.Context(), "DELETE FROM "+table)
		require.NoError(t, err)
	}
	return d.programs[0].Directory(banks), d.programs[1].Directory(banks)
}

func TestDirectory(t *testing.T) { codepixtest.TestDirectory(t, openDirectories(t).empty) }
