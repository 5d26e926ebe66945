// Package statement is the read side: what the events of customer accounts add up
// to for their owners. The events arrive as rows from a sink that may repeat them,
// late and in any order; each event says itself what the account looked like
// afterwards, so nothing here adds amounts up.
//
// Its one idea is complete_to: an account's events are numbered 1, 2, 3 … without a
// gap, so the highest number below which none is missing says how far the copy can
// be trusted. The balance is the one as of that number, and lines above it are
// marked provisional. complete_to never goes back, because rows are only ever added.
//
//   - Service answers statements and pages of lines
//   - Watcher looks for gaps that do not close and raises the alarm
//   - Store is what both need of a database; the folder postgres has it
//   - the folder rpc is the gRPC face
package statement

import (
	"context"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// ErrNoAccount says that no event of the account has arrived.
var ErrNoAccount = fault.New(fault.NotFound, "ACCOUNT_NOT_FOUND", "There is no such account.")

// State is an account as of CompleteTo. Amounts are minor units of Currency.
type State struct {
	Account id.ID
	// CompleteTo is the sequence below and at which no event is missing; 0 when the
	// first has not arrived, and then the amounts and the time are zero.
	CompleteTo int64
	// CompleteToTime is when that event happened, UTC.
	CompleteToTime time.Time
	Currency       string
	// Balance is the customer's view: what is owed is negative.
	Balance     int64
	Held        int64
	CreditLimit int64
}

// Available returns balance − held + credit limit, or money.ErrOverflow.
func (s State) Available() (int64, error) {
	free, err := money.Subtract(s.Balance, s.Held)
	if err != nil {
		return 0, err
	}
	return money.Add(free, s.CreditLimit)
}

// Line is one event of an account as the statement keeps it. Texts are empty where
// the event has none.
type Line struct {
	Sequence  int64
	Kind      string // as the event names it, for example PURCHASE
	Direction string // DEBIT, CREDIT or NONE, seen from the customer
	Status    string // APPROVED, DECLINED or APPLIED

	Amount       int64 // minor units, never negative
	Currency     string
	BalanceAfter int64
	OccurredAt   time.Time // UTC, milliseconds

	TransactionID         string
	OriginalTransactionID string
	Description           string
	CounterpartyName      string
	MerchantName          string
	MerchantCity          string
	MerchantCountry       string
	MerchantCategoryCode  string
	CardBrand             string
	CardLast4             string
}

// Shown reports whether a customer sees the line: it was approved and moved money.
// Declines, openings, limit changes, and what only holds money or lets it go, count
// for the sequence and for the balance but are no lines. A kind that is not known
// here is shown when it moved money, for else the balance would not add up.
func (l *Line) Shown() bool {
	if l.Status != "APPROVED" || l.Direction != "DEBIT" && l.Direction != "CREDIT" {
		return false
	}
	switch l.Kind {
	case "OPENING", "LIMIT_CHANGE", "HOLD", "EXPIRY":
		return false
	default:
		return true
	}
}

// Range chooses lines by when they happened. A zero time is no bound.
type Range struct {
	Start time.Time // inclusive
	End   time.Time // exclusive
}

// Gap is a number that is missing while a later event of the account is there.
type Gap struct {
	// Account is the account's id as the events have it.
	Account string
	// Missing is the first sequence that is not there, Next the first one after it that is.
	Missing int64
	Next    int64
	// Age is how long ago Next arrived.
	Age time.Duration
}

// Gaps is what is missing at some moment.
type Gaps struct {
	// Count is how many there are, Oldest the age of the oldest, List the oldest few.
	Count  int64
	Oldest time.Duration
	List   []Gap
}

// Store is the statement's database. Rows come into it from elsewhere and are never
// taken out. Every method answers fault.Unavailable while the database is away or
// not yet migrated, and may be repeated. Safe for concurrent use, by any number of
// processes on one database.
type Store interface {
	// Advance looks at no more than limit events above the account's complete_to,
	// moves it up to the last one before a gap, and returns the account as of it.
	// More says that all of them followed on, so that there may be more to look at.
	// What is returned is durable: no later call on any process returns less.
	// ErrNoAccount when no event of the account is there.
	Advance(ctx context.Context, account id.ID, limit int) (state State, more bool, err error)

	// Lines returns up to limit events of the account with a sequence below the given
	// one, highest first, those not shown included.
	Lines(ctx context.Context, account id.ID, below int64, limit int) ([]Line, error)

	// Boundary returns a sequence that divides the account's events in time: all of a
	// lower sequence happened before the moment, all others at it or after.
	Boundary(ctx context.Context, account id.ID, moment time.Time) (int64, error)

	// FindGaps examines the events that arrived in the next stretch of time, at most
	// window long and at least age ago, remembers those whose predecessor is missing,
	// and forgets those whose predecessor has come. It returns how many events it
	// examined and whether it has caught up. While another process is at it, nothing
	// is done and caughtUp is true.
	FindGaps(ctx context.Context, age, window time.Duration) (examined int64, caughtUp bool, err error)

	// Gaps returns what FindGaps remembers, the oldest limit of it in full.
	Gaps(ctx context.Context, limit int) (Gaps, error)
}
