package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas/event"
)

// environmentPrefix begins the environment twin of every flag: BANK_DATABASE_URL.
const environmentPrefix = "BANK"

// config is everything the bank can be told. `bank --help` prints it.
type config struct {
	server       serve.Settings
	databaseURL  string
	vaultKeyFile string
	bankCode     bank.Code

	kafkaBrokers []string
	registryURL  string
	relay        bool
	eventVersion int

	watermarkInterval time.Duration

	clockOffset time.Duration
	history     bool
	profile     bool

	lanes       int
	maxBatch    int
	queueLength int

	failpoint failpoint.Hook
}

func parse(args, environ []string, stdout io.Writer) (*config, error) {
	flags := flag.NewFlagSet("bank", flag.ContinueOnError)
	flags.SetOutput(stdout)
	c := &config{}
	c.server.Bind(flags, "127.0.0.1:17000", "127.0.0.1:17001")
	flags.StringVar(&c.databaseURL, "database-url", "", "the ledger's Postgres `url`; required, a secret: prefer BANK_DATABASE_URL or its _FILE twin")
	flags.StringVar(&c.vaultKeyFile, "vault-key-file", "", "the vault's key `file`, mode 0600; required, made by `bankctl keys new`")
	code := flags.String("bank-code", "001", "the bank's own `code`, three digits")
	brokers := flags.String("kafka-brokers", "", "`host:port,…` of the brokers; they may be away")
	flags.StringVar(&c.registryURL, "registry-url", "", "the schema registry's `url` (Confluent API); it may be away")
	flags.BoolVar(&c.relay, "relay", true, "publish committed events from this process; one process leads at a time")
	flags.DurationVar(&c.watermarkInterval, "watermark-interval", 5*time.Second, "how often the readers of the events are told up to when they are complete; 0 for never")
	flags.IntVar(&c.eventVersion, "event-version", event.NewestVersion, "the `version` of the schema that events are written in; while replicas or readers are upgraded, the older one")
	flags.DurationVar(&c.clockOffset, "clock-offset", 0, "added to the system's clock, for rehearsals: decisions are made and cards issued at that time")
	flags.BoolVar(&c.history, "history", false, "let cards, purchases and reversals say when they were made (request_time), to load a history; no watermarks are published meanwhile; never for a bank with callers")
	flags.BoolVar(&c.profile, "profile", false, "serve the runtime's profiles at /debug/pprof/ on the HTTP address")
	flags.IntVar(&c.lanes, "lanes", 0, "how many batches may be committing at once; 0 means two for each processor")
	flags.IntVar(&c.maxBatch, "max-batch", 256, "the most commands that share a commit")
	flags.IntVar(&c.queueLength, "queue-length", 2048, "how many commands may wait before callers are refused")
	point := flags.String("failpoint", "", failpoint.Usage(failpoints.All()))
	if err := serve.Parse(flags, environmentPrefix, args, environ); err != nil {
		return nil, err
	}
	var err error
	if c.failpoint, err = failpoint.Parse(*point, failpoints.All()); err != nil {
		return nil, err
	}
	if c.bankCode, err = bank.ParseCode(*code); err != nil {
		return nil, errors.New("--bank-code: " + err.Error())
	}
	for _, required := range []struct{ name, value string }{
		{"database-url", c.databaseURL}, {"vault-key-file", c.vaultKeyFile},
	} {
		if required.value == "" {
			return nil, errors.New("--" + required.name + " is required")
		}
	}
	if c.history {
		// What is decided next may lie before any moment that the topic was said to be complete up to.
		c.watermarkInterval = 0
	}
	if c.watermarkInterval < 0 {
		return nil, errors.New("--watermark-interval is negative")
	}
	if c.eventVersion < 1 || c.eventVersion > event.NewestVersion {
		return nil, fmt.Errorf("--event-version: there are versions 1 to %d", event.NewestVersion)
	}
	if *brokers != "" {
		c.kafkaBrokers = strings.Split(*brokers, ",")
	}
	if c.relay && (len(c.kafkaBrokers) == 0 || c.registryURL == "") {
		return nil, errors.New("--kafka-brokers and --registry-url are required, or --relay=false")
	}
	return c, nil
}

// past is what lets requests be of an earlier time; nil when none may.
func (c *config) past() *bank.History {
	if !c.history {
		return nil
	}
	return &bank.History{Now: c.now}
}

// now is the bank's clock.
func (c *config) now() time.Time { return time.Now().Add(c.clockOffset) }
