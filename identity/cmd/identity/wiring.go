package main

import (
	"context"
	"log/slog"

	"codebank.dev/identity/access"
	"codebank.dev/identity/hashing"
	"codebank.dev/identity/postgres"
	"codebank.dev/identity/signing"
	"codebank.dev/platform/auditlog/heads"
	"codebank.dev/platform/serve"
)

// publishHeads publishes the head of the audit log beside the listeners, if there are brokers.
func publishHeads(server *serve.Server, store *postgres.Store, config *config, logger *slog.Logger) error {
	if len(config.brokers) == 0 {
		return nil
	}
	publisher, err := heads.NewPublisher(heads.Config{
		Service: "identity", BankCode: heads.NoBank, Head: store.AuditHead, Brokers: config.brokers, BrokerAuth: config.brokerAuth,
		Interval: config.headInterval, Logger: logger,
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

// open returns the store and the use cases.
func open(ctx context.Context, config *config, keys *signing.Ring) (*postgres.Store, *access.Service, error) {
	store, err := postgres.Open(ctx, config.database)
	if err != nil {
		return nil, nil, err
	}
	hasher, err := hashing.New(config.hashing)
	if err != nil {
		return nil, nil, err
	}
	service, err := access.NewService(access.Config{
		Store: store, Hasher: hasher, Keys: keys, Issuer: config.issuer, Audience: config.audience, TokenLifetime: config.tokenLifetime,
	})
	return store, service, err
}
