// Package postgres keeps statements in Postgres: the lines a sink writes, and what
// the statement service derives from them. A map of the package:
//
//	migrate.go  the tables, and whose they are
//	account.go  complete_to and pages
//	gaps.go     events whose predecessor is missing
//	failure.go  what an error means
package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/reconnect"
	"codebank.dev/statement"
	"github.com/jackc/pgx/v5/pgxpool"
)

var _ statement.Store = (*Store)(nil)

const (
	connectTimeout = 2 * time.Second
	pingIdleFor    = time.Second
)

// Config says how to reach the statement's database. URL and BankCode are required.
type Config struct {
	// URL is the database's address as pgx reads it. It holds a password: never log it.
	URL string
	// BankCode is the bank whose statement this is. It is written into a new database
	// and compared in an old one.
	BankCode string
	// PageTokenKey signs page tokens. Empty: the database keeps one, made at random
	// once, for all replicas.
	PageTokenKey []byte
	// MaxConnections bounds the pool; 0 means 16.
	MaxConnections int32
	// ApplicationName is what the server's activity view shows; empty means "statement".
	ApplicationName string
	// Failpoint is told of the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Store is the statement in Postgres. Until Prepare has succeeded it answers Unavailable.
type Store struct {
	config   Config
	pool     *pgxpool.Pool
	settings atomic.Pointer[settings]
}

// Open returns a store without connecting: the database may be away. The error is a
// URL that cannot be read.
func Open(config Config) (*Store, error) {
	if config.ApplicationName == "" {
		config.ApplicationName = "statement"
	}
	if config.MaxConnections == 0 {
		config.MaxConnections = 16
	}
	pool, err := pgxpool.ParseConfig(config.URL)
	if err != nil {
		return nil, errors.New("postgres: the database URL cannot be read") // Its text may hold the password.
	}
	pool.MaxConns = config.MaxConnections
	pool.ConnConfig.ConnectTimeout = connectTimeout
	pool.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool { return p.IdleDuration > pingIdleFor }
	parameters := pool.ConnConfig.RuntimeParams
	parameters["application_name"] = config.ApplicationName
	parameters["timezone"] = "UTC"
	parameters["statement_timeout"] = "10s"
	parameters["idle_in_transaction_session_timeout"] = "10s"
	reconnect.Gently(pool)
	opened, err := pgxpool.NewWithConfig(context.Background(), pool)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return &Store{config: config, pool: opened}, nil
}

// Close ends the store's connections, after the calls that use them.
func (s *Store) Close() { s.pool.Close() }

// Ping returns nil when the database answers and is prepared.
func (s *Store) Ping(ctx context.Context) error {
	if _, err := s.prepared(); err != nil {
		return err
	}
	return failure(s.pool.Ping(ctx))
}

// PageTokenKey returns the key that signs page tokens: the configured one, or the
// database's. fault.Unavailable before Prepare has succeeded.
func (s *Store) PageTokenKey() ([]byte, error) {
	known, err := s.prepared()
	if err != nil {
		return nil, err
	}
	return known.pageTokenKey, nil
}

// prepared returns the settings, or Unavailable while nobody has read them.
func (s *Store) prepared() (*settings, error) {
	known := s.settings.Load()
	if known == nil {
		return nil, errAway.Wrap(errors.New("not migrated yet"))
	}
	return known, nil
}

// errAway is the answer while the database cannot be used.
var errAway = fault.New(fault.Unavailable, "STATEMENT_AWAY", "Statements cannot be read at the moment.").After(time.Second)
