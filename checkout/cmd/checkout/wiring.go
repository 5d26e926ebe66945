package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"codebank.dev/checkout/charge"
	"codebank.dev/checkout/clock"
	"codebank.dev/checkout/postgres"
	"codebank.dev/platform/serve"
)

// databasePause is the wait between tries to reach the database at the start.
var databasePause = charge.Backoff{First: 100 * time.Millisecond, Most: 2 * time.Second}

// pageTokenSecret names the secret in the database under which page tokens are made.
const pageTokenSecret = "page-tokens"

// openStore opens the database, brings its tables up to date and the catalogue into
// it. A database that is not there yet is waited for until ctx ends; one that
// refuses is an error.
func openStore(ctx context.Context, config *config, logger *slog.Logger) (*postgres.Store, error) {
	store, err := postgres.Open(ctx, config.databaseURL, config.maxConnections, config.failpoint)
	if err != nil {
		return nil, err
	}
	for tries := int32(1); ; tries++ {
		if err = store.Ping(ctx); err == nil {
			if err = prepare(ctx, store, config); err == nil {
				return store, nil
			}
			if store.Ping(ctx) == nil { // It is there, so waiting will not help.
				break
			}
		}
		logger.Warn("waiting for the database", "cause", err)
		if err = (clock.System{}).Sleep(ctx, databasePause.After(tries)); err != nil {
			break
		}
	}
	store.Close()
	return nil, err
}

func prepare(ctx context.Context, store *postgres.Store, config *config) error {
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	return store.Replace(ctx, config.catalogue)
}

// pageTokens returns page tokens under a key that all replicas find in the database.
func pageTokens(ctx context.Context, store *postgres.Store) (*serve.PageTokens, error) {
	key, err := store.Secret(ctx, pageTokenSecret, rand.Reader)
	if err != nil {
		return nil, err
	}
	return serve.NewPageTokens(key)
}

// runSettler settles open orders until the function it returns is called, which
// waits for the tries under way.
func runSettler(ctx context.Context, settler *charge.Settler) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { settler.Run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}
