package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"codebank.dev/identity/failpoints"
	"codebank.dev/identity/hashing"
	"codebank.dev/identity/postgres"
	"codebank.dev/identity/signing"
	"codebank.dev/platform/auditlog/heads"
	"codebank.dev/platform/clientauth"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/mail"
	"codebank.dev/platform/serve"
	"codebank.dev/platform/token"
)

// config has all settings of the program and its commands. `identity --help` prints it.
type config struct {
	// words are the command and its arguments; none to serve.
	words         []string
	server        serve.Settings
	database      postgres.Config
	keys          string
	issuer        string
	audience      string
	tokenLifetime time.Duration
	hashing       hashing.Params
	smtp          mail.Server
	mailFrom      string
	pagesURL      string
	proxies       []netip.Prefix
	programs      []string
	brokers       []string
	brokerAuth    *clientauth.Client
	headInterval  time.Duration
	password      string
	waits         signing.Waits
	all           bool
}

// given are the settings that are read further.
type given struct {
	smtp, proxies, programs, brokers, point string
	broker                                  *clientauth.Settings
}

func parse(args, environ []string, stdout io.Writer) (*config, error) {
	c := &config{hashing: hashing.Default(), waits: signing.DefaultWaits()}
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		c.words, args = append(c.words, args[0]), args[1:]
	}
	flags := flag.NewFlagSet("identity", flag.ContinueOnError)
	flags.SetOutput(stdout)
	raw := c.bind(flags)
	err := serve.Parse(flags, "IDENTITY", args, environ)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(stdout, "Without a command it serves gRPC and REST; %s.\n", commands)
	}
	if err != nil {
		return nil, err
	}
	if c.database.Failpoint, err = failpoint.Parse(raw.point, failpoints.All()); err != nil {
		return nil, err
	}
	if c.proxies, err = serve.ParseProxies(raw.proxies); err != nil {
		return nil, errors.New("--trusted-proxies: a list such as 10.0.0.0/8,fd00::/8")
	}
	if c.programs, err = serve.ParsePrograms(raw.programs); err != nil {
		return nil, errors.New("--trusted-programs: a list such as 001:gateway,002:gateway")
	}
	if raw.brokers != "" {
		c.brokers = strings.Split(raw.brokers, ",")
	}
	if c.brokerAuth, err = raw.broker.Open(); err != nil {
		return nil, err
	}
	if err := c.brokerAuth.CheckAddresses(c.brokers); err != nil {
		return nil, err
	}
	return c, c.check(raw)
}

func (c *config) bind(flags *flag.FlagSet) *given {
	raw := &given{broker: clientauth.Kafka()}
	c.server.Bind(flags, "127.0.0.1:17008", "127.0.0.1:17009")
	c.server.BindTLS(flags, "operator")
	flags.BoolVar(&c.database.Migrate, "migrate", false, "migrate the database at the start, for development: the user of --database-url must own it. Elsewhere bankctl migrate does it, and the program's user owns nothing")
	flags.StringVar(&c.database.URL, "database-url", "", "the Postgres `url` of identities; required, a secret: prefer IDENTITY_DATABASE_URL or IDENTITY_DATABASE_URL_FILE")
	flags.StringVar(&c.keys, "signing-keys", "", "the `path` of the file of the signing keys, which `identity keys new` makes; required")
	flags.StringVar(&c.issuer, "issuer", "http://127.0.0.1:17009", "the issuer (iss) of access tokens")
	flags.StringVar(&c.audience, "audience", "codebank", "the audience (aud) of access tokens")
	flags.DurationVar(&c.tokenLifetime, "token-lifetime", token.MaxLifetime, "how long access tokens live, at most 15m")
	flags.StringVar(&raw.smtp, "smtp-url", "", "the mail server: smtp://USER:PASSWORD@HOST:587 or smtps://…:465; required, a secret: prefer IDENTITY_SMTP_URL_FILE")
	flags.StringVar(&c.mailFrom, "mail-from", "Code Bank <no-reply@localhost.localdomain>", "the sender of e-mails")
	flags.StringVar(&c.pagesURL, "pages-url", "", "begins the links in e-mails, /confirm#TOKEN and /reset#TOKEN; empty: e-mails have a code and no link")
	flags.StringVar(&raw.proxies, "trusted-proxies", "", "`networks` of proxies in front of the program, which say where requests come from; empty: none")
	flags.StringVar(&raw.programs, "trusted-programs", "", "`program,…` in front of the program, by the names of their certificates, such as 001:gateway, which say where requests come from")
	flags.StringVar(&raw.brokers, "kafka-brokers", "", "`host:port,…` of the brokers to which the head of the audit log is published; they may be away; empty: it is not published")
	raw.broker.Bind(flags)
	flags.DurationVar(&c.headInterval, "audit-head-interval", heads.DefaultInterval, "how often the head of the audit log is published")
	flags.StringVar(&raw.point, "failpoint", "", failpoint.Usage(failpoints.All()))
	flags.StringVar(&c.password, "password", "", "operators add: the password of a new account; a secret: prefer IDENTITY_PASSWORD_FILE")
	flags.BoolVar(&c.all, "all", false, "keys rotate: wait and do every step of the rotation")
	flags.DurationVar(&c.waits.Publish, "publish-for", c.waits.Publish, "keys rotate: how long a new key is published before it signs")
	flags.DurationVar(&c.waits.Retire, "retire-after", c.waits.Retire, "keys rotate: how long a key is published after it has signed last")
	return raw
}

// needs are the settings that a command cannot do without. Serving needs them all.
var needs = map[string][]string{
	"":          {"--database-url", "--signing-keys", "--smtp-url"},
	"keys":      {"--signing-keys"},
	"operators": {"--database-url"},
	"roles":     {"--database-url"},
}

func (c *config) check(raw *given) error {
	name := ""
	if len(c.words) > 0 {
		name = c.words[0]
	}
	wanted, known := needs[name]
	if !known {
		return fmt.Errorf("unexpected argument %q: %w", name, errCommand)
	}
	values := map[string]string{"--database-url": c.database.URL, "--signing-keys": c.keys, "--smtp-url": raw.smtp}
	for _, flag := range wanted {
		if values[flag] == "" {
			return fmt.Errorf("%s is required", flag)
		}
	}
	switch {
	case c.tokenLifetime < time.Second || c.tokenLifetime > token.MaxLifetime:
		return errors.New("--token-lifetime: one second to 15 minutes")
	case c.issuer == "" || c.audience == "":
		return errors.New("--issuer and --audience must not be empty")
	case c.headInterval <= 0:
		return errors.New("--audit-head-interval must be positive")
	case c.waits.Publish < 0 || c.waits.Retire < 0:
		return errors.New("--publish-for and --retire-after must not be negative")
	}
	if pages, err := url.Parse(c.pagesURL); err != nil || c.pagesURL != "" && (pages.Host == "" || pages.Fragment != "") {
		return errors.New("--pages-url: not a URL without a fragment")
	}
	if raw.smtp == "" {
		return nil
	}
	server, err := mail.ParseServer(raw.smtp)
	c.smtp = server
	return err
}
