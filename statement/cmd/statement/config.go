package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"codebank.dev/platform/auditlog/heads"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/serve"
	"codebank.dev/statement/failpoints"
	"codebank.dev/statement/postgres"
)

// config has all settings of the statement service. `statement --help` prints it.
type config struct {
	server       serve.Settings
	readers      []string
	database     postgres.Config
	brokers      []string
	brokerAuth   *clientauth.Client
	headInterval time.Duration
	sinkGroup    string
	files        fileConfig
}

func parse(args, environ []string, stdout io.Writer) (*config, error) {
	flags := flag.NewFlagSet("statement", flag.ContinueOnError)
	flags.SetOutput(stdout)
	var c config
	c.server.Bind(flags, "127.0.0.1:17002", "127.0.0.1:17003")
	c.server.BindWalls(flags, "operator,bankctl")
	readers := flags.String("readers", "", "`program,…` that read every statement, as operators do; empty: none")
	flags.StringVar(&c.database.URL, "database-url", "", "the statement's Postgres `url`; required, a secret: prefer STATEMENT_DATABASE_URL or STATEMENT_DATABASE_URL_FILE")
	flags.BoolVar(&c.database.Migrate, "migrate", false, "migrate the database at the start, for development: the user of --database-url must own it. Elsewhere bankctl migrate does it, and the statement's user owns nothing")
	flags.StringVar(&c.database.BankCode, "bank-code", "001", "the `code` of the bank whose statement this is, three digits")
	key := flags.String("page-token-key", "", "signs page tokens, 16 `bytes` or more, the same for all replicas; empty: the database keeps one")
	brokers := flags.String("kafka-brokers", "", "`host:port,…` of the brokers to which the head of the audit log is published, and from which watermarks are read; they may be away; empty: neither is done, and the state of an account as of a time after its last event is provisional")
	broker := clientauth.Kafka()
	broker.Bind(flags)
	flags.DurationVar(&c.headInterval, "audit-head-interval", heads.DefaultInterval, "how often the head of the audit log is published")
	flags.StringVar(&c.sinkGroup, "sink-group", "connect-statement-postgres", "the consumer `group` of the sink that writes the statement's lines; with the bank's watermarks its offsets say up to when the statement is complete")
	checkFiles := c.bindFiles(flags)
	point := flags.String("failpoint", "", failpoint.Usage(failpoints.All()))
	if err := serve.Parse(flags, "STATEMENT", args, environ); err != nil {
		return nil, err
	}
	switch {
	case c.database.URL == "":
		return nil, errors.New("--database-url is required")
	case !regexp.MustCompile(`^[0-9]{3}$`).MatchString(c.database.BankCode):
		return nil, errors.New("--bank-code: three digits")
	case *key != "" && len(*key) < serve.MinPageTokenKey:
		return nil, fmt.Errorf("--page-token-key: at least %d bytes", serve.MinPageTokenKey)
	case c.headInterval <= 0:
		return nil, errors.New("--audit-head-interval must be positive")
	case c.sinkGroup == "":
		return nil, errors.New("--sink-group is required")
	}
	c.database.PageTokenKey = []byte(*key)
	for name := range strings.FieldsFuncSeq(*readers, func(r rune) bool { return r == ',' }) {
		if !serve.ValidCaller(name) {
			return nil, fmt.Errorf("--readers: %q is no name of a program", name)
		}
		c.readers = append(c.readers, name)
	}
	if *brokers != "" {
		c.brokers = strings.Split(*brokers, ",")
	}
	if err := checkFiles(); err != nil {
		return nil, err
	}
	var err error
	if c.brokerAuth, err = broker.Open(); err != nil {
		return nil, err
	}
	if err := c.brokerAuth.CheckAddresses(c.brokers); err != nil {
		return nil, err
	}
	c.database.Failpoint, err = failpoint.Parse(*point, failpoints.All())
	return &c, err
}
