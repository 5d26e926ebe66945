package gateway

import (
	"time"

	"codebank.dev/platform/id"
)

// Status is how far a transfer has come.
type Status string

// The statuses. Completed and Cancelled are final.
const (
	// Processing: it is accepted, and nobody knows yet whether the money moves.
	Processing Status = "processing"
	// Completed: the money has moved.
	Completed Status = "completed"
	// Cancelled: nothing has moved, and nothing will.
	Cancelled Status = "cancelled"
)

// IsValid reports whether there is such a status.
func (s Status) IsValid() bool { return s == Processing || s == Completed || s == Cancelled }

// Account is what does not change about an account, to its owner.
type Account struct {
	ID id.ID
	// Currency is its ISO 4217 code.
	Currency string
	// IsWallet says that it is no card's account, so money can be transferred from it.
	IsWallet bool
}

// Request is a transfer that a user asks for.
type Request struct {
	From, To id.ID
	// AmountMinor is minor units of the currency of From, 1 or more.
	AmountMinor int64
	// Message is up to 140 characters, which both customers read; it may be empty.
	Message string
}

// Transfer is a transfer that was accepted.
type Transfer struct {
	Request
	// ID names the transfer here, and is the id of its request at the bank.
	ID     id.ID
	UserID id.ID
	// Currency is the ISO 4217 code of the account From.
	Currency string
	Status   Status
	// Error says why it was cancelled, in the words of the seed, such as not_enough_funds; empty otherwise.
	Error string
	// TransactionID and Sequence are those of the bank, the sequence that of the account From. They are zero
	// unless it was completed.
	TransactionID id.ID
	Sequence      int64
	CreatedAt     time.Time
	// UpdatedAt is when the status became what it is.
	UpdatedAt time.Time
}

// AsAccepted returns a transfer as it was when it was accepted. A repeat of the request is answered with it, word
// for word, however far the transfer has come since.
func (t Transfer) AsAccepted() Transfer {
	t.Status, t.Error, t.UpdatedAt = Processing, "", t.CreatedAt
	t.TransactionID, t.Sequence = id.ID{}, 0
	return t
}

// Ending says how a transfer ended.
type Ending struct {
	ID            id.ID
	Status        Status
	Error         string
	TransactionID id.ID
	Sequence      int64
	At            time.Time
}

// The errors of transfers that have a name of their own. Any other reason of the bank is written in lower case.
const (
	NotEnoughFunds    = "not_enough_funds"
	ToAccountNotFound = "to_account_not_found"
	CancelledByOwner  = "cancelled_by_customer"
)
