// Package charges compares what merchants have charged and given back, as the index of charges shows it, with the
// database of the checkout: change by change, and in counts and sums by merchant, mode, state and currency. It is pure: it
// reads both places through Source, and takes the moment up to which it compares from its caller.
//
//	charges.go  what a place says, and Run
//	figures.go  counts and sums
//	index.go    the index as a Source
//	report.go   the report
//
// The changes of charges have no watermark, so the comparison ends at a moment that is settled: changes are in the database
// some seconds after their own time, and in the index some seconds later, unless something is wrong. Both places are read
// in one order, so memory does not grow with the number of changes.
package charges

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"time"
)

// The two places, as errors and findings name them.
const (
	Database = "database"
	Index    = "index"
)

// Change is one change of a charge, in the words of the topic of changes. Amounts are minor units of Currency.
type Change struct {
	Merchant string `json:"merchant_id"`
	Mode     string `json:"mode"`
	// Sequence counts the changes of the merchant in this mode.
	Sequence int64 `json:"sequence"`
	// EventID is the charge's id, slash, version.
	EventID  string `json:"event_id"`
	Kind     string `json:"kind"`
	ChargeID string `json:"charge_id"`
	// Status, Captured and Refunded are those of the charge after the change.
	Status          string `json:"status"`
	Amount          int64  `json:"amount_minor"`
	Currency        string `json:"currency"`
	Captured        int64  `json:"captured_minor"`
	Refunded        int64  `json:"refunded_minor"`
	OperationID     string `json:"operation_id"`
	OperationKind   string `json:"operation_kind"`
	OperationStatus string `json:"operation_status"`
	OperationAmount int64  `json:"operation_amount_minor"`
	// At is when it happened, to the millisecond, UTC.
	At time.Time `json:"-"`
}

// order compares changes by merchant, mode and sequence.
func order(a, b *Change) int {
	return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.Mode, b.Mode), cmp.Compare(a.Sequence, b.Sequence))
}

// Source reads the changes before a moment, ordered by merchant, mode and sequence. An error ends the sequence.
type Source func(ctx context.Context, before time.Time) iter.Seq2[Change, error]

// AwayError says which place could not be read.
type AwayError struct {
	Place string
	Cause error
}

// Error names the place.
func (e *AwayError) Error() string { return fmt.Sprintf("charges in the %s: %v", e.Place, e.Cause) }

// Unwrap returns the place's own error.
func (e *AwayError) Unwrap() error { return e.Cause }

// Audit is a comparison. All fields but MaxFindings are required.
type Audit struct {
	Database, Index Source
	// Before is the moment up to which is compared, exclusive.
	Before time.Time
	// MaxFindings bounds the findings that the report has; all are counted.
	MaxFindings int
}

// Run compares the two places. An error is an AwayError; a difference is not an error.
func (a *Audit) Run(ctx context.Context) (*Report, error) {
	c := &comparison{report: Report{Before: a.Before, Findings: []Finding{}}, most: a.MaxFindings, charges: figures{}, refunds: figures{}}
	database, index := cursorOf(Database, a.Database(ctx, a.Before)), cursorOf(Index, a.Index(ctx, a.Before))
	defer database.stop()
	defer index.stop()
	for more := database.step() && index.step(); more && !(database.ended && index.ended); {
		switch {
		case index.ended || !database.ended && order(&database.now, &index.now) < 0:
			c.find(Missing, &database.now, "the index does not have it")
			c.count(Database, &database.now)
			more = database.step()
		case database.ended || order(&database.now, &index.now) > 0:
			c.find(Surplus, &index.now, "the database does not have it")
			c.count(Index, &index.now)
			more = index.step()
		default:
			if field, there, here := difference(&database.now, &index.now); field != "" {
				c.find(Altered, &database.now, fmt.Sprintf("%s is %s in the database and %s in the index", field, there, here))
			}
			c.count(Database, &database.now)
			c.count(Index, &index.now)
			more = database.step() && index.step()
		}
	}
	if err := cmp.Or(database.err, index.err); err != nil {
		return nil, err
	}
	return c.end(), nil
}

// difference returns the first field that differs, with both values.
func difference(a, b *Change) (field, there, here string) {
	for _, f := range []struct {
		name string
		a, b any
	}{
		{"event_id", a.EventID, b.EventID}, {"kind", a.Kind, b.Kind}, {"charge_id", a.ChargeID, b.ChargeID}, {"status", a.Status, b.Status},
		{"amount_minor", a.Amount, b.Amount}, {"currency", a.Currency, b.Currency}, {"captured_minor", a.Captured, b.Captured},
		{"refunded_minor", a.Refunded, b.Refunded}, {"operation_id", a.OperationID, b.OperationID},
		{"operation_kind", a.OperationKind, b.OperationKind}, {"operation_status", a.OperationStatus, b.OperationStatus},
		{"operation_amount_minor", a.OperationAmount, b.OperationAmount}, {"occurred_at", a.At.UnixMilli(), b.At.UnixMilli()},
	} {
		if f.a != f.b {
			return f.name, fmt.Sprintf("%q", fmt.Sprint(f.a)), fmt.Sprintf("%q", fmt.Sprint(f.b))
		}
	}
	return "", "", ""
}

// cursor is a place that is read change by change.
type cursor struct {
	place string
	next  func() (Change, error, bool)
	stop  func()
	now   Change
	ended bool
	err   error
}

func cursorOf(place string, changes iter.Seq2[Change, error]) *cursor {
	next, stop := iter.Pull2(changes)
	return &cursor{place: place, next: next, stop: stop}
}

// step goes on to the next change. It reports whether it is there, or all have been read.
func (c *cursor) step() bool {
	before := c.now
	change, err, ok := c.next()
	switch {
	case !ok:
		c.ended = true
		return true
	case err != nil:
		c.err = &AwayError{c.place, err}
	case order(&before, &change) > 0:
		c.err = &AwayError{c.place, fmt.Errorf("%s came behind a later change", change.EventID)}
	}
	c.now = change
	return c.err == nil
}
