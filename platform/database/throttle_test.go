package database

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// plain returns the hooks of a pool whose server refuses every connection.
func plain(t *testing.T) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig("postgres://localhost/x")
	require.NoError(t, err)
	config.ConnConfig.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("connection refused")
	}
	return config
}

// throttled returns the hooks of the same pool with the throttle.
func throttled(t *testing.T) *pgxpool.Config {
	t.Helper()
	config := plain(t)
	throttleConnections(config)
	return config
}

// fail plays an attempt of the pool that the network refuses.
func fail(t *testing.T, config *pgxpool.Config) {
	t.Helper()
	require.NoError(t, config.BeforeConnect(t.Context(), nil))
	_, err := config.ConnConfig.DialFunc(t.Context(), "tcp", "localhost:1")
	require.Error(t, err)
}

func TestAServerThatIsAwayIsTriedOnceInAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := throttled(t)
		fail(t, config)
		var attempts, refused atomic.Int64
		began := time.Now()
		var crowd sync.WaitGroup
		for range 50 {
			crowd.Go(func() {
				for time.Since(began) < 10*ThrottleInterval {
					if config.BeforeConnect(t.Context(), nil) == nil {
						attempts.Add(1) // and fails
					} else {
						refused.Add(1)
					}
				}
			})
		}
		crowd.Wait()
		require.InDelta(t, 10, attempts.Load(), 1)
		require.InDelta(t, 490, refused.Load(), 60, "each has waited an interval")
		require.Less(t, time.Since(began), 12*ThrottleInterval, "nobody waits for long")
	})
}

func TestAnAttemptThatTakesItsTimeKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := throttled(t)
		began := time.Now()
		for range 50 {
			require.NoError(t, config.BeforeConnect(t.Context(), nil), "nothing has failed yet")
		}
		require.Zero(t, time.Since(began))
	})
}

func TestASuccessLetsEverybodyThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := throttled(t)
		fail(t, config)
		began := time.Now()
		var passed atomic.Int64
		var crowd sync.WaitGroup
		for range 15 {
			crowd.Go(func() {
				if config.BeforeConnect(t.Context(), nil) == nil {
					passed.Add(1)
				}
			})
		}
		time.Sleep(5 * time.Millisecond)
		require.Zero(t, passed.Load(), "whether the server answers is not known yet")
		require.NoError(t, config.AfterConnect(t.Context(), nil))
		crowd.Wait()
		require.EqualValues(t, 15, passed.Load())
		require.Equal(t, 5*time.Millisecond, time.Since(began))
		for range 100 {
			require.NoError(t, config.BeforeConnect(t.Context(), nil), "a pool that works grows as it likes")
		}
		require.Equal(t, 5*time.Millisecond, time.Since(began))
	})
}

func TestWhatCountsAsAFailedAttempt(t *testing.T) {
	waits := func(t *testing.T, config *pgxpool.Config) bool {
		began := time.Now()
		_ = config.BeforeConnect(t.Context(), nil)
		return time.Since(began) > 0
	}
	fatal := func(code string) *pgconn.PgError { return &pgconn.PgError{Severity: "FATAL", Code: code} }
	for name, c := range map[string]struct {
		happen func(*testing.T, *pgxpool.Config)
		failed bool
	}{
		"the server repairs itself": {func(_ *testing.T, c *pgxpool.Config) { c.ConnConfig.OnPgError(nil, fatal("57P03")) }, true},
		"the server is full":        {func(_ *testing.T, c *pgxpool.Config) { c.ConnConfig.OnPgError(nil, fatal("53300")) }, true},
		"a session was ended":       {func(_ *testing.T, c *pgxpool.Config) { c.ConnConfig.OnPgError(nil, fatal("57P01")) }, false},
		"a key stands already": {func(_ *testing.T, c *pgxpool.Config) {
			c.ConnConfig.OnPgError(nil, &pgconn.PgError{Severity: "ERROR", Code: "23505"})
		}, false},
		"the caller gave up": {func(t *testing.T, c *pgxpool.Config) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, _ = c.ConnConfig.DialFunc(ctx, "tcp", "localhost:1")
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				config := throttled(t)
				require.NoError(t, config.BeforeConnect(t.Context(), nil))
				c.happen(t, config)
				require.Equal(t, c.failed, waits(t, config))
			})
		})
	}
}

func TestACallerThatHasGoneDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := throttled(t)
		fail(t, config)
		ctx, cancel := context.WithTimeout(t.Context(), ThrottleInterval/2)
		defer cancel()
		require.ErrorIs(t, config.BeforeConnect(ctx, nil), context.DeadlineExceeded)
	})
}

func TestHooksThatWereThereAreKept(t *testing.T) {
	config := plain(t)
	var called []string
	config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
		called = append(called, "before")
		return nil
	}
	config.AfterConnect = func(context.Context, *pgx.Conn) error {
		called = append(called, "after")
		return nil
	}
	config.ConnConfig.OnPgError = func(*pgconn.PgConn, *pgconn.PgError) bool {
		called = append(called, "answered")
		return false
	}
	throttleConnections(config)
	require.NoError(t, config.BeforeConnect(t.Context(), nil))
	require.NoError(t, config.AfterConnect(t.Context(), nil))
	require.False(t, config.ConnConfig.OnPgError(nil, &pgconn.PgError{Code: "57P03"}))
	require.Equal(t, []string{"before", "after", "answered"}, called)
}

func TestACallerThatIsThrottledGetsTheLastFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := throttled(t)
		require.NoError(t, config.BeforeConnect(t.Context(), nil))
		config.ConnConfig.OnPgError(nil, &pgconn.PgError{Severity: "FATAL", Code: "57P03"})
		errs := make(chan error, 2)
		for range 2 {
			go func() { errs <- config.BeforeConnect(t.Context(), nil) }()
		}
		refused := errors.Join(<-errs, <-errs)
		require.Error(t, refused, "one of two may try")
		require.Equal(t, "57P03", State(refused))
	})
}
