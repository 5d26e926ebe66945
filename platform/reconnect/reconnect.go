// Package reconnect keeps the connections of a pool from crowding a Postgres that does
// not take any. A server that has just been restarted repairs itself first, and turns
// everybody away with a process of its own for each; hundreds of them a second take the
// processor from the repair, and everything is away several times as long.
package reconnect

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Pause is how long after an attempt to connect the next one comes while the server is away.
const Pause = 100 * time.Millisecond

// errAway is the error of a connection that was not tried, for another was in vain.
var errAway = errors.New("reconnect: the server took no connection a moment ago")

// Gently has a pool that is opened with config try to connect once in each Pause, no more,
// from an attempt that was in vain to the next success. Whoever wants a connection
// meanwhile waits for as long as a Pause for somebody's success, and fails then. In vain
// is what the network refuses, and what the server turns away: not an attempt that takes
// its time. While connections succeed nothing changes. It adds to the hooks that config has.
func Gently(config *pgxpool.Config) {
	t := &turns{pause: Pause, opened: make(chan struct{})}
	before, after := config.BeforeConnect, config.AfterConnect
	config.BeforeConnect = func(ctx context.Context, connection *pgx.ConnConfig) error {
		if err := t.wait(ctx); err != nil || before == nil {
			return err
		}
		return before(ctx, connection)
	}
	config.AfterConnect = func(ctx context.Context, connection *pgx.Conn) error {
		t.succeeded()
		if after == nil {
			return nil
		}
		return after(ctx, connection)
	}
	dial, answered := config.ConnConfig.DialFunc, config.ConnConfig.OnPgError
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		// One that its caller gave up says nothing about the server.
		if err != nil && ctx.Err() == nil {
			t.failed()
		}
		return conn, err
	}
	config.ConnConfig.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		if turnsAway(err) {
			t.failed()
		}
		return answered == nil || answered(conn, err)
	}
}

// turnsAway reports whether a server's error is how it takes no further connection: it
// starts, repairs itself or ends (57P03), or it has too many (53300).
func turnsAway(err *pgconn.PgError) bool { return err.Code == "57P03" || err.Code == "53300" }

// turns says who may try to connect.
type turns struct {
	pause time.Duration

	mutex     sync.Mutex
	away      bool // since an attempt in vain
	attempted time.Time
	opened    chan struct{} // closed by the next success
}

// wait returns nil when it is the caller's turn.
func (t *turns) wait(ctx context.Context) error {
	opened, left := t.take()
	if left <= 0 {
		return nil
	}
	turn := time.NewTimer(left)
	defer turn.Stop()
	select {
	case <-opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-turn.C:
	}
	if _, left := t.take(); left > 0 {
		return errAway
	}
	return nil
}

// take takes the turn if it is free, and says otherwise what to wait for, and how long
// at most.
func (t *turns) take() (opened <-chan struct{}, left time.Duration) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	now := time.Now()
	if t.away {
		left = t.pause - now.Sub(t.attempted)
	}
	if left <= 0 {
		t.attempted = now
	}
	return t.opened, left
}

func (t *turns) failed() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.away = true
}

// succeeded lets everybody through who waits, and whoever comes, until the next failure.
func (t *turns) succeeded() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if !t.away {
		return
	}
	t.away = false
	close(t.opened)
	t.opened = make(chan struct{})
}
