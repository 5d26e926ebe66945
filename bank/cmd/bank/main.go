// Command bank is the command side: it issues cards, opens accounts, decides purchases, transfers and holds
// over gRPC and REST, and
// relays the events of its decisions to Kafka. It needs its vault key and its Postgres. While its
// database is away it answers UNAVAILABLE and waits; broker and registry may be away.
//
// The files, in reading order:
//
//	main.go     run: open, wire and serve, in the order of the dependencies
//	config.go   flags and environment
//	services.go the use cases, served over gRPC and REST
//	wiring.go   the database, the relay and the executor: start and stop
//	commands.go the reader of the commands that come by the topic
//	pix.go      payments between banks: the hub, the messages to it and from it
//	metrics.go  the counters of executor, ledger and relay for Prometheus
package main

import (
	"context"
	"io"
	"log/slog"
	"os"

	"codebank.dev/bank/customer"
	"codebank.dev/bank/kafka"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/rpc"
	"codebank.dev/bank/vault"
	"codebank.dev/platform/memory"
	"codebank.dev/platform/serve"
)

func main() { serve.Main("bank", run) }

// run starts everything in the order of the dependencies and ends it in reverse: first the
// listeners drain, then the executor ends, then the relay, then the store. The database is prepared
// after the listeners are open, so that probes are answered while it is away.
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
	keys, err := vault.Load(config.vaultKeyFile)
	if err != nil {
		return err
	}
	store, err := openStore(ctx, config)
	if err != nil {
		return err
	}
	defer store.Close()

	relay, err := newRelay(config, store, logger)
	if err != nil {
		return err
	}
	defer relay.end()
	payments, err := newPix(config, store, logger)
	if err != nil {
		return err
	}
	defer payments.close()
	encoder := kafka.NewVersionEncoder(config.bankCode, config.eventVersion)
	executor := ledger.New(ledger.Config{
		Store: store, Encoder: encoder, Omit: encoder.Omit, Now: config.now,
		Lanes: config.lanes, MaxBatch: config.maxBatch, QueueLength: config.queueLength,
		ProducerVersion: version(), Committed: relay.notify, Sends: payments.wake,
	})
	defer closeExecutor(executor, logger)

	walls, err := config.server.Walls(logger)
	if err != nil {
		return err
	}
	defer walls.Close()
	customers := customer.New(store, config.now)
	principals := rpc.NewPrincipals(rpc.PrincipalsConfig{History: config.history, Customers: customers})
	server, err := listen(config, walls, store, principals)
	if err != nil {
		return err
	}
	defer server.Close()
	parts := services{config: config, executor: executor, directory: ledger.NewCachedDirectory(store), store: store, keys: keys,
		customers: customers, principals: principals}
	if err := parts.register(ctx, server, walls, payments); err != nil {
		return err
	}
	endCommands, err := parts.takeCommands(server, walls, logger)
	if err != nil {
		return err
	}
	defer endCommands()
	logger = logger.With(slog.String("bank_code", string(config.bankCode)))
	begin(server, store, relay, logger)
	if err := parts.beside(server, relay.relay, logger); err != nil {
		return err
	}
	return server.Run(ctx)
}
