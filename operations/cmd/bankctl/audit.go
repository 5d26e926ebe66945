package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"

	"codebank.dev/bank"
	"codebank.dev/operations/audit"
	topic "codebank.dev/operations/audit/kafka"
	statement "codebank.dev/operations/audit/postgres"
	"codebank.dev/operations/deadletter"
	"codebank.dev/operations/elasticsearch"
	"codebank.dev/operations/schemaregistry"
)

// exitAway is the status of an audit that could not read a place.
const exitAway = 2

// auditOptions are the flags of the audit.
type auditOptions struct {
	wait        time.Duration
	maxFindings int
	tempDir     string
}

func newAudit(app *application) *cobra.Command {
	var options auditOptions
	command := &cobra.Command{
		Use:   "audit [--wait DURATION]",
		Short: "Compare ledger, outbox, topic, statement and index, event by event",
		Long: `Compare the five places where a bank's events are kept: the ledger, the outbox,
the topic, the statement and the index. The ledger is looked at first, and what is
decided after that is left out everywhere, so the bank may go on meanwhile.

What is committed and not yet published is the outbox's share. Repeats on the topic
with equal content are counted, not found fault with. Everything else that is missing,
doubled, altered, out of order or leads back to nothing in the ledger is told by
place, event and field.

With --wait, the pipeline is given time to bring everything to its place first.

The last line is "audit: equal", with status 0, or "audit: DIFFERENT (n findings)",
with status 1. Status 2 says that a place could not be read, and names it.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error { return app.audit(ctx, options) }),
	}
	flags := command.Flags()
	flags.DurationVar(&options.wait, "wait", 0, "how long to let the pipeline settle before what is missing counts")
	flags.IntVar(&options.maxFindings, "max-findings", 20, "findings to tell in full; all are counted")
	flags.StringVar(&options.tempDir, "temp-dir", "", "`folder` for temporary files, some 80 bytes an event and place (default the system's)")
	return command
}

var errDifferent = errors.New("the five places differ")

func (a *application) audit(ctx context.Context, options auditOptions) error {
	report, err := a.compare(ctx, options)
	if err != nil {
		return err
	}
	if a.json() {
		err = a.object(report)
	} else {
		var text strings.Builder
		if err = report.WriteTable(&text); err == nil {
			_, err = fmt.Fprint(a.streams.out, harmless(text.String()))
		}
	}
	if err == nil && !report.Equal {
		err = errDifferent
	}
	return err
}

// compare opens the five places, audits them, and counts the dead letters.
func (a *application) compare(ctx context.Context, options auditOptions) (*audit.Report, error) {
	if a.statementDatabaseURL == "" {
		return nil, misused("statement-database-url", errors.New("is missing"))
	}
	lines, err := statement.New(a.statementDatabaseURL)
	if err != nil {
		return nil, misused("statement-database-url", err)
	}
	search, err := elasticsearch.New(a.elasticsearchURL)
	if err != nil {
		return nil, misused("elasticsearch-url", err)
	}
	schemas, err := schemaregistry.New(a.registryURL)
	if err != nil {
		return nil, misused("registry-url", err)
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

	code := bank.Code(a.bankCode)
	ledger := &ledgerPlace{store: store, code: code}
	documents := &indexPlace{client: search, code: code}
	settling := &settling{ledger: ledger, statement: lines, index: documents, wait: options.wait}
	report, err := (&audit.Audit{
		BankCode: code, Ledger: ledger, Outbox: &outboxPlace{ledger: ledger},
		Topic:     topic.New(brokers, "bank-"+a.bankCode+".transactions.v1", a.schemasOf(schemas)),
		Statement: watched{lines, a.timeout}, Index: watched{documents, a.timeout},
		MaxFindings: options.maxFindings, TempDir: options.tempDir, Wait: settling.settle,
	}).Run(ctx)
	if err != nil {
		return nil, err
	}
	report.DeadLetters, err = countLetters(ctx, brokers)
	return report, err
}

// schemasOf asks a registry for schemas, and waits for each as long as for any service.
func (a *application) schemasOf(registry *schemaregistry.Registry) topic.SchemaByID {
	return func(ctx context.Context, id uint32) (schema string, found bool, err error) {
		limited, cancel := a.patiently(ctx)
		defer cancel()
		return registry.Schema(limited, id)
	}
}

// awayInTime names the place of an error when the time to wait for it is over.
func awayInTime(ctx context.Context, store audit.Store, err error) error {
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return &audit.AwayError{Store: store, Cause: err}
	}
	return err
}

func (a *application) auditedBrokers(ctx context.Context) (*kgo.Client, error) {
	limited, cancel := a.patiently(ctx)
	defer cancel()
	client, err := a.kafka(limited)
	return client, awayInTime(ctx, audit.InTopic, err)
}

// countLetters counts the records of all dead-letter topics, those of other banks'
// events among them.
func countLetters(ctx context.Context, brokers *kgo.Client) ([]audit.DeadLetters, error) {
	letters := deadletter.New(brokers)
	topics, err := letters.Topics(ctx)
	if err != nil {
		return nil, err
	}
	counted := []audit.DeadLetters{}
	for _, topic := range topics {
		count, err := letters.Count(ctx, topic)
		if err != nil {
			return nil, err
		}
		counted = append(counted, audit.DeadLetters{Topic: topic, Records: count.Total})
	}
	return counted, nil
}

// statusOf returns the status that a failure ends with.
func statusOf(err error) int {
	if errors.As(err, new(*audit.AwayError)) {
		return exitAway
	}
	return exitFailed
}
