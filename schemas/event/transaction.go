package event

import (
	"strconv"
	"time"
)

// NewestVersion is the version of the schema that Transaction mirrors, field by field.
const NewestVersion = 2

// Optional is a value that may be null on the wire. The zero value is null, and
// a null has Value zero, so that two Transactions can be compared with ==.
type Optional[T any] struct {
	// Value is meaningful when Present.
	Value T
	// Present is false for null.
	Present bool
}

// Some is a value that is not null; it may be zero.
func Some[T any](value T) Optional[T] { return Optional[T]{Value: value, Present: true} }

// Transaction is one change of one customer account: what was decided and what
// the account looked like afterwards. It mirrors the newest schema in
// schemas/avro/transactions, where each field is described; what follows says
// how null is represented.
//
// A text that the schema allows to be null is null when it is empty: an empty
// text is never written, and is read as if it were null. A number that may be
// null is an Optional. Amounts are minor units of Currency.
//
// The zero value is not a valid event. Two events are equal when == says so.
type Transaction struct {
	EventID               string
	TransactionID         string
	AccountID             string // null: the decline belongs to no account
	CustomerID            string // null when empty
	BankCode              string
	Sequence              Optional[int64] // null when AccountID is
	Kind                  Kind
	Direction             Direction
	Status                Status
	DeclineCode           string        // null when empty
	DeclineReason         DeclineReason // null when empty
	AmountMinor           int64
	Currency              string
	BalanceAfterMinor     Optional[int64]
	HeldAfterMinor        Optional[int64]
	AvailableAfterMinor   Optional[int64]
	CreditLimitMinor      Optional[int64]
	CardID                string    // null when empty
	CardBrand             CardBrand // null when empty
	CardLast4             string    // null when empty
	CardBIN               string    // null when empty
	MerchantID            string    // null when empty
	MerchantName          string    // null when empty
	MerchantCategoryCode  string    // null when empty
	MerchantCity          string    // null when empty
	MerchantCountry       string    // null when empty
	Channel               Channel
	Description           string // null when empty
	OriginalTransactionID string // null when empty
	CounterpartyName      string // null when empty
	EndToEndID            string // null when empty
	Attempt               Optional[int32]
	DecisionMicros        Optional[int64]
	OccurredAtMillis      int64  // Unix time, UTC
	TraceID               string // null when empty
	ProducerVersion       string
	CardUse               CardUse         // since version 2; null when empty
	RiskScore             Optional[int32] // since version 2; 0 to 100
	RiskRule              RiskRule        // since version 2; null when RiskScore is
}

// OccurredAt is OccurredAtMillis as a UTC time.
func (t *Transaction) OccurredAt() time.Time { return time.UnixMilli(t.OccurredAtMillis).UTC() }

// Key is the record's key on the topic: the account's id, or the transaction's
// for a decline that belongs to no account. It decides the partition, and with
// it that an account's events stay in order.
func (t *Transaction) Key() string {
	if t.AccountID == "" {
		return t.TransactionID
	}
	return t.AccountID
}

// ID is the event_id of an account's event. A decline that belongs to no account
// has its transaction id instead.
func ID(accountID string, sequence int64) string {
	return accountID + ":" + strconv.FormatInt(sequence, 10)
}
