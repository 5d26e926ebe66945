package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"codebank.dev/codepix/failpoints"
	"codebank.dev/codepix/postgres"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/outbox/kafka"
	"codebank.dev/platform/registry"
	"codebank.dev/platform/serve"
)

// config has all settings of the program and its commands. `codepix --help` prints it.
type config struct {
	// words are the command and its arguments; none to serve.
	words      []string
	server     serve.Settings
	database   postgres.Config
	banksFile  string
	brokers    []string
	brokerAuth *clientauth.Client
	registry   *registry.Registry
	list       listing
	directory  directorySettings
	acting     acting
}

// points are where a test can kill the program, also within what it shares with others.
func points() []failpoint.Point { return append(failpoints.All(), kafka.RowsPublished) }

// listing is what the commands list.
type listing struct {
	bank string
	open bool
	most int
}

// given are the settings that are read further.
type given struct {
	brokers, registryURL, point string
	broker, registry            *clientauth.Settings
}

func parse(args, environ []string, stdout io.Writer) (*config, error) {
	c := &config{}
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		c.words, args = append(c.words, args[0]), args[1:]
	}
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stdout)
	raw := c.bind(flags)
	err := serve.Parse(flags, "CODEPIX", args, environ)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(stdout, "Without a command it serves gRPC and reads what banks say; %s.\n", commands)
	}
	if err != nil {
		return nil, err
	}
	if c.database.Failpoint, err = failpoint.Parse(raw.point, points()); err != nil {
		return nil, err
	}
	if c.database.URL == "" {
		return nil, errors.New("--database-url is required")
	}
	if err := c.directory.check(); err != nil {
		return nil, err
	}
	if len(c.words) > 0 {
		return c, checkCommand(c.words)
	}
	return c, c.open(raw)
}

func (c *config) bind(flags *flag.FlagSet) *given {
	raw := &given{broker: clientauth.Kafka(), registry: clientauth.Registry()}
	c.server.Bind(flags, "127.0.0.1:17006", "127.0.0.1:17007")
	c.server.BindTLS(flags, "operator")
	flags.StringVar(&c.database.URL, "database-url", "", "the Postgres `url` of the hub; required, a secret: prefer CODEPIX_DATABASE_URL or CODEPIX_DATABASE_URL_FILE")
	flags.IntVar(&c.database.MaxConnections, "max-connections", 0, "the most connections to the database; 0 for the usual number")
	flags.StringVar(&c.banksFile, "banks", "", "`file` of the banks that take part, with their keys; required; it is read again when it changes")
	flags.StringVar(&raw.brokers, "kafka-brokers", "", "`host:port,…` of the brokers; required; they may be away")
	flags.StringVar(&raw.registryURL, "registry-url", "", "the schema registry's `url` (Confluent API); required; it may be away")
	raw.broker.Bind(flags)
	raw.registry.Bind(flags)
	c.directory.bind(flags)
	c.acting.bind(flags)
	flags.StringVar(&raw.point, "failpoint", "", failpoint.Usage(points()))
	flags.StringVar(&c.list.bank, "bank", "", "payments list: only those of the bank with this `code`; keys and claims: the bank for which the command acts")
	flags.BoolVar(&c.list.open, "open", false, "payments list: only those without an end")
	flags.IntVar(&c.list.most, "most", 100, "payments list: how many, the newest first")
	return raw
}

// open reads what serving needs. Nothing has to answer. An error names the flag.
func (c *config) open(raw *given) (err error) {
	if raw.brokers == "" || raw.registryURL == "" || c.banksFile == "" {
		return errors.New("--banks, --kafka-brokers and --registry-url are required")
	}
	c.brokers = strings.Split(raw.brokers, ",")
	if c.brokerAuth, err = raw.broker.Open(); err != nil {
		return err
	}
	if err := c.brokerAuth.CheckAddresses(c.brokers); err != nil {
		return err
	}
	auth, err := raw.registry.Open()
	if err != nil {
		return err
	}
	client, err := registry.New(raw.registryURL, registry.Timeout, auth)
	if err != nil {
		return fmt.Errorf("--registry-url: %w", err)
	}
	c.registry = registry.Remember(client, auth)
	return nil
}
