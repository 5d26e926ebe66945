package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"codebank.dev/operations/auditlogs"
	"codebank.dev/operations/output"
	"codebank.dev/platform/auditlog/heads"
)

func newAuditLog(app *application) *cobra.Command {
	return group("audit-log", "The logs of who did what", newAuditLogVerify(app))
}

func newAuditLogVerify(app *application) *cobra.Command {
	var chainOnly bool
	command := &cobra.Command{
		Use:   "verify",
		Short: "Check that no audit log was changed after it was written",
		Long: `Check the audit log in each database whose URL is given: --identity-database-url,
--ledger-database-url, --statement-database-url, --checkout-database-url.
Each row of a log holds the hash of the row before, so a row that was changed,
removed or put in is named.

Whoever can write into a database can also write a whole log anew. So services
publish the head of their log every minute, on the topic ` + heads.Topic + `. The
command checks that each log leads to all of its published heads, and names the
first published row that is another one.

With --chain-only it does not read the topic, and does not find a log that was
written anew.

Status 1 says that a log is not whole, or could not be read.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error { return app.verifyAuditLogs(ctx, chainOnly) }),
	}
	command.Flags().BoolVar(&chainOnly, "chain-only", false, "do not compare with the published heads")
	return command
}

var errNotWhole = errors.New("an audit log is not whole")

// auditLogs returns the logs whose database is given, and the flags with their URLs.
func (a *application) auditLogs() (logs []auditlogs.Log, urls []setting) {
	for _, one := range []struct {
		log auditlogs.Log
		url setting
	}{
		{auditlogs.Log{Service: "identity", BankCode: heads.NoBank}, setting{"identity-database-url", a.identityDatabaseURL}},
		{auditlogs.Log{Service: "bank", BankCode: a.bankCode}, setting{"ledger-database-url", a.ledgerDatabaseURL}},
		{auditlogs.Log{Service: "statement", BankCode: a.bankCode}, setting{"statement-database-url", a.statementDatabaseURL}},
		{auditlogs.Log{Service: "checkout", BankCode: heads.NoBank}, setting{"checkout-database-url", a.checkoutDatabaseURL}},
	} {
		if one.url.value != "" {
			logs, urls = append(logs, one.log), append(urls, one.url)
		}
	}
	return logs, urls
}

func (a *application) verifyAuditLogs(ctx context.Context, chainOnly bool) error {
	logs, urls := a.auditLogs()
	if len(logs) == 0 {
		return required(setting{flag: "identity-database-url"}, setting{flag: "ledger-database-url"}, setting{flag: "statement-database-url"}, setting{flag: "checkout-database-url"})
	}
	var published *auditlogs.Published
	if !chainOnly {
		var err error
		if published, err = a.publishedHeads(ctx); err != nil {
			return err
		}
	}
	var reports []*auditlogs.Report
	var failed error
	for i, log := range logs {
		report, err := auditlogs.Verify(ctx, urls[i].value, log, published)
		if err != nil {
			return fmt.Errorf("--%s: %w", urls[i].flag, err)
		}
		if !report.Whole {
			failed = errNotWhole
		}
		reports = append(reports, report)
	}
	heading := []string{"PROGRAM", "BANK", "AUDIT LOG", "ROWS", "PUBLISHED HEADS", "LAST PUBLISHED", "HEAD OR PROBLEM"}
	return errors.Join(output.List(a.printer(), reports, heading, rowsOfAuditLog), failed)
}

func rowsOfAuditLog(r *auditlogs.Report) [][]string {
	last := "-"
	if r.LastPublished != nil {
		last = r.LastPublished.UTC().Format(time.RFC3339)
	}
	state, rows, text := "whole", fmt.Sprint(r.Rows), r.Head
	if !r.Whole {
		state, rows, text = "BROKEN", "-", r.Problem
	}
	return [][]string{{r.Service, r.BankCode, state, rows, fmt.Sprint(r.Published), last, text}}
}

// publishedHeads reads the heads that services have published. It waits for the brokers up to --timeout.
func (a *application) publishedHeads(ctx context.Context) (*auditlogs.Published, error) {
	ctx, cancel := a.limited(ctx)
	defer cancel()
	client, err := a.kafka(ctx)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	published, err := auditlogs.Load(ctx, client)
	if err == nil && published.Unreadable > 0 {
		fmt.Fprintf(a.streams.err, "%d records of %s are not heads; they were passed over\n", published.Unreadable, heads.Topic)
	}
	return published, err
}
