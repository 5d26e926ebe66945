// Package postgres keeps merchants' webhook endpoints, what is to be sent to them and what came of it, in checkout's
// database; the migrations are those of checkout/postgres. A map of the package:
//
//	store.go      the pool, and the fault of an error
//	endpoints.go  endpoints as merchants change them
//	secrets.go    their secrets, sealed
//	dispatch.go   from events to deliveries and jobs, in one commit
//	tries.go      what a job sends, and what came of each try
//	log.go        the log of deliveries, and sending again by hand
//	clean.go      what is old goes
//
// Locks are taken in one order: the merchant's cursor, then endpoints by their ids, then deliveries, then jobs.
package postgres

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/webhook"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
)

// settings hold for every connection. A transaction here waits only for the database. Every query finds its rows by
// key.
var settings = map[string]string{
	"lock_timeout":                        "2s",
	"statement_timeout":                   "4s",
	"idle_in_transaction_session_timeout": "4s",
	"transaction_timeout":                 "8s",
	"synchronous_commit":                  "on",
	"plan_cache_mode":                     "force_generic_plan",
	"enable_seqscan":                      "off",
	"jit":                                 "off",
}

// needs is what calls do with the tables; the program is not ready without it.
var needs = database.Needs{
	"webhook_endpoints": "SELECT INSERT UPDATE DELETE", "webhook_secrets": "SELECT INSERT UPDATE DELETE",
	"webhook_cursors": "SELECT INSERT UPDATE DELETE", "webhook_deliveries": "SELECT INSERT UPDATE DELETE",
	"webhook_attempts": "SELECT INSERT DELETE", "merchant_sequences": "SELECT", "charge_events": "SELECT", "river.river_job": "SELECT INSERT UPDATE DELETE",
	"audit_log": table.Needs["audit_log"], "audit_head": table.Needs["audit_head"],
}

// Jobs enqueues.
type Jobs interface {
	// Deliver makes the job of an endpoint, or lets the one that waits run in time. It is part of the transaction.
	Deliver(ctx context.Context, tx pgx.Tx, job webhook.Job) error
}

// Config says how to reach the database. All fields but MaxConnections and Failpoint are required.
type Config struct {
	// URL is the database's address as pgx reads it. It holds a password: never log it.
	URL string
	// MaxConnections bounds the pool; 0 means database.DefaultMaxConnections.
	MaxConnections int
	// Keys seal the secrets of endpoints.
	Keys *webhook.Keys
	// Jobs enqueues.
	Jobs Jobs
	// Failpoint is told of the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Store keeps endpoints and deliveries. It is safe for concurrent use, also by several processes.
type Store struct {
	pool      *database.Pool
	keys      *webhook.Keys
	jobs      Jobs
	failpoint failpoint.Hook
}

// Open returns a store without connecting, so the database may be away. An error means that the URL cannot be read;
// it does not repeat the URL.
func Open(ctx context.Context, config Config) (*Store, error) {
	pool, err := database.Open(ctx, database.Config{
		URL: config.URL, ApplicationName: "payment-gateway webhooks", MaxConnections: config.MaxConnections, Settings: settings, Needs: needs,
	})
	if err != nil {
		return nil, err
	}
	return &Store{pool: pool, keys: config.Keys, jobs: config.Jobs, failpoint: config.Failpoint}, nil
}

// Close ends all connections after the calls in flight have ended.
func (s *Store) Close() { s.pool.Close() }

// Ready returns nil when Prepare has succeeded and the database has what calls need, else a fault.Unavailable that
// says what the program waits for.
func (s *Store) Ready(ctx context.Context) error { return s.pool.Ready(ctx) }

// Prepare waits until the database answers and migrated returns nil; logger and Ready say what it waits for. Call it
// once, beside the listeners.
func (s *Store) Prepare(ctx context.Context, logger *slog.Logger, schema database.Schema) error {
	return s.pool.Prepare(ctx, logger, func(ctx context.Context) error { return s.pool.Migrated(ctx, schema) })
}

// errAway is the answer while the database is away.
var errAway = fault.New(fault.Unavailable, "DATABASE_UNAVAILABLE", "The service cannot reach its database at the moment. Please try again.")

// translate turns an error of the database into one that may leave the package.
func translate(err error) error { return database.Fault(err, errAway) }

// everybody is the reader who sees all rows.
const everybody = "*"

// setReader makes the rest of a transaction see only the rows of a reader. The policies of the tables read it.
const setReader = "SELECT set_config('codebank.reader', $1, true)"

// readerOf names an owner as the policies do.
func readerOf(owner payment.Owner) string {
	return owner.Merchant + "/" + strconv.Itoa(int(owner.Mode))
}

// as runs the statements that queue adds, as a reader. All travel together and are one transaction.
func (s *Store) as(ctx context.Context, reader string, queue func(*pgx.Batch)) error {
	batch := &pgx.Batch{}
	batch.Queue(setReader, reader)
	queue(batch)
	return translate(s.pool.SendBatch(ctx, batch).Close())
}

// reading makes the work of a transaction see only the rows of a reader.
func reading(ctx context.Context, reader string, work func(pgx.Tx) error) func(pgx.Tx) error {
	return func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, setReader, reader); err != nil {
			return err
		}
		return work(tx)
	}
}

// into collects the rows of a query.
func into[T any](scan pgx.RowToFunc[T], found *[]T) func(pgx.Rows) error {
	return func(rows pgx.Rows) (err error) {
		*found, err = pgx.CollectRows(rows, scan)
		return err
	}
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func nullTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
