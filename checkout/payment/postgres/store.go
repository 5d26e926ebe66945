// Package postgres keeps charges, what is done to them, and what is still to be sent, in Postgres. It has no rules of
// its own: package payment decides which change of a charge is legal. The schema repeats those rules as a second
// check; its migrations are those of checkout/postgres, because it is the same database. A map of the package:
//
//	store.go    the pool, and the fault of an error
//	accept.go   payment.Store: what is accepted, once for each request
//	apply.go    payment.Store: the acquirer's answers
//	read.go     payment.Store: one charge, pages of charges
//	feed.go     payment.Feed
//	figures.go  payment.Figures
//	payouts.go  payment.Payouts
//	expiries.go payment.Expiries: authorizations whose time is over
//	row.go      charges and operations as rows
//	outbox.go   outbox.Store: the records of what is not answered
//	announce.go payment.Publications: the events that others are told
//	offsets.go  how far topics were read
//	profiles.go how merchants are shown to payers
//	keys.go     payment.Keys, for the processor
//
// Locks are taken in one order: charges by their ids, payouts by theirs, rows of the outbox by theirs, then merchants'
// sequences, and last their balances. A payout locks a balance before it stores what is new. A claim skips what is locked.
package postgres

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/database"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/outbox"
)

// The ports that Store implements.
var (
	_ payment.Store   = (*Store)(nil)
	_ payment.Feed    = (*Store)(nil)
	_ payment.Payouts = (*Store)(nil)
	_ outbox.Store    = (*Store)(nil)

	_ payment.Expiries     = (*Store)(nil)
	_ payment.Publications = (*Store)(nil)
)

// settings hold for every connection. A transaction here waits only for the database, so one that lasts longer
// belongs to a process that froze. Every query finds its rows by key.
var settings = map[string]string{
	"lock_timeout":                        "1s",
	"statement_timeout":                   "4s",
	"idle_in_transaction_session_timeout": "2s",
	"transaction_timeout":                 "5s",
	"synchronous_commit":                  "on",
	"plan_cache_mode":                     "force_generic_plan",
	"enable_seqscan":                      "off",
	"jit":                                 "off",
}

// needs is what calls do with the tables; the program is not ready without it.
var needs = database.Needs{
	"charges": "SELECT INSERT UPDATE", "charge_operations": "SELECT INSERT UPDATE", "charge_keys": "SELECT INSERT DELETE",
	"charge_requests": "SELECT INSERT", "merchant_sequences": "SELECT INSERT UPDATE", "charge_events": "SELECT INSERT",
	"charge_outbox": "SELECT INSERT UPDATE DELETE", "charge_offsets": "SELECT INSERT UPDATE",
	"charge_statistics": "SELECT INSERT UPDATE", "charge_balances": "SELECT INSERT UPDATE",
	"charge_feed": "SELECT INSERT UPDATE", "payouts": "SELECT INSERT UPDATE", "merchants": "SELECT",
}

// connectTimeout is short, because a merchant waits for an answer.
const connectTimeout = 2 * time.Second

// Config says how to reach the database. URL is required.
type Config struct {
	// URL is the database's address as pgx reads it. It holds a password: never log it.
	URL string
	// MaxConnections bounds the pool; 0 means database.DefaultMaxConnections.
	MaxConnections int
	// Failpoint is told of the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Store is charges in Postgres. It is safe for concurrent use, and any number of processes may open the same
// database.
type Store struct {
	pool      *database.Pool
	failpoint failpoint.Hook
}

// Open returns a store without connecting, so the database may be away. An error means that the URL cannot be read;
// it does not repeat the URL.
func Open(ctx context.Context, config Config) (*Store, error) {
	pool, err := database.Open(ctx, database.Config{
		URL: config.URL, ApplicationName: "payment-gateway", MaxConnections: config.MaxConnections,
		ConnectTimeout: connectTimeout, Settings: settings, Needs: needs,
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

// Prepare waits until the database answers and has had the migrations of a schema; logger and Ready say what it waits
// for. Call it once, beside the listeners.
func (s *Store) Prepare(ctx context.Context, logger *slog.Logger, schema database.Schema) error {
	return s.pool.Prepare(ctx, logger, func(ctx context.Context) error { return s.pool.Migrated(ctx, schema) })
}

// errAway is the answer while the database is away, and when it did not say whether it committed: the same request
// again finds out.
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
	return s.pool.SendBatch(ctx, batch).Close()
}

// transact runs what read adds, then what write adds, in one transaction of two round trips: begin and commit travel
// with them. So what write locks is locked for its own statements and the commit only.
func (s *Store) transact(ctx context.Context, read, write func(*pgx.Batch)) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // It closes a connection that is still within a transaction.
	for i, queue := range []func(*pgx.Batch){read, write} {
		batch := &pgx.Batch{}
		if i == 0 {
			batch.Queue("begin")
		}
		queue(batch)
		if i == 1 {
			batch.Queue("commit")
		}
		if err := conn.SendBatch(ctx, batch).Close(); err != nil {
			if conn.Conn().PgConn().TxStatus() != idle {
				_, _ = conn.Exec(ctx, "rollback") // If it fails, the connection is closed.
			}
			return err
		}
	}
	return nil
}

// idle is the status of a connection without a transaction.
const idle = 'I'
