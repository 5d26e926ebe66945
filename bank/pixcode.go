package bank

import (
	"context"
	"time"

	"codebank.dev/platform/id"
)

// PixCodeState says whether a code can be paid, as it is stored.
type PixCodeState string

// The states of a code. One that has expired is stored as active: the time says the rest.
const (
	PixCodeActive    PixCodeState = "ACTIVE"
	PixCodePaid      PixCodeState = "PAID"
	PixCodeExpired   PixCodeState = "EXPIRED"
	PixCodeCancelled PixCodeState = "CANCELLED"
)

// PixCode is a request for payments into an account, which others read as a BR Code. Nothing of it changes but its end.
type PixCode struct {
	// ID follows from the account and the txid (PixCodeID).
	ID, Account ID
	// RequestID is what TransactionID makes of the request, and Fingerprint its keyed hash.
	RequestID   ID
	Fingerprint [32]byte
	// Once says that the code is paid at most once; otherwise again and again.
	Once bool
	// State is PixCodeActive, PixCodePaid or PixCodeCancelled. StateAt knows of the expiry too.
	State PixCodeState
	// Key is the key in the code. Text is the whole BR Code.
	Key, TxID, Message, Text string
	// AmountMinor is in centavos; 0 leaves it to the payer.
	AmountMinor int64
	// ExpiresAt is zero for a code that does not expire, and EndedAt for one that was neither paid nor cancelled. All
	// times are in whole microseconds, UTC.
	CreatedAt, ExpiresAt, EndedAt time.Time
	// PaidBy is the end-to-end id of the payment; empty while there is none.
	PaidBy string
	// Position is the place of the code among those of its account. The store gives it.
	Position int64
}

// StateAt returns the state of a code at a time.
func (c *PixCode) StateAt(now time.Time) PixCodeState {
	if c.State == PixCodeActive && !c.ExpiresAt.IsZero() && !now.Before(c.ExpiresAt) {
		return PixCodeExpired
	}
	return c.State
}

// PixCodeID returns the id of the code of an account with a txid, so that a payment finds it by what it says.
func (c Code) PixCodeID(account ID, txID string) ID {
	return id.Derive(namespace, string(c), "pix-code", account.String(), txID)
}

// PixCodePayment says which payment has paid a code that is paid once.
type PixCodePayment struct {
	Code       ID
	EndToEndID string
	At         time.Time
}

// PixCode returns a code that is among Keys.PixCodes, as this batch leaves it so far; false when there is none. Only a
// code that is still to be paid needs proof, and the write of its payment proves it.
func (b *Book) PixCode(code ID) (PixCode, bool) {
	found, ok := b.pixCodes[code]
	return found, ok
}

// PayPixCode records that a code is paid, for good. PixCode must have returned it as active.
func (b *Book) PayPixCode(payment PixCodePayment) {
	code := b.pixCodes[payment.Code]
	code.State, code.PaidBy, code.EndedAt = PixCodePaid, payment.EndToEndID, payment.At
	b.pixCodes[payment.Code] = code
	b.paidCodes = append(b.paidCodes, payment)
}

// PixCodes keeps the codes of accounts. A payment ends a code in its own commit, see Changes.PaidCodes.
// fault.Unavailable as for Directory.
type PixCodes interface {
	// CreatePixCode stores a code and returns it. When the same request has made a code, or the account has a code with
	// the same txid, it returns that one. ErrRejected when the account has so many codes that can be paid as most says.
	CreatePixCode(ctx context.Context, code PixCode, most int) (PixCode, error)
	// PixCodeByID returns a code; ErrNotFound when there is none.
	PixCodeByID(ctx context.Context, code ID) (PixCode, error)
	// PixCodesOf returns up to limit codes of an account with positions below before, or from the last one on when before
	// is 0, the newest first. None is no error.
	PixCodesOf(ctx context.Context, account ID, before int64, limit int) ([]PixCode, error)
	// CancelPixCode cancels a code that is active at a time, and returns the code as it is then; ErrNotFound when there is
	// none.
	CancelPixCode(ctx context.Context, code ID, at time.Time) (PixCode, error)
}
