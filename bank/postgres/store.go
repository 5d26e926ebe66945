// Package postgres keeps the bank's ledger in Postgres: the state, the outbox and the vault's rows,
// in one commit. It holds no rules: a bank.Book has decided what may happen to an account before
// anything is written here.
//
// The files, in reading order:
//
//	store.go          Config, Open and the connections
//	execute.go        one batch: the optimistic path in one round trip, the locked path in two; one more for
//	                  records of operators' acts
//	account_cache.go  accounts as the last commits left them; packed.go stores them without pointers
//	backoff.go        which accounts are decided under locks for a while, after a conflict
//	view.go           the accounts and versions that one batch is decided on
//	read.go           the read set: locked rows as a bank.ReadSet
//	write.go          the write set: bank.Changes as rows; single.go for a single decision
//	outcome.go        whether a batch with an error was certainly not committed
//	statements.go     the SQL of the read and write sets
//	columns.go        the columns of a table, from which statements are made; entry_columns.go, state_columns.go
//	session.go        a connection, and one statement outside a batch
//	directory.go      bank.Directory, bank.Reader, and what is deleted of card tokens
//	accounts.go       bank.AccountReader
//	customer_links.go bank.CustomerLinks
//	commands.go       bank.CommandStore
//	messages.go       the messages to the hub between banks, and bank.Messages
//	pix.go            bank.PixPayments, bank.Holders and bank.PixKeys
//	hold.go           bank.Holds, and the table of open holds
//	stored_token.go   card tokens of version 0.1.0
//	outbox.go         bank.Outbox; floor.go keeps its fetches cheap
//	mark.go           bank.Marker: up to which time all events are published
//	writers.go        who may still make a row of the outbox visible
//	migrate.go        the schema, and which bank the ledger belongs to
//	roles.go          who may do what with which table
//	audit.go          the whole ledger, page by page, and events made again; audit_outbox.go the outbox
//	journal.go        the entries for programs outside the bank
package postgres

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
	"codebank.dev/platform/database/wire"
	"codebank.dev/platform/failpoint"
	"github.com/jackc/pgx/v5"
)

// The ports that Store implements.
var (
	_ bank.Store         = (*Store)(nil)
	_ bank.Directory     = (*Store)(nil)
	_ bank.Reader        = (*Store)(nil)
	_ bank.Holds         = (*Store)(nil)
	_ bank.AccountReader = (*Store)(nil)
	_ bank.CustomerLinks = (*Store)(nil)
	_ bank.CommandStore  = (*Store)(nil)
	_ bank.Messages      = (*Store)(nil)
	_ bank.PixPayments   = (*Store)(nil)
	_ bank.PixKeys       = (*Store)(nil)
	_ bank.PixCodes      = (*Store)(nil)
	_ bank.Holders       = (*Store)(nil)
	_ bank.Outbox        = (*Store)(nil)
	_ bank.Marker        = (*Store)(nil)
)

// Config is the configuration of a Store. Only URL is required.
type Config struct {
	// URL is the database's address as pgx reads it. It holds a password: never log it.
	// It must be the address of the server itself. A pooler that shares server sessions
	// would mix up prepared statements and settings.
	URL string
	// MaxConnections bounds the pool; 0 means database.DefaultMaxConnections. Every lane
	// of the executor holds one connection while its batch runs.
	MaxConnections int
	// BankCode is the bank whose ledger this is. Migrate writes it into a new database and
	// compares it in an old one, so that two banks never share a ledger. Empty: neither.
	BankCode bank.Code
	// Migrate makes Prepare migrate the ledger, for which the user must own the database. Otherwise
	// Prepare waits until the ledger is migrated.
	Migrate bool
	// RoleSuffix ends the names of the roles to which Migrate gives rights, on a server with the ledgers of
	// several banks.
	RoleSuffix string
	// LockAlways makes every batch take the locked path, in two round trips instead of one.
	LockAlways bool
	// ApplicationName is shown in the server's activity view; empty means "codebank".
	ApplicationName string
	// Failpoint is called at the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Store is the ledger in Postgres. It is safe for concurrent use, and any number of processes may
// open the same database.
type Store struct {
	config Config
	pool   *database.Pool
	cache  *accountCache
	floor  floor
	// optimisticFor is the constant of that name, except in tests.
	optimisticFor time.Duration

	optimistic, locked, conflicts atomic.Int64
}

// sessionSettings apply to every connection. A replica that freezes between its two round trips
// must not keep others waiting, so its transaction ends by itself. Every query here finds rows by
// key. A plan is made once per connection, not per batch, and a plan that was made while a table
// was small must not be a scan when the table is large.
var sessionSettings = map[string]string{
	"lock_timeout":                        "500ms",
	"statement_timeout":                   "4s",
	"idle_in_transaction_session_timeout": "2s",
	"transaction_timeout":                 "5s", // writtenWithin depends on it
	"synchronous_commit":                  "on",
	"default_transaction_isolation":       "read committed",
	"plan_cache_mode":                     "force_generic_plan",
	"enable_seqscan":                      "off",
	"enable_bitmapscan":                   "off",
	"enable_hashjoin":                     "off",
	"enable_mergejoin":                    "off",
	"jit":                                 "off",
}

// needs is what the ledger's calls do with its tables; the bank is not ready without it.
var needs = database.Needs{
	"accounts": "SELECT INSERT UPDATE", "cards": "SELECT INSERT UPDATE", "entries": "SELECT INSERT",
	"outbox": "SELECT INSERT", "vault": "SELECT INSERT", "used_tokens": "SELECT INSERT", "card_tokens": "SELECT UPDATE",
	"open_holds": "SELECT INSERT DELETE", "audit_log": table.Needs["audit_log"], "audit_head": table.Needs["audit_head"],
	"customer_links": "SELECT INSERT", "command_offsets": "SELECT INSERT UPDATE", "command_outcomes": "SELECT INSERT",
	"pix_messages": "SELECT INSERT UPDATE DELETE", "pix_keys": "SELECT INSERT UPDATE DELETE", "holders": "SELECT INSERT",
	"pix_codes": "SELECT INSERT UPDATE",
}

// Open prepares a Store on Postgres 17 or later. It does not connect: while the database is away,
// every call returns fault.Unavailable, and Prepare waits. An error means that the URL cannot be
// read; it does not repeat the URL.
func Open(ctx context.Context, config Config) (*Store, error) {
	if config.ApplicationName == "" {
		config.ApplicationName = "codebank"
	}
	cache := newAccountCache()
	pool, err := database.Open(ctx, database.Config{
		URL: config.URL, ApplicationName: config.ApplicationName, MaxConnections: config.MaxConnections, Settings: sessionSettings,
		Needs: needs,
		OnConnect: func(context.Context, *pgx.Conn) error {
			cache.clear()
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return &Store{config: config, pool: pool, cache: cache, optimisticFor: optimisticFor}, nil
}

// Close ends all connections after the calls in flight have ended.
func (s *Store) Close() { s.pool.Close() }

// AuditHead returns the head of the audit log.
func (s *Store) AuditHead(ctx context.Context) (auditlog.Head, error) { return table.Head(ctx, s.pool) }

// Ready returns nil when Prepare has succeeded and the database answers, else a
// fault.Unavailable that says what the bank waits for.
func (s *Store) Ready(ctx context.Context) error { return s.pool.Ready(ctx) }

// with runs work on a connection of the pool. A connection that work leaves in a
// transaction, busy or broken is closed and not given back.
func (s *Store) with(ctx context.Context, work func(*session) error) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return notCommitted(err)
	}
	defer conn.Release()
	err = work(&session{wire.SessionOf(conn.Conn().PgConn())})
	if errors.Is(err, errInternal) {
		// The prepared statements may be older than the schema: the next call prepares anew.
		_ = conn.Conn().Close(context.WithoutCancel(ctx))
	}
	return err
}
