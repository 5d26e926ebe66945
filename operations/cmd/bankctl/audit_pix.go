package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"codebank.dev/bank/postgres"
	codepix "codebank.dev/codepix/postgres"
	"codebank.dev/operations/audit"
	"codebank.dev/operations/audit/pix"
)

// pixAudit are the flags of audit pix.
type pixAudit struct {
	ledgers map[string]string
	wait    time.Duration
}

func newAuditPix(app *application) *cobra.Command {
	var options pixAudit
	command := &cobra.Command{
		Use:   "pix --ledgers 001=URL,002=URL",
		Short: "Compare the ledgers of several banks with the hub between them, payment by payment",
		Long: `Compare what banks and the hub say of each payment between banks: a debit at the
sender with exactly one of a credit at the receiver, and none and the amount released;
the same amount and currency everywhere; the state of the hub; returns that are
together never more than the payment; and transit accounts that have given what is
credited and not yet captured, which is 0 at rest. It names place, end-to-end id and
field of each difference, and lists what is in doubt with its age. A payment that is
in doubt is no difference. The active keys of each bank are compared with the hub's by
the digests over both; bankctl pix reconcile --dry-run lists which of them differ.

The codes by which others pay are compared with the entries of their bank: a PAID code
has exactly the credit of its amount that it names, and another dynamic code has none.
What differs is counted by kind: PAID_WITHOUT_PAYMENT, PAID_BY_OTHER, PAID_TWICE,
PAYMENT_NOT_MARKED, OTHER_AMOUNT. The codes of a ledger of a version without them are
not compared, and the report says so.

--ledgers names the database of each bank by its code. Use BANKCTL_LEDGERS_FILE for
addresses that contain a password. Nothing is said of banks that are not named.

Payments and keys that move meanwhile may look different. With --wait, the places are compared
again until they are equal or the time is over.

The last line is "audit pix: equal", with status 0, or "audit pix: DIFFERENT (n
findings)", with status 1. Status 2 says that a place could not be read.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error { return app.auditPix(ctx, options) }),
	}
	flags := command.Flags()
	options.bind(flags)
	flags.DurationVar(&options.wait, "wait", 0, "how long to compare again while there are differences")
	return command
}

func (p *pixAudit) bind(flags *pflag.FlagSet) {
	flags.StringToStringVar(&p.ledgers, "ledgers", nil, "`code=URL` of the database of each bank, separated by commas")
}

var errPixDifferent = errors.New("the banks and the hub differ")

// compareEvery is the time between two comparisons.
const compareEvery = time.Second

func (a *application) auditPix(ctx context.Context, options pixAudit) error {
	if len(options.ledgers) == 0 {
		return required(setting{"ledgers", ""})
	}
	report, err := a.comparePix(ctx, options)
	if err != nil {
		return err
	}
	return a.printCompared(report, report.Equal, errPixDifferent)
}

// comparePix opens the places and compares them, until they are equal or the time is over.
func (a *application) comparePix(ctx context.Context, options pixAudit) (*pix.Report, error) {
	if err := required(setting{"codepix-database-url", a.codepixDatabaseURL}); err != nil {
		return nil, err
	}
	hub, err := codepix.Open(ctx, codepix.Config{URL: a.codepixDatabaseURL, MaxConnections: 2, ApplicationName: "bankctl"})
	if err != nil {
		return nil, misused("codepix-database-url", err)
	}
	defer hub.Close()
	stores := make(map[string]*postgres.Store, len(options.ledgers))
	for code, url := range options.ledgers {
		if !threeDigits.MatchString(code) {
			return nil, misused("ledgers", fmt.Errorf("%q is no bank code, which is three digits", code))
		}
		store, err := postgres.Open(ctx, postgres.Config{URL: url, MaxConnections: 2, ApplicationName: "bankctl"})
		if err != nil {
			return nil, misused("ledgers", err)
		}
		defer store.Close()
		stores[code] = store
	}
	return again(ctx, time.Now().Add(options.wait), func() (*pix.Report, bool, error) {
		report, err := a.pixOnce(ctx, stores, hub)
		return report, err == nil && report.Equal, err
	})
}

// pixOnce compares the places once. Each has --timeout to answer.
func (a *application) pixOnce(ctx context.Context, stores map[string]*postgres.Store, hub *codepix.Store) (*pix.Report, error) {
	limited, cancel := a.limited(ctx)
	defer cancel()
	var banks []pix.Bank
	for _, code := range slices.Sorted(maps.Keys(stores)) {
		owner, err := stores[code].Owner(limited)
		if err != nil {
			return nil, &audit.AwayError{Store: audit.InLedger, Cause: fmt.Errorf("bank %s: %w", code, err)}
		}
		if string(owner) != code {
			return nil, misused("ledgers", fmt.Errorf("the database that is named %s is of bank %s", code, owner))
		}
		codes, err := codesOf(limited, stores[code])
		if err != nil {
			return nil, &pix.AwayError{Place: "bank " + code, Cause: err}
		}
		banks = append(banks, pix.Bank{Code: code, Entries: entriesOf(stores[code].PixEntries(limited)), Codes: codes})
	}
	report, err := pix.Run(limited, banks, func(ctx context.Context) iter.Seq2[pix.Payment, error] { return paymentsOf(hub.Audited(ctx)) }, time.Now())
	if err != nil {
		return nil, err
	}
	for _, bank := range banks {
		keys, err := keysOf(limited, bank.Code, stores[bank.Code], hub)
		if err != nil {
			return nil, err
		}
		report.AddKeys(keys)
	}
	return report, nil
}

// keysOf reads the tallies over the keys of a bank, in its copy and in the hub.
func keysOf(ctx context.Context, code string, copied *postgres.Store, hub *codepix.Store) (pix.Keys, error) {
	ours, err := copied.PixKeyTallies(ctx)
	if err != nil {
		return pix.Keys{}, &pix.AwayError{Place: "bank " + code, Cause: err}
	}
	theirs, err := hub.AuditedKeys(ctx, code)
	if err != nil {
		return pix.Keys{}, &pix.AwayError{Place: pix.HubName, Cause: err}
	}
	keys := pix.Keys{Bank: code, Copy: make(map[string]pix.KeyTally), Hub: make(map[string]pix.KeyTally)}
	for kind, tally := range ours {
		keys.Copy[kind] = pix.KeyTally(tally)
	}
	for kind, tally := range theirs {
		keys.Hub[kind] = pix.KeyTally(tally)
	}
	return keys, nil
}

// codesOf is the codes of a bank as a place, and nil for a ledger that has had no migration to them.
func codesOf(ctx context.Context, store *postgres.Store) (pix.Codes, error) {
	if has, err := store.HasPixCodes(ctx); err != nil || !has {
		return nil, err
	}
	return func(ctx context.Context) iter.Seq2[pix.Code, error] {
		return mapped(store.AuditedPixCodes(ctx), func(c postgres.AuditedPixCode) pix.Code { return pix.Code(c) })
	}, nil
}

func entriesOf(found iter.Seq2[postgres.PixEntry, error]) iter.Seq2[pix.Entry, error] {
	return mapped(found, func(e postgres.PixEntry) pix.Entry {
		return pix.Entry{
			EndToEndID: e.EndToEndID, Transaction: e.Transaction, Account: e.Account, Reference: e.Reference, Kind: e.Kind, Direction: e.Direction, Status: e.Status, AmountMinor: e.AmountMinor,
			Currency: e.Currency, Counterparty: e.Counterparty, At: e.OccurredAt, Transit: e.Transit, TransitMinor: e.TransitMinor,
		}
	})
}

func paymentsOf(found iter.Seq2[codepix.AuditedPayment, error]) iter.Seq2[pix.Payment, error] {
	return mapped(found, func(p codepix.AuditedPayment) pix.Payment {
		return pix.Payment{
			EndToEndID: p.EndToEndID, Original: p.Original, State: p.State, Held: p.Held, Sender: p.SenderBankCode, Receiver: p.ReceiverBankCode,
			AmountMinor: p.AmountMinor, Returned: p.ReturnedMinor, Currency: p.Currency, At: p.InitiatedAt,
		}
	})
}

// mapped returns a sequence with each value changed. An error is passed on as it is.
func mapped[T, U any](from iter.Seq2[T, error], change func(T) U) iter.Seq2[U, error] {
	return func(yield func(U, error) bool) {
		for value, err := range from {
			if !yield(change(value), err) {
				return
			}
		}
	}
}
