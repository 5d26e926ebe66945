package bank

import (
	"time"

	"codebank.dev/platform/fault"
)

// Command is one request to change the ledger. It is pure: Decide uses only the Book and the time
// that it is given. The one exception is the risk score of a purchase, which decides nothing and
// depends on earlier attempts in this process. Decide may be called again on a new Book when the
// first attempt did not commit.
type Command interface {
	// Key identifies the command. When a command with the same key is in flight in this process, a
	// second one waits for it.
	Key() ID
	// Keys names the rows that Decide reads. It depends on immutable facts only.
	Keys() Keys
	// Decide changes the Book and returns the outcome. If the outcome has an Err, the Book must be
	// unchanged.
	Decide(book *Book, now time.Time) Outcome
}

// Outcome is the result of a command.
type Outcome struct {
	// Entry is the decision: a new entry, or the first one when the request is a repeat. Of a
	// transaction with two legs it is leg 0. It must not be changed. It is nil for commands that make
	// no entry.
	Entry *Entry
	// Second is leg 1 of the same transaction; nil when it has leg 0 alone. Of an opening it is the opening
	// deposit, if there is one.
	Second *Entry
	// Original is the entry that Entry gives back, when there is one.
	Original *Entry
	// Capture is the entry that captured Original, when Original is a hold and Entry gives back what was
	// captured of it.
	Capture *Entry
	// Card is the card after the command, when the command is about one.
	Card Card
	// Account is the account after the command, when the command is about one.
	Account Account
	// Repeat says that the request was decided before, so that Entry is the first decision.
	Repeat bool
	// Err is why the command was refused; nothing is stored then.
	Err error
}

// Entries returns the entries of the decision in the order of their legs.
func (o *Outcome) Entries() []*Entry {
	var entries []*Entry
	for _, entry := range []*Entry{o.Entry, o.Second} {
		if entry != nil {
			entries = append(entries, entry)
		}
	}
	return entries
}

// The refusals that commands of every kind share.
var (
	// ErrRequestIDReused says that the request id was used before with another request.
	ErrRequestIDReused = fault.New(fault.Aborted, "REQUEST_ID_REUSED", "This request id was used before with another request.")
	// ErrAccountClosed says that the account was closed, so that nothing can be taken from it. A new
	// transaction on a closed account is declined. What was paid before can still be given back to it.
	ErrAccountClosed = fault.New(fault.FailedPrecondition, "ACCOUNT_CLOSED", "The account was closed.")
	// ErrNoAccount answers for an account that does not exist and for one of somebody else, with no
	// difference between the two.
	ErrNoAccount = fault.New(fault.NotFound, "ACCOUNT_NOT_FOUND", "There is no such account.")
	// ErrNotWallet refuses the account of a card where only a wallet may pay.
	ErrNotWallet = fault.New(fault.FailedPrecondition, "NOT_A_WALLET", "Only a wallet account can pay without a card.")
	// ErrEventVersion refuses what the version cannot say in which a bank writes its events, so that no
	// ledger has it.
	ErrEventVersion = fault.New(fault.FailedPrecondition, "EVENT_VERSION_TOO_OLD",
		"This bank writes its events in a version that cannot say this yet.")
	// ErrStale says that a fact resolved before the lock is no longer true: resolve it and submit
	// the command again. It never leaves the process.
	ErrStale = fault.New(fault.Internal, "STALE", "Something went wrong on our side.")
)

// Repeat returns the entry of the first decision when the request was decided before,
// and nil when it was not. It returns ErrRequestIDReused when the request id belongs to
// another request, or was voided before it was decided.
func (b *Book) Repeat(transaction ID, request *Request) (*Entry, error) {
	first := b.Entry(transaction)
	switch {
	case first == nil:
		return nil, nil
	case first.Request.Fingerprint == request.Fingerprint && first.Status != Voided:
		return first, nil
	default:
		return nil, ErrRequestIDReused
	}
}

// Decided returns the outcome of a request that was decided before, and false for a new one. Unlike Repeat
// it answers a request that was cancelled before it was decided with the entry that says so.
func (b *Book) Decided(transaction ID, request *Request) (Outcome, bool) {
	if before := b.Entry(transaction); before != nil && before.Status == Voided {
		return Outcome{Entry: before, Repeat: true}, true
	}
	first, err := b.Repeat(transaction, request)
	if first == nil && err == nil {
		return Outcome{}, false
	}
	return Outcome{Entry: first, Second: b.Second(transaction), Repeat: err == nil, Err: err}, true
}

// Tombstone returns the entry that ends a request id which was never decided. Refuse records it.
func Tombstone(transaction ID, request Request) Entry {
	return Entry{TransactionID: transaction, Request: request, Kind: KindPurchase, Direction: NoDirection, Status: Voided}
}
