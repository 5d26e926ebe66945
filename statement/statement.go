// Package statement is the read side: the lines and the balance of customer accounts,
// for their owners. A sink writes the events as rows. It may repeat them, and they come
// late and in any order. Each event has the state of the account after it, so the
// statement adds no amounts up.
//
// Its one idea is complete_to. The events of an account are numbered 1, 2, 3 … without
// a gap. complete_to is the highest number up to which no event is missing. The balance
// is the one after that event, and lines above it are marked provisional. complete_to
// never goes back, because rows are only ever added.
//
//   - Service answers statements and pages of lines
//   - GapDetector finds gaps that do not close and raises the alarm
//   - Follower tells those who watch accounts of new lines
//   - Store, GapStore and TailStore are the ports to a database; the folder postgres implements them
//   - the folder rpc has the gRPC and REST APIs
package statement

import (
	"time"

	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// ErrNoAccount says that no event of the account has arrived.
var ErrNoAccount = fault.New(fault.NotFound, "ACCOUNT_NOT_FOUND", "There is no such account.")

// Reader is who reads statements: the UUID of a user, who sees the accounts of the customers that he owns, or
// Everybody. The empty Reader sees no account. An account that a Reader does not see is to him as if it were
// not there.
type Reader string

// Everybody sees all accounts.
const Everybody Reader = "*"

// Link makes a user the owner of a customer. A customer without a link belongs to the user with the same UUID.
type Link struct {
	Customer id.ID
	User     id.ID
	// By is who made the link.
	By string
}

// ActLink is the act of linking a customer to a user, in the audit log. It is the only act of operators that
// changes something here.
const ActLink auditlog.Act = "LINK_CUSTOMER"

// ErrCustomerLinked says that another user owns a customer.
var ErrCustomerLinked = fault.New(fault.FailedPrecondition, "CUSTOMER_LINKED", "The customer is linked to another user.")

// State is an account as of CompleteTo. Amounts are minor units of Currency.
type State struct {
	Account id.ID
	// CompleteTo is the highest sequence up to which no event is missing. It is 0 when the
	// first event has not arrived; then the amounts and the time are zero.
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
	Sequence int64
	// Unsound says that the stored values cannot be shown, for example a time after the year
	// 9999. A page leaves the line out.
	Unsound   bool
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

	// CounterpartyAccountID is the account at the other end of a transfer, and CounterpartyBankCode its
	// bank if that is another one.
	CounterpartyAccountID string
	CounterpartyBankCode  string
	MerchantReference     string
	// EndToEndID is the identity of a payment between banks, the same at both of them.
	EndToEndID string
	// HoldExpiresAt is when a hold ends by itself; zero for never.
	HoldExpiresAt time.Time
	// EndedBy is the sequence of the first event that captured or released a hold; 0 for none. Only a
	// query for holds sets it.
	EndedBy int64
}

// Shown reports whether a customer sees the line: it was approved and moved money.
// Declines, openings, limit changes, and events that only hold or release money count for
// the sequence and for the balance, but they are not shown. A line of an unknown kind is
// shown if it moved money, because otherwise the balance would not add up.
func (l *Line) Shown() bool {
	if l.Status != "APPROVED" || l.Direction != "DEBIT" && l.Direction != "CREDIT" {
		return false
	}
	switch l.Kind {
	case "OPENING", "LIMIT_CHANGE", "CLOSING", "HOLD", "EXPIRY":
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

// Gap is one or more missing sequences of an account that has a later event, or an event
// that cannot be shown.
type Gap struct {
	// Account is the account's id as the events have it.
	Account string
	// Missing is the first sequence that is missing. Next is the first sequence after it
	// that is there.
	Missing int64
	Next    int64
	// Unsound says that the event at Next is there and cannot be shown. Then Missing is Next.
	Unsound bool
	// Age is how long ago Next arrived.
	Age time.Duration
}

// Gaps are the gaps of all accounts at some moment.
type Gaps struct {
	// Count is how many gaps there are, Oldest is the age of the oldest one, and List has
	// the oldest few.
	Count  int64
	Oldest time.Duration
	List   []Gap
}
