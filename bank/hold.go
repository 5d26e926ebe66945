package bank

import (
	"context"
	"time"

	"codebank.dev/platform/fault"
)

// How long a hold lasts.
const (
	// HoldLife is how long a hold lasts whose request names no expiry.
	HoldLife = 7 * 24 * time.Hour
	// MinHoldLife and MaxHoldLife bound the expiry that a request may name, from its decision on.
	MinHoldLife = time.Second
	MaxHoldLife = 30 * 24 * time.Hour
)

// Holds reads holds without locks. ErrNotFound when there is none; fault.Unavailable when the store is
// away.
type Holds interface {
	// Due returns up to limit open holds whose expiry is now or earlier, the earliest first. It begins
	// behind the hold after; behind the zero DueHold it begins with the first one. A hold may have ended
	// when the answer arrives.
	Due(ctx context.Context, now time.Time, after DueHold, limit int) ([]DueHold, error)
	// Hold returns a hold and what became of it, as of one moment. A transaction that is not a hold is
	// ErrNotFound.
	Hold(ctx context.Context, hold ID) (HoldState, error)
}

// DueHold is an open hold whose time is over.
type DueHold struct {
	HoldID    ID
	AccountID ID
	ExpiresAt time.Time
}

// HoldState is a hold and what became of it. All amounts are in minor units.
type HoldState struct {
	// Hold is the entry that placed it.
	Hold Entry
	// EndedBy is the kind of the transaction that ended it: a capture, a void, an expiry or a Pix; 0 while
	// it is open, and for a hold that was declined.
	EndedBy Kind
	// EndID is that transaction.
	EndID ID
	// Captured and Released are what was taken of the hold and what was set free; GivenBack is how much of
	// what was captured was given back since.
	Captured, Released, GivenBack int64
}

// IsOpen reports whether the hold still sets its amount aside.
func (s *HoldState) IsOpen() bool { return s.Hold.Status == Approved && s.EndedBy == 0 }

// OpensHold reports whether the entry places a hold that ends by itself at HoldExpiresAt.
func (e *Entry) OpensHold() bool {
	return e.Kind == KindHold && e.Status == Approved && !e.HoldExpiresAt.IsZero()
}

// EndsHold reports whether the entry is the one that ends the hold OriginalID. It is on leg 0; leg 1 of a
// capture only releases the rest.
func (e *Entry) EndsHold() bool {
	relation := e.Relation()
	return e.Leg == 0 && (relation == Captured || relation == Released)
}

// HoldExpiry returns when a hold that is decided now ends by itself: at named, or after HoldLife when
// named is zero. It returns fault.InvalidArgument with the name of the field when a hold cannot end at
// named.
func HoldExpiry(field string, named, now time.Time) (time.Time, error) {
	switch life := named.Sub(now); {
	case named.IsZero():
		return now.UTC().Truncate(time.Millisecond).Add(HoldLife), nil
	case named.Nanosecond()%int(time.Millisecond) != 0:
		return time.Time{}, fault.Invalid(field, "The time must be in whole milliseconds.")
	case life < MinHoldLife:
		return time.Time{}, fault.Invalid(field, "The time must lie at least 1 second ahead.")
	case life > MaxHoldLife:
		return time.Time{}, fault.Invalid(field, "The time must lie at most 30 days ahead.")
	}
	return named.UTC(), nil
}

// EndOfHold returns the kind of what ended an approved hold, or 0 while it is open. Keys must name
// the hold among Originals, and also its expiry (Code.ExpiryID), so that an expiry is told from a void. A
// Pix counts as a capture.
func (b *Book) EndOfHold(code Code, hold *Entry) Kind {
	switch {
	case b.Sum(hold.TransactionID, Captured) > 0:
		return KindCapture
	case b.Sum(hold.TransactionID, Released) == 0:
		return 0
	case b.Entry(code.ExpiryID(hold.TransactionID)) != nil:
		return KindExpiry
	}
	return KindVoid
}

// HoldIsOver reports whether the time of a hold is over for what is decided now. It is over too when its
// account already has a later entry, because nothing is decided before that one. So no capture occurs at
// the expiry of its hold or after it.
func (b *Book) HoldIsOver(hold *Entry, now time.Time) bool {
	if hold.HoldExpiresAt.IsZero() {
		return false
	}
	if account, ok := b.Account(hold.AccountID); ok {
		now = latest(now, account.LastAt)
	}
	return !now.Before(hold.HoldExpiresAt)
}

// CaptureOf returns the debit that takes an amount of a hold, and its effect. The money goes to the
// settlement account of the hold's merchant, or to cash when there is no merchant.
func CaptureOf(code Code, hold *Entry, amount int64) Posting {
	entry := ofHold(hold, KindCapture, amount)
	entry.Direction, entry.DebitAccount = Debit, hold.AccountID
	if entry.CreditAccount = code.CashAccount(hold.Currency.String()); hold.Merchant.ID != "" {
		entry.CreditAccount = code.SettlementAccount(hold.Merchant.ID, hold.Currency.String())
	}
	return Posting{entry, Effect{Balance: -amount, Held: -amount}}
}

// ReleaseOf returns the void or the expiry that releases an amount of a hold, and its effect.
func ReleaseOf(hold *Entry, kind Kind, amount int64) Posting {
	return Posting{ofHold(hold, kind, amount), Effect{Held: -amount}}
}

// ofHold returns an approved entry that ends a hold, with everything that the hold says about the
// payment.
func ofHold(hold *Entry, kind Kind, amount int64) Entry {
	return Entry{
		AccountID:         hold.AccountID,
		AccountKind:       hold.AccountKind,
		Kind:              kind,
		Direction:         NoDirection,
		Status:            Approved,
		Amount:            amount,
		Currency:          hold.Currency,
		Card:              hold.Card,
		Merchant:          hold.Merchant,
		Channel:           hold.Channel,
		Description:       hold.Description,
		OriginalID:        hold.TransactionID,
		HoldID:            hold.TransactionID,
		MerchantReference: hold.MerchantReference,
		Mode:              hold.Mode,
		// Of a hold for a Pix only.
		CounterpartyName:      hold.CounterpartyName,
		CounterpartyAccountID: hold.CounterpartyAccountID,
		CounterpartyBankCode:  hold.CounterpartyBankCode,
		EndToEndID:            hold.EndToEndID,
	}
}

// PixOutOf returns the debit that takes all that the hold of a Pix has set aside, and its effect. The money goes to
// the transit account.
func PixOutOf(code Code, hold *Entry) Posting {
	entry := ofHold(hold, KindPixOut, hold.Amount)
	entry.Direction, entry.DebitAccount, entry.CreditAccount = Debit, hold.AccountID, code.PixTransitAccount(hold.Currency.String())
	return Posting{entry, Effect{Balance: -hold.Amount, Held: -hold.Amount}}
}
