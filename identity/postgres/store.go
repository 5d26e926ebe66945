// Package postgres keeps identities in Postgres. A map of the package:
//
//	store.go     the pool, the migrations, and the fault of an error
//	act.go       a change and its row of the audit log, in one commit; the audit log
//	users.go     accounts
//	sessions.go  sessions
//	refresh.go   refresh tokens
//	guard.go     attempts, and what is too old
//	mails.go     e-mails and their tokens
//
// Locks are taken in one order: users, their sessions, the head of the audit log.
package postgres

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"codebank.dev/identity"
	"codebank.dev/identity/failpoints"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

var _ identity.Store = (*Store)(nil)

// connectTimeout is short, because a person waits for an answer.
const connectTimeout = 2 * time.Second

const all = "SELECT INSERT UPDATE DELETE"

// needs are the privileges that calls need. Without them the program is not ready.
var needs = database.Needs{
	"users": "SELECT INSERT UPDATE", "sessions": all, "refresh_tokens": "SELECT INSERT UPDATE", "devices": all,
	"ended_sessions": "SELECT INSERT DELETE", "attempts": all, "mails": all, "mail_tokens": "SELECT INSERT DELETE",
	"audit_log": table.Needs["audit_log"], "audit_head": table.Needs["audit_head"],
}

// Config says how to reach the database. URL is required.
type Config struct {
	// URL is the database's address as pgx reads it. It holds a password: never log it.
	URL string
	// MaxConnections bounds the pool; 0 means database.DefaultMaxConnections.
	MaxConnections int
	// ApplicationName is what the server's activity view shows; empty means "identity".
	ApplicationName string
	// Failpoint is called at the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Store is identities in Postgres. Until Prepare has succeeded it is not ready.
type Store struct {
	counters counters
	config   Config
	pool     *database.Pool
}

// Open returns a store without connecting, so the database may be away. An error means that the
// URL cannot be read; it does not repeat the URL.
func Open(ctx context.Context, config Config) (*Store, error) {
	if config.ApplicationName == "" {
		config.ApplicationName = "identity"
	}
	pool, err := database.Open(ctx, database.Config{
		URL: config.URL, ApplicationName: config.ApplicationName,
		MaxConnections: config.MaxConnections, ConnectTimeout: connectTimeout, Needs: needs,
	})
	if err != nil {
		return nil, err
	}
	return &Store{config: config, pool: pool}, nil
}

// Close ends the store's connections, after the calls that use them.
func (s *Store) Close() { s.pool.Close() }

// Ready returns nil when Prepare has succeeded and the database has what calls need. Otherwise it
// returns a fault.Unavailable that says what the program waits for.
func (s *Store) Ready(ctx context.Context) error { return s.pool.Ready(ctx) }

// Prepare migrates the database. While the database is away it waits; the log and Ready say for
// what. It returns the context's error when ctx ends first, and at once an error that waiting does
// not mend. Call it once, beside the listeners.
func (s *Store) Prepare(ctx context.Context, logger *slog.Logger) error {
	return s.pool.Prepare(ctx, logger, s.Migrate)
}

// Migrate brings the tables up to this program's version. It may be repeated, and several
// processes may call it at once. It never undoes a migration.
func (s *Store) Migrate(ctx context.Context) error {
	return s.pool.Migrate(ctx, database.Schema{Migrations: migrations}, func() { s.config.Failpoint.At(failpoints.IdentityMigrated) })
}

// errAway is the answer while the database cannot be used.
var errAway = fault.New(fault.Unavailable, "IDENTITIES_AWAY", "Identities cannot be reached at the moment.")

// failure returns an error of the database as a fault. After one that is Unavailable nobody knows
// what became of the call; it may be sent again.
func failure(err error) error { return database.Fault(err, errAway) }
