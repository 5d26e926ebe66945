package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"codebank.dev/bank/kafka"
	"codebank.dev/bank/ledger"
	"codebank.dev/bank/outbox"
	"codebank.dev/bank/postgres"
)

// Pauses and bounds of starting and stopping.
const (
	databaseRetryPause = time.Second
	executorCloseBound = 15 * time.Second
	tokenSweepInterval = time.Minute
	tokenSweepRows     = 5000
)

// version is the commit that the program was built of, or "devel".
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

// holder names this process in the relay's lease: a process started anew is a new holder.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "bank"
	}
	var unique [8]byte
	rand.Read(unique[:])
	return host + "-" + hex.EncodeToString(unique[:])
}

// openStore opens the ledger and brings its tables up to date; it waits for a
// database that is not there yet until ctx ends.
func openStore(ctx context.Context, config *config, logger *slog.Logger) (*postgres.Store, error) {
	store, err := postgres.Open(ctx, postgres.Config{
		URL: config.databaseURL, MaxConnections: max(config.lanes, 2*runtime.GOMAXPROCS(0)) + spareConnections,
		BankCode: config.bankCode, ApplicationName: "bank", Failpoint: config.failpoint,
	})
	if err != nil {
		return nil, err
	}
	for {
		if err = store.Migrate(ctx); err == nil {
			return store, nil
		}
		logger.Warn("waiting for the database", slog.Any("error", err))
		select {
		case <-ctx.Done():
			store.Close()
			return nil, ctx.Err()
		case <-time.After(databaseRetryPause):
		}
	}
}

// spareConnections is what reads, tokens and the relay share beside the lanes.
const spareConnections = 12

// sweepTokens deletes expired card tokens until ctx ends.
func sweepTokens(ctx context.Context, store *postgres.Store, logger *slog.Logger) {
	ticker := time.NewTicker(tokenSweepInterval)
	defer ticker.Stop()
	for {
		for deleted := int64(tokenSweepRows); deleted == tokenSweepRows; {
			var err error
			if deleted, err = store.DeleteExpiredTokens(ctx, tokenSweepRows); err != nil && ctx.Err() == nil {
				logger.Warn("expired card tokens stay", slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// closeExecutor lets accepted commands be decided before the store goes.
func closeExecutor(executor *ledger.Executor, logger *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), executorCloseBound)
	defer cancel()
	if err := executor.Close(ctx); err != nil {
		logger.Error("commands were still waiting at the end", slog.Any("error", err))
	}
}

// relaying is the relay with its publisher; without one (--relay=false) it is nil
// inside and does nothing.
type relaying struct {
	relay      *outbox.Relay
	publisher  *kafka.Publisher
	watermarks *kafka.Watermarks // nil when there are to be none
	stop       context.CancelFunc
	done       chan struct{}
}

// startRelay publishes what is committed until end is called. Broker and registry
// may be away: it waits for them.
func startRelay(config *config, store *postgres.Store, logger *slog.Logger) (*relaying, error) {
	r := &relaying{done: make(chan struct{})}
	if !config.relay {
		close(r.done)
		return r, nil
	}
	brokers := kafka.PublisherConfig{
		Code: config.bankCode, Brokers: config.kafkaBrokers, RegistryURL: config.registryURL, Logger: logger,
		Failpoint: config.failpoint,
	}
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
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	go func() {
		defer close(r.done)
		if err := r.relay.Run(ctx); err != nil {
			logger.Error("the relay ended", slog.Any("error", err))
		}
	}()
	return r, nil
}

// notify tells the relay that events were committed.
func (r *relaying) notify(int) {
	if r.relay != nil {
		r.relay.Notify()
	}
}

// end stops the relay after what is in flight, and closes the publisher.
func (r *relaying) end() {
	if r.relay == nil {
		return
	}
	r.stop()
	<-r.done
	r.publisher.Close()
	if r.watermarks != nil {
		r.watermarks.Close()
	}
}
