// Package hold is the use case of setting an amount of an account aside: place a hold, capture it or a
// part of it, void it, and let it expire.
//
// The files, in reading order:
//
//	hold.go     Service: place, capture and void on request
//	place.go    the command that places a hold on a wallet
//	end.go      the commands that end a hold: capture, void, expiry
//	expirer.go  Expirer: every replica ends the holds whose time is over
//
// A hold by card is placed by package purchase, as a purchase with a later capture. It ends here like
// every other hold.
package hold

import (
	"context"
	"errors"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
)

// Service places and ends holds. All fields but SimulatedCash and History are required; it is safe for concurrent use.
type Service struct {
	Code      bank.Code
	Ledger    bank.Submitter
	Directory bank.Directory
	Holds     bank.Holds
	Vault     bank.Vault
	// SimulatedCash lets everybody take a hold without a merchant in cash. Otherwise only an operator may.
	SimulatedCash bool
	// History lets requests name an earlier time; nil means that every request is of the present.
	History *bank.History
}

// The refusals of this package.
var (
	// errNoHold answers for a hold that does not exist and for one of somebody else, with no difference
	// between the two.
	errNoHold    = fault.New(fault.NotFound, "HOLD_NOT_FOUND", "There is no such hold.")
	errDeclined  = fault.New(fault.FailedPrecondition, "HOLD_DECLINED", "The hold was declined, so nothing is set aside.")
	errCaptured  = fault.New(fault.FailedPrecondition, "HOLD_CAPTURED", "The hold was captured before.")
	errVoided    = fault.New(fault.FailedPrecondition, "HOLD_VOIDED", "The hold was voided.")
	errExpired   = fault.New(fault.FailedPrecondition, "HOLD_EXPIRED", "The hold has expired.")
	errOfPix     = fault.New(fault.FailedPrecondition, "HOLD_OF_PIX", "Only the answer of the other bank ends the hold of a Pix.")
	errAboveHold = fault.New(fault.FailedPrecondition, "AMOUNT_ABOVE_HOLD", "The amount is more than the hold has set aside.")
)

// PlaceRequest asks for a hold on a wallet account. It is not yet checked.
type PlaceRequest struct {
	Caller    string
	RequestID string
	TraceID   string
	Subject   bank.Subject

	Account     string // accounts/{uuid}
	AmountMinor int64
	Currency    string
	// Merchant is who captures the hold; the zero Merchant for a hold that is captured in cash.
	Merchant          bank.Merchant
	MerchantReference string
	Description       string
	// ExpiresAt is when the hold ends by itself, in whole milliseconds; zero means after bank.HoldLife.
	ExpiresAt time.Time
	// At is when the hold was placed, in whole milliseconds; zero means now. See bank.History.
	At time.Time
}

// check returns the account, and nil when every field is well formed, and holds nothing that is not
// allowed in it.
func (r *PlaceRequest) check() (bank.ID, money.Currency, error) {
	account, noID := field.ID("account", "accounts/", r.Account)
	currency, noCurrency := field.KnownCurrency("currency", r.Currency)
	refusals := []error{
		field.Word("request_id", r.RequestID), noID, field.Amount("amount_minor", r.AmountMinor), noCurrency,
		field.OptionalText("description", r.Description, field.MaxDescription),
	}
	if r.Merchant != (bank.Merchant{}) {
		refusals = append(refusals, r.Merchant.Check("merchant"))
	}
	refusals = append(refusals, field.OptionalWord("merchant_reference", r.MerchantReference))
	return account, currency, field.First(refusals...)
}

// canonical returns the form of the request from which its fingerprint is computed. Its two times are told
// apart by a word.
func (r *PlaceRequest) canonical(account bank.ID) bank.Canonical {
	form := bank.NewCanonical("hold").Text(account.String()).Number(r.AmountMinor).Text(r.Currency).
		Merchant(&r.Merchant).Text(r.MerchantReference).Text(r.Description).Moment(r.ExpiresAt)
	if !r.At.IsZero() {
		form = form.Text("request_time").Moment(r.At)
	}
	return form
}

// Place sets an amount of a wallet account aside. A decline is an entry, not an error. It is idempotent
// by caller and request id, like a purchase.
//
// Errors: fault.InvalidArgument with the name of the field; fault.NotFound when there is no such account,
// or when it is not the principal's; fault.PermissionDenied CASH_NOT_ALLOWED without a merchant;
// fault.FailedPrecondition NOT_A_WALLET; fault.Aborted REQUEST_ID_REUSED; those of ledger.Executor.Submit.
func (s *Service) Place(ctx context.Context, request PlaceRequest) (bank.Entry, error) {
	account, currency, content := request.check()
	if content != nil && !field.IsContent(content) {
		return bank.Entry{}, content
	}
	if err := s.History.Check(request.At); err != nil {
		return bank.Entry{}, err
	}
	if content == nil && request.Merchant.ID == "" {
		content = request.Subject.CheckCash(s.SimulatedCash)
	}
	outcome, err := s.Ledger.Submit(ctx, &place{
		id: s.Code.TransactionID(request.Caller, request.RequestID),
		request: bank.Request{
			Caller: request.Caller, ID: request.RequestID, TraceID: request.TraceID, PrincipalKind: request.Subject.Kind,
			Fingerprint: s.Vault.Fingerprint(request.canonical(account)),
		},
		subject:           request.Subject,
		account:           account,
		amount:            money.Amount{Minor: request.AmountMinor, Currency: currency},
		merchant:          request.Merchant,
		merchantReference: request.MerchantReference,
		description:       request.Description,
		expiresAt:         request.ExpiresAt,
		at:                request.At,
		refusal:           content,
	})
	if err != nil {
		return bank.Entry{}, err
	}
	return *outcome.Entry, nil
}

// CaptureRequest asks for what a hold has set aside.
type CaptureRequest struct {
	Caller    string
	RequestID string
	TraceID   string
	Subject   bank.Subject

	Hold bank.ID
	// ByCard says that the hold must be that of a purchase by card.
	ByCard bool
	// AmountMinor is how much to take, in minor units of the hold's currency; 0 means all of it.
	AmountMinor int64
	At          time.Time // as in PlaceRequest
}

// Capture is a capture with the hold that it has ended.
type Capture struct {
	Entry bank.Entry
	// Hold is the entry that placed the hold; zero in the answer to a repeat.
	Hold bank.Entry
}

// Capture takes what a hold has set aside, or a part of it, once. The rest is released in the same
// commit. It never asks for the available amount, and neither whether a card is blocked. It is idempotent
// by caller and request id. The hold may be captured by its caller, by an operator, and by its merchant.
//
// Errors: fault.InvalidArgument with the name of the field; fault.NotFound when there is no such hold for
// the principal; fault.PermissionDenied CASH_NOT_ALLOWED for a hold without a merchant;
// fault.FailedPrecondition with the reason HOLD_CAPTURED, HOLD_VOIDED, HOLD_EXPIRED,
// HOLD_DECLINED or AMOUNT_ABOVE_HOLD; fault.Aborted REQUEST_ID_REUSED; those of ledger.Executor.Submit.
func (s *Service) Capture(ctx context.Context, request CaptureRequest) (Capture, error) {
	content := field.Word("request_id", request.RequestID)
	if request.AmountMinor != 0 {
		content = field.First(content, field.Amount("amount_minor", request.AmountMinor))
	}
	if content != nil && !field.IsContent(content) {
		return Capture{}, content
	}
	if err := s.History.Check(request.At); err != nil {
		return Capture{}, err
	}
	account, err := s.accountOf(ctx, request.Hold)
	if err != nil {
		return Capture{}, err
	}
	form := bank.NewCanonical("capture").Text(request.Hold.String()).Number(request.AmountMinor).Moment(request.At)
	outcome, err := s.Ledger.Submit(ctx, &capture{
		code: s.Code,
		id:   s.Code.TransactionID(request.Caller, request.RequestID),
		request: bank.Request{
			Caller: request.Caller, ID: request.RequestID, TraceID: request.TraceID, PrincipalKind: request.Subject.Kind,
			Fingerprint: s.Vault.Fingerprint(form),
		},
		subject: request.Subject,
		hold:    request.Hold,
		byCard:  request.ByCard,
		account: account,
		amount:  request.AmountMinor,
		at:      request.At,
		refusal: content,
		cash:    request.Subject.CheckCash(s.SimulatedCash),
	})
	if err != nil {
		return Capture{}, err
	}
	captured := Capture{Entry: *outcome.Entry}
	if outcome.Original != nil {
		captured.Hold = *outcome.Original
	}
	return captured, nil
}

// VoidRequest asks for the release of a hold.
type VoidRequest struct {
	Caller  string
	TraceID string
	Subject bank.Subject
	Hold    bank.ID
	At      time.Time // as in PlaceRequest
}

// Void releases what a hold has set aside, and returns the hold as it is afterwards. A hold that was
// voided, that has expired, or that was declined is returned as it is. The same principals may void a hold
// as may capture it.
//
// Errors: fault.NotFound when there is no such hold for the principal; fault.FailedPrecondition
// HOLD_CAPTURED; those of ledger.Executor.Submit.
func (s *Service) Void(ctx context.Context, request VoidRequest) (bank.HoldState, error) {
	if err := s.History.Check(request.At); err != nil {
		return bank.HoldState{}, err
	}
	account, err := s.accountOf(ctx, request.Hold)
	if err != nil {
		return bank.HoldState{}, err
	}
	outcome, err := s.Ledger.Submit(ctx, &void{
		code:    s.Code,
		id:      s.Code.VoidID(request.Hold),
		request: bank.Request{Caller: request.Caller, TraceID: request.TraceID, PrincipalKind: request.Subject.Kind},
		subject: request.Subject,
		hold:    request.Hold,
		account: account,
		at:      request.At,
	})
	if err != nil {
		return bank.HoldState{}, err
	}
	return stateAfter(outcome), nil
}

// stateAfter returns the hold of a void, which nothing has captured.
func stateAfter(outcome bank.Outcome) bank.HoldState {
	state := bank.HoldState{Hold: *outcome.Original}
	if outcome.Entry != nil {
		state.EndedBy, state.EndID, state.Released = outcome.Entry.Kind, outcome.Entry.TransactionID, state.Hold.Amount
	}
	return state
}

// Get returns a hold that the principal may capture, and what became of it.
//
// Errors: fault.NotFound; fault.Unavailable.
func (s *Service) Get(ctx context.Context, caller string, subject bank.Subject, hold bank.ID) (bank.HoldState, error) {
	state, err := s.Holds.Hold(ctx, hold)
	switch {
	case errors.Is(err, bank.ErrNotFound):
		return bank.HoldState{}, errNoHold
	case err != nil:
		return bank.HoldState{}, err
	case !mayEnd(caller, &subject, &state.Hold):
		return bank.HoldState{}, errNoHold
	}
	return state, nil
}

// accountOf returns the account of a transaction that may be a hold.
func (s *Service) accountOf(ctx context.Context, hold bank.ID) (bank.ID, error) {
	account, err := s.Directory.AccountOf(ctx, hold)
	if errors.Is(err, bank.ErrNotFound) || err == nil && account.IsZero() {
		return bank.ID{}, errNoHold
	}
	return account, err
}
