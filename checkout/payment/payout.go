package payment

import (
	"context"
	"errors"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/platform/outbox"
)

// PayoutState is where a payout stands. The numbers are stored: append only.
type PayoutState uint8

// The states. All but PayoutPending are final.
const (
	PayoutPending PayoutState = iota + 1
	PayoutPaid
	PayoutFailed
)

var payoutStates = [...]string{"UNSPECIFIED", "PENDING", "PAID", "FAILED"}

// String returns the state as the wire names it.
func (s PayoutState) String() string { return nameOf(payoutStates[:], int(s)) }

// Payout is a part of an owner's balance that goes to his account at the bank. Make one with NewPayout. It is a value:
// End returns the payout after its end and leaves the receiver as it is.
type Payout struct {
	ID id.ID
	Owner
	State PayoutState
	// Amount counts as paid out until the payout has failed.
	Amount money.Amount
	// Account is the account at the bank that the amount goes to, accounts/{uuid}; it may be empty in test mode.
	Account string
	// Rejection is why the payout failed; zero unless it did.
	Rejection Rejection

	CreatedAt time.Time
	EndedAt   time.Time // zero while it is pending
}

// PayoutRequest is a payout to accept.
type PayoutRequest struct {
	Owner
	// ID is that of the request, as RequestID makes it, and becomes that of the payout.
	ID          id.ID
	Fingerprint Fingerprint
	// AmountMinor is in minor units of Currency; 0 means all that is available.
	AmountMinor int64
	Currency    money.Currency
	At          time.Time
	// Record returns what asks the processor to pay. Its ID is that of the payout. It is called with the balance locked,
	// so it must only calculate.
	Record func(Payout) (outbox.Row, error)
}

// Payouts keeps what owners are paid out. Store.Apply ends them. It is safe for concurrent use, also by several
// processes, and its errors are as those of Store.
type Payouts interface {
	// AcceptPayout stores a payout that NewPayout allows, and takes its amount from the available balance in the same
	// commit; the balance is locked meanwhile. A known request is answered as Store.AcceptCharge does. Errors:
	// ErrKeyReused, ErrRunning, and those of NewPayout.
	AcceptPayout(ctx context.Context, request *PayoutRequest) (stored Payout, known bool, err error)
	// Payout returns a payout. Error: ErrNoPayout.
	Payout(ctx context.Context, owner Owner, payout id.ID) (Payout, error)
	// Payouts returns a page of an owner's payouts, the newest first. The page's State is not read.
	Payouts(ctx context.Context, owner Owner, page Page) ([]Payout, error)
}

// Why a payout is not accepted, or not there.
var (
	ErrNoPayout = fault.New(fault.NotFound, "PAYOUT_NOT_FOUND", "There is no such payout.")
	// ErrNoPayoutAccount refuses a live payout of a merchant who has no account to be paid to.
	ErrNoPayoutAccount = fault.New(fault.FailedPrecondition, "PAYOUT_ACCOUNT_MISSING",
		"The merchant has no account to be paid to. An operator of the bank sets it.")
	// ErrPayoutAmount refuses a payout of more than there is, and one of nothing.
	ErrPayoutAmount = fault.New(fault.FailedPrecondition, "PAYOUT_AMOUNT", "The amount is more than the available balance.").In("amount_minor")
)

// errEnded says that a payout has ended before. An answer that comes twice is no mistake.
var errEnded = errors.New("payment: the payout has ended")

// NewPayout returns a payout from a balance of the request's currency to an account, which only test mode does without.
// All that is available is paid at once up to the largest amount of the bank. Errors: ErrNoPayoutAccount,
// ErrPayoutAmount.
func NewPayout(request *PayoutRequest, balance *Balance, account string) (Payout, error) {
	if account == "" && request.Mode == Live {
		return Payout{}, ErrNoPayoutAccount
	}
	available, minor := balance.Available(), request.AmountMinor
	if minor == 0 {
		minor = min(available, field.MaxMinor)
	}
	if minor <= 0 || minor > available {
		return Payout{}, ErrPayoutAmount
	}
	return Payout{
		ID: request.ID, Owner: request.Owner, State: PayoutPending, Amount: money.Amount{Minor: minor, Currency: request.Currency},
		Account: account, CreatedAt: request.At,
	}, nil
}

// End returns a pending payout with the acquirer's answer. The first answer counts; an error means that it came before.
func (p Payout) End(result *Result) (Payout, error) {
	if p.State != PayoutPending {
		return p, errEnded
	}
	p.State, p.EndedAt = PayoutPaid, later(result.At, p.CreatedAt)
	if !result.Decision.Approved {
		p.State, p.Rejection = PayoutFailed, result.Decision.Rejection
	}
	return p, nil
}

// AsAccepted returns a payout as it was when it was accepted.
func (p Payout) AsAccepted() Payout {
	p.State, p.Rejection, p.EndedAt = PayoutPending, Rejection{}, time.Time{}
	return p
}

// Movement returns what a payout moves, or false if it is nothing.
func (p *Payout) Movement() (Movement, bool) {
	return Movement{
		At: p.EndedAt, Payout: p.ID, Figure: PaidOut, Amount: money.Amount{Minor: -p.Amount.Minor, Currency: p.Amount.Currency},
	}, p.State == PayoutPaid
}

// Payer is the bank as the processor sees it, for live payouts. Errors are as those of Acquirer.
type Payer interface {
	// PayOut pays from what a merchant's sales have brought in to an account. It is idempotent by order.ID: the same
	// order again gets the first decision, for ever. An order that Acquirer.Void ended before it was decided is
	// rejected.
	PayOut(ctx context.Context, order *PayoutOrder) (Decision, error)
}

// PayoutOrder is a live payout as it is sent to the bank. It depends on the payout's record alone, so each try is the
// same.
type PayoutOrder struct {
	ID       id.ID
	TraceID  string // no part of the identity
	Merchant string // the merchant's slug
	Profile  Profile
	Amount   money.Amount
	Account  string // accounts/{uuid}
}
