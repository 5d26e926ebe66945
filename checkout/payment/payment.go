// Package payment is what merchants charge through the payment gateway: a charge, and what is done to it later. A
// charge is accepted first and decided afterwards, by another program. The functions here are pure: they return the
// charge after a change, or why there is no such change.
//
//	PENDING ──decision──► REJECTED
//	   │
//	   ├──decision, capture at once──────────────► APPROVED
//	   └──decision, authorization only──► AUTHORIZED ──capture──► APPROVED
//	                                          ├──void────► VOIDED
//	                                          └──expiry──► EXPIRED
//
// Refunds leave the state as it is, and add to what was refunded. Nothing else changes a charge.
//
// The files, in reading order:
//
//	payment.go    Charge: its state and figures
//	operation.go  Operation: a capture, a void or a refund, from its acceptance to its end
//	expiry.go     the end of an authorization that nobody captured
//	apply.go      Apply: what an acquirer's answer changes
//	event.go      Event: one change, for the merchant's feed
//	figures.go    statistics, balances and movements, as the changes add up
//	publications.go  Publications: the changes that others are told of
//	request.go    the ids of requests, and what is kept of a card
//	payout.go     Payout: what goes from a balance to the merchant's account
//	store.go      what a store promises
//	acquirer.go   what an acquirer promises
package payment

import (
	"errors"
	"strings"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// Mode says whether a charge moves money. The numbers are stored: append only.
type Mode uint8

// The modes.
const (
	// Test charges are decided by package sandbox, and count in no figure.
	Test Mode = iota + 1
	// Live charges are decided by the bank.
	Live
)

var modes = [...]string{"UNSPECIFIED", "TEST", "LIVE"}

// String returns the mode as the wire names it.
func (m Mode) String() string { return nameOf(modes[:], int(m)) }

// State is where a charge stands. The numbers are stored: append only.
type State uint8

// The states. All but Pending and Authorized are final.
const (
	Pending State = iota + 1
	Rejected
	Authorized
	Approved
	Voided
	Expired
)

var states = [...]string{"UNSPECIFIED", "PENDING", "REJECTED", "AUTHORIZED", "APPROVED", "VOIDED", "EXPIRED"}

// String returns the state as the wire names it.
func (s State) String() string { return nameOf(states[:], int(s)) }

// ModeOf returns the mode with a name in lower case, as secrets and addresses have it.
func ModeOf(name string) (Mode, bool) {
	number := numberOf(modes[:], name)
	return Mode(number), number > 0
}

// StateOf returns the state with a name in lower case, as addresses have it.
func StateOf(name string) (State, bool) {
	number := numberOf(states[:], name)
	return State(number), number > 0
}

// numberOf returns the place of a name that is written in lower case; 0 if it is none, or that of no value.
func numberOf(names []string, lower string) uint8 {
	for i := 1; i < len(names); i++ {
		if strings.ToLower(names[i]) == lower {
			return uint8(i)
		}
	}
	return 0
}

func nameOf(names []string, number int) string {
	if number >= len(names) {
		number = 0
	}
	return names[number]
}

// Charge is one card payment to a merchant. Make one with New. It is a value: the methods return the charge after a
// change and leave the receiver as it is.
type Charge struct {
	ID       id.ID
	Merchant string // the merchant's slug
	Mode     Mode
	State    State
	// Amount is what the payer agreed to.
	Amount money.Amount
	// Card is all that stays readable of the card, Description what the merchant wrote about the charge. They never
	// change, and no rule reads them.
	Card        Card
	Description string
	// CaptureNow says that an approval takes the money, rather than only setting it aside.
	CaptureNow bool
	// Captured is what the merchant was paid, Refunded what he gave back of it, in minor units.
	Captured, Refunded int64
	// Reserved is the amount of refunds that are accepted and not decided, in minor units. Nothing else may give it
	// back.
	Reserved int64
	// Ending is the kind of the capture or void that is accepted and not decided; NoOperation if there is none.
	Ending Kind
	// Rejection is why the charge was rejected; zero unless Rejected.
	Rejection Rejection
	// ExpiresAt is when an authorization ends by itself; zero unless the charge was authorized.
	ExpiresAt time.Time
	// Purchase is what the acquirer calls an approved charge, purchases/{uuid}; empty in test mode.
	Purchase string
	// Version counts the changes, from 1.
	Version int64

	CreatedAt time.Time
	// DecidedAt is when the charge left Pending; zero before that. ChangedAt is that of the last change.
	DecidedAt, ChangedAt time.Time
}

// Rejection is why a charge was not approved.
type Rejection struct {
	Code    string // ISO 8583 response code
	Reason  string // a stable name
	Message string // what a merchant reads
}

// Decision is the acquirer's answer to a charge. The same charge may be answered more than once; the first answer
// counts.
type Decision struct {
	Approved bool
	// Rejection is set unless Approved.
	Rejection Rejection
	// ExpiresAt is set when a charge was authorized only.
	ExpiresAt time.Time
	// Purchase is what the acquirer calls a charge that it approved; empty in test mode.
	Purchase string
	// Lapsed says that the authorization has ended without a capture, as the acquirer knows it. It comes with the
	// answer to a question after it (ExpiryID), and with the refusal of an operation that came too late.
	Lapsed bool
}

// StateError is ErrState with the state that the charge is in.
type StateError struct{ State State }

// Error implements error.
func (e StateError) Error() string { return ErrState.Error() + ": " + e.State.String() }

// Is reports whether target is ErrState.
func (e StateError) Is(target error) bool { return target == ErrState }

// Why a charge stays as it is.
var (
	// ErrDecided says that the charge was decided before. A decision that comes twice is no mistake.
	ErrDecided = errors.New("payment: the charge is decided")
	// ErrPending says that the charge must be decided first.
	ErrPending = errors.New("payment: the charge is not decided")
	// ErrState says that a charge in this state has no such change. Which state it is says StateError.
	ErrState = errors.New("payment: not in this state")
	// ErrEnding says that a capture or a void is under way.
	ErrEnding = errors.New("payment: a capture or a void is under way")
	// ErrAmount says that an amount is not positive, of another currency, or more than there is.
	ErrAmount = errors.New("payment: more than there is")
	// ErrEarly says that the authorization has not ended.
	ErrEarly = errors.New("payment: the authorization has not ended")
)

// Proposal is what a merchant asks for.
type Proposal struct {
	ID       id.ID
	Merchant string
	Mode     Mode
	// Amount must be positive.
	Amount     money.Amount
	CaptureNow bool
	// Card and Description are those of the charge.
	Card        Card
	Description string
}

// New returns a charge that is accepted at a time. Error: ErrAmount.
func New(proposal Proposal, now time.Time) (Charge, error) {
	if proposal.Amount.Minor <= 0 {
		return Charge{}, ErrAmount
	}
	return Charge{
		ID: proposal.ID, Merchant: proposal.Merchant, Mode: proposal.Mode, State: Pending, Amount: proposal.Amount,
		Card: proposal.Card, Description: proposal.Description, CaptureNow: proposal.CaptureNow, Version: 1, CreatedAt: now, ChangedAt: now,
	}, nil
}

// Decided returns the charge with the acquirer's decision. Error: ErrDecided.
func (c Charge) Decided(decision Decision, now time.Time) (Charge, error) {
	if c.State != Pending {
		return c, ErrDecided
	}
	if decision.Approved {
		c.Purchase = decision.Purchase
	}
	switch {
	case !decision.Approved:
		c.State, c.Rejection = Rejected, decision.Rejection
	case c.CaptureNow:
		c.State, c.Captured = Approved, c.Amount.Minor
	default:
		c.State, c.ExpiresAt = Authorized, decision.ExpiresAt
	}
	c.DecidedAt = now
	return c.changed(now), nil
}

// Refundable returns the minor units that can still be given back.
func (c *Charge) Refundable() int64 { return c.Captured - c.Refunded - c.Reserved }

// changed counts a change.
func (c Charge) changed(now time.Time) Charge {
	c.Version++
	c.ChangedAt = now
	return c
}
