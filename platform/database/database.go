// Package database opens, migrates and awaits the Postgres of a program. It has the one
// list of what an SQLSTATE means to all programs.
//
//	database.go  Config, Open: a pool of connections with the same settings in all programs
//	tls.go       no connection over a network that only looks protected
//	settings.go  a session without the program's limits is not used
//	throttle.go  the connection throttle: one attempt at a time while a server is away
//	migrate.go   Migrate: brings the schema to a version; Migrated: whether it has that version
//	roles.go     Role: what a role may do in a database
//	prepare.go   Prepare: waits for a database that is away; Ready: what the program waits for
//	needs.go     Needs: what calls need of a database that answers
//	class.go     Classify and Fault: what an error means
//
// A program opens its pool, binds its ports, and calls Prepare beside its listeners.
package database

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"codebank.dev/platform/fault"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The defaults of a Config.
const (
	// DefaultMaxConnections bounds a pool.
	DefaultMaxConnections = 16
	// DefaultConnectTimeout bounds one attempt to connect.
	DefaultConnectTimeout = 5 * time.Second
)

// commonSettings hold for every connection of every program unless its Config says
// otherwise. A session that hangs ends by itself, so that it holds no lock for long.
var commonSettings = map[string]string{
	"timezone":                            "UTC",
	"statement_timeout":                   "10s",
	"idle_in_transaction_session_timeout": "10s",
}

// errURL does not repeat the URL, because the URL may hold a password. Nor does it
// wrap pgx's error, which repeats the URL.
var errURL = errors.New("database: the database URL cannot be read: it must look like postgres://USER:PASSWORD@HOST:5432/DATABASE")

// Config says how to reach a database. URL and ApplicationName are required.
type Config struct {
	// URL is the database's address as pgx reads it. It holds a password: never log it. An address
	// that is not loopback says with sslmode how the connection is protected.
	URL string
	// ApplicationName is what the server's activity view shows.
	ApplicationName string
	// MaxConnections bounds the pool. 0: DefaultMaxConnections.
	MaxConnections int
	// ConnectTimeout bounds one attempt to connect. 0: DefaultConnectTimeout.
	ConnectTimeout time.Duration
	// Settings are session settings for every connection, by their Postgres names. They
	// replace those that all programs have in common: timezone UTC, statement_timeout and
	// idle_in_transaction_session_timeout 10 s. A session that has not got them is not used, and
	// the program is not ready.
	Settings map[string]string
	// OnConnect is called for every new connection before its first use. A connection
	// for which it returns an error is closed. Nil for none.
	OnConnect func(context.Context, *pgx.Conn) error
	// Needs is what the program's calls need of the database. The program is not ready
	// without it. Nil: a database that answers is enough.
	Needs Needs
}

// poolConfig returns the configuration of a pool.
func (c Config) poolConfig() (*pgxpool.Config, error) {
	pool, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, errorOfURL(err)
	}
	if err := checkTLS(&pool.ConnConfig.Config); err != nil {
		return nil, err
	}
	pool.MaxConns = DefaultMaxConnections
	if c.MaxConnections > 0 {
		pool.MaxConns = int32(c.MaxConnections)
	}
	pool.ConnConfig.ConnectTimeout = DefaultConnectTimeout
	if c.ConnectTimeout > 0 {
		pool.ConnConfig.ConnectTimeout = c.ConnectTimeout
	}
	parameters := pool.ConnConfig.RuntimeParams
	settings := c.sessionSettings()
	maps.Copy(parameters, settings)
	parameters["application_name"] = c.ApplicationName
	pool.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		if err := requireSettings(ctx, conn, settings); err != nil || c.OnConnect == nil {
			return err
		}
		return c.OnConnect(ctx, conn)
	}
	return pool, nil
}

// Pool is a program's connections to its database. It is safe for concurrent use.
type Pool struct {
	*pgxpool.Pool
	config Config
	// renewed is when the sessions were replaced last, in Unix nanoseconds.
	renewed atomic.Int64
	// pending says what the program still waits for. It is nil once Prepare has succeeded.
	pending atomic.Pointer[fault.Error]
}

// Open returns a pool without connecting, so the database may be away. While the
// server takes no connection, attempts are throttled to one in each
// ThrottleInterval. An error means that the URL cannot be read, or does not say how a
// connection over a network is protected; it does not repeat the URL. Close the pool when it is no longer used.
func Open(ctx context.Context, config Config) (*Pool, error) {
	parsed, err := config.poolConfig()
	if err != nil {
		return nil, err
	}
	throttleConnections(parsed)
	opened, err := pgxpool.NewWithConfig(ctx, parsed)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	pool := &Pool{Pool: opened, config: config}
	pool.pending.Store(waiting("the first connection"))
	return pool, nil
}
