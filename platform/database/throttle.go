package database

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ThrottleInterval is the time between two attempts to connect while the server is away.
const ThrottleInterval = 100 * time.Millisecond

// throttleConnections adds the connection throttle to the hooks of a pool's
// configuration. After an attempt that failed, the pool tries to connect only once
// in each ThrottleInterval, until an attempt succeeds. A caller that needs a
// connection meanwhile waits for up to a ThrottleInterval, and then gets the last
// failure as its error. An attempt fails when the network refuses it or when the
// server turns it away; an attempt that takes long does not count as failed. While
// attempts succeed the throttle changes nothing.
//
// The throttle is there because of how Postgres starts. After a crash it repairs itself
// first. Meanwhile it starts a process for every connection, only to turn the connection
// away. Hundreds of such processes a second take the processor from the repair, and the
// database is away several times as long.
func throttleConnections(config *pgxpool.Config) {
	t := &throttle{interval: ThrottleInterval, opened: make(chan struct{})}
	before, after := config.BeforeConnect, config.AfterConnect
	config.BeforeConnect = func(ctx context.Context, connection *pgx.ConnConfig) error {
		if err := t.wait(ctx); err != nil || before == nil {
			return err
		}
		return before(ctx, connection)
	}
	config.AfterConnect = func(ctx context.Context, connection *pgx.Conn) error {
		if after != nil {
			// A session that cannot be used is like one that was refused.
			if err := after(ctx, connection); err != nil {
				if ctx.Err() == nil {
					t.failed(err)
				}
				return err
			}
		}
		t.succeeded()
		return nil
	}
	dial, onError := config.ConnConfig.DialFunc, config.ConnConfig.OnPgError
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		// A failed attempt says nothing about the server if its caller gave up.
		if err != nil && ctx.Err() == nil {
			t.failed(err)
		}
		return conn, err
	}
	config.ConnConfig.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		if turnsAway(err) {
			t.failed(err)
		}
		return onError == nil || onError(conn, err)
	}
}

// turnsAway reports whether a server says that it takes no further connection: it
// starts, repairs itself or stops (57P03), or it has too many (53300).
func turnsAway(err *pgconn.PgError) bool { return err.Code == "57P03" || err.Code == "53300" }

// throttle says which caller may try to connect.
type throttle struct {
	interval time.Duration

	mutex     sync.Mutex
	failure   error // of the last attempt; nil after a success
	attempted time.Time
	opened    chan struct{} // closed by the next success
}

// wait returns nil when the caller may try to connect.
func (t *throttle) wait(ctx context.Context) error {
	opened, left, _ := t.take()
	if left <= 0 {
		return nil
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
	}
	if _, left, failure := t.take(); left > 0 {
		return fmt.Errorf("database: no attempt to connect, because the last one failed: %w", failure)
	}
	return nil
}

// take gives the next attempt to the caller if nobody has it. Otherwise it returns what
// ends the wait early (opened), how long to wait at most (left), and why the last
// attempt failed.
func (t *throttle) take() (opened <-chan struct{}, left time.Duration, failure error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	now := time.Now()
	if t.failure != nil {
		left = t.interval - now.Sub(t.attempted)
	}
	if left <= 0 {
		t.attempted = now
	}
	return t.opened, left, t.failure
}

func (t *throttle) failed(err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.failure = err
}

// succeeded lets all callers through, waiting and future ones, until the next failure.
func (t *throttle) succeeded() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.failure == nil {
		return
	}
	t.failure = nil
	close(t.opened)
	t.opened = make(chan struct{})
}
