// Package postgres keeps the hub's data in Postgres. A map of the package:
//
//	store.go    the pool, the migrations, and the fault of an error
//	roles.go    what the program may do with the tables
//	apply.go    payment.Store: messages of banks, decided and stored in one commit
//	read.go     payment.Store: payments for whoever may see them
//	row.go      payments as rows
//	outbox.go   outbox.Store: what is to be sent, again until it is answered
//	offsets.go  how far the topics of the banks were read
//	directory.go and its neighbours: the directory of keys; Directory has their map
//	secret.go   keys that all replicas share
//
// Locks are taken in one order: payments before the returns of payments, each from the greatest id down, then rows of
// the outbox by their ids. A claim skips what is locked.
package postgres

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"codebank.dev/codepix/failpoints"
	"codebank.dev/codepix/payment"
	"codebank.dev/platform/database"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/outbox"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The ports that Store implements.
var (
	_ payment.Store = (*Store)(nil)
	_ outbox.Store  = (*Store)(nil)
)

// settings hold for every connection. A transaction here waits only for the database, so one that lasts longer
// belongs to a process that froze. Every query finds its rows by an index.
var settings = map[string]string{
	"lock_timeout":                        "1s",
	"statement_timeout":                   "4s",
	"idle_in_transaction_session_timeout": "2s",
	"synchronous_commit":                  "on",
	"plan_cache_mode":                     "force_generic_plan",
	"enable_seqscan":                      "off",
	"jit":                                 "off",
}

// connectTimeout is short, because a caller waits for an answer.
const connectTimeout = 2 * time.Second

// Config says how to reach the database. URL is required.
type Config struct {
	// URL is the database's address as pgx reads it. It holds a password: never log it.
	URL string
	// MaxConnections bounds the pool; 0 means database.DefaultMaxConnections.
	MaxConnections int
	// ApplicationName is what the server's activity view shows; empty means "codepix".
	ApplicationName string
	// Failpoint is called at the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Store is the hub's data in Postgres. It is safe for concurrent use, and any number of processes may open the same
// database. Until Prepare has succeeded it is not ready.
type Store struct {
	pool      *database.Pool
	failpoint failpoint.Hook
}

// Open returns a store without connecting, so the database may be away. An error means that the URL cannot be read;
// it does not repeat the URL.
func Open(ctx context.Context, config Config) (*Store, error) {
	if config.ApplicationName == "" {
		config.ApplicationName = "codepix"
	}
	pool, err := database.Open(ctx, database.Config{
		URL: config.URL, ApplicationName: config.ApplicationName, MaxConnections: config.MaxConnections,
		ConnectTimeout: connectTimeout, Settings: settings, Needs: needs(),
	})
	if err != nil {
		return nil, err
	}
	return &Store{pool: pool, failpoint: config.Failpoint}, nil
}

// Close ends all connections after the calls in flight have ended.
func (s *Store) Close() { s.pool.Close() }

// Ready returns nil when Prepare has succeeded and the database has what calls need, else a fault.Unavailable that
// says what the program waits for.
func (s *Store) Ready(ctx context.Context) error { return s.pool.Ready(ctx) }

// Prepare waits until the database answers and has had the migrations that this program needs; logger and Ready say
// what it waits for. Call it once, beside the listeners.
func (s *Store) Prepare(ctx context.Context, logger *slog.Logger) error {
	return s.pool.Prepare(ctx, logger, func(ctx context.Context) error { return s.pool.Migrated(ctx, Schema()) })
}

// Migrated is the failpoint of Migrate, which bankctl runs too: a migration is committed, or the rights of the role are.
const Migrated = failpoints.HubMigrated

// Migrate brings the tables up to this program's version and gives the role its rights. The user must own the
// database. It may be repeated, and several processes may call it at once. It never undoes a migration.
func (s *Store) Migrate(ctx context.Context) error {
	return s.pool.Migrate(ctx, Schema(), func() { s.failpoint.At(failpoints.HubMigrated) })
}

// Migrate migrates the database that the configuration names, as Store.Migrate does.
func Migrate(ctx context.Context, config Config) error {
	store, err := Open(ctx, config)
	if err != nil {
		return err
	}
	defer store.Close()
	return store.Migrate(ctx)
}

// errAway is the answer while the database is away, and when it did not say whether it committed: the same request
// again finds out.
var errAway = fault.New(fault.Unavailable, "DATABASE_UNAVAILABLE", "The service cannot reach its database at the moment. Please try again.")

// translate turns an error of the database into one that may leave the package.
func translate(err error) error { return database.Fault(err, errAway) }
