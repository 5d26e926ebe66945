// Package audit compares the five places where an event of a customer account is
// kept: the ledger, the outbox, the topic, the statement and the index.
//
// It goes like this (Run):
//
//  1. The cut: one short look at the ledger says up to which sequence each account
//     is compared. What is decided later is ignored everywhere.
//  2. The outbox is read, then topic, statement and index side by side. Of every copy
//     a record of fixed width is kept (key, digests, amount, position), sorted on disk.
//  3. The ledger is read last and in order, while the records are merged with it
//     (join.go). So an event that nobody decided is told from one decided meanwhile.
//  4. Each event is judged (judge.go). What is suspicious is read again, whole, to
//     name the fields (explain.go).
//
// Because an event not in the outbox was on the topic before the outbox was read,
// and the topic's end is looked up after that, no committed event can hide between
// the two.
//
// Memory does not grow with the number of events. The package knows no technology:
// the places are reached through Ledger and Source. It reads no clock.
package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"golang.org/x/sync/errgroup"

	"codebank.dev/bank"
	"codebank.dev/operations/audit/spool"
)

// Cut is what a ledger shows of one moment. Neither function is nil; an error of one
// ends the call and is returned as it is.
type Cut struct {
	// Account gets every customer account: its sequence is where its audit ends.
	Account func(bank.Account) error
	// Refused gets the transaction of every decline without an account.
	Refused func(transaction bank.ID) error
}

// Ledger is the place that all others are compared with.
type Ledger interface {
	// Cut shows one moment: all of it is from one snapshot, in any order.
	Cut(ctx context.Context, cut Cut) error
	// Events returns the events of all accounts, ordered by the bytes of the account's
	// id and then by sequence. Whatever was committed before the call is among them.
	// An error ends the sequence. A copy is valid until the next one.
	Events(ctx context.Context) iter.Seq2[*Copy, error]
	// Refusals returns the events of declines without an account, ordered by the bytes
	// of the transaction's id, otherwise like Events.
	Refusals(ctx context.Context) iter.Seq2[*Copy, error]
	// Find returns the event with the wanted id, or else those with the wanted
	// transaction; none when there is neither.
	Find(ctx context.Context, wanted Wanted) ([]Copy, error)
}

// Source is one of the other places.
type Source interface {
	// Read calls each for every copy that was there before the call, in any order,
	// from one goroutine or several. A copy need not outlive its call. An error of each
	// ends the reading and is returned as it is.
	Read(ctx context.Context, each func(*Copy) error) error
	// Find returns the wanted copies as they are now, whichever bank they say they
	// belong to; none when there are none.
	Find(ctx context.Context, wanted Wanted) ([]Copy, error)
}

// Wanted says which copies of an event to read again.
type Wanted struct {
	// EventID is the event's id as the place keeps it.
	EventID string
	// TransactionID is the event's transaction, where it is known.
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

// ownError is an error of the audit's own, such as a full disk, that comes back
// through a place.
type ownError struct{ cause error }

func (e *ownError) Error() string { return e.cause.Error() }
func (e *ownError) Unwrap() error { return e.cause }

// away names the place of an error; our own and the end of ctx are nobody's.
func away(ctx context.Context, store Store, err error) error {
	if err == nil || errors.As(err, new(*AwayError)) || errors.As(err, new(*ownError)) {
		return err
	}
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return err
	}
	return &AwayError{Store: store, Cause: err}
}

// Audit is one comparison to be made. All places are required.
type Audit struct {
	// BankCode is whose events are compared, for the report.
	BankCode bank.Code
	// Ledger and the Sources are the five places.
	Ledger                          Ledger
	Outbox, Topic, Statement, Index Source
	// MaxFindings is how many findings are told in full; 0 is 20.
	MaxFindings int
	// TempDir is the folder for sorted runs; empty is the system's for temporary files.
	TempDir string
	// Records is how many records a place keeps in memory before it sorts them on
	// disk; 0 is 65,536.
	Records int
	// Wait, if not nil, is called after the cut and before each comparison with the
	// number of events of the cut. It returns once the places seem to have them, and
	// says whether there is time for another comparison should this one find something
	// missing: an event on its way is not lost.
	Wait func(ctx context.Context, events int64) (again bool, err error)
}

// Run compares the places and reports. An error is an AwayError, an error of the
// disk, or the end of ctx; that the places differ is no error. Nothing is written
// to any place, and no temporary file is left.
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
		if err != nil || !again || !report.onlyMissing() {
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
		// The ledger's events ended with ctx, not because there are no more.
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

// leastKept is how many suspects are kept at least, so that two that belong together
// meet although their keys are far apart.
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
