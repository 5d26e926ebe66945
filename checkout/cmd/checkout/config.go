package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"codebank.dev/checkout"
	"codebank.dev/checkout/charge"
	"codebank.dev/checkout/failpoints"
	"codebank.dev/checkout/product"
	"codebank.dev/platform/auditlog/heads"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/serve"
)

// environmentPrefix begins the environment variable of every flag: CHECKOUT_DATABASE_URL.
const environmentPrefix = "CHECKOUT"

// config has all settings of checkout. `checkout --help` prints it.
type config struct {
	server         serve.Settings
	migrate        bool
	databaseURL    string
	maxConnections int
	bankAddress    string
	catalogue      checkout.Seeds
	shops          []string
	brokers        []string
	brokerAuth     *clientauth.Client
	headInterval   time.Duration
	limits         charge.Limits
	failpoint      failpoint.Hook
	profile        bool
}

func parse(args, environ []string, stdout io.Writer) (*config, error) {
	flags := flag.NewFlagSet("checkout", flag.ContinueOnError)
	flags.SetOutput(stdout)
	c := &config{limits: charge.Default(), shops: []string{"shop"}}
	c.server.Bind(flags, "127.0.0.1:17004", "127.0.0.1:17005")
	c.server.BindWalls(flags, "operator")
	flags.Func("shops", "`program,…` that may place orders and see those that they have placed (default shop)", func(list string) (err error) {
		c.shops, err = shopNames(list)
		return err
	})
	flags.StringVar(&c.databaseURL, "database-url", "", "the Postgres `url` of catalogue and orders; required, a secret: prefer CHECKOUT_DATABASE_URL or CHECKOUT_DATABASE_URL_FILE")
	flags.BoolVar(&c.migrate, "migrate", false, "migrate the database at the start, for development: the user of --database-url must own it. Elsewhere bankctl migrate does it, and the checkout's user owns nothing")
	flags.IntVar(&c.maxConnections, "max-connections", 16, "the most connections to the database")
	flags.StringVar(&c.bankAddress, "bank-address", "127.0.0.1:17000", "`host:port` of the bank's gRPC; it may be away")
	cataloguePath := flags.String("catalogue", "", "a `file` in JSON with the merchants, stores and products that the catalogue begins with: those that are not there yet are stored at the start, and nothing that is there changes; empty takes the one built in")
	openBrokers := c.bindBrokers(flags)
	flags.DurationVar(&c.limits.Deadline, "charge-deadline", c.limits.Deadline, "how long a payer waits for the bank's decision; after that the order is answered PENDING")
	flags.DurationVar(&c.limits.Try, "try-timeout", c.limits.Try, "how long one call to the bank may take")
	flags.DurationVar(&c.limits.SendAgain, "send-again", c.limits.SendAgain, "how old an open order may be to be sent to the bank again; an older one is voided")
	flags.DurationVar(&c.limits.Poll, "reconcile-every", c.limits.Poll, "how often open orders that are due are claimed")
	flags.DurationVar(&c.limits.Reconcile.Most, "reconcile-backoff", c.limits.Reconcile.Most, "the longest wait between two tries to end an open order")
	serve.Renamed(flags, "settle-every", "reconcile-every")
	serve.Renamed(flags, "settle-backoff", "reconcile-backoff")
	flags.BoolVar(&c.profile, "profile", false, "serve the runtime's profiles at /debug/pprof/ on the HTTP address")
	failpointName := flags.String("failpoint", "", failpoint.Usage(failpoints.All()))
	if err := serve.Parse(flags, environmentPrefix, args, environ); err != nil {
		return nil, err
	}
	if c.databaseURL == "" {
		return nil, errors.New("--database-url is required")
	}
	if c.bankAddress == "" {
		return nil, errors.New("--bank-address is required")
	}
	if err := openBrokers(); err != nil {
		return nil, err
	}
	c.limits.Reconcile.First = min(c.limits.Reconcile.First, max(c.limits.Reconcile.Most, time.Millisecond))
	if err := c.limits.Check(); err != nil {
		return nil, err
	}
	var err error
	if c.failpoint, err = failpoint.Parse(*failpointName, failpoints.All()); err != nil {
		return nil, err
	}
	c.catalogue, err = readCatalogue(*cataloguePath)
	return c, err
}

// bindBrokers adds the settings of the brokers, and returns what reads them after the flags are parsed.
func (c *config) bindBrokers(flags *flag.FlagSet) (open func() error) {
	brokers := flags.String("kafka-brokers", "", "`host:port,…` of the brokers to which the head of the audit log is published; they may be away; empty: it is not published")
	auth := clientauth.Kafka()
	auth.Bind(flags)
	flags.DurationVar(&c.headInterval, "audit-head-interval", heads.DefaultInterval, "how often the head of the audit log is published")
	return func() (err error) {
		if c.headInterval <= 0 {
			return errors.New("--audit-head-interval must be positive")
		}
		if *brokers != "" {
			c.brokers = strings.Split(*brokers, ",")
		}
		if c.brokerAuth, err = auth.Open(); err != nil {
			return err
		}
		return c.brokerAuth.CheckAddresses(c.brokers)
	}
}

// shopNames returns the names in a list.
func shopNames(list string) ([]string, error) {
	shops := strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
	for _, shop := range shops {
		if !serve.ValidCaller(shop) {
			return nil, fmt.Errorf("%q is no name of a program", shop)
		}
	}
	return shops, nil
}

func readCatalogue(path string) (checkout.Seeds, error) {
	if path == "" {
		return product.Embedded()
	}
	file, err := os.Open(path)
	if err != nil {
		return checkout.Seeds{}, err
	}
	defer file.Close()
	return product.Parse(file)
}
