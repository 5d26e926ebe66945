package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"runtime"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/batch"
	"codebank.dev/checkout/clock"
	"codebank.dev/checkout/merchant"
	"codebank.dev/checkout/postgres"
	"codebank.dev/checkout/refund"
	"codebank.dev/checkout/rpc"
	"codebank.dev/platform/permission"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas"
)

// pageTokenSecret is the name of the secret in the database that signs page tokens.
const pageTokenSecret = "page-tokens"

// guestKeySecret is the name of the secret in the database that the secrets of guests' orders are derived
// from.
const guestKeySecret = "guest-orders"

// prepare requires that the database is migrated, or migrates it with --migrate, stores in it what the catalogue
// begins with, and gives the services their page tokens. The key of the tokens is in the database, so all replicas have the same
// key. prepare may be repeated.
func prepare(ctx context.Context, store *postgres.Store, config *config, services *services) error {
	ready := store.Migrated
	if config.migrate {
		ready = store.Migrate
	}
	if err := ready(ctx); err != nil {
		return err
	}
	if err := store.Seed(ctx, config.catalogue, time.Now()); err != nil {
		return err
	}
	key, err := store.Secret(ctx, pageTokenSecret, rand.Reader)
	if err != nil {
		return err
	}
	if services.checkout.Orders.GuestKey, err = store.Secret(ctx, guestKeySecret, rand.Reader); err != nil {
		return err
	}
	pages, err := serve.NewPageTokens(key)
	services.checkout.Pages, services.merchants.Pages, services.catalogue.Pages = pages, pages, pages
	return err
}

// listen binds the addresses, behind the walls.
func listen(config *config, walls *serve.Walls, store *postgres.Store, logger *slog.Logger) (*serve.Server, error) {
	settings := config.server.Config("checkout", logger)
	settings.Checks = []serve.Check{{Name: "database", Run: store.Ready}}
	settings.Walls, settings.Permissions, settings.Localized = walls, rpc.Permissions(), rpc.Localized()
	settings.Secrets = &merchant.Verifier{Secrets: store, Clock: clock.System{}}
	settings.Groups = permission.Groups{rpc.Shops: config.shops}
	var err error
	if settings.OpenAPI, err = schemas.OpenAPI("checkout.v1"); err != nil {
		return nil, err
	}
	return serve.Listen(settings)
}

// closeBound is how long the batches may take to end.
const closeBound = 10 * time.Second

// newOrders returns orders on the store. Batches hold half of the connections at most; reads, claims
// and changes under a lock have the others.
func newOrders(store *postgres.Store, config *config) *batch.Orders {
	lanes := 2 * runtime.GOMAXPROCS(0)
	if config.maxConnections > 0 {
		lanes = max(1, min(lanes, config.maxConnections/2))
	}
	return batch.New(batch.Config{Store: store, Lanes: lanes})
}

// newRefunds returns the use case of refunds, with the worker that ends the open ones.
func newRefunds(bank checkout.Acquirer, orders *batch.Orders, logger *slog.Logger, config *config) *refund.Service {
	return &refund.Service{
		Orders: orders, Random: rand.Reader, Failpoint: config.failpoint,
		Refunder: &refund.Refunder{
			Acquirer: bank, Pending: orders, Claims: orders, Clock: clock.System{}, Logger: logger,
			Limits: config.limits, Failpoint: config.failpoint,
		},
	}
}

// closeOrders lets the accepted writes become durable before the store is closed.
func closeOrders(orders *batch.Orders, logger *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), closeBound)
	defer cancel()
	if err := orders.Close(ctx); err != nil {
		logger.Error("the last orders were not stored in time; the reconciler of another process ends what was stored", "cause", err)
	}
}
