package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"codebank.dev/operations/audit/ledger"
	"codebank.dev/operations/output"
	"codebank.dev/statement/file"
	"codebank.dev/statement/file/verify"
)

func newStatement(app *application) *cobra.Command {
	return group("statement", "The statement files that customers take along", newStatementVerify(app))
}

func newStatementVerify(app *application) *cobra.Command {
	var alone bool
	command := &cobra.Command{
		Use:   "verify FILE",
		Short: "Compare a statement file with its own digests and with the ledger",
		Long: `Verify a statement file: CSV, OFX 2, OFX 1.0.2, camt.053 or PDF.

Totals and digests are computed from the file's own lines and bytes, and compared
with those in the file. Then the file is compared with the events of its account in
the bank's ledger (--ledger-database-url), and is written anew from them, so that a
changed text is found too, and a file whose digests somebody has computed anew. The
first line that differs is named.

With --without-ledger only the file itself is verified. That finds accidents, but
proves nothing against somebody who has computed the digests anew.

The last line is "statement: verified", with status 0, or "statement: DIFFERENT (n
findings)", with status 1. Status 2 says that the ledger could not be read.`,
		Args: cobra.ExactArgs(1),
		RunE: work(func(ctx context.Context, args []string) error { return app.verifyStatement(ctx, args[0], alone) }),
	}
	command.Flags().BoolVar(&alone, "without-ledger", false, "verify the file by itself only")
	return command
}

var errStatementDiffers = errors.New("the statement file is not as it should be")

func (a *application) verifyStatement(ctx context.Context, path string, alone bool) error {
	if !alone {
		if err := required(setting{"ledger-database-url", a.ledgerDatabaseURL}); err != nil {
			return err
		}
	}
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	report, err := verify.File(in)
	if err == nil && !alone {
		err = a.compareWithLedger(ctx, report)
	}
	if err != nil {
		return err
	}
	if a.printer().JSON() {
		err = a.printer().Object(report)
	} else {
		err = a.printer().Text(output.Harmless(statementText(report)))
	}
	if err == nil && !report.Sound() {
		err = errStatementDiffers
	}
	return err
}

func (a *application) compareWithLedger(ctx context.Context, report *verify.Report) error {
	if report.BankCode != "" && report.BankCode != a.bankCode {
		report.Findings = append(report.Findings, verify.Finding{
			Problem: fmt.Sprintf("the file is of bank %s, and --bank-code is %s", report.BankCode, a.bankCode),
		})
		return nil
	}
	store, err := a.ledger(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := verify.Ledger(ctx, report, ledger.New(store, a.bankCode).Lines); err != nil {
		return &ledgerAway{err}
	}
	return nil
}

// ledgerAway is an error of reading the ledger, about which the file can do nothing.
type ledgerAway struct{ cause error }

func (l *ledgerAway) Error() string {
	return "statement verify: the ledger cannot be read: " + l.cause.Error()
}
func (l *ledgerAway) Unwrap() error { return l.cause }

// statementText returns a report for people.
func statementText(report *verify.Report) string {
	var text strings.Builder
	if report.Format != "" {
		fmt.Fprintf(&text, "file:     %s of bank %s, account %s, %s\n", report.Format, report.BankCode, report.Account, report.Currency)
		fmt.Fprintf(&text, "range:    %s to %s, complete to sequence %d\n", report.Start.Format(file.TimeLayout), report.End.Format(file.TimeLayout), report.CompleteTo)
		fmt.Fprintf(&text, "lines:    %d, balance %d to %d (minor units)\n", report.Lines, report.OpeningMinor, report.ClosingMinor)
		fmt.Fprintf(&text, "digest:   %s\n", report.Digest)
	}
	for _, finding := range report.Findings {
		fmt.Fprintf(&text, "finding:  %s\n", finding)
	}
	if report.Sound() && !report.Ledger {
		text.WriteString("note:     not compared with the ledger\n")
	}
	if report.Sound() {
		text.WriteString("statement: verified\n")
	} else {
		fmt.Fprintf(&text, "statement: DIFFERENT (%d findings)\n", len(report.Findings))
	}
	return text.String()
}
