package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"codebank.dev/bank/hold"
	"codebank.dev/bank/kafka"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/outbox"
	"codebank.dev/bank/postgres"
	"codebank.dev/bank/rpc"
	"codebank.dev/platform/auditlog/heads"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas"
	"google.golang.org/grpc"
)

// Intervals and limits of the work beside the calls.
const (
	executorCloseBound = 15 * time.Second
	tokenSweepInterval = time.Minute
	tokenSweepRows     = 5000
)

// version is the commit that the program was built from, or "devel".
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" && len(setting.Value) >= 12 {
				return "bank/" + setting.Value[:12]
			}
		}
	}
	return "bank/devel"
}

// holder names this process in the relay's lease: a restarted process is a new holder.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "bank"
	}
	var unique [8]byte
	rand.Read(unique[:])
	return host + "-" + hex.EncodeToString(unique[:])
}

// openStore opens the ledger without connecting.
func openStore(ctx context.Context, config *config) (*postgres.Store, error) {
	return postgres.Open(ctx, postgres.Config{
		URL: config.databaseURL, MaxConnections: max(config.lanes, 2*runtime.GOMAXPROCS(0)) + spareConnections,
		BankCode: config.bankCode, Migrate: config.migrate, ApplicationName: "bank", Failpoint: config.failpoint,
	})
}

// listen opens the listeners of the bank, behind its walls.
func listen(config *config, walls *serve.Walls, store *postgres.Store, principals *rpc.Principals) (_ *serve.Server, err error) {
	logger, err := config.server.Logger(os.Stderr)
	if err != nil {
		return nil, err
	}
	settings := config.server.Config("bank", logger)
	settings.Walls = walls
	settings.Permissions, settings.Groups = rpc.Permissions(config.simulatedCash), rpc.Groups(config.acquirers, config.history)
	settings.Localized, settings.Checks = rpc.Localized(), []serve.Check{{Name: "database", Run: store.Ready}}
	settings.GRPCOptions = []grpc.ServerOption{grpc.ChainUnaryInterceptor(principals.Unary)}
	if settings.OpenAPI, err = schemas.OpenAPI("bank.v1"); err != nil {
		return nil, err
	}
	return serve.Listen(settings)
}

// begin makes the server wait for the ledger. After that the relay publishes.
func begin(server *serve.Server, store *postgres.Store, relay *relayRunner, logger *slog.Logger) {
	server.Prepare(func(ctx context.Context) error {
		if err := store.Prepare(ctx, logger); err != nil {
			return err
		}
		relay.begin()
		logger.Info("bank is up")
		return nil
	})
}

// spareConnections is how many connections reads and the relay share, beside those of the lanes.
const spareConnections = 12

// sweepTokens deletes expired card tokens until ctx ends.
func sweepTokens(ctx context.Context, store *postgres.Store, now func() time.Time, logger *slog.Logger) {
	ticker := time.NewTicker(tokenSweepInterval)
	defer ticker.Stop()
	for {
		for more := true; more; {
			var err error
			if more, err = store.DeleteExpiredTokens(ctx, now(), tokenSweepRows); err != nil && ctx.Err() == nil {
				logger.Warn("expired card tokens could not be deleted; trying again in a minute", slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// expire returns the work that ends the holds whose time is over.
func (c *config) expire(expirer *hold.Expirer) func(context.Context) {
	if !c.expiresHolds() {
		return func(context.Context) {}
	}
	return expirer.Run
}

// publishHeads publishes the head of the audit log beside the calls, if there are brokers.
func publishHeads(server *serve.Server, store *postgres.Store, config *config, logger *slog.Logger) error {
	if len(config.kafkaBrokers) == 0 {
		return nil
	}
	publisher, err := heads.NewPublisher(heads.Config{
		Service: "bank", BankCode: string(config.bankCode), Head: store.AuditHead, Brokers: config.kafkaBrokers,
		Interval: config.auditHeadInterval, Logger: logger, BrokerAuth: config.brokerAuth,
	})
	if err != nil {
		return err
	}
	server.Metrics().MustRegister(publisher)
	server.Background(func(ctx context.Context) {
		defer publisher.Close()
		publisher.Run(ctx)
	})
	return nil
}

// closeExecutor lets the executor decide the accepted commands before the store is closed.
func closeExecutor(executor *ledger.Executor, logger *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), executorCloseBound)
	defer cancel()
	if err := executor.Close(ctx); err != nil {
		logger.Error("the executor did not end in time; accepted commands have no answer, their callers must send them again", slog.Any("error", err))
	}
}

// relayRunner is the relay with its publishers. With --relay=false its relay is nil, and its methods
// do nothing.
type relayRunner struct {
	relay      *outbox.Relay
	publisher  *kafka.Publisher
	watermarks *kafka.Watermarks // nil when watermarks are off
	logger     *slog.Logger
	stop       context.CancelFunc // nil until it begins
	running    sync.WaitGroup
}

// brokers is what everything needs that publishes.
func (c *config) brokers(logger *slog.Logger) kafka.PublisherConfig {
	return kafka.PublisherConfig{
		Code: c.bankCode, Brokers: c.kafkaBrokers, RegistryURL: c.registryURL, Logger: logger,
		BrokerAuth: c.brokerAuth, RegistryAuth: c.registryAuth,
		Failpoint: c.failpoint,
	}
}

// newRelay makes the relay that publishes committed events between begin and end. Broker and
// registry may be away: it waits for them.
func newRelay(config *config, store *postgres.Store, logger *slog.Logger) (*relayRunner, error) {
	r := &relayRunner{logger: logger}
	if !config.relay {
		return r, nil
	}
	brokers := config.brokers(logger)
	var err error
	if r.publisher, err = kafka.NewPublisher(brokers); err != nil {
		return nil, err
	}
	settings := outbox.Config{Outbox: store, Publisher: r.publisher, Holder: holder(), Logger: logger}
	if config.watermarkInterval > 0 {
		if r.watermarks, err = kafka.NewWatermarks(brokers); err != nil {
			r.publisher.Close()
			return nil, err
		}
		settings.Marker, settings.Watermarks, settings.Watermark = store, r.watermarks, config.watermarkInterval
	}
	r.relay = outbox.New(settings)
	return r, nil
}

// begin starts to publish.
func (r *relayRunner) begin() {
	if r.relay == nil {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.running.Go(func() {
		if err := r.relay.Run(ctx); err != nil {
			r.logger.Error("the relay ended", slog.Any("error", err))
		}
	})
}

// notify tells the relay that events were committed.
func (r *relayRunner) notify(int) {
	if r.relay != nil {
		r.relay.Notify()
	}
}

// end stops the relay after it has drained the events in flight, and closes the publishers. A relay
// that has not begun only closes its publishers.
func (r *relayRunner) end() {
	if r.relay == nil {
		return
	}
	if r.stop != nil {
		r.stop()
	}
	r.running.Wait()
	r.publisher.Close()
	if r.watermarks != nil {
		r.watermarks.Close()
	}
}
