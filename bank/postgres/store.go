// Package postgres keeps the bank's ledger in Postgres: the state, the outbox and
// the vault's rows, one commit for all. It holds no rules: what may happen to an
// account was decided on a bank.Book before anything is written here.
//
// A map of the package:
//
//	execute.go     one batch: by memory in one round trip, or read set, decision, write set
//	memory.go      what the last commits left of the accounts; view.go is a batch's part of it
//	read.go        the read set: locks and look-ups into a bank.Snapshot
//	one.go         the write set of a single decision
//	write.go       the write set: bank.Changes into rows
//	outcome.go     what an error means: nothing committed, or nobody knows
//	statements.go  the SQL of the read and write sets
//	session.go     a connection with its prepared statements
//	wire.go        binary parameters and rows
//	directory.go   bank.Directory, bank.Reader, bank.TokenStore
//	outbox.go      bank.Outbox; floor.go keeps its fetches cheap
//	mark.go        bank.Marker: up to when all events are published
//	audit.go       everything there is, page by page, and events made again
package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/bank"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/reconnect"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The ports that Store implements.
var (
	_ bank.Store      = (*Store)(nil)
	_ bank.Directory  = (*Store)(nil)
	_ bank.Reader     = (*Store)(nil)
	_ bank.TokenStore = (*Store)(nil)
	_ bank.Outbox     = (*Store)(nil)
	_ bank.Marker     = (*Store)(nil)
)

// Config says how to reach the ledger's database. Only URL is required.
type Config struct {
	// URL is the database's address as pgx reads it. It holds a password: never log it.
	// It must lead to the server itself: a pooler that shares server sessions would mix up
	// prepared statements and settings.
	URL string
	// MaxConnections bounds the pool; 0 means 16. Every lane of the executor holds one
	// while its batch runs.
	MaxConnections int
	// BankCode, when given, is written into a new database by Migrate and compared in an
	// old one, so that two banks never share a ledger.
	BankCode bank.Code
	// LockAlways has every batch decided under locks, never on what is remembered: two
	// round trips instead of one.
	LockAlways bool
	// ApplicationName is what the server's activity view shows; empty means "codebank".
	ApplicationName string
	// Failpoint is told of the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Store is the ledger in Postgres. It is safe for concurrent use, and any number
// of processes may open the same database.
type Store struct {
	config Config
	pool   *pgxpool.Pool
	memory *memory
	floor  floor
	// presumedFor is the constant, but for tests.
	presumedFor time.Duration

	presumed, locked, mistaken atomic.Int64
}

// settings hold for every connection. A replica that freezes between its two round
// trips must not keep others waiting: its transaction ends by itself. Every query
// here looks rows up by key, so a plan made while a table was small must not stay a
// scan when it is large; and a plan is made once per connection, not per batch.
var settings = map[string]string{
	"lock_timeout":                        "500ms",
	"statement_timeout":                   "4s",
	"idle_in_transaction_session_timeout": "2s",
	"transaction_timeout":                 "5s", // writtenWithin counts on it
	"synchronous_commit":                  "on",
	"default_transaction_isolation":       "read committed",
	"plan_cache_mode":                     "force_generic_plan",
	"enable_seqscan":                      "off",
	"enable_bitmapscan":                   "off",
	"enable_hashjoin":                     "off",
	"enable_mergejoin":                    "off",
	"jit":                                 "off",
	"timezone":                            "UTC",
}

// Open prepares a Store on Postgres 17 or later. It does not connect: a database that is away shows in the
// first call, as fault.Unavailable, and waiting for it is the caller's business
// (see Ping). An error means that the configuration cannot be used.
func Open(ctx context.Context, config Config) (*Store, error) {
	pool, err := pgxpool.ParseConfig(config.URL)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	if config.ApplicationName == "" {
		config.ApplicationName = "codebank"
	}
	pool.MaxConns = 16
	if config.MaxConnections > 0 {
		pool.MaxConns = int32(config.MaxConnections)
	}
	pool.ConnConfig.ConnectTimeout = 5 * time.Second
	pool.ConnConfig.RuntimeParams["application_name"] = config.ApplicationName
	for name, value := range settings {
		pool.ConnConfig.RuntimeParams[name] = value
	}
	memory := newMemory()
	pool.AfterConnect = func(context.Context, *pgx.Conn) error {
		memory.forgetAll()
		return nil
	}
	reconnect.Gently(pool)
	opened, err := pgxpool.NewWithConfig(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return &Store{config: config, pool: opened, memory: memory, presumedFor: presumedFor}, nil
}

// Close ends all connections after the calls in flight have ended.
func (s *Store) Close() { s.pool.Close() }

// Ping returns nil when the database answers, else fault.Unavailable.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.pool.Ping(ctx); err != nil {
		return unavailable(err)
	}
	return nil
}

// with runs work on a connection of the pool. A connection that work leaves in a
// transaction, busy or broken is closed instead of given back.
func (s *Store) with(ctx context.Context, work func(*session) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return unavailable(err)
	}
	defer conn.Release()
	err = work(sessionOf(conn.Conn().PgConn()))
	if errors.Is(err, errInternal) {
		// What was prepared may be older than the schema: the next call begins anew.
		_ = conn.Conn().Close(context.WithoutCancel(ctx))
	}
	return err
}

// sqlState returns the SQLSTATE that the server answered, or "" when it did not.
func sqlState(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}
