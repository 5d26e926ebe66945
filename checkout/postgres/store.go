// Package postgres keeps the merchant side in Postgres: the catalogue, the orders
// and the work they still need. It holds no rules of its own: what may become of an
// order is decided by checkout.Order. The database repeats those rules as a second
// wall.
//
//	store.go      the pool, and what an error means
//	migrate.go    the schema, and secrets that replicas share
//	catalogue.go  checkout.Catalogue
//	orders.go     checkout.Orders
//	charges.go    checkout.Charges
//	row.go        an order as a row, both ways
package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/reconnect"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The ports that Store implements.
var (
	_ checkout.Catalogue = (*Store)(nil)
	_ checkout.Orders    = (*Store)(nil)
	_ checkout.Charges   = (*Store)(nil)
)

const (
	connectTimeout = 5 * time.Second
	defaultPool    = 16
)

// settings hold for every connection: no transaction here waits for anything but
// the database, so one that lingers belongs to a process that froze.
var settings = map[string]string{
	"application_name":                    "checkout",
	"lock_timeout":                        "1s",
	"statement_timeout":                   "4s",
	"idle_in_transaction_session_timeout": "2s",
	"transaction_timeout":                 "5s",
	"synchronous_commit":                  "on",
	"timezone":                            "UTC",
}

// Store is catalogue and orders in Postgres. It is safe for concurrent use, and any
// number of processes may open the same database.
type Store struct {
	url     string
	pool    *pgxpool.Pool
	reached failpoint.Hook
}

// Open prepares a Store with at most maxConnections connections, 0 for 16. It does
// not connect: a database that is away shows in the first call, as
// fault.Unavailable. An error means that the URL cannot be used; it does not repeat
// the URL, which holds a password. reached is told of the points between durable
// steps; nil for none.
func Open(ctx context.Context, url string, maxConnections int, reached failpoint.Hook) (*Store, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil { // Its text repeats the URL.
		return nil, errors.New("postgres: the database URL is not one that pgx reads")
	}
	config.MaxConns = defaultPool
	if maxConnections > 0 {
		config.MaxConns = int32(maxConnections)
	}
	config.ConnConfig.ConnectTimeout = connectTimeout
	for name, value := range settings {
		config.ConnConfig.RuntimeParams[name] = value
	}
	reconnect.Gently(config)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return &Store{url: url, pool: pool, reached: reached}, nil
}

// Close ends all connections after the calls in flight have ended.
func (s *Store) Close() { s.pool.Close() }

// Ping returns nil when the database answers, else fault.Unavailable.
func (s *Store) Ping(ctx context.Context) error { return translate(s.pool.Ping(ctx)) }

// errAway answers when the database is away, or when nobody knows whether it
// committed: the same request again finds out.
var errAway = fault.New(fault.Unavailable, "DATABASE_UNAVAILABLE", "The service cannot reach its database at the moment. Please try again.").After(time.Second)

// translate turns an error of the database into one that may leave the package.
// Data that the schema refuses is a broken programme, for it was checked before.
func translate(err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault.Of(err)
	}
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		for _, class := range []string{"22", "23", "42"} {
			if strings.HasPrefix(refused.Code, class) {
				return fault.New(fault.Internal, "INTERNAL", "Something went wrong on our side.").Wrap(err)
			}
		}
	}
	return errAway.Wrap(err)
}

// collect runs a query and scans every row.
func collect[T any](ctx context.Context, s *Store, scan pgx.RowToFunc[T], sql string, arguments ...any) ([]T, error) {
	rows, err := s.pool.Query(ctx, sql, arguments...)
	if err != nil {
		return nil, translate(err)
	}
	found, err := pgx.CollectRows(rows, scan)
	return found, translate(err)
}
