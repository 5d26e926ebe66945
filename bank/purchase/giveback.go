package purchase

import (
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
)

// The errors of voids and reversals.
var (
	errNotReversible   = fault.New(fault.FailedPrecondition, "NOT_REVERSIBLE", "Only an approved purchase can be reversed.")
	errAlreadyReversed = fault.New(fault.FailedPrecondition, "ALREADY_REVERSED", "The purchase was given back before.")
	errNoSuchVoid      = fault.New(fault.FailedPrecondition, "NOT_A_PURCHASE", "This request id belongs to a transaction that is not a purchase.")
)

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

// Keys implements bank.Command.
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
	case book.Sum(v.purchase, bank.GivenBack) > 0:
		return bank.Outcome{Original: purchase}
	}
	if _, ok := book.Account(purchase.AccountID); !ok {
		return bank.Outcome{Err: bank.ErrStale}
	}
	entry, effect := giveBack(purchase, bank.KindVoid)
	entry.TransactionID, entry.Request = v.id, v.request
	posted, err := book.Post(entry, effect, now)
	return bank.Outcome{Entry: posted, Original: purchase, Err: err}
}

// reverse is the command that gives a purchase back on request.
type reverse struct {
	id          bank.ID
	purchase    bank.ID
	account     bank.ID
	request     bank.Request
	description string
	at          time.Time // of a loaded history; zero means now
	refusal     error     // as in authorize
}

// Key implements bank.Command.
func (r *reverse) Key() bank.ID { return r.id }

// SameAs implements ledger.Joinable.
func (r *reverse) SameAs(other bank.Command) bool {
	s, ok := other.(*reverse)
	return ok && r.id == s.id && r.request.Fingerprint == s.request.Fingerprint
}

// Keys implements bank.Command.
func (r *reverse) Keys() bank.Keys {
	return bank.Keys{
		Accounts: []bank.ID{r.account}, Transactions: []bank.ID{r.id, r.purchase}, Originals: []bank.ID{r.purchase},
	}
}

// Decide implements bank.Command.
func (r *reverse) Decide(book *bank.Book, now time.Time) bank.Outcome {
	if !r.at.IsZero() {
		now = r.at
	}
	first, err := book.Repeat(r.id, &r.request)
	if first != nil || err != nil {
		return bank.Outcome{Entry: first, Err: err}
	}
	if r.refusal != nil {
		return bank.Outcome{Err: r.refusal}
	}
	purchase := book.Entry(r.purchase)
	switch {
	case purchase == nil, purchase.Kind != bank.KindPurchase, purchase.Request.Caller != r.request.Caller:
		return bank.Outcome{Err: errNoPurchase}
	case purchase.Status != bank.Approved:
		return bank.Outcome{Err: errNotReversible}
	case book.Sum(r.purchase, bank.GivenBack) > 0:
		return bank.Outcome{Err: errAlreadyReversed}
	}
	entry, effect := giveBack(purchase, bank.KindReversal)
	entry.TransactionID, entry.Request = r.id, r.request
	if r.description != "" {
		entry.Description = r.description
	}
	posted, err := book.Post(entry, effect, now)
	return bank.Outcome{Entry: posted, Original: purchase, Err: err}
}

// giveBack returns the mirror image of an approved purchase: the movement in the other direction,
// and all other fields as they are.
func giveBack(purchase *bank.Entry, kind bank.Kind) (bank.Entry, bank.Effect) {
	entry := bank.Entry{
		AccountID:     purchase.AccountID,
		Kind:          kind,
		Direction:     bank.Credit,
		Status:        bank.Approved,
		Amount:        purchase.Amount,
		Currency:      purchase.Currency,
		DebitAccount:  purchase.CreditAccount,
		CreditAccount: purchase.DebitAccount,
		Card:          purchase.Card,
		Merchant:      purchase.Merchant,
		Channel:       purchase.Channel,
		Description:   purchase.Description,
		OriginalID:    purchase.TransactionID,
	}
	return entry, bank.Effect{Balance: purchase.Amount}
}
