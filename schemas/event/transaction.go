package event

import (
	"strconv"
	"time"
)

// NewestVersion is the version of the schema that Transaction mirrors, field by field.
const NewestVersion = 3

// Optional is a value that may be null on the wire. The zero value is null. A null
// always has the Value zero, so that == compares two Transactions.
type Optional[T any] struct {
	// Value is valid only if Present is true.
	Value T
	// Present is false for null.
	Present bool
}

// Some returns a value that is not null. The value may be zero.
func Some[T any](value T) Optional[T] { return Optional[T]{Value: value, Present: true} }

// Transaction is one change of one customer account: the decision, and the state of the
// account after it. It mirrors the newest schema in schemas/avro/transactions, which
// describes each field.
//
// Null has these forms. A text that may be null is null if it is empty; an empty text
// is never written, and is read as null. A number that may be null is an Optional.
// Amounts are minor units of Currency.
//
// The zero value is not a valid event. Two events are equal if == holds.
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
	Leg                   Optional[int32] // since version 3, as are all fields below; 0 or 1
	Relation              Relation        // null when empty
	AccountKind           AccountKind     // null when AccountID is
	CounterpartyAccountID string          // null when empty
	CounterpartyBankCode  string          // null when empty: this bank
	HoldID                string          // null when empty
	HoldExpiresAtMillis   Optional[int64] // Unix time, UTC
	PrincipalKind         PrincipalKind   // null when empty
	MerchantReference     string          // null when empty
	Mode                  Mode            // null when empty
}

// OccurredAt returns OccurredAtMillis as a UTC time.
func (t *Transaction) OccurredAt() time.Time { return time.UnixMilli(t.OccurredAtMillis).UTC() }

// Key returns the key of the record on the topic. It is the account id, or the
// transaction id of a decline that belongs to no account. The key decides the
// partition, which keeps the events of an account in order.
func (t *Transaction) Key() string {
	if t.AccountID == "" {
		return t.TransactionID
	}
	return t.AccountID
}

// ID returns the event_id of an account's event. The event_id of a decline that belongs
// to no account is its transaction id.
func ID(accountID string, sequence int64) string {
	return accountID + ":" + strconv.FormatInt(sequence, 10)
}
