// Package reconnect keeps the connections of a pool from crowding a Postgres that does
// not take any. A server that has just been restarted repairs itself first, and turns
// everybody away with a process of its own for each; hundreds of them a second take the
// processor from the repair, and everything is away several times as long.
package reconnect

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Pause is how long after an attempt to connect the next one comes while none succeeds.
const Pause = 100 * time.Millisecond

// errAway is the error of a connection that was not tried, for another was in vain.
var errAway = errors.New("reconnect: the server took no connection a moment ago")

// Gently has a pool that is opened with config try to connect once in each Pause, no more,
// until it succeeds. Whoever wants a connection meanwhile waits for as long as a Pause
// for somebody's success, and fails then. While connections succeed nothing changes. It
// adds to the hooks that config has.
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
}

// turns says who may try to connect.
type turns struct {
	pause time.Duration

	mutex              sync.Mutex
	attempted, success time.Time
	opened             chan struct{} // closed by the next success
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
	if now.Sub(t.success) >= t.pause {
		left = t.pause - now.Sub(t.attempted)
	}
	if left <= 0 {
		t.attempted = now
	}
	return t.opened, left
}

// succeeded lets everybody through who waits, and for as long as a pause whoever comes.
func (t *turns) succeeded() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.success = time.Now()
	close(t.opened)
	t.opened = make(chan struct{})
}
