package database_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"codebank.dev/native/await"
	"codebank.dev/native/postgres/postgrestest"
	"codebank.dev/platform/certtest"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/wire"
	"github.com/stretchr/testify/require"
)

func TestAnAddressInANetworkSaysHowTheConnectionIsProtected(t *testing.T) {
	authority := certtest.New(t).File
	for query, allowed := range map[string]bool{
		"":                     true,
		"?sslmode=prefer":      false,
		"?sslmode=allow":       false,
		"?sslmode=require":     false,
		"?sslmode=disable":     true,
		"?sslmode=verify-full": true,
		"?sslmode=verify-ca&sslrootcert=" + authority:   true,
		"?sslmode=require&sslrootcert=" + authority:     true,
		"?sslrootcert=system":                           true,
		"?sslmode=verify-full&sslrootcert=" + authority: true,
	} {
		for host, local := range map[string]bool{
			"127.0.0.1": true, "localhost": true, "[::1]": true, "db": false, "10.0.0.1": false, "127.0.0.1,db": false, "localhost.example.com": false,
		} {
			pool, err := database.Open(t.Context(), database.Config{URL: "postgres://u:hunter2@" + host + "/d" + query})
			if local || allowed && query != "" {
				require.NoError(t, err, "%s %s", host, query)
				pool.Close()
				continue
			}
			require.ErrorContains(t, err, "add sslmode=verify-full and sslrootcert=FILE", "%s %s", host, query)
			require.NotContains(t, err.Error(), "hunter2")
		}
	}
	pool, err := database.Open(t.Context(), database.Config{URL: "host=/var/run/postgresql user=u dbname=d"})
	require.NoError(t, err)
	pool.Close()
}

func TestAnErrorOfTheURLNamesTheFileOfTLSThatCannotBeRead(t *testing.T) {
	_, err := database.Open(t.Context(), database.Config{URL: "postgres://u:hunter2@db/d?sslmode=verify-full&sslrootcert=/nowhere/authority.pem"})
	require.ErrorContains(t, err, "sslrootcert, sslcert, sslkey) cannot be read: unable to read CA file: open /nowhere/authority.pem")
	require.NotContains(t, err.Error(), "hunter2")
}

// migrate makes one table.
func migrate(pool *database.Pool) func(context.Context) error {
	files := fstest.MapFS{"migrations/00001_a.sql": {Data: []byte("-- +goose Up\nCREATE TABLE a (b bigint);\n")}}
	return func(ctx context.Context) error {
		return pool.Migrate(ctx, database.Schema{Migrations: files}, func() {})
	}
}

// sendBatch writes to the table in one round trip and returns the version of TLS of the session.
func sendBatch(t *testing.T, pool *database.Pool) (version string) {
	t.Helper()
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	session := wire.SessionOf(conn.Conn().PgConn())
	insert := &wire.Statement{Name: "insert", SQL: "INSERT INTO a SELECT unnest($1::bigint[])"}
	tls := &wire.Statement{Name: "tls", SQL: "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"}
	require.NoError(t, session.PrepareStatements(t.Context(), insert, tls))
	batch := wire.Batch{Session: session}
	session.Parameters.Array(wire.TypeInt8, 10_000)
	for i := range int64(10_000) {
		session.Parameters.Int8(i)
	}
	batch.Add(insert, nil)
	batch.Add(tls, func(row wire.Row) { version = row.Text() })
	done, tag, err := batch.Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, done, tag)
	return version
}

// An address of a real server with TLS is enough for everything that a program does: migrate, query,
// and send batches of the wire's own.
func TestAProgramDoesEverythingOverTLS(t *testing.T) {
	authority := certtest.New(t)
	pair, own := authority.Sign("postgres"), authority.Sign("codebank")
	server := postgrestest.Secured(t, pair.Certificate, pair.Key, authority.File)
	for _, name := range []string{"d", postgrestest.WithCertificate} {
		require.NoError(t, server.CreateDatabase(t.Context(), name))
	}
	address := func(name string, settings ...string) string {
		parsed, err := url.Parse(server.URL(name))
		require.NoError(t, err)
		query := url.Values{}
		for i := 0; i < len(settings); i += 2 {
			query.Set(settings[i], settings[i+1])
		}
		parsed.RawQuery = query.Encode()
		return parsed.String()
	}
	trusted := []string{"sslmode", "verify-full", "sslrootcert", authority.File}
	withOwn := append(trusted[:4:4], "sslcert", own.Certificate, "sslkey", own.Key)

	for name, url := range map[string]string{
		"password":    address("d", trusted...),
		"certificate": address(postgrestest.WithCertificate, withOwn...),
	} {
		t.Run(name, func(t *testing.T) {
			pool := open(t, database.Config{URL: url})
			require.NoError(t, pool.Prepare(t.Context(), silent, migrate(pool)))
			require.NoError(t, pool.Ready(t.Context()))
			require.Equal(t, "TLSv1.3", sendBatch(t, pool))
		})
	}

	expired := authority.SignUntil("expired", time.Now().Add(-time.Minute))
	for says, url := range map[string]string{
		"the server's certificate is of an unknown authority":        address("d", "sslmode", "verify-full", "sslrootcert", certtest.New(t).File),
		"the server refuses the user (SQLSTATE 28000)":               address(postgrestest.WithCertificate, trusted...),
		"the server ends the TLS connection: see sslcert and sslkey": address(postgrestest.WithCertificate, append(trusted[:4:4], "sslcert", expired.Certificate, "sslkey", expired.Key)...),
	} {
		t.Run(says, func(t *testing.T) {
			pool := open(t, database.Config{URL: url})
			ctx, cancel := context.WithCancel(t.Context())
			prepared := make(chan error, 1)
			go func() { prepared <- pool.Prepare(ctx, silent, migrate(pool)) }()
			await.Until(t, func() bool {
				return strings.Contains(pool.Ready(t.Context()).Error(), "waiting for the database: "+says)
			}, 20*time.Second, 10*time.Millisecond)
			cancel()
			require.Error(t, <-prepared)
		})
	}
}
