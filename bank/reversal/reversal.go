// Package reversal is the rule of giving back: who may have a transaction given back, how much of it is
// left, and what the entries look like. The use cases of purchases, wallets and holds share it.
package reversal

import (
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
)

// Command gives an approved purchase, capture or transfer back on request, or a part of it. All fields
// but Hold, Amount, Description, At and Refusal are required.
type Command struct {
	// ID is the transaction of the reversal. Original is the transaction to give back.
	ID, Original bank.ID
	// Hold is the hold that Original captured, when OwnPurchase is set; zero when Original is no capture.
	Hold bank.ID
	// Parties are those of Original.
	Parties bank.Parties
	// Amount is how much to give back, in minor units; 0 means all that is left.
	Amount  int64
	Request bank.Request
	// Subject asks for the reversal; see Allowed.
	Subject bank.Subject
	// OwnPurchase is the rule of PurchaseService: only a purchase of the same caller is given back, or what
	// anybody captured of it; to an operator any. An Amount of 0 means the whole purchase, of which
	// nothing was given back before.
	OwnPurchase bool
	// Missing answers for a transaction that does not exist, and for one that may not be given back by
	// the principal, with no difference between the two.
	Missing error
	// Description replaces that of the original; empty keeps it.
	Description string
	At          time.Time // of a loaded history; zero means now
	// Refusal refuses what a text holds. It counts only when the request is not a repeat, because
	// requests were accepted before texts were checked for it.
	Refusal error
}

// Key implements bank.Command.
func (c *Command) Key() bank.ID { return c.ID }

// SameAs implements ledger.Joinable.
func (c *Command) SameAs(other bank.Command) bool {
	d, ok := other.(*Command)
	return ok && c.ID == d.ID && c.Request.Fingerprint == d.Request.Fingerprint && c.Subject.Same(&d.Subject)
}

// Keys implements bank.Command.
func (c *Command) Keys() bank.Keys {
	keys := bank.Keys{
		Accounts: []bank.ID{c.Parties.AccountID}, Transactions: []bank.ID{c.ID}, Originals: []bank.ID{c.Original},
	}
	if !c.Parties.SecondAccountID.IsZero() {
		keys.Accounts = append(keys.Accounts, c.Parties.SecondAccountID)
	}
	if !c.Hold.IsZero() {
		keys.Originals = append(keys.Originals, c.Hold)
	}
	return keys
}

// Decide implements bank.Command.
func (c *Command) Decide(book *bank.Book, now time.Time) bank.Outcome {
	now = bank.RequestTime(c.At, now)
	original, second := book.Entry(c.Original), book.Second(c.Original)
	if !c.OwnPurchase && (original == nil || !Allowed(&c.Subject, c.Request.Caller, original, second)) {
		return bank.Outcome{Err: c.Missing}
	}
	outcome, decided := book.Decided(c.ID, &c.Request)
	switch {
	case decided && c.OwnPurchase && outcome.Err == nil && outcome.Entry.Status == bank.Voided:
		return bank.Outcome{Err: bank.ErrRequestIDReused}
	case decided:
		return outcome
	case c.Refusal != nil:
		return bank.Outcome{Err: c.Refusal}
	case original == nil, c.OwnPurchase && !c.isOwnPurchase(book, original):
		return bank.Outcome{Err: c.Missing}
	case !isReversible(original):
		return bank.Outcome{Err: errNotReversible(original.Kind)}
	}
	amount, err := c.part(original, book.Sum(c.Original, bank.GivenBack))
	if err != nil {
		return bank.Outcome{Err: err}
	}
	if _, ok := book.Account(original.AccountID); !ok {
		return bank.Outcome{Err: bank.ErrStale}
	}
	entry, effect := Entry(original, bank.KindReversal, amount)
	entry.TransactionID, entry.Request = c.ID, c.Request
	if c.Description != "" {
		entry.Description = c.Description
	}
	if original.Kind == bank.KindTransfer { // Leg 1 of a capture is the release of the rest.
		return takeBack(book, now, entry, second.AccountID)
	}
	posted, err := book.Post(entry, effect, now)
	return bank.Outcome{Entry: posted, Original: original, Err: err}
}

// part returns how much the command gives back of a transaction, of which a part was given back before.
func (c *Command) part(original *bank.Entry, before int64) (int64, error) {
	switch left := original.Amount - before; {
	case left <= 0, c.OwnPurchase && c.Amount == 0 && before > 0:
		return 0, errAlreadyReversed(original.Kind)
	case c.Amount > left:
		return 0, errAboveLeft(original.Kind)
	case c.Amount == 0:
		return left, nil
	}
	return c.Amount, nil
}

// requireOpen returns nil when an account exists and was not closed.
func requireOpen(book *bank.Book, id bank.ID) error {
	switch account, ok := book.Account(id); {
	case !ok:
		return bank.ErrStale
	case account.IsClosed():
		return bank.ErrAccountClosed
	}
	return nil
}

// takeBack gives a transfer back, or a part of it: leg 0 credits the sender, and leg 1 debits the
// recipient, whose available amount must cover it.
func takeBack(book *bank.Book, now time.Time, credit bank.Entry, recipient bank.ID) bank.Outcome {
	if err := requireOpen(book, recipient); err != nil {
		return bank.Outcome{Err: err}
	}
	if account, _ := book.Account(recipient); !account.Covers(credit.Amount) {
		posted, err := book.Post(credit.Declined(bank.InsufficientFunds), bank.Effect{}, now)
		return bank.Outcome{Entry: posted, Err: err}
	}
	debit := credit
	debit.AccountID, debit.CounterpartyAccountID, debit.Direction = recipient, credit.AccountID, bank.Debit
	first, second, err := book.PostBoth(
		bank.Posting{Entry: credit, Effect: bank.Effect{Balance: credit.Amount}},
		bank.Posting{Entry: debit, Effect: bank.Effect{Balance: -debit.Amount}}, now)
	return bank.Outcome{Entry: first, Second: second, Err: err}
}

// Entry returns the mirror image of leg 0 of an approved transaction, or of a part of it: the movement in
// the other direction, and all other fields as they are. It returns the effect on the account of the leg
// too. The caller sets transaction and request.
func Entry(original *bank.Entry, kind bank.Kind, amount int64) (bank.Entry, bank.Effect) {
	entry := bank.Entry{
		AccountID:             original.AccountID,
		Kind:                  kind,
		Direction:             bank.Credit,
		Status:                bank.Approved,
		Amount:                amount,
		Currency:              original.Currency,
		DebitAccount:          original.CreditAccount,
		CreditAccount:         original.DebitAccount,
		Card:                  original.Card,
		Merchant:              original.Merchant,
		Channel:               original.Channel,
		Description:           original.Description,
		OriginalID:            original.TransactionID,
		CounterpartyAccountID: original.CounterpartyAccountID,
		HoldID:                original.HoldID,
		MerchantReference:     original.MerchantReference,
		Mode:                  original.Mode,
	}
	return entry, bank.Effect{Balance: amount}
}

// isReversible reports whether a transaction can be given back: an approved purchase, capture or
// transfer.
func isReversible(original *bank.Entry) bool {
	if original.Status != bank.Approved {
		return false
	}
	switch original.Kind {
	case bank.KindPurchase, bank.KindCapture, bank.KindTransfer:
		return true
	}
	return false
}

// isOwnPurchase reports whether a transaction is a purchase of the same caller, now or with a later capture,
// or the capture of one. An operator or the merchant may have captured it. Every purchase is an operator's.
func (c *Command) isOwnPurchase(book *bank.Book, original *bank.Entry) bool {
	purchase := original
	if original.Kind == bank.KindCapture {
		if purchase = book.Entry(c.Hold); purchase == nil {
			return false
		}
	}
	ofCard := purchase.Kind == bank.KindHold && !purchase.Card.ID.IsZero()
	return (purchase.Kind == bank.KindPurchase || ofCard) && (purchase.Request.Caller == c.Request.Caller || c.Subject.Kind == principal.Operator)
}

// Allowed reports whether a principal may have a transaction given back:
//
//   - An operator any.
//   - A merchant what was paid to him.
//   - A user a transfer to an account of his own, and what the same caller asked for on his account, if that
//     is a program, such as the shop's. What he paid without one he does not take back by himself.
//   - A service what it asked for itself, except a transfer: only its recipient gives that back, or who loads
//     a history.
//
// Whoever may not must get the answer of a transaction that does not exist. second is leg 1, or nil.
func Allowed(subject *bank.Subject, caller string, original, second *bank.Entry) bool {
	own := original.Request.Caller == caller
	switch subject.Kind {
	case principal.Operator:
		return true
	case principal.Merchant:
		return subject.IsMerchant(original.Merchant.ID)
	case principal.User:
		if original.Kind == bank.KindTransfer {
			return second != nil && subject.Is(second.CustomerID)
		}
		self := principal.Principal{Kind: subject.Kind, Name: subject.Name}
		return own && subject.Is(original.CustomerID) && caller != self.Namespace()
	case principal.Service:
		return own && (original.Kind != bank.KindTransfer || subject.Loads)
	}
	return false
}

// nouns names what can be given back, for people.
var nouns = map[bank.Kind]string{bank.KindPurchase: "purchase", bank.KindCapture: "capture", bank.KindTransfer: "transfer"}

func errNotReversible(kind bank.Kind) error {
	noun := nouns[kind]
	if noun == "" {
		noun = "purchase, capture or transfer"
	}
	return fault.New(fault.FailedPrecondition, "NOT_REVERSIBLE", "Only an approved "+noun+" can be reversed.")
}

func errAlreadyReversed(kind bank.Kind) error {
	return fault.New(fault.FailedPrecondition, "ALREADY_REVERSED", "The "+nouns[kind]+" was given back before.")
}

func errAboveLeft(kind bank.Kind) error {
	return fault.New(fault.FailedPrecondition, "AMOUNT_ABOVE_LEFT", "The amount is more than what is left of the "+nouns[kind]+".")
}
