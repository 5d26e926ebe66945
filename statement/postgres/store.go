// Package postgres keeps statements in Postgres: the lines that a sink writes, and the
// data that the statement service derives from them. A map of the package:
//
//	store.go    the pool, and the fault of an error
//	migrate.go  the tables, and which bank they belong to
//	roles.go    who may do what with which table, and who sees which rows
//	account.go  complete_to, and who sees an account
//	lines.go    lines and holds
//	sums.go     what lines moved
//	tail.go     the next events of those who wait for them
//	links.go    which customers belong to which user, and the audit log of who linked them
//	gaps.go     events whose predecessor is missing
//	files.go    files of statements, for their owners
//	filework.go files of statements, for who makes them
//	offsets.go  how far the requests of a topic are dealt with
package postgres

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"codebank.dev/platform/auditlog/table"
	"codebank.dev/platform/database"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"codebank.dev/statement"
	"codebank.dev/statement/queue"
)

var (
	_ statement.Store     = (*Store)(nil)
	_ statement.GapStore  = (*Store)(nil)
	_ statement.TailStore = (*Store)(nil)
)

// connectTimeout is shorter than elsewhere, because a customer waits for an answer.
const connectTimeout = 2 * time.Second

// needs are the privileges that calls need on the tables. Without them the statement is
// not ready.
var needs = database.Needs{"statement_lines": "SELECT", "statement_accounts": "SELECT INSERT UPDATE", "customer_links": "SELECT INSERT",
	"statement_settings": "SELECT", "statement_watch": "SELECT UPDATE", "statement_gaps": "SELECT INSERT DELETE",
	"audit_log": table.Needs["audit_log"], "audit_head": table.Needs["audit_head"],
	"statement_files": "SELECT INSERT UPDATE DELETE", "statement_file_parts": "SELECT INSERT DELETE",
	"request_offsets": "SELECT INSERT UPDATE", queue.Schema + ".river_job": "SELECT INSERT UPDATE DELETE",
	queue.Schema + ".river_leader": "SELECT INSERT UPDATE DELETE", queue.Schema + ".river_queue": "SELECT INSERT UPDATE DELETE"}

// Config says how to reach the statement's database. URL and BankCode are required.
type Config struct {
	// URL is the database's address as pgx reads it. It holds a password: never log it.
	URL string
	// BankCode is the bank whose statement this is. It is stored in a new database, and
	// compared with the code that an old database has.
	BankCode string
	// Migrate makes Prepare migrate the database, whose owner the user must be then. Otherwise
	// Prepare waits until it is migrated.
	Migrate bool
	// RoleSuffix ends the names of the roles to which Migrate gives rights, on a server with the statements of
	// several banks.
	RoleSuffix string
	// PageTokenKey signs page tokens. If it is empty, the first replica makes a random key
	// and the database stores it for all replicas.
	PageTokenKey []byte
	// MaxConnections bounds the pool; 0 means database.DefaultMaxConnections.
	MaxConnections int
	// ApplicationName is what the server's activity view shows; empty means "statement".
	ApplicationName string
	// FileRetention is how long the content of a file is kept; 0 means files.Retention.
	FileRetention time.Duration
	// Failpoint is called at the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Store is the statement in Postgres. Until Prepare has succeeded it answers Unavailable.
type Store struct {
	config   Config
	pool     *database.Pool
	settings atomic.Pointer[settings]
	queue    *queue.Enqueuer
}

// Open returns a store without connecting, so the database may be away. An error means
// that the URL cannot be read; it does not repeat the URL.
func Open(ctx context.Context, config Config) (*Store, error) {
	if config.ApplicationName == "" {
		config.ApplicationName = "statement"
	}
	pool, err := database.Open(ctx, database.Config{
		URL: config.URL, ApplicationName: config.ApplicationName,
		MaxConnections: config.MaxConnections, ConnectTimeout: connectTimeout,
		Needs: needs,
	})
	if err != nil {
		return nil, err
	}
	enqueuer, err := queue.NewEnqueuer()
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &Store{config: config, pool: pool, queue: enqueuer}, nil
}

// Close ends the store's connections, after the calls that use them.
func (s *Store) Close() { s.pool.Close() }

// Ready returns nil when Prepare has succeeded and the database answers. Otherwise it
// returns a fault.Unavailable that says what the statement waits for.
func (s *Store) Ready(ctx context.Context) error { return s.pool.Ready(ctx) }

// PageTokenKey returns the key that signs page tokens: the configured one, or the
// database's. It returns fault.Unavailable before Prepare has succeeded.
func (s *Store) PageTokenKey() ([]byte, error) {
	known, err := s.prepared()
	if err != nil {
		return nil, err
	}
	return known.pageTokenKey, nil
}

// prepared returns the settings, or Unavailable until they have been read.
func (s *Store) prepared() (*settings, error) {
	known := s.settings.Load()
	if known == nil {
		return nil, failure(errors.New("the database is not migrated yet"))
	}
	return known, nil
}

// errAway is the answer while the database cannot be used.
var errAway = fault.New(fault.Unavailable, "STATEMENT_AWAY", "Statements cannot be read at the moment.")

// failure returns an error of the database as a fault. Every call of this package may be
// repeated, so a conflict is Unavailable too.
func failure(err error) error { return database.Fault(err, errAway) }
