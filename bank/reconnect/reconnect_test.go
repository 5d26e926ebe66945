package reconnect

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
)

// gentle returns the hooks of a pool.
func gentle(t *testing.T) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig("postgres://localhost/x")
	require.NoError(t, err)
	Gently(config)
	return config
}

func TestAServerThatIsAwayIsTriedOnceInAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := gentle(t)
		var attempts, turnedAway atomic.Int64
		began := time.Now()
		var crowd sync.WaitGroup
		for range 50 {
			crowd.Go(func() {
				for time.Since(began) < 10*Pause {
					if config.BeforeConnect(t.Context(), nil) == nil {
						attempts.Add(1) // and in vain
					} else {
						turnedAway.Add(1)
					}
				}
			})
		}
		crowd.Wait()
		require.InDelta(t, 10, attempts.Load(), 1)
		require.InDelta(t, 490, turnedAway.Load(), 60, "each has waited a pause")
		require.Less(t, time.Since(began), 12*Pause, "nobody waits for long")
	})
}

func TestASuccessLetsEverybodyThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := gentle(t)
		require.NoError(t, config.BeforeConnect(t.Context(), nil), "the first one tries at once")
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

func TestWhoHasGoneDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		config := gentle(t)
		require.NoError(t, config.BeforeConnect(t.Context(), nil))
		ctx, cancel := context.WithTimeout(t.Context(), Pause/2)
		defer cancel()
		require.ErrorIs(t, config.BeforeConnect(ctx, nil), context.DeadlineExceeded)
	})
}

func TestHooksThatWereThereAreKept(t *testing.T) {
	config, err := pgxpool.ParseConfig("postgres://localhost/x")
	require.NoError(t, err)
	var called []string
	config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
		called = append(called, "before")
		return nil
	}
	config.AfterConnect = func(context.Context, *pgx.Conn) error {
		called = append(called, "after")
		return nil
	}
	Gently(config)
	require.NoError(t, config.BeforeConnect(t.Context(), nil))
	require.NoError(t, config.AfterConnect(t.Context(), nil))
	require.Equal(t, []string{"before", "after"}, called)
}
