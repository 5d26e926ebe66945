package main

import (
	"log/slog"
	"time"

	"codebank.dev/codepix/banks"
	"codebank.dev/codepix/intake"
	"codebank.dev/codepix/postgres"
	"codebank.dev/platform/outbox"
	"codebank.dev/platform/outbox/kafka"
	"codebank.dev/platform/serve"
)

// pipe is what goes through topics, beside the calls.
type pipe struct {
	config *config
	store  *postgres.Store
	banks  *banks.File
	logger *slog.Logger
	// initiated is told of each new payment to a key; nil for none.
	initiated func(bank, account string)
}

// start adds to a server the readers of what banks say, the relay of what the hub says, and the figures of both. Call
// what it returns at the end.
func (p *pipe) start(server *serve.Server) (end func(), err error) {
	publisher, err := kafka.New(kafka.Config{
		ClientID: "codebank-" + name, Brokers: p.config.brokers, Registry: p.config.registry, BrokerAuth: p.config.brokerAuth,
		Logger: p.logger, Failpoint: p.config.database.Failpoint,
	})
	if err != nil {
		return nil, err
	}
	relay := outbox.New(outbox.Config{Store: p.store, Publisher: &intake.Signing{Publisher: publisher, Banks: p.banks}, Logger: p.logger})
	stats := intake.NewStats()
	readers := intake.NewReaders(intake.ReadersConfig{
		Intake: intake.Config{
			Store: p.store, Banks: p.banks, Now: time.Now, Wake: relay.Wake, Initiated: p.initiated, Stats: stats,
		},
		Brokers: p.config.brokers, BrokerAuth: p.config.brokerAuth, Offsets: p.store.Offsets(), Logger: p.logger,
		Failpoint: p.config.database.Failpoint,
	})
	server.Metrics().MustRegister(&collector{relay: relay, store: p.store}, stats, readers)
	server.Background(relay.Run)
	server.Background(readers.Run)
	return publisher.Close, nil
}
