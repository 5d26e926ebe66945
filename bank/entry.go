package bank

import (
	"strconv"
	"time"

	"codebank.dev/platform/money"
	"codebank.dev/platform/principal"
)

// Kind says what an entry is. The numbers are stored: append only.
type Kind uint8

// The kinds of entry, in the order of the event schema's enum.
const (
	KindOpening Kind = iota + 1
	KindLimitChange
	KindPurchase
	KindReversal
	KindDeposit
	KindWithdrawal
	KindTransfer
	KindHold
	KindCapture
	KindVoid
	KindExpiry
	KindPixOut
	KindPixIn
	KindPixReturn
	KindClosing
)

var kindNames = [...]string{
	"UNKNOWN", "OPENING", "LIMIT_CHANGE", "PURCHASE", "REVERSAL", "DEPOSIT", "WITHDRAWAL", "TRANSFER",
	"HOLD", "CAPTURE", "VOID", "EXPIRY", "PIX_OUT", "PIX_IN", "PIX_RETURN", "CLOSING",
}

// String returns the kind as the event names it.
func (k Kind) String() string { return nameOf(kindNames[:], int(k)) }

// Direction is the sign of an entry from the customer's view. The numbers are stored: append only.
type Direction uint8

// The directions. A decline keeps the direction that the approval would have had.
const (
	Debit Direction = iota + 1
	Credit
	NoDirection
)

var directionNames = [...]string{"UNKNOWN", "DEBIT", "CREDIT", "NONE"}

// String returns the direction as the event names it.
func (d Direction) String() string { return nameOf(directionNames[:], int(d)) }

// Status is the decision. The numbers are stored: append only.
type Status uint8

// The statuses.
const (
	// Approved moved money, or set it aside.
	Approved Status = iota + 1
	// Declined changed nothing but the sequence.
	Declined
	// Applied marks an entry that is not a decision: an opening, a limit change.
	Applied
	// Voided marks a request id that was voided before it was ever decided. It makes no event.
	Voided
)

var statusNames = [...]string{"UNKNOWN", "APPROVED", "DECLINED", "APPLIED", "VOIDED"}

// String returns the status as the event names it.
func (s Status) String() string { return nameOf(statusNames[:], int(s)) }

// Channel is how a card was presented. The numbers are stored: append only.
type Channel uint8

// The channels.
const (
	ChannelUnknown Channel = iota
	ChannelECommerce
	ChannelPointOfSale
	ChannelRecurring
	ChannelMailOrTelephone
	ChannelBranch
	ChannelAPI
)

var channelNames = [...]string{"UNKNOWN", "ECOMMERCE", "POINT_OF_SALE", "RECURRING", "MAIL_OR_TELEPHONE", "BRANCH", "API"}

// String returns the channel as the event names it.
func (c Channel) String() string { return nameOf(channelNames[:], int(c)) }

// Mode says whether a payment is real. The numbers are stored: append only.
type Mode uint8

// The modes. The zero mode is not known.
const (
	LiveMode Mode = iota + 1
	TestMode
)

var modeNames = [...]string{"", "LIVE", "TEST"}

// String returns the mode as the event names it, or "" for none.
func (m Mode) String() string { return nameOf(modeNames[:], int(m)) }

func nameOf(names []string, i int) string {
	if i < len(names) {
		return names[i]
	}
	return names[0]
}

// Request is the identity of what a caller asked for.
type Request struct {
	// Caller is the program that asked. Every caller has request ids of its own.
	Caller string
	// ID is the caller's own id of the request.
	ID string
	// Fingerprint is a keyed hash of the canonical request: equal for equal requests.
	Fingerprint [32]byte
	// TraceID is the W3C trace id, or empty. It is not part of the identity.
	TraceID string
	// PrincipalKind says on whose behalf the request was made. It is not part of the identity.
	PrincipalKind principal.Kind
}

// Merchant is the seller.
type Merchant struct {
	ID           string
	Name         string
	CategoryCode string // ISO 18245
	City         string
	Country      string // ISO 3166-1 alpha-2
}

// Entry is one change of one customer account, and at the same time the content of
// its event. A transaction that touches two customer accounts has two entries, told
// apart by Leg; the movement counts once, on leg 0. An entry never changes after it
// was written.
//
// An entry without an account (AccountID zero, Sequence 0) is a refusal: the
// decline of an unknown card, or a request id voided before it was decided.
type Entry struct {
	TransactionID ID
	Leg           uint8
	Request       Request

	AccountID  ID
	CustomerID ID
	// AccountKind is that of the account; 0 for a refusal.
	AccountKind AccountKind
	Sequence    int64

	Kind      Kind
	Direction Direction
	Status    Status
	Decline   DeclineReason // 0 when not declined

	Amount   int64 // minor units, never negative
	Currency money.Currency
	// DebitAccount and CreditAccount are the ends of the movement; both are zero when no money
	// moves.
	DebitAccount  ID
	CreditAccount ID

	BalanceAfter     int64
	HeldAfter        int64
	CreditLimitAfter int64

	Card             CardSnapshot
	Merchant         Merchant
	Channel          Channel
	Description      string
	OriginalID       ID // the transaction that a reversal, void, capture or return refers to
	CounterpartyName string
	// CounterpartyAccountID is the customer account at the other end, of this bank or of another one.
	CounterpartyAccountID ID
	// CounterpartyBankCode is the bank at the other end; empty when it is this one.
	CounterpartyBankCode Code
	EndToEndID           string
	// HoldID is the hold that the entry places, captures or releases, or of whose capture it gives
	// something back.
	HoldID ID
	// HoldExpiresAt is when a hold ends by itself, in whole milliseconds; zero for never.
	HoldExpiresAt time.Time
	// MerchantReference is the merchant's own name for the payment.
	MerchantReference string
	Mode              Mode
	Attempt           int32 // the number of the payer's try, from 1; 0 means not known
	CardUse           CardUse
	Risk              Risk

	DecisionMicros  int64     // from arrival in the ledger to the decision
	OccurredAt      time.Time // UTC, whole milliseconds, never before the account's previous entry
	ProducerVersion string
	// EventVersion is the version of the event schema that the entry's event was first written with; 0
	// before version 3. An event that is made again says what the first one said.
	EventVersion uint8
}

// Texts returns every text of the entry. A store keeps only UTF-8 without U+0000.
func (e *Entry) Texts() []string {
	return []string{
		e.Request.Caller, e.Request.ID, e.Request.TraceID, e.Merchant.ID, e.Merchant.Name, e.Merchant.CategoryCode, e.Merchant.City,
		e.Merchant.Country, e.Description, e.CounterpartyName, string(e.CounterpartyBankCode), e.EndToEndID, e.MerchantReference,
		e.ProducerVersion, e.Currency.String(), e.Card.BIN, e.Card.Last4,
	}
}

// IsRefusal reports whether the entry belongs to no account.
func (e *Entry) IsRefusal() bool { return e.AccountID.IsZero() }

// EventID returns the id of the entry's event: account and sequence, or the transaction id of a
// refusal. No second event with other content ever has this id.
func (e *Entry) EventID() string {
	if e.IsRefusal() {
		return e.TransactionID.String()
	}
	return string(e.AppendEventID(make([]byte, 0, 48)))
}

// AppendEventID appends EventID to dst.
func (e *Entry) AppendEventID(dst []byte) []byte {
	if e.IsRefusal() {
		return e.TransactionID.Append(dst)
	}
	dst = append(e.AccountID.Append(dst), ':')
	return strconv.AppendInt(dst, e.Sequence, 10)
}

// EventKey returns the key under which the event is published, so that all events
// of an account share a partition.
func (e *Entry) EventKey() ID {
	if e.IsRefusal() {
		return e.TransactionID
	}
	return e.AccountID
}

// AvailableAfter returns what was available after the entry, in minor units.
func (e *Entry) AvailableAfter() int64 { return e.BalanceAfter - e.HeldAfter + e.CreditLimitAfter }
