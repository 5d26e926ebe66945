package main

import (
	"context"
	"crypto/rand"

	"codebank.dev/checkout/postgres"
	"codebank.dev/checkout/rpc"
	"codebank.dev/platform/serve"
)

// pageTokenSecret names the secret in the database under which page tokens are made.
const pageTokenSecret = "page-tokens"

// prepare brings the database's tables up to date and the catalogue into it, and
// gives the handler its page tokens, under a key that all replicas find in the
// database. It may be repeated.
func prepare(ctx context.Context, store *postgres.Store, config *config, handler *rpc.Server) error {
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	if err := store.Replace(ctx, config.catalogue); err != nil {
		return err
	}
	key, err := store.Secret(ctx, pageTokenSecret, rand.Reader)
	if err != nil {
		return err
	}
	handler.Pages, err = serve.NewPageTokens(key)
	return err
}
