// Package postgres keeps transfers and the outbox of their commands in Postgres. A map of the package:
//
//	store.go      the pool, the migrations, and the fault of an error
//	roles.go      the roles of the database
//	transfers.go  gateway.Store
//	outbox.go     outbox.Store: the commands of transfers that have not ended
//	offsets.go    how far the results were read
//
// Locks are taken in one order: transfers, then rows of the outbox, each by id. A claim skips what is locked.
package postgres

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/gateway/failpoints"
	"codebank.dev/platform/database"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
)

//go:embed migrations/*.sql
var migrations embed.FS

// connectTimeout is short, because a person waits for an answer.
const connectTimeout = 2 * time.Second

// needs are the privileges that calls need. Without them the program is not ready.
var needs = database.Needs{
	"transfers": "SELECT INSERT UPDATE", "outbox": "SELECT INSERT UPDATE DELETE", "result_offsets": "SELECT INSERT UPDATE",
}

// Config says how to reach the database. URL is required.
type Config struct {
	// URL is the database's address as pgx reads it. It holds a password: never log it.
	URL string
	// Migrate makes Prepare migrate the database, whose owner the user must be then. Otherwise Prepare waits
	// until it is migrated.
	Migrate bool
	// MaxConnections bounds the pool; 0 means database.DefaultMaxConnections.
	MaxConnections int
	// ApplicationName is what the server's activity view shows; empty means "gateway".
	ApplicationName string
	// Failpoint is called at the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Store is transfers and their outbox in Postgres. Until Prepare has succeeded it is not ready.
type Store struct {
	config Config
	pool   *database.Pool
}

// Open returns a store without connecting, so the database may be away. An error means that the URL cannot be
// read; it does not repeat the URL.
func Open(ctx context.Context, config Config) (*Store, error) {
	if config.ApplicationName == "" {
		config.ApplicationName = "gateway"
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

// Ready returns nil when Prepare has succeeded and the database has what calls need. Otherwise it returns a
// fault.Unavailable that says what the program waits for.
func (s *Store) Ready(ctx context.Context) error { return s.pool.Ready(ctx) }

// Migrated is the failpoint of Migrate, which bankctl runs too: a migration is committed, or the rights of the
// roles are.
const Migrated = failpoints.GatewayMigrated

// Prepare waits until the database answers and has had the migrations that this program needs; the log and Ready
// say what it waits for. With Config.Migrate it migrates the database first. It returns the context's error when
// ctx ends first, and at once an error that waiting does not mend. Call it once, beside the listeners.
func (s *Store) Prepare(ctx context.Context, logger *slog.Logger) error {
	if s.config.Migrate {
		return s.pool.Prepare(ctx, logger, s.Migrate)
	}
	return s.pool.Prepare(ctx, logger, func(ctx context.Context) error { return s.pool.Migrated(ctx, Schema()) })
}

// Migrate brings the tables up to this program's version and gives the roles their rights. The user must own the
// database. It may be repeated, and several processes may call it at once. It never undoes a migration.
func (s *Store) Migrate(ctx context.Context) error {
	return s.pool.Migrate(ctx, Schema(), func() { s.config.Failpoint.At(failpoints.GatewayMigrated) })
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

// errAway is the answer while the database cannot be used.
var errAway = fault.New(fault.Unavailable, "TRANSFERS_AWAY", "Transfers cannot be reached at the moment. Send the same request again.")

// failure returns an error of the database as a fault. After one that is Unavailable nobody knows what became of
// the call; it may be sent again.
func failure(err error) error { return database.Fault(err, errAway) }

// everybody is the reader who sees all rows.
const everybody = "*"

// setReader makes the rest of a transaction see only the rows of a reader. The policies of migration 00001 read
// it.
const setReader = "SELECT set_config('codebank.reader', $1, true)"

// as runs the statements that queue adds, as a reader. All travel together and are one transaction.
func (s *Store) as(ctx context.Context, reader string, queue func(*pgx.Batch)) error {
	batch := &pgx.Batch{}
	batch.Queue(setReader, reader)
	queue(batch)
	return s.pool.SendBatch(ctx, batch).Close()
}
