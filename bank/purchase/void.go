package purchase

import (
	"context"
	"errors"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/reversal"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/principal"
)

// errNoSuchVoid refuses to void what is no purchase.
var errNoSuchVoid = fault.New(fault.FailedPrecondition, "NOT_A_PURCHASE", "This request id belongs to a transaction that is not a purchase.")

// resolveAttempts limits how often a void is resolved again because its purchase was decided in
// between.
const resolveAttempts = 4

// VoidRequest asks for the request id of a purchase to be ended.
type VoidRequest struct {
	Caller, RequestID, TraceID string
	PrincipalKind              principal.Kind // as in Request.Subject
	At                         time.Time      // as in Request
}

// Void ends a request id for good. What is left of an approved purchase is given back. What a purchase
// with a later capture has set aside is released; what is left of its capture is given back. A declined
// purchase, and one that has expired, is returned as it is. An id that was never used is stored as VOIDED,
// so that a purchase that arrives later gets that outcome. Void is idempotent. It checks neither the
// available limit nor whether the card is blocked.
//
// Errors: fault.InvalidArgument with the name of the field; fault.FailedPrecondition when the id belongs to a
// transaction that is not a purchase; those of ledger.Executor.Submit.
func (s *Service) Void(ctx context.Context, request VoidRequest) (Purchase, error) {
	content := field.Word("request_id", request.RequestID)
	if content != nil && !field.IsContent(content) {
		return Purchase{}, content
	}
	if err := s.History.Check(request.At); err != nil {
		return Purchase{}, err
	}
	purchaseID := s.Code.TransactionID(request.Caller, request.RequestID)
	command := &void{
		code:     s.Code,
		refusal:  content,
		noHolds:  s.NoHolds,
		id:       s.Code.VoidID(purchaseID),
		purchase: purchaseID,
		request:  bank.Request{Caller: request.Caller, ID: request.RequestID, TraceID: request.TraceID, PrincipalKind: request.PrincipalKind},
		at:       request.At,
	}
	for range resolveAttempts {
		parties, err := s.Directory.Parties(ctx, purchaseID)
		if err != nil && !errors.Is(err, bank.ErrNotFound) {
			return Purchase{}, err
		}
		attempt := *command
		attempt.account, attempt.capture = parties.AccountID, parties.CaptureID
		outcome, err := s.Ledger.Submit(ctx, &attempt)
		switch {
		case errors.Is(err, bank.ErrStale):
			continue
		case err != nil:
			return Purchase{}, err
		}
		return voided(outcome), nil
	}
	return Purchase{}, errContended
}

// errContended answers a void that was stale at every attempt, because its purchase was being
// decided.
var errContended = fault.New(fault.Unavailable, "CONTENDED", "The purchase is being decided at this moment. Please try again.")

// voided turns the outcome of a void into the purchase as it is now.
func voided(outcome bank.Outcome) Purchase {
	if outcome.Original == nil {
		return Purchase{Entry: *outcome.Entry}
	}
	purchase := Purchase{Entry: *outcome.Original}
	switch {
	case purchase.Entry.Kind != bank.KindHold:
		purchase.Reversed = purchase.Entry.Amount
	case outcome.Capture != nil:
		purchase.EndedBy, purchase.Captured, purchase.Reversed = bank.KindCapture, outcome.Capture.Amount, outcome.Capture.Amount
	case outcome.Entry != nil:
		purchase.EndedBy = outcome.Entry.Kind
	}
	if purchase.EndedBy != bank.KindExpiry {
		purchase.Entry.Status = bank.Voided
	}
	return purchase
}

// void is the command that ends the request id of a purchase.
type void struct {
	code     bank.Code
	id       bank.ID
	purchase bank.ID
	request  bank.Request
	account  bank.ID   // zero when there was no such purchase yet, or when it belongs to no account
	capture  bank.ID   // what captured the purchase; zero when nothing did yet
	at       time.Time // of a loaded history; zero means now
	refusal  error     // refuses to store the request id, if it is new
	noHolds  bool      // refuses to end a hold
}

// Key implements bank.Command.
func (v *void) Key() bank.ID { return v.id }

// SameAs implements ledger.Joinable. It compares account and capture too: a void that was resolved
// before its purchase existed, or before it was captured, must be resolved again.
func (v *void) SameAs(other bank.Command) bool {
	w, ok := other.(*void)
	return ok && v.id == w.id && v.account == w.account && v.capture == w.capture
}

// Keys implements bank.Command. The void decides the purchase too, if there is none. The purchase may be
// a hold, so the void reads what may have ended it.
func (v *void) Keys() bank.Keys {
	keys := bank.Keys{Transactions: []bank.ID{v.purchase, v.id}, Originals: []bank.ID{v.purchase, v.code.ExpiryID(v.purchase)}}
	if !v.account.IsZero() {
		keys.Accounts = []bank.ID{v.account}
	}
	if !v.capture.IsZero() {
		keys.Originals = append(keys.Originals, v.capture)
	}
	return keys
}

// Decide implements bank.Command.
func (v *void) Decide(book *bank.Book, now time.Time) bank.Outcome {
	now = bank.RequestTime(v.at, now)
	purchase := book.Entry(v.purchase)
	switch {
	case purchase == nil && v.refusal != nil:
		return bank.Outcome{Err: v.refusal}
	case purchase == nil:
		return bank.Outcome{Entry: book.Refuse(bank.Tombstone(v.purchase, v.request), now)}
	case !isPurchase(purchase):
		return bank.Outcome{Err: errNoSuchVoid}
	case purchase.Status != bank.Approved:
		return bank.Outcome{Entry: purchase}
	case purchase.Kind == bank.KindHold:
		return v.decideHold(book, purchase, now)
	}
	left := purchase.Amount - book.Sum(v.purchase, bank.GivenBack)
	if left <= 0 {
		return bank.Outcome{Original: purchase}
	}
	entry, effect := reversal.Entry(purchase, bank.KindVoid, left)
	posted, err := v.post(book, entry, effect, now)
	return bank.Outcome{Entry: posted, Original: purchase, Err: err}
}

// decideHold ends a purchase with a later capture: it releases what is set aside, or gives back what is
// left of what was captured. What is set aside is released also when its time is over.
func (v *void) decideHold(book *bank.Book, hold *bank.Entry, now time.Time) bank.Outcome {
	switch book.EndOfHold(v.code, hold) {
	case bank.KindExpiry:
		return bank.Outcome{Entry: book.Entry(v.code.ExpiryID(v.purchase)), Original: hold}
	case bank.KindVoid:
		return bank.Outcome{Entry: book.Entry(v.id), Original: hold}
	case bank.KindCapture:
		return v.decideCaptured(book, hold, now)
	}
	release := bank.ReleaseOf(hold, bank.KindVoid, hold.Amount)
	posted, err := v.post(book, release.Entry, release.Effect, now)
	return bank.Outcome{Entry: posted, Original: hold, Err: err}
}

func (v *void) decideCaptured(book *bank.Book, hold *bank.Entry, now time.Time) bank.Outcome {
	if v.capture.IsZero() {
		return bank.Outcome{Err: bank.ErrStale}
	}
	captured := book.Entry(v.capture)
	if captured == nil {
		return bank.Outcome{Err: bank.ErrStale}
	}
	left := captured.Amount - book.Sum(v.capture, bank.GivenBack)
	if left <= 0 {
		return bank.Outcome{Original: hold, Capture: captured}
	}
	entry, effect := reversal.Entry(captured, bank.KindVoid, left)
	posted, err := v.post(book, entry, effect, now)
	return bank.Outcome{Entry: posted, Original: hold, Capture: captured, Err: err}
}

// post posts the entry of the void on the account of the purchase. An account that was not resolved is
// bank.ErrStale.
func (v *void) post(book *bank.Book, entry bank.Entry, effect bank.Effect, now time.Time) (*bank.Entry, error) {
	if v.noHolds && !entry.HoldID.IsZero() {
		return nil, bank.ErrEventVersion
	}
	if _, ok := book.Account(entry.AccountID); !ok {
		return nil, bank.ErrStale
	}
	entry.TransactionID, entry.Request = v.id, v.request
	return book.Post(entry, effect, now)
}
