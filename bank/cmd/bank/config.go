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
	"codebank.dev/platform/auditlog/heads"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/serve"
	"codebank.dev/schemas/event"
)

// environmentPrefix begins the environment variable of every flag: BANK_DATABASE_URL.
const environmentPrefix = "BANK"

// config has all settings of the bank. `bank --help` prints them.
type config struct {
	server       serve.Settings
	databaseURL  string
	migrate      bool
	vaultKeyFile string
	bankCode     bank.Code

	kafkaBrokers []string
	registryURL  string
	relay        bool
	eventVersion int
	// brokerAuth and registryAuth say whom to trust there and how to sign in.
	brokerAuth, registryAuth *clientauth.Client

	watermarkInterval time.Duration
	auditHeadInterval time.Duration

	clockOffset time.Duration
	history     bool
	profile     bool

	// commandKeys is the file with the keys of those who may send commands by the topic; empty: the bank takes none.
	commandKeys string

	// codepixAddress is the hub between banks, and pixKeys the file with the keys that the bank shares with it; both
	// empty: the bank takes no part in payments between banks.
	codepixAddress, pixKeys string

	// acquirers are the programs that send purchases by card.
	acquirers     []string
	simulatedCash bool

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
	c.server.BindWalls(flags, "operator,cashier,bankctl")
	flags.StringVar(&c.databaseURL, "database-url", "", "`url` of the ledger's Postgres; required. It is a secret: prefer BANK_DATABASE_URL or BANK_DATABASE_URL_FILE")
	flags.BoolVar(&c.migrate, "migrate", false, "migrate the ledger at the start, for development: the user of --database-url must own it. Elsewhere bankctl migrate does it, and the bank's user owns nothing")
	flags.StringVar(&c.vaultKeyFile, "vault-key-file", "", "`file` with the vault's keys, mode 0600; required. Make it with `bankctl keys new`")
	code := flags.String("bank-code", "001", "the bank's own `code`, three digits")
	brokers := flags.String("kafka-brokers", "", "`host:port,…` of the brokers; they may be away")
	flags.StringVar(&c.commandKeys, "command-keys", "", "`file` with the keys of the programs that may send commands by the topic bank-<code>.commands.v1, mode 0600; it is read again when it changes. Make it with `bankctl command-keys add`. Empty: the bank takes no commands")
	flags.StringVar(&c.codepixAddress, "codepix-address", "", "gRPC `host:port` of the hub between banks; it may be away. Empty: the bank takes no part in payments between banks")
	flags.StringVar(&c.pixKeys, "pix-keys", "", "`file` with the keys of the bank's messages to the hub and of the hub's to it, mode 0600; it is read again when it changes")
	flags.StringVar(&c.registryURL, "registry-url", "", "the schema registry's `url` (Confluent API); it may be away")
	broker, registry := clientauth.Kafka(), clientauth.Registry()
	broker.Bind(flags)
	registry.Bind(flags)
	flags.BoolVar(&c.relay, "relay", true, "publish committed events from this process; one process leads at a time")
	flags.DurationVar(&c.watermarkInterval, "watermark-interval", 5*time.Second, "how often a watermark tells the readers up to which time the events are complete; 0 for never")
	flags.DurationVar(&c.auditHeadInterval, "audit-head-interval", heads.DefaultInterval, "how often the head of the audit log is published to the brokers, if there are any")
	flags.IntVar(&c.eventVersion, "event-version", event.NewestVersion, "`version` of the schema in which events are written; keep the older one while replicas or readers are upgraded")
	flags.DurationVar(&c.clockOffset, "clock-offset", 0, "added to the system's clock, for rehearsals: decisions and new cards have that time")
	flags.BoolVar(&c.history, "history", false, "load a history: requests may name their own time (request_time), holds do not expire, and no watermarks are published. Never use it for a bank with other callers")
	flags.String("acquirers", "checkout,payment-processor", "`program,…` that send purchases by card, and exchange card data for tokens")
	flags.BoolVar(&c.simulatedCash, "simulated-cash", false, "let customers pay cash in and out of their own accounts, for demonstrations. Never use it for a bank whose money is worth something")
	flags.BoolVar(&c.profile, "profile", false, "serve the runtime's profiles at /debug/pprof/ on the HTTP address")
	flags.IntVar(&c.lanes, "lanes", 0, "how many batches may be committing at once; 0 means two for each processor")
	flags.IntVar(&c.maxBatch, "max-batch", 256, "largest number of commands that share a commit")
	flags.IntVar(&c.queueLength, "queue-length", 2048, "how many commands may wait before callers are refused")
	point := flags.String("failpoint", "", failpoint.Usage(failpoints.All()))
	if err := serve.Parse(flags, environmentPrefix, args, environ); err != nil {
		return nil, err
	}
	var err error
	if c.acquirers, err = programs(flags, "acquirers"); err != nil {
		return nil, err
	}
	if c.failpoint, err = failpoint.Parse(*point, failpoints.All()); err != nil {
		return nil, err
	}
	if c.bankCode, err = bank.ParseCode(*code); err != nil {
		return nil, errors.New("--bank-code: " + err.Error())
	}
	if err := c.checkRequired(); err != nil {
		return nil, err
	}
	if c.history {
		// A later decision may be of any time, also of a time up to which the topic would have been
		// called complete.
		c.watermarkInterval = 0
	}
	if c.watermarkInterval < 0 {
		return nil, errors.New("--watermark-interval must not be negative")
	}
	if c.eventVersion < 1 || c.eventVersion > event.NewestVersion {
		return nil, fmt.Errorf("--event-version: there are versions 1 to %d", event.NewestVersion)
	}
	if *brokers != "" {
		c.kafkaBrokers = strings.Split(*brokers, ",")
	}
	if err := c.openAuth(broker, registry); err != nil {
		return nil, err
	}
	if c.relay && (len(c.kafkaBrokers) == 0 || c.registryURL == "") {
		return nil, errors.New("--kafka-brokers and --registry-url are required; or set --relay=false")
	}
	return c, errors.Join(c.checkCommands(), c.checkPix())
}

// checkCommands names what is missing for commands by the topic.
func (c *config) checkCommands() error {
	switch {
	case c.commandKeys == "":
		return nil
	case len(c.kafkaBrokers) == 0 || c.registryURL == "":
		return errors.New("--command-keys: --kafka-brokers and --registry-url are required too")
	case !c.placesHolds():
		return fmt.Errorf("--command-keys: commands need --event-version %d", versionOfHolds)
	}
	return nil
}

// openAuth reads what the settings say about the brokers and the registry, and checks the addresses.
func (c *config) openAuth(broker, registry *clientauth.Settings) (err error) {
	if c.brokerAuth, err = broker.Open(); err != nil {
		return err
	}
	if err := c.brokerAuth.CheckAddresses(c.kafkaBrokers); err != nil {
		return err
	}
	if c.registryAuth, err = registry.Open(); err != nil || c.registryURL == "" {
		return err
	}
	if _, err := c.registryAuth.Transport(c.registryURL); err != nil {
		return fmt.Errorf("--registry-url: %w", err)
	}
	return nil
}

// checkRequired names a setting that is missing.
func (c *config) checkRequired() error {
	for _, required := range []struct{ name, value string }{
		{"database-url", c.databaseURL}, {"vault-key-file", c.vaultKeyFile},
	} {
		if required.value == "" {
			return errors.New("--" + required.name + " is required")
		}
	}
	return nil
}

// programs returns the programs of the list in a setting.
func programs(flags *flag.FlagSet, setting string) ([]string, error) {
	list := flags.Lookup(setting).Value.String()
	if list == "" {
		return nil, nil
	}
	names := strings.Split(list, ",")
	for _, program := range names {
		if !serve.ValidCaller(program) {
			return nil, fmt.Errorf("--%s: %q is no name of a program: use 1 to 64 letters, digits and . _ : - for each", setting, program)
		}
	}
	return names, nil
}

// requestHistory lets requests name an earlier time; nil when none may.
func (c *config) requestHistory() *bank.History {
	if !c.history {
		return nil
	}
	return &bank.History{Now: c.now}
}

// versionOfHolds is the version of the event that first says what a hold is.
const versionOfHolds = 3

// placesHolds reports whether this bank sets amounts aside. While it writes older events it does not, so
// that the ledger holds nothing that they cannot say.
func (c *config) placesHolds() bool { return c.eventVersion >= versionOfHolds }

// expiresHolds reports whether this bank ends the holds whose time is over. One that loads a history does
// not, because the time of its holds is over before what ended them is loaded.
func (c *config) expiresHolds() bool { return c.placesHolds() && !c.history }

// now is the clock of the bank.
func (c *config) now() time.Time { return time.Now().Add(c.clockOffset) }
