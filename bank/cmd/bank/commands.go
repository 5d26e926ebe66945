package main

import (
	"context"
	"log/slog"

	"codebank.dev/bank/failpoints"
	"codebank.dev/bank/intake"
	"codebank.dev/bank/kafka"
	"codebank.dev/bank/rpc"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/keyfile"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas/command"
)

// commandReader reads the commands of the topic. The zero value reads none.
type commandReader struct {
	keys     *keyfile.Watched[command.Keys]
	results  *kafka.Results
	letters  *consumer.Letters
	consumer *consumer.Consumer
	logger   *slog.Logger
}

// newCommandReader makes the reader of commands. Broker and registry may be away: it waits for them.
func (s *services) newCommandReader(walls *serve.Walls, logger *slog.Logger) (r *commandReader, err error) {
	config := s.config
	r = &commandReader{logger: logger}
	if config.commandKeys == "" {
		return r, nil
	}
	if r.keys, err = keyfile.Watch(config.commandKeys, command.ParseKeys); err != nil {
		return nil, err
	}
	if r.results, err = kafka.NewResults(config.brokers(logger), intake.ResultTopic(config.bankCode)); err != nil {
		return nil, err
	}
	r.letters, err = consumer.NewLetters(consumer.LettersConfig{
		Brokers: config.kafkaBrokers, Reader: intake.Reader(config.bankCode), BrokerAuth: config.brokerAuth,
	})
	if err != nil {
		return nil, err
	}
	r.consumer, err = consumer.New(consumer.Config{
		Brokers: config.kafkaBrokers, Topic: intake.Topic(config.bankCode), Group: intake.Reader(config.bankCode),
		Handler: s.intake(walls, r, logger), Offsets: s.store, DeadLetters: consumer.WithPoint(r.letters, func() { config.failpoint.At(failpoints.CommandLettersPublished) }),
		Logger: logger, BrokerAuth: config.brokerAuth,
	})
	return r, err
}

// intake returns the use case of commands. Its calls are those of the contract.
func (s *services) intake(walls *serve.Walls, r *commandReader, logger *slog.Logger) *intake.Service {
	holds := s.holds()
	return &intake.Service{
		Code: s.config.bankCode, Wallets: s.walletService(holds), Holds: holds, Accounts: s.store, Store: s.store,
		Edge: &rpc.CommandEdge{
			Walls: walls, Permissions: rpc.Permissions(s.config.simulatedCash), Groups: rpc.Groups(s.config.acquirers, s.config.history),
			Principals: s.principals,
		},
		Results: r.results, Keys: r.keys.Current, Now: s.config.now, Logger: logger,
	}
}

// takeCommands reads commands beside the calls, until the server ends. Call end after that.
func (s *services) takeCommands(server *serve.Server, walls *serve.Walls, logger *slog.Logger) (end func(), err error) {
	r, err := s.newCommandReader(walls, logger)
	if err != nil || r.consumer == nil {
		return func() {}, err
	}
	server.Metrics().MustRegister(r.consumer)
	server.Background(func(ctx context.Context) { r.keys.Run(ctx, r.logger) })
	server.Background(r.consumer.Run)
	return r.close, nil
}

// close ends the connections.
func (r *commandReader) close() {
	r.results.Close()
	r.letters.Close()
}
