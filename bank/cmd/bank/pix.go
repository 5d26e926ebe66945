package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/codepixrpc"
	"codebank.dev/bank/kafka"
	"codebank.dev/bank/pix"
	"codebank.dev/bank/rpc"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/keyfile"
	"codebank.dev/platform/outbox"
	outboxkafka "codebank.dev/platform/outbox/kafka"
	"codebank.dev/platform/registry"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas/command"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc"
)

const (
	// hubProgram is the name that the hub proves to have.
	hubProgram = "codepix"
	// hubWait is for how long a call waits for a hub that is away. A restart of the hub refuses nobody.
	hubWait = 2 * time.Second
)

// checkPix names what is missing for payments between banks.
func (c *config) checkPix() error {
	switch {
	case c.codepixAddress == "" && c.pixKeys == "":
		return nil
	case c.codepixAddress == "" || c.pixKeys == "":
		return errors.New("--codepix-address and --pix-keys belong together: name both, or neither")
	case len(c.kafkaBrokers) == 0 || c.registryURL == "":
		return errors.New("--codepix-address: --kafka-brokers and --registry-url are required too")
	case !c.placesHolds():
		return fmt.Errorf("--codepix-address: payments between banks need --event-version %d", versionOfHolds)
	}
	return nil
}

// pixParts are what takes part in payments between banks. The zero value takes no part.
type pixParts struct {
	keys      *keyfile.Watched[command.Keys]
	hub       *grpc.ClientConn
	publisher *outboxkafka.Publisher
	relay     *outbox.Relay
	letters   *consumer.Letters
	messages  *consumer.Consumer
	logger    *slog.Logger
}

// newPix opens the key file and makes the relay of the messages to the hub. Broker, registry and hub may be away.
func newPix(config *config, store pixStore, logger *slog.Logger) (*pixParts, error) {
	p := &pixParts{logger: logger}
	if config.pixKeys == "" {
		return p, nil
	}
	var err error
	if p.keys, err = keyfile.Watch(config.pixKeys, command.ParseKeys); err != nil {
		return nil, err
	}
	client, err := registry.New(config.registryURL, registry.Timeout, config.registryAuth)
	if err != nil {
		return nil, fmt.Errorf("--registry-url: %w", err)
	}
	p.publisher, err = outboxkafka.New(outboxkafka.Config{
		ClientID: "codebank-pix-" + string(config.bankCode), Brokers: config.kafkaBrokers, Registry: registry.Remember(client, config.registryAuth),
		BrokerAuth: config.brokerAuth, Logger: logger, Failpoint: config.failpoint,
	})
	if err != nil {
		return nil, err
	}
	producer := command.PixBank(string(config.bankCode))
	p.relay = outbox.New(outbox.Config{Publisher: p.publisher, Logger: logger, Store: &kafka.Messages{
		Store: store.Messages(), Topic: command.PixFromBank(string(config.bankCode)),
		Key: func() *command.Key { return p.keys.Current().Signer(producer) },
	}})
	return p, nil
}

// pixStore is the part of the ledger that newPix needs.
type pixStore interface{ Messages() outbox.Store }

// wake says that a message to the hub was committed.
func (p *pixParts) wake() {
	if p.relay != nil {
		p.relay.Wake()
	}
}

// servePix serves the contract of payments between banks, and adds the work beside the calls.
func (s *services) servePix(server *serve.Server, walls *serve.Walls, p *pixParts) error {
	key := s.keys.Fingerprint(bank.NewCanonical("page tokens"))
	tokens, err := serve.NewPageTokens(key[:])
	if err != nil {
		return err
	}
	holders := &pix.HolderService{Store: s.store, Vault: s.keys, Now: s.config.now}
	edge := &rpc.Pix{Holders: holders, Principals: s.principals, Address: server.Address, PageTokens: tokens}
	bankv1.RegisterPixServiceServer(server, edge)
	if p.keys == nil {
		return nil
	}
	if p.hub, err = walls.Dial(s.config.codepixAddress, hubProgram, serve.WithWait(hubWait)); err != nil {
		return fmt.Errorf("--codepix-address: %w", err)
	}
	directory := codepixrpc.New(p.hub, s.config.bankCode)
	edge.Service = &pix.Service{
		Code: s.config.bankCode, Ledger: s.ledger, Directory: s.directory, Reader: s.store, Holds: s.store, Messages: s.store,
		Payments: s.store, Vault: s.keys, Holders: holders, Keys: directory,
	}
	edge.Keys = &pix.KeyService{
		Code: s.config.bankCode, Directory: s.directory, Holders: holders, Copy: s.store, Registry: directory, Claims: directory,
		Failpoint: s.config.failpoint,
	}
	edge.Codes = &pix.CodeService{
		Code: s.config.bankCode, Directory: s.directory, Holders: holders, OwnKeys: s.store, Keys: directory, Codes: s.store,
		Vault: s.keys, Now: s.config.now,
	}
	return s.takeHub(server, p, edge.Service)
}

// takeHub reads the messages of the hub, and sends those to it, beside the calls.
func (s *services) takeHub(server *serve.Server, p *pixParts, service *pix.Service) (err error) {
	config := s.config
	p.letters, err = consumer.NewLetters(consumer.LettersConfig{
		Brokers: config.kafkaBrokers, Reader: pix.Reader(config.bankCode), BrokerAuth: config.brokerAuth,
	})
	if err != nil {
		return err
	}
	// What the hub asks for is nobody's act, so it is in no audit log.
	beside := *service
	beside.Ledger = s.executor
	p.messages, err = consumer.New(consumer.Config{
		Brokers: config.kafkaBrokers, Topic: command.PixToBank(string(config.bankCode)), Group: pix.Reader(config.bankCode),
		Handler: &pix.Handler{Service: &beside, Keys: p.keys.Current, Logger: p.logger}, Offsets: s.store,
		DeadLetters: p.letters, Logger: p.logger, BrokerAuth: config.brokerAuth,
	})
	if err != nil {
		return err
	}
	server.Metrics().MustRegister(p.messages, &pixCollector{store: s.store, relay: p.relay})
	server.Background(func(ctx context.Context) { p.keys.Run(ctx, p.logger) })
	server.Background(p.messages.Run)
	server.Background(p.relay.Run)
	return nil
}

// close ends the connections.
func (p *pixParts) close() {
	if p.hub != nil {
		_ = p.hub.Close()
	}
	if p.letters != nil {
		p.letters.Close()
	}
	if p.publisher != nil {
		p.publisher.Close()
	}
}
