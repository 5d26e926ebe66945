// Package audit compares the five places that keep a bank's events: the ledger, the
// outbox, the topic, the statement and the index. Run does this in four steps:
//
//  1. It takes a cut: one snapshot of the ledger says up to which sequence each account is
//     compared. Later events are ignored in every place.
//  2. It reads the outbox, then topic, statement and index in parallel. It keeps a record of
//     fixed width of every copy (key, digests, amount, position) and sorts the records on disk.
//  3. It reads the ledger last and in order, merges the records with it (join.go) and checks
//     each event (check.go). So it can tell an event that the bank never decided from an event
//     that was decided after the cut.
//     What refers to a transaction is compared with it when its account ends (relations.go), and the
//     two legs of a transfer at the end (legs.go).
//  4. It reads the events with a finding again in full, to name the fields that differ
//     (explain.go).
//
// No committed event is missed between outbox and topic: an event that is not in the outbox
// was on the topic before the outbox was read, and the topic's end is read after that. Memory
// does not grow with the number of events. The package depends on no technology: it reads the
// places through Ledger and Source. It reads no clock.
package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/sync/errgroup"

	"codebank.dev/operations/audit/spool"
	"codebank.dev/platform/id"
)

// Account is a customer account as of a moment. Amounts are minor units.
type Account struct {
	ID id.ID
	// Sequence is the sequence of the account's last event.
	Sequence                   int64
	Balance, Held, CreditLimit int64
}

// Cut receives the state of a ledger at one moment. Neither function is nil. An error of a
// function ends the call and is returned as it is.
type Cut struct {
	// Account is called with every customer account. The events of an account are compared up to
	// its sequence.
	Account func(Account) error
	// Refused is called with the transaction of every decline without an account.
	Refused func(transaction id.ID) error
}

// Ledger is the place that all others are compared with.
type Ledger interface {
	// Cut passes one snapshot of the ledger to cut, in any order.
	Cut(ctx context.Context, cut Cut) error
	// Events returns the events of all accounts, ordered by the bytes of the account's
	// id and then by sequence. Every event committed before the call is among them.
	// An error ends the sequence. A copy is valid until the next one.
	Events(ctx context.Context) iter.Seq2[*Copy, error]
	// Refusals returns the events of declines without an account, ordered by the bytes
	// of the transaction's id, otherwise like Events.
	Refusals(ctx context.Context) iter.Seq2[*Copy, error]
	// Find returns the event with the wanted id or, if there is none, the events with the wanted
	// transaction. It returns none if there is neither.
	Find(ctx context.Context, wanted Wanted) ([]Copy, error)
}

// Source is one of the other places.
type Source interface {
	// Read calls each for every copy that was there before the call, in any order,
	// from one goroutine or several. A copy is valid until each returns. An error of each
	// ends the reading and is returned as it is.
	Read(ctx context.Context, each func(*Copy) error) error
	// Find returns the wanted copies of any bank as they are now. It returns none if there are
	// none.
	Find(ctx context.Context, wanted Wanted) ([]Copy, error)
}

// Wanted says which copies of an event to read again.
type Wanted struct {
	// EventID is the event's id as the place keeps it.
	EventID string
	// TransactionID is the event's transaction, if it is known.
	TransactionID string
	// Positions are where the copies were, for places that have positions.
	Positions []Position
}

// AwayError says which place could not be read.
type AwayError struct {
	// Store is the place.
	Store Store
	// Cause is its own error.
	Cause error
}

// Error names the place.
func (e *AwayError) Error() string { return fmt.Sprintf("audit: %s: %v", e.Store, e.Cause) }

// Unwrap returns the place's own error.
func (e *AwayError) Unwrap() error { return e.Cause }

// ownError is an error of the audit itself, such as a full disk, that a place's Read
// returns.
type ownError struct{ cause error }

func (e *ownError) Error() string { return e.cause.Error() }
func (e *ownError) Unwrap() error { return e.cause }

// away adds the place to an error. The audit's own errors and the end of ctx have no place.
func away(ctx context.Context, store Store, err error) error {
	if err == nil || errors.As(err, new(*AwayError)) || errors.As(err, new(*ownError)) {
		return err
	}
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return &AwayError{Store: store, Cause: err}
}

// Audit is one comparison. All places are required.
type Audit struct {
	// BankCode is the code of the bank whose events are compared, for the report.
	BankCode string
	// Ledger and the Sources are the five places.
	Ledger                          Ledger
	Outbox, Topic, Statement, Index Source
	// MaxFindings is how many findings the report holds; 0 is 20. All are counted.
	MaxFindings int
	// TempDir is the folder for sorted runs; empty is the system's folder for temporary files.
	TempDir string
	// Records is how many records a place keeps in memory before it sorts them on
	// disk; 0 is 65,536.
	Records int
	// Wait, if not nil, is called after the cut and before each comparison, with the number of
	// events of the cut. It returns once the places seem to have that many. again says whether
	// there is time for another comparison if this one finds events missing, because an event in
	// flight is not lost.
	Wait func(ctx context.Context, events int64) (again bool, err error)
}

// Run compares the places and returns the report. An error is an AwayError, an error of
// the disk, or the end of ctx; a difference between the places is not an error. Run writes
// to no place and leaves no temporary file.
func (a *Audit) Run(ctx context.Context) (*Report, error) {
	cut, err := a.cut(ctx)
	if err != nil {
		return nil, err
	}
	defer cut.close()
	for {
		again := false
		if a.Wait != nil {
			if again, err = a.Wait(ctx, cut.events()); err != nil {
				return nil, err
			}
		}
		report, err := a.compare(ctx, cut)
		if err != nil || !again || !report.onlyInFlight() {
			return report, err
		}
	}
}

// compare reads all places once.
func (a *Audit) compare(ctx context.Context, cut *cut) (*Report, error) {
	var read [stores]*gathered
	defer func() {
		for _, g := range read {
			g.close()
		}
	}()
	for store := InOutbox; store < stores; store++ {
		read[store] = a.gathering()
	}
	if err := a.gather(ctx, InOutbox, read[InOutbox]); err != nil {
		return nil, err
	}
	group, ctxAll := errgroup.WithContext(ctx)
	for _, store := range []Store{InTopic, InStatement, InIndex} {
		group.Go(func() error { return a.gather(ctxAll, store, read[store]) })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	c := &comparison{audit: a, keep: a.kept()}
	if err := c.open(ctx, cut, read); err != nil {
		return nil, err
	}
	defer c.close()
	err := c.join()
	if ctx.Err() != nil {
		// The ledger's events ended because ctx did.
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	return c.report(ctx, cut)
}

func (a *Audit) source(store Store) Source {
	return [...]Source{InOutbox: a.Outbox, InTopic: a.Topic, InStatement: a.Statement, InIndex: a.Index}[store]
}

// leastKept is the least number of suspects that are kept, so that a missing event and a
// foreign one can be paired even if their keys are far apart.
const leastKept = 1000

func (a *Audit) maxFindings() int {
	if a.MaxFindings > 0 {
		return a.MaxFindings
	}
	return 20
}

func (a *Audit) kept() int { return max(leastKept, a.maxFindings()) }

func (a *Audit) spool(width, keyWidth int) *spool.Sorter {
	return spool.New(spool.Config{Width: width, KeyWidth: keyWidth, Records: a.Records, Dir: a.TempDir})
}
