// Command checkout is the merchant side, over gRPC and REST. It shows the catalogue,
// takes orders paid by card, sends each to the bank for a decision, and ends every
// order that a crash or a deadline left open. While its database is away it answers
// UNAVAILABLE and waits. It starts without the bank.
package main

import (
	"context"
	"crypto/rand"
	"io"
	"os"

	"codebank.dev/checkout/bankrpc"
	"codebank.dev/checkout/charge"
	"codebank.dev/checkout/clock"
	"codebank.dev/checkout/order"
	"codebank.dev/checkout/postgres"
	"codebank.dev/checkout/product"
	"codebank.dev/platform/memory"
	"codebank.dev/platform/serve"
)

// callerName is the name of this program at the bank, which its certificate must have too. Request ids at
// the bank belong to that name, so every replica has the same name.
const callerName = "checkout"

func main() { serve.Main("checkout", run) }

// run opens what the program needs, in order of dependence, and closes it in reverse
// order: first the listeners and the reconciler, then the batches, then the bank, then
// the store. It prepares the database beside the listeners, so that probes are answered
// while the database is away.
func run(ctx context.Context, args, environ []string, stdout io.Writer) error {
	config, err := parse(args, environ, stdout)
	if err != nil {
		return err
	}
	logger, err := config.server.Logger(os.Stderr)
	if err != nil {
		return err
	}
	memory.TuneCollector(ctx, environ)
	store, err := postgres.Open(ctx, postgres.Config{
		URL: config.databaseURL, MaxConnections: config.maxConnections, Failpoint: config.failpoint,
	})
	if err != nil {
		return err
	}
	defer store.Close()
	walls, err := config.server.Walls(logger)
	if err != nil {
		return err
	}
	defer walls.Close()
	bank, err := walls.Dial(config.bankAddress, "bank")
	if err != nil {
		return err
	}
	defer bank.Close()
	acquirer := bankrpc.New(bank)
	defer acquirer.Close()
	orders := newOrders(store, config)
	defer closeOrders(orders, logger)
	catalogue := product.NewCache(store, clock.System{})
	charger, err := charge.New(charge.Config{
		Acquirer: acquirer, PendingCharges: orders, Clock: clock.System{}, Logger: logger,
		Limits: config.limits, Failpoint: config.failpoint,
	})
	if err != nil {
		return err
	}
	server, err := listen(config, walls, store, logger)
	if err != nil {
		return err
	}
	defer server.Close()
	services := newServices(store, catalogue, &order.Service{
		Catalogue: catalogue, Orders: orders, Acquirer: acquirer, Charger: charger,
		Clock: clock.System{}, Random: rand.Reader, Failpoint: config.failpoint,
	}, server.Address)
	services.checkout.Refunds = newRefunds(acquirer, orders, logger, config)
	if err := services.register(ctx, server); err != nil {
		return err
	}
	if err := publishHeads(server, store, config, logger); err != nil {
		return err
	}
	server.ServeProfiles(config.profile)
	server.Metrics().MustRegister(&collector{charger: charger, refunder: services.checkout.Refunds.Refunder, orders: orders})
	server.Prepare(func(ctx context.Context) error {
		return store.Prepare(ctx, logger, func(ctx context.Context) error {
			if err := prepare(ctx, store, config, services); err != nil {
				return err
			}
			return catalogue.Refresh(ctx)
		})
	})
	server.Background(func(ctx context.Context) { catalogue.Run(ctx, logger) })
	server.Background(charge.NewReconciler(charger).Run)
	server.Background(services.checkout.Refunds.Refunder.Run)
	return server.Run(ctx)
}
