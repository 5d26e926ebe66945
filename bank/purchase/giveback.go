package purchase

import (
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/reversal"
	"codebank.dev/platform/fault"
)

// errNoSuchVoid refuses to void what is no purchase.
var errNoSuchVoid = fault.New(fault.FailedPrecondition, "NOT_A_PURCHASE", "This request id belongs to a transaction that is not a purchase.")

// void is the command that ends the request id of a purchase.
type void struct {
	id       bank.ID
	purchase bank.ID
	request  bank.Request
	account  bank.ID // zero when there was no such purchase yet, or when it belongs to no account
	refusal  error   // refuses to store the request id, if it is new
}

// Key implements bank.Command.
func (v *void) Key() bank.ID { return v.id }

// SameAs implements ledger.Joinable. It compares the account too: a void that was resolved before
// its purchase existed must be resolved again.
func (v *void) SameAs(other bank.Command) bool {
	w, ok := other.(*void)
	return ok && v.id == w.id && v.account == w.account
}

// Keys implements bank.Command. The void decides the purchase too, if there is none.
func (v *void) Keys() bank.Keys {
	keys := bank.Keys{Transactions: []bank.ID{v.purchase, v.id}, Originals: []bank.ID{v.purchase}}
	if !v.account.IsZero() {
		keys.Accounts = []bank.ID{v.account}
	}
	return keys
}

// Decide implements bank.Command.
func (v *void) Decide(book *bank.Book, now time.Time) bank.Outcome {
	purchase := book.Entry(v.purchase)
	switch {
	case purchase == nil && v.refusal != nil:
		return bank.Outcome{Err: v.refusal}
	case purchase == nil:
		tombstone := bank.Entry{
			TransactionID: v.purchase, Request: v.request,
			Kind: bank.KindPurchase, Direction: bank.NoDirection, Status: bank.Voided,
		}
		return bank.Outcome{Entry: book.Refuse(tombstone, now)}
	case purchase.Kind != bank.KindPurchase:
		return bank.Outcome{Err: errNoSuchVoid}
	case purchase.Status != bank.Approved:
		return bank.Outcome{Entry: purchase}
	}
	left := purchase.Amount - book.Sum(v.purchase, bank.GivenBack)
	if left <= 0 {
		return bank.Outcome{Original: purchase}
	}
	switch account, ok := book.Account(purchase.AccountID); {
	case !ok:
		return bank.Outcome{Err: bank.ErrStale}
	case account.IsClosed():
		return bank.Outcome{Err: bank.ErrAccountClosed}
	}
	entry, effect := reversal.Entry(purchase, bank.KindVoid, left)
	entry.TransactionID, entry.Request = v.id, v.request
	posted, err := book.Post(entry, effect, now)
	return bank.Outcome{Entry: posted, Original: purchase, Err: err}
}
