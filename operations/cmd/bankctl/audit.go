package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/operations/audit"
	"codebank.dev/operations/audit/charges"
	"codebank.dev/operations/audit/index"
	"codebank.dev/operations/audit/ledger"
	"codebank.dev/operations/audit/pix"
	"codebank.dev/operations/audit/statement"
	"codebank.dev/operations/audit/topic"
	"codebank.dev/operations/audit/waiting"
	"codebank.dev/operations/deadletter"
	"codebank.dev/operations/output"
	"codebank.dev/operations/schemaregistry"
)

// exitAway is the exit status of a comparison that could not read a place.
const exitAway = 2

// auditOptions are the flags of the audit.
type auditOptions struct {
	wait        time.Duration
	maxFindings int
	tempDir     string
	// charges says that the charges of merchants are compared too.
	charges chargeAudit
	pix     pixAudit
}

func newAudit(app *application) *cobra.Command {
	var options auditOptions
	command := &cobra.Command{
		Use:   "audit [--wait DURATION] [--charges] [--ledgers 001=URL,002=URL]",
		Short: "Compare ledger, outbox, topic, statement and index, event by event",
		Long: `Compare the five places that keep a bank's events: the ledger, the outbox, the
topic, the statement and the index. The audit begins with a snapshot of the ledger
and ignores later events everywhere, so the bank may go on meanwhile.

An event that is committed and not yet published counts for the outbox. A repeat on
the topic with equal content is counted and is not a finding. Every event that is
missing, doubled, altered, out of order or unknown to the ledger is reported with
its place, its id and the fields that differ. So is an event that has waited in the
outbox for more than a minute.

With --wait, the audit first waits until no event is in flight.

With --ledgers and --codepix-database-url, the payments between banks and their keys
are compared too, as by audit pix. With --charges and --checkout-database-url, so are
the charges of merchants with their index, as by audit charges.

The last line is "audit: equal", with status 0, or "audit: DIFFERENT (n findings)",
with status 1. Status 2 says that a place could not be read, and names it.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error { return app.audit(ctx, &options) }),
	}
	flags := command.Flags()
	flags.DurationVar(&options.wait, "wait", 0, "how long to wait for events in flight before what is missing counts")
	flags.IntVar(&options.maxFindings, "max-findings", 20, "findings to show in full; all are counted")
	flags.BoolVar(&options.charges.wanted, "charges", false, "also compare the charges of merchants with their index")
	options.pix.bind(flags)
	options.charges.bind(flags)
	command.AddCommand(newAuditPix(app), newAuditCharges(app))
	flags.StringVar(&options.tempDir, "temp-dir", "", "`folder` for temporary files, some 80 bytes an event and place (default the system's)")
	return command
}

var errDifferent = errors.New("the five places differ")

// audited are the reports of an audit. As JSON they are one object.
type audited struct {
	*audit.Report
	Pix     *pix.Report     `json:"pix,omitempty"`
	Charges *charges.Report `json:"charges,omitempty"`
}

// audit compares what it is asked to, and prints the reports. The five places come last.
func (a *application) audit(ctx context.Context, options *auditOptions) error {
	var all audited
	var err error
	if len(options.pix.ledgers) > 0 {
		if err := required(setting{"codepix-database-url", a.codepixDatabaseURL}); err != nil {
			return err
		}
		options.pix.wait = options.wait
		if all.Pix, err = a.comparePix(ctx, options.pix); err != nil {
			return err
		}
	}
	if options.charges.wanted {
		options.charges.wait, options.charges.maxFindings = options.wait, options.maxFindings
		if all.Charges, err = a.compareCharges(ctx, options.charges); err != nil {
			return err
		}
	}
	if all.Report, err = a.compare(ctx, *options); err != nil {
		return err
	}
	if err := a.printAudit(&all); err != nil {
		return err
	}
	return all.difference()
}

// printCompared prints the report of one comparison. It returns different if the places are not equal.
func (a *application) printCompared(report interface{ Table() string }, equal bool, different error) error {
	var err error
	if a.printer().JSON() {
		err = a.printer().Object(report)
	} else {
		err = a.printer().Text(output.Harmless(report.Table()))
	}
	if err == nil && !equal {
		err = different
	}
	return err
}

func (a *application) printAudit(all *audited) error {
	if a.printer().JSON() {
		return a.printer().Object(all)
	}
	var text strings.Builder
	if all.Pix != nil {
		text.WriteString(all.Pix.Table())
	}
	if all.Charges != nil {
		text.WriteString(all.Charges.Table())
	}
	if err := all.WriteTable(&text); err != nil {
		return err
	}
	return a.printer().Text(output.Harmless(text.String()))
}

// difference returns what differs, or nil.
func (all *audited) difference() error {
	var differences []error
	if !all.Equal {
		differences = append(differences, errDifferent)
	}
	if all.Pix != nil && !all.Pix.Equal {
		differences = append(differences, errPixDifferent)
	}
	if all.Charges != nil && !all.Charges.Equal {
		differences = append(differences, errChargesDifferent)
	}
	return errors.Join(differences...)
}

// compare opens the five places, audits them, and counts the dead letters.
func (a *application) compare(ctx context.Context, options auditOptions) (*audit.Report, error) {
	if err := required(setting{"ledger-database-url", a.ledgerDatabaseURL}, setting{"statement-database-url", a.statementDatabaseURL}); err != nil {
		return nil, err
	}
	lines, err := statement.New(ctx, a.statementDatabaseURL)
	if err != nil {
		return nil, misused("statement-database-url", err)
	}
	defer lines.Close()
	search, err := a.elasticsearch()
	if err != nil {
		return nil, err
	}
	registry, err := a.registry()
	if err != nil {
		return nil, err
	}
	store, err := a.ledger(ctx)
	if err != nil {
		return nil, awayInTime(ctx, audit.InLedger, err)
	}
	defer store.Close()
	brokers, err := a.auditedBrokers(ctx)
	if err != nil {
		return nil, err
	}
	defer brokers.Close()

	entries := ledger.New(store, a.bankCode)
	documents := index.New(search, a.bankCode)
	delivery := &waiting.Delivery{
		Published: entries.Outbox().Published, Counts: []waiting.Count{lines.Count, documents.Count}, AtMost: options.wait,
	}
	report, err := (&audit.Audit{
		BankCode: a.bankCode, Ledger: entries, Outbox: entries.Outbox(),
		Topic:       topic.New(brokers, "bank-"+a.bankCode+".transactions.v1", a.schemasOf(registry)),
		Statement:   waiting.Limited{Source: lines, Limit: a.timeout},
		Index:       waiting.Limited{Source: documents, Limit: a.timeout},
		MaxFindings: options.maxFindings, TempDir: options.tempDir, Wait: delivery.Wait,
	}).Run(ctx)
	if err != nil {
		return nil, err
	}
	report.DeadLetters, err = countLetters(ctx, brokers)
	return report, err
}

// schemasOf returns the schemas of a registry. If the registry is away, each call waits for
// it, up to --timeout.
func (a *application) schemasOf(registry *schemaregistry.Registry) topic.SchemaByID {
	return func(ctx context.Context, id uint32) (schema string, found bool, err error) {
		limited, cancel := a.limited(ctx)
		defer cancel()
		return registry.Schema(limited, id)
	}
}

// awayInTime adds the place to an error if --timeout is over.
func awayInTime(ctx context.Context, store audit.Store, err error) error {
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return &audit.AwayError{Store: store, Cause: err}
	}
	return err
}

func (a *application) auditedBrokers(ctx context.Context) (*kgo.Client, error) {
	limited, cancel := a.limited(ctx)
	defer cancel()
	client, err := a.kafka(limited)
	return client, awayInTime(ctx, audit.InTopic, err)
}

// countLetters counts the records of all dead-letter topics, of all banks.
func countLetters(ctx context.Context, brokers *kgo.Client) ([]audit.DeadLetters, error) {
	counts, err := deadletter.New(brokers).CountAll(ctx)
	letters := make([]audit.DeadLetters, len(counts))
	for i, count := range counts {
		letters[i] = audit.DeadLetters{Topic: count.Topic, Records: count.Total, Waiting: count.Waiting, Discarded: count.Discarded}
	}
	return letters, err
}

// statusOf returns the exit status of a failure.
func statusOf(err error) int {
	if errors.As(err, new(*audit.AwayError)) || errors.As(err, new(*ledgerAway)) || errors.As(err, new(*pix.AwayError)) || errors.As(err, new(*charges.AwayError)) {
		return exitAway
	}
	return exitFailed
}
