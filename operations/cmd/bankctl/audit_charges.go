package main

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	checkout "codebank.dev/checkout/postgres"
	"codebank.dev/operations/audit/charges"
)

// chargeAudit are the flags of audit charges.
type chargeAudit struct {
	wanted        bool
	wait, settled time.Duration
	maxFindings   int
}

func (c *chargeAudit) bind(flags *pflag.FlagSet) {
	flags.DurationVar(&c.settled, "settled", time.Minute, "charges: the age from which a change must be in database and index")
}

func newAuditCharges(app *application) *cobra.Command {
	var options chargeAudit
	command := &cobra.Command{
		Use:   "charges",
		Short: "Compare the charges and refunds of merchants in the index with the checkout's database, change by change",
		Long: `Compare every change of every merchant's charge in the checkout's database with its
document in the index of charges. Changes that are missing, surplus or altered are
named. Counts and sums of charges and refunds are shown by merchant, mode, state and
currency, and in both places if they differ.

Changes that are younger than --settled are ignored, because they may be on their way.
With --wait, the places are compared again until they are equal or the time is over.

The last line is "audit charges: equal", with status 0, or "audit charges: DIFFERENT
(n findings)", with status 1. Status 2 says that a place could not be read.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error { return app.auditCharges(ctx, options) }),
	}
	flags := command.Flags()
	options.bind(flags)
	flags.DurationVar(&options.wait, "wait", 0, "how long to compare again while there are differences")
	flags.IntVar(&options.maxFindings, "max-findings", 20, "findings to show in full; all are counted")
	return command
}

var errChargesDifferent = errors.New("the charges in the database and in the index differ")

func (a *application) auditCharges(ctx context.Context, options chargeAudit) error {
	report, err := a.compareCharges(ctx, options)
	if err != nil {
		return err
	}
	return a.printCompared(report, report.Equal, errChargesDifferent)
}

// compareCharges opens both places and compares them, until they are equal or the time is over. The moment up to which it
// compares stays the same. Each comparison has --timeout.
func (a *application) compareCharges(ctx context.Context, options chargeAudit) (*charges.Report, error) {
	if err := required(setting{"checkout-database-url", a.checkoutDatabaseURL}); err != nil {
		return nil, err
	}
	store, err := checkout.Open(ctx, checkout.Config{URL: a.checkoutDatabaseURL, MaxConnections: 2})
	if err != nil {
		return nil, misused("checkout-database-url", err)
	}
	defer store.Close()
	search, err := a.elasticsearch()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	comparison := &charges.Audit{
		Database: changesOf(store), Index: charges.Documents(search), MaxFindings: options.maxFindings,
		// The index keeps whole milliseconds.
		Before: now.Add(-options.settled).Truncate(time.Millisecond),
	}
	return again(ctx, now.Add(options.wait), func() (*charges.Report, bool, error) {
		limited, cancel := a.limited(ctx)
		defer cancel()
		report, err := comparison.Run(limited)
		return report, err == nil && report.Equal, err
	})
}

// again compares until the places are equal, the comparison fails or the time is over, and returns the last report.
func again[T any](ctx context.Context, end time.Time, compare func() (report T, equal bool, err error)) (T, error) {
	for {
		report, equal, err := compare()
		if err != nil || equal || !time.Now().Before(end) {
			return report, err
		}
		select {
		case <-ctx.Done():
			return report, context.Cause(ctx)
		case <-time.After(compareEvery):
		}
	}
}

// changesOf is the checkout's database as a place.
func changesOf(store *checkout.Store) charges.Source {
	return func(ctx context.Context, before time.Time) iter.Seq2[charges.Change, error] {
		return mapped(store.AuditedChanges(ctx, before), func(c checkout.AuditedChange) charges.Change {
			change := charges.Change{
				Merchant: c.Merchant, Mode: c.Mode, Sequence: c.Sequence, EventID: c.EventID(), Kind: c.Kind, ChargeID: c.Charge.String(), Status: c.State,
				Amount: c.Amount, Currency: c.Currency, Captured: c.Captured, Refunded: c.Refunded, OperationKind: c.OperationKind,
				OperationStatus: c.OperationOutcome, OperationAmount: c.OperationAmount, At: c.At,
			}
			if !c.Operation.IsZero() {
				change.OperationID = c.Operation.String()
			}
			return change
		})
	}
}
