package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"codebank.dev/gateway"
	"codebank.dev/gateway/bankrpc"
	"codebank.dev/gateway/failpoints"
	"codebank.dev/gateway/postgres"
	"codebank.dev/gateway/rest"
	"codebank.dev/gateway/results"
	"codebank.dev/gateway/transfer"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/consumer"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/keyfile"
	"codebank.dev/platform/outbox"
	"codebank.dev/platform/outbox/kafka"
	"codebank.dev/platform/registry"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas/command"
	"google.golang.org/grpc"
)

// transfersConfig has the settings of transfers that end later.
type transfersConfig struct {
	bankCode                 string
	databaseURL              string
	migrate                  bool
	brokers                  []string
	registryURL              string
	brokerAuth, registryAuth *clientauth.Client
	keyFile                  string
	failpoint                failpoint.Hook
}

// bind adds the flags. The function that it returns checks and opens what they name, after they are parsed.
func (c *transfersConfig) bind(flags *flag.FlagSet) func() error {
	flags.StringVar(&c.databaseURL, "database-url", "", "`url` of the gateway's Postgres; required. It is a secret: prefer GATEWAY_DATABASE_URL or GATEWAY_DATABASE_URL_FILE")
	flags.BoolVar(&c.migrate, "migrate", false, "migrate the database at the start, for development: the user of --database-url must own it. Elsewhere bankctl migrate does it")
	brokers := flags.String("kafka-brokers", "", "`host:port,…` of the brokers; required; they may be away")
	flags.StringVar(&c.registryURL, "registry-url", "", "the schema registry's `url` (Confluent API); required; it may be away")
	flags.StringVar(&c.keyFile, "command-key", "", "`file` with the gateway's keys of commands, mode 0600; required. Make it with `bankctl command-keys`")
	broker, registry := clientauth.Kafka(), clientauth.Registry()
	broker.Bind(flags)
	registry.Bind(flags)
	point := flags.String("failpoint", "", failpoint.Usage(failpoints.All()))
	return func() (err error) {
		if c.databaseURL == "" || *brokers == "" || c.registryURL == "" || c.keyFile == "" {
			return errors.New("--database-url, --kafka-brokers, --registry-url and --command-key are required")
		}
		c.brokers = strings.Split(*brokers, ",")
		if c.failpoint, err = failpoint.Parse(*point, failpoints.All()); err != nil {
			return err
		}
		return c.openAuth(broker, registry)
	}
}

// openAuth reads what the settings say about the brokers and the registry, and checks the addresses.
func (c *transfersConfig) openAuth(broker, registry *clientauth.Settings) (err error) {
	if c.brokerAuth, err = broker.Open(); err != nil {
		return err
	}
	if err := c.brokerAuth.CheckAddresses(c.brokers); err != nil {
		return err
	}
	if c.registryAuth, err = registry.Open(); err != nil {
		return err
	}
	if _, err := c.registryAuth.Transport(c.registryURL); err != nil {
		return fmt.Errorf("--registry-url: %w", err)
	}
	return nil
}

// commandKeys reads the gateway's keys, and returns the one with which commands are signed too.
func (c *transfersConfig) commandKeys() (*command.Keys, *command.Key, error) {
	content, err := keyfile.Read(c.keyFile)
	if err != nil {
		return nil, nil, fmt.Errorf("--command-key: %w", err)
	}
	keys, err := command.ParseKeys(content)
	if err != nil {
		return nil, nil, fmt.Errorf("--command-key: %w", err)
	}
	key := keys.Signer(gateway.Namespace)
	if key == nil || !key.ForUsers {
		return nil, nil, errors.New("--command-key: the file has no key of the producer gateway that is for users; make it with `bankctl command-keys add gateway --for-users`")
	}
	return keys, key, nil
}

// transfers is what keeps, sends and ends transfers.
type transfers struct {
	store     *postgres.Store
	publisher *kafka.Publisher
	relay     *outbox.Relay
	handler   *results.Handler
	results   *consumer.Consumer
	keys      *command.Keys
	key       *command.Key // signs
	failpoint failpoint.Hook
}

// openTransfers opens the database and the clients. Nothing has to answer.
func openTransfers(ctx context.Context, config *transfersConfig, logger *slog.Logger) (*transfers, error) {
	keys, key, err := config.commandKeys()
	if err != nil {
		return nil, err
	}
	store, err := postgres.Open(ctx, postgres.Config{URL: config.databaseURL, Migrate: config.migrate, Failpoint: config.failpoint})
	if err != nil {
		return nil, err
	}
	client, err := registry.New(config.registryURL, registry.Timeout, config.registryAuth)
	if err != nil {
		store.Close()
		return nil, fmt.Errorf("--registry-url: %w", err)
	}
	t := &transfers{store: store, keys: keys, key: key, failpoint: config.failpoint}
	if err := t.openKafka(config, registry.Remember(client, config.registryAuth), logger); err != nil {
		store.Close()
		return nil, err
	}
	return t, nil
}

// openKafka makes what sends commands and reads results.
func (t *transfers) openKafka(config *transfersConfig, schemas *registry.Registry, logger *slog.Logger) (err error) {
	t.publisher, err = kafka.New(kafka.Config{
		ClientID: "codebank-" + gateway.Namespace, Brokers: config.brokers, Registry: schemas, BrokerAuth: config.brokerAuth,
		Logger: logger, Failpoint: config.failpoint,
	})
	if err != nil {
		return err
	}
	t.relay = outbox.New(outbox.Config{Store: t.store, Publisher: t.publisher, Logger: logger})
	t.handler = results.New(results.Config{Store: t.store, Registry: schemas, Keys: t.keys, BankCode: config.bankCode, Logger: logger})
	t.results, err = consumer.New(consumer.Config{
		Brokers: config.brokers, Topic: transfer.ResultsTopic(config.bankCode), Group: gateway.Namespace, BrokerAuth: config.brokerAuth,
		Handler: t.handler, Offsets: t.store.Offsets(), DeadLetters: results.NoLetters{}, Logger: logger,
	})
	if err != nil {
		t.publisher.Close()
	}
	return err
}

func (t *transfers) close() {
	t.publisher.Close()
	t.store.Close()
}

// mount adds the routes, and the work beside them.
func (t *transfers) mount(server *serve.Server, config *config, bank *grpc.ClientConn, logger *slog.Logger) error {
	service, err := transfer.New(transfer.Config{
		Store: t.store, Bank: bankrpc.New(bank), BankCode: config.bankCode, Key: t.key,
		Wake: t.relay.Wake, TraceID: serve.TraceID, Now: time.Now, Failpoint: t.failpoint,
	})
	if err != nil {
		return err
	}
	pages, err := serve.NewPageTokens(pageTokenKey(t.key))
	if err != nil {
		return err
	}
	rest.NewTransfers(service, pages, server.Onward).Mount(server)
	server.Prepare(func(ctx context.Context) error { return t.store.Prepare(ctx, logger) })
	server.Background(t.relay.Run)
	server.Background(t.results.Run)
	server.Metrics().MustRegister(&collector{store: t.store, relay: t.relay, handler: t.handler}, t.results)
	return nil
}

// pageTokenKey derives the key of page tokens, which all replicas share. No record is on a topic of this name.
func pageTokenKey(key *command.Key) []byte {
	return []byte(key.Sign(command.Record{Topic: "page tokens of transfers"}))
}
