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
	errAboveLeft       = fault.New(fault.FailedPrecondition, "AMOUNT_ABOVE_LEFT", "The amount is more than what is left of the purchase.")
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
	if _, ok := book.Account(purchase.AccountID); !ok {
		return bank.Outcome{Err: bank.ErrStale}
	}
	entry, effect := giveBack(purchase, bank.KindVoid, left)
	entry.TransactionID, entry.Request = v.id, v.request
	posted, err := book.Post(entry, effect, now)
	return bank.Outcome{Entry: posted, Original: purchase, Err: err}
}

// reverse is the command that gives a purchase back on request, or a part of it.
type reverse struct {
	id          bank.ID
	purchase    bank.ID
	account     bank.ID
	amount      int64 // minor units; zero means the whole purchase, of which nothing was given back
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
		Accounts: []bank.ID{r.account}, Transactions: []bank.ID{r.id}, Originals: []bank.ID{r.purchase},
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
	case purchase == nil, purchase.Kind != bank.KindPurchase, !mayGiveBack(&r.request, purchase):
		return bank.Outcome{Err: errNoPurchase}
	case purchase.Status != bank.Approved:
		return bank.Outcome{Err: errNotReversible}
	}
	amount, err := r.part(purchase, book.Sum(r.purchase, bank.GivenBack))
	if err != nil {
		return bank.Outcome{Err: err}
	}
	entry, effect := giveBack(purchase, bank.KindReversal, amount)
	entry.TransactionID, entry.Request = r.id, r.request
	if r.description != "" {
		entry.Description = r.description
	}
	posted, err := book.Post(entry, effect, now)
	return bank.Outcome{Entry: posted, Original: purchase, Err: err}
}

// part returns how much the command gives back of an approved purchase, of which a part was given back
// before.
func (r *reverse) part(purchase *bank.Entry, before int64) (int64, error) {
	switch left := purchase.Amount - before; {
	case left <= 0, r.amount == 0 && before > 0:
		return 0, errAlreadyReversed
	case r.amount > left:
		return 0, errAboveLeft
	case r.amount == 0:
		return left, nil
	}
	return r.amount, nil
}

// mayGiveBack says who may have a purchase given back by request: the caller that made it. Whoever may
// not gets the answer of a purchase that does not exist.
func mayGiveBack(request *bank.Request, purchase *bank.Entry) bool {
	return purchase.Request.Caller == request.Caller
}

// giveBack returns the mirror image of an approved purchase, or of a part of it: the movement in the
// other direction, and all other fields as they are.
func giveBack(purchase *bank.Entry, kind bank.Kind, amount int64) (bank.Entry, bank.Effect) {
	entry := bank.Entry{
		AccountID:     purchase.AccountID,
		Kind:          kind,
		Direction:     bank.Credit,
		Status:        bank.Approved,
		Amount:        amount,
		Currency:      purchase.Currency,
		DebitAccount:  purchase.CreditAccount,
		CreditAccount: purchase.DebitAccount,
		Card:          purchase.Card,
		Merchant:      purchase.Merchant,
		Channel:       purchase.Channel,
		Description:   purchase.Description,
		OriginalID:    purchase.TransactionID,
	}
	return entry, bank.Effect{Balance: amount}
}
