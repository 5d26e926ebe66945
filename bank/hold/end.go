package hold

import (
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/principal"
)

// mayEnd says who may capture a hold and void it: its caller, an operator and its merchant. A customer
// may only if the account is his own. Whoever may not gets the answer of a hold that does not exist.
func mayEnd(caller string, subject *bank.Subject, hold *bank.Entry) bool {
	switch subject.Kind {
	case principal.Operator:
		return true
	case principal.Merchant:
		return subject.IsMerchant(hold.Merchant.ID)
	case principal.User:
		return hold.Request.Caller == caller && subject.Is(hold.CustomerID)
	}
	return hold.Request.Caller == caller
}

// find returns a hold that was asked for, or why there is none for the principal. That of a Pix ends by the answer of
// the other bank and in no other way, whoever asks: nobody here knows whether it was credited.
func find(book *bank.Book, id bank.ID, caller string, subject *bank.Subject) (*bank.Entry, error) {
	hold := book.Entry(id)
	if hold == nil || hold.Kind != bank.KindHold || hold.IsRefusal() || !mayEnd(caller, subject, hold) {
		return nil, errNoHold
	}
	if hold.EndToEndID != "" && hold.Status == bank.Approved {
		return nil, errOfPix
	}
	return hold, nil
}

// keysOf returns the keys of a command that ends a hold: its own transaction, the hold, and the expiry
// that tells why the hold has ended. The expiry is none of Originals, because most holds have none.
func keysOf(code bank.Code, account, transaction, hold bank.ID) bank.Keys {
	return bank.Keys{
		Accounts: []bank.ID{account}, Transactions: []bank.ID{transaction, code.ExpiryID(hold)}, Originals: []bank.ID{hold},
	}
}

// capture is the command that takes what a hold has set aside, or a part of it.
type capture struct {
	code    bank.Code
	id      bank.ID
	request bank.Request
	subject bank.Subject
	hold    bank.ID
	byCard  bool // only the hold of a purchase by card is captured
	account bank.ID
	amount  int64     // minor units; zero means all of the hold
	at      time.Time // of a loaded history; zero means now
	refusal error     // refuses to store the request id, if it is new
	cash    error     // refuses to capture in cash
}

// Key implements bank.Command.
func (c *capture) Key() bank.ID { return c.id }

// SameAs implements ledger.Joinable.
func (c *capture) SameAs(other bank.Command) bool {
	d, ok := other.(*capture)
	return ok && c.id == d.id && c.request.Fingerprint == d.request.Fingerprint && c.subject.Same(&d.subject)
}

// Keys implements bank.Command.
func (c *capture) Keys() bank.Keys { return keysOf(c.code, c.account, c.id, c.hold) }

// Decide implements bank.Command.
func (c *capture) Decide(book *bank.Book, now time.Time) bank.Outcome {
	now = bank.RequestTime(c.at, now)
	first, err := book.Repeat(c.id, &c.request)
	if err != nil {
		return bank.Outcome{Err: err}
	}
	if first != nil {
		if c.subject.Kind == principal.User && !c.subject.Is(first.CustomerID) {
			return bank.Outcome{Err: errNoHold}
		}
		return bank.Outcome{Entry: first, Second: book.Second(c.id), Original: book.Entry(c.hold)}
	}
	if c.refusal != nil {
		return bank.Outcome{Err: c.refusal}
	}
	hold, err := find(book, c.hold, c.request.Caller, &c.subject)
	if err == nil && c.byCard && hold.Card.ID.IsZero() {
		err = errNoHold
	}
	if err == nil && hold.Merchant.ID == "" {
		err = c.cash
	}
	if err != nil {
		return bank.Outcome{Err: err}
	}
	amount, err := c.part(book, hold, now)
	if err != nil {
		return bank.Outcome{Err: err}
	}
	taken := bank.CaptureOf(c.code, hold, amount)
	taken.Entry.TransactionID, taken.Entry.Request = c.id, c.request
	if amount == hold.Amount {
		posted, err := book.Post(taken.Entry, taken.Effect, now)
		return bank.Outcome{Entry: posted, Original: hold, Err: err}
	}
	rest := bank.ReleaseOf(hold, bank.KindVoid, hold.Amount-amount)
	rest.Entry.TransactionID, rest.Entry.Request = c.id, c.request
	posted, released, err := book.PostBoth(taken, rest, now)
	return bank.Outcome{Entry: posted, Second: released, Original: hold, Err: err}
}

// part returns how much the command takes of a hold, or why it takes nothing.
func (c *capture) part(book *bank.Book, hold *bank.Entry, now time.Time) (int64, error) {
	if hold.Status != bank.Approved {
		return 0, errDeclined
	}
	switch book.EndOfHold(c.code, hold) {
	case bank.KindCapture:
		return 0, errCaptured
	case bank.KindVoid:
		return 0, errVoided
	case bank.KindExpiry:
		return 0, errExpired
	}
	switch {
	case book.HoldIsOver(hold, now):
		return 0, errExpired
	case c.amount > hold.Amount:
		return 0, errAboveHold
	case c.amount == 0:
		return hold.Amount, nil
	}
	return c.amount, nil
}

// void is the command that releases a hold on request.
type void struct {
	code    bank.Code
	id      bank.ID
	request bank.Request
	subject bank.Subject
	hold    bank.ID
	account bank.ID
	at      time.Time // of a loaded history; zero means now
}

// Key implements bank.Command.
func (v *void) Key() bank.ID { return v.id }

// SameAs implements ledger.Joinable. Who may void the hold depends on who asks.
func (v *void) SameAs(other bank.Command) bool {
	w, ok := other.(*void)
	return ok && v.id == w.id && v.request.Caller == w.request.Caller && v.subject.Same(&w.subject)
}

// Keys implements bank.Command.
func (v *void) Keys() bank.Keys { return keysOf(v.code, v.account, v.id, v.hold) }

// Decide implements bank.Command. An open hold is released also when its time is over, because nothing
// else can become of it.
func (v *void) Decide(book *bank.Book, now time.Time) bank.Outcome {
	now = bank.RequestTime(v.at, now)
	hold, err := find(book, v.hold, v.request.Caller, &v.subject)
	if err != nil {
		return bank.Outcome{Err: err}
	}
	if hold.Status != bank.Approved {
		return bank.Outcome{Original: hold}
	}
	switch book.EndOfHold(v.code, hold) {
	case bank.KindCapture:
		return bank.Outcome{Err: errCaptured}
	case bank.KindVoid:
		return bank.Outcome{Entry: book.Entry(v.id), Original: hold}
	case bank.KindExpiry:
		return bank.Outcome{Entry: book.Entry(v.code.ExpiryID(v.hold)), Original: hold}
	}
	release := bank.ReleaseOf(hold, bank.KindVoid, hold.Amount)
	release.Entry.TransactionID, release.Entry.Request = v.id, v.request
	posted, err := book.Post(release.Entry, release.Effect, now)
	return bank.Outcome{Entry: posted, Original: hold, Err: err}
}

// expire is the command that ends a hold whose time is over. Every replica may submit it, also more than
// once. For a hold that has ended, or whose time is not over, nothing happens.
type expire struct {
	id      bank.ID
	request bank.Request
	hold    bank.ID
	account bank.ID
}

// newExpire returns the command that ends a due hold.
func newExpire(code bank.Code, due bank.DueHold) *expire {
	return &expire{
		id: code.ExpiryID(due.HoldID), hold: due.HoldID, account: due.AccountID,
		request: bank.Request{Caller: expirerName, ID: due.HoldID.String(), PrincipalKind: principal.Nobody},
	}
}

// expirerName is the caller of an expiry: the bank itself.
const expirerName = "bank"

// Key implements bank.Command.
func (e *expire) Key() bank.ID { return e.id }

// SameAs implements ledger.Joinable.
func (e *expire) SameAs(other bank.Command) bool {
	f, ok := other.(*expire)
	return ok && e.id == f.id
}

// Keys implements bank.Command.
func (e *expire) Keys() bank.Keys {
	return bank.Keys{Accounts: []bank.ID{e.account}, Transactions: []bank.ID{e.id}, Originals: []bank.ID{e.hold}}
}

// Decide implements bank.Command.
func (e *expire) Decide(book *bank.Book, now time.Time) bank.Outcome {
	hold := book.Entry(e.hold)
	if hold == nil || hold.Kind != bank.KindHold || hold.Status != bank.Approved || hold.AccountID != e.account {
		return bank.Outcome{}
	}
	ended := book.Sum(e.hold, bank.Captured)+book.Sum(e.hold, bank.Released) > 0
	if ended || !book.HoldIsOver(hold, now) {
		return bank.Outcome{Original: hold}
	}
	release := bank.ReleaseOf(hold, bank.KindExpiry, hold.Amount)
	release.Entry.TransactionID, release.Entry.Request = e.id, e.request
	posted, err := book.Post(release.Entry, release.Effect, now)
	return bank.Outcome{Entry: posted, Original: hold, Err: err}
}
