package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"codebank.dev/codepix/banks"
	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/postgres"
	"codebank.dev/codepix/rpc"
	"codebank.dev/codepix/smtp"
	"codebank.dev/platform/mail"
	"codebank.dev/platform/serve"
)

// directorySettings are the settings of the directory of keys.
type directorySettings struct {
	smtpURL, mailFrom, smsDomain, codeKey string
	claimPeriod                           time.Duration
	customer, bank                        directory.Rate
}

func (s *directorySettings) bind(flags *flag.FlagSet) {
	flags.StringVar(&s.smtpURL, "smtp-url", "", "the mail server that sends the codes: smtp://USER:PASSWORD@HOST:587 or smtps://…:465; a secret: prefer CODEPIX_SMTP_URL_FILE; empty: e-mail addresses and telephones cannot be proved")
	flags.StringVar(&s.mailFrom, "mail-from", "Pix <no-reply@localhost.localdomain>", "the sender of e-mails")
	flags.StringVar(&s.smsDomain, "sms-domain", "sms.localhost", "the code for a telephone +55… goes to +55…@`domain`, which sends it on as a text message")
	flags.StringVar(&s.codeKey, "code-key", "", "keys the hashes of codes, 32 `bytes` or more, the same for all replicas; a secret: prefer CODEPIX_CODE_KEY_FILE; empty: the database keeps one")
	flags.DurationVar(&s.claimPeriod, "claim-period", directory.DefaultClaimPeriod, "how long who has a key may answer the claim of it")
	flags.Int64Var(&s.customer.Most, "customer-tokens", directory.DefaultCustomerTokens, "the tokens for look-ups that a customer has at most; a key that nobody has costs 20")
	flags.Int64Var(&s.customer.PerMinute, "customer-refill", directory.DefaultCustomerRefill, "how many tokens a customer gets in a minute")
	flags.Int64Var(&s.bank.Most, "bank-tokens", directory.DefaultBankTokens, "the tokens that a bank has at most; a key that nobody has costs 3")
	flags.Int64Var(&s.bank.PerMinute, "bank-refill", directory.DefaultBankRefill, "how many tokens a bank gets in a minute")
}

// domainForm is what may stand behind the @ of an address.
var domainForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$`)

// most bounds the tokens of a bucket, so that they fit 64 bits in millionths.
const mostTokens = 1_000_000_000

// check returns an error that names a flag.
func (s *directorySettings) check() error {
	switch {
	case s.codeKey != "" && len(s.codeKey) < directory.MinSecret:
		return fmt.Errorf("--code-key: at least %d bytes", directory.MinSecret)
	case !domainForm.MatchString(s.smsDomain):
		return errors.New("--sms-domain: not a domain in lower case")
	case s.claimPeriod <= 0:
		return errors.New("--claim-period: more than 0")
	}
	for name, rate := range map[string]directory.Rate{"customer": s.customer, "bank": s.bank} {
		if rate.Most < directory.CustomerMissCost || rate.Most > mostTokens || rate.PerMinute < 1 || rate.PerMinute > mostTokens {
			return fmt.Errorf("--%s-tokens is %d or more and --%s-refill 1 or more, both at most %d", name, directory.CustomerMissCost, name, mostTokens)
		}
	}
	_, err := s.sender()
	return err
}

// sender returns what sends codes, or nil without a mail server.
func (s *directorySettings) sender() (directory.Sender, error) {
	if s.smtpURL == "" {
		return nil, nil
	}
	server, err := mail.ParseServer(s.smtpURL)
	if err != nil {
		return nil, fmt.Errorf("--smtp-url: %w", err)
	}
	mails, err := mail.NewSender(server, s.mailFrom)
	if err != nil {
		return nil, fmt.Errorf("--mail-from: %w", err)
	}
	return &smtp.Sender{Mail: mails, SMSDomain: s.smsDomain}, nil
}

// desk is the directory in the program. It opens when the database has told its secret.
type desk struct {
	settings *directorySettings
	store    *postgres.Store
	banks    *banks.File
	logger   *slog.Logger
	calls    rpc.Directory
	mailer   directory.Mailer
}

// open makes the use cases. The database must be prepared.
func (d *desk) open(ctx context.Context) error {
	secret := []byte(d.settings.codeKey)
	if len(secret) == 0 {
		var err error
		if secret, err = d.store.Secret(ctx, "directory", rand.Reader); err != nil {
			return err
		}
	}
	service, err := directory.New(directory.Config{
		Store: d.store.Directory(d.banks), Banks: d.banks, Secret: secret, ClaimPeriod: d.settings.claimPeriod,
		Customer: d.settings.customer, Bank: d.settings.bank,
	})
	if err != nil {
		return err
	}
	d.mailer.Service, d.mailer.Logger = service, d.logger
	d.calls.Service = service
	return nil
}

// start adds the work of the directory to a server, behind open.
func (d *desk) start(server *serve.Server) (err error) {
	if d.mailer.Sender, err = d.settings.sender(); err != nil {
		return err
	}
	server.Background(func(ctx context.Context) { d.calls.Service.Guard().Run(ctx, d.logger) })
	server.Background(d.prune)
	if d.mailer.Sender == nil {
		d.logger.Warn("there is no mail server, so e-mail addresses and telephones cannot be proved; give --smtp-url")
	} else {
		server.Background(d.mailer.Run)
	}
	server.Metrics().MustRegister(&directoryCollector{desk: d})
	return nil
}

// initiated gives a token back to who pays.
func (d *desk) initiated(bankCode, accountID string) { d.calls.Service.Initiated(bankCode, accountID) }

// pruneEvery is how often what is too old is deleted.
const pruneEvery = time.Minute

// prune deletes what is too old, until ctx ends.
func (d *desk) prune(ctx context.Context) {
	ticks := time.NewTicker(pruneEvery)
	defer ticks.Stop()
	for {
		if err := d.calls.Service.Prune(ctx); err != nil && ctx.Err() == nil {
			d.logger.WarnContext(ctx, "what is too old in the directory was not deleted; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// directoryCollector shows the figures of the directory to Prometheus.
type directoryCollector struct{ desk *desk }

var _ prometheus.Collector = (*directoryCollector)(nil)

var (
	lookUps   = describe("lookups_total", "Keys that were looked up in this process, by what was answered: HIT, MISS, or REFUSED because a bucket is empty.", "answer")
	codesSent = describe("codes_sent_total", "Codes that this process has sent to keys.")
	codesFail = describe("codes_failed_total", "Tries to send a code that failed. They are made again, at most eight times.")
)

// Describe implements prometheus.Collector.
func (*directoryCollector) Describe(out chan<- *prometheus.Desc) {
	out <- lookUps
	out <- codesSent
	out <- codesFail
}

// Collect implements prometheus.Collector. Every figure is there from the program's start.
func (c *directoryCollector) Collect(out chan<- prometheus.Metric) {
	var stats directory.GuardStats
	if service := c.desk.calls.Service; service != nil {
		stats = service.Guard().Stats()
	}
	count := func(desc *prometheus.Desc, n int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), labels...) // tidy:float the metrics library counts in floats
	}
	count(lookUps, stats.Hits, "HIT")
	count(lookUps, stats.Misses, "MISS")
	count(lookUps, stats.Refused, "REFUSED")
	sent, failed := c.desk.mailer.Counts()
	count(codesSent, sent)
	count(codesFail, failed)
}
