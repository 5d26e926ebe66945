// Package purchase is the use case of paying by card: authorize a purchase, void it, reverse it,
// and read it with the amount that was given back since.
//
// The commands of its requests decide on a bank.Book: authorize.go decides a purchase, void.go the end of
// its request id; package reversal decides a reversal. token.go finds the card of a token. A purchase with a
// later capture sets its amount aside; package hold captures it.
package purchase

import (
	"context"
	"errors"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/reversal"
	"codebank.dev/bank/risk"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/money"
)

// Service decides purchases. All fields but StoredTokens, History, Holds, NoHolds and Scorer
// are required; it is safe for concurrent use.
type Service struct {
	Code      bank.Code
	Ledger    bank.Submitter
	Directory bank.Directory
	Reader    bank.Reader
	Vault     bank.Vault
	Tokens    bank.TokenSealer
	// StoredTokens finds tokens that version 0.1.0 stored; nil when there are none.
	StoredTokens bank.StoredTokens
	// History lets purchases and reversals name an earlier time; nil means that every request is of
	// the present.
	History *bank.History
	// Holds reads what became of a purchase with a later capture; nil when there are none.
	Holds bank.Holds
	// NoHolds says that the bank's events cannot say what becomes of a hold. Purchases with a later capture,
	// which another replica has placed, are then left to that replica.
	NoHolds bool
	// Scorer gives every purchase its risk; with nil purchases have none.
	Scorer *risk.Scorer
}

// Request is a purchase as a caller asks for it, not yet checked. Exactly one of CardData,
// CardToken and Card is set.
type Request struct {
	Caller    string
	RequestID string
	TraceID   string
	// Principal is who asks. A customer pays by the name of a card only if the card is his own; another's is like one
	// that does not exist.
	Subject bank.Subject

	CardData  *field.RawCardData
	CardToken string
	Card      string // cards/{uuid}

	AmountMinor int64
	Currency    string
	Merchant    bank.Merchant
	Description string
	Channel     bank.Channel
	Attempt     int32
	// CaptureLater sets the amount aside; package hold captures it.
	CaptureLater bool
	// ExpiresAt is when what is set aside is released, in whole milliseconds; zero means after
	// bank.HoldLife. It is for CaptureLater only.
	ExpiresAt time.Time
	// MerchantReference is the merchant's own name for the payment, or empty.
	MerchantReference string
	// At is when the purchase was made, in whole milliseconds; zero means now. See bank.History.
	At time.Time
}

// check returns nil when every field but the card is well formed, and holds nothing that is not
// allowed in it.
func (r *Request) check() (money.Currency, error) {
	currency, err := field.KnownCurrency("currency", r.Currency)
	return currency, field.First(
		field.Word("request_id", r.RequestID),
		field.Amount("amount_minor", r.AmountMinor),
		err,
		r.Merchant.Check("merchant"),
		field.OptionalText("description", r.Description, field.MaxDescription),
		field.Attempt("attempt", r.Attempt),
		r.checkHold(),
	)
}

func (r *Request) checkHold() error {
	if !r.CaptureLater && !r.ExpiresAt.IsZero() {
		return fault.Invalid("expire_time", "Only a purchase with a later capture expires.")
	}
	return field.OptionalWord("merchant_reference", r.MerchantReference)
}

// Purchase is a decided purchase with what was given back since.
type Purchase struct {
	// Entry is the decision: a PURCHASE, or the HOLD of a purchase with a later capture.
	Entry bank.Entry
	// Reversed is how much was given back, in minor units; 0 in the answer of Authorize.
	Reversed int64
	// EndedBy is the kind of what ended the hold of a purchase with a later capture; 0 while its amount is
	// set aside. Captured is how much of it was captured, in minor units.
	EndedBy  bank.Kind
	Captured int64
}

// isPurchase reports whether an entry is the decision of a purchase: by card, now or with a later capture,
// or from the balance of a wallet.
func isPurchase(entry *bank.Entry) bool {
	return entry.Kind == bank.KindPurchase || isHold(entry)
}

// isHold reports whether an entry is the decision of a purchase with a later capture. A hold without a card
// is no purchase.
func isHold(entry *bank.Entry) bool {
	return entry.Kind == bank.KindHold && (entry.IsRefusal() || !entry.Card.ID.IsZero())
}

// Authorize decides one purchase. A decline is a Purchase, not an error.
//
// It is idempotent by caller and request id, without a time limit: an equal request gets the first
// outcome, a different one fault.Aborted REQUEST_ID_REUSED. A voided request id gets the status
// VOIDED.
//
// Errors: fault.InvalidArgument with the name of the field, when nothing was stored; those of
// ledger.Executor.Submit.
func (s *Service) Authorize(ctx context.Context, request Request) (Purchase, error) {
	command, err := s.resolve(ctx, &request)
	if err != nil {
		return Purchase{}, err
	}
	outcome, err := s.Ledger.Submit(ctx, command)
	if err != nil {
		return Purchase{}, err
	}
	return Purchase{Entry: *outcome.Entry}, nil
}

// Result is what Authorize returns.
type Result struct {
	Purchase Purchase
	Err      error
}

// AuthorizeAll is Authorize for several requests, whose decisions may share a commit. The results
// are in the order of the requests, and each request succeeds or fails on its own.
func (s *Service) AuthorizeAll(ctx context.Context, requests []Request) []Result {
	results := make([]Result, len(requests))
	commands, of := make([]bank.Command, 0, len(requests)), make([]int, 0, len(requests))
	for i := range requests {
		command, err := s.resolve(ctx, &requests[i])
		if err != nil {
			results[i].Err = err
			continue
		}
		commands, of = append(commands, command), append(of, i)
	}
	for i, answer := range s.Ledger.SubmitAll(ctx, commands) {
		if results[of[i]].Err = answer.Err; answer.Err == nil {
			results[of[i]].Purchase = Purchase{Entry: *answer.Outcome.Entry}
		}
	}
	return results
}

// resolve checks the request and turns it into a command that depends on immutable facts only.
func (s *Service) resolve(ctx context.Context, request *Request) (*authorize, error) {
	currency, content := request.check()
	if content != nil && !field.IsContent(content) {
		return nil, content
	}
	if err := s.History.Check(request.At); err != nil {
		return nil, err
	}
	command := &authorize{
		id:          s.Code.TransactionID(request.Caller, request.RequestID),
		amount:      money.Amount{Minor: request.AmountMinor, Currency: currency},
		merchant:    request.Merchant,
		settlement:  s.Code.SettlementAccount(request.Merchant.ID, request.Currency),
		description: request.Description,
		channel:     request.Channel,
		attempt:     request.Attempt,
		at:          request.At,
		refusal:     content,
		scorer:      s.Scorer,

		captureLater:      request.CaptureLater,
		expiresAt:         request.ExpiresAt,
		merchantReference: request.MerchantReference,
		vault:             s.Vault,
	}
	if err := s.resolveCard(ctx, request, command); err != nil {
		return nil, err
	}
	command.request = bank.Request{
		Caller: request.Caller, ID: request.RequestID, TraceID: request.TraceID, PrincipalKind: request.Subject.Kind,
		Fingerprint: command.fingerprint(),
	}
	return command, nil
}

func (s *Service) resolveCard(ctx context.Context, request *Request, command *authorize) error {
	switch {
	case request.CardData != nil:
		data, content := request.CardData.Check("card_data")
		if content != nil && !field.IsContent(content) {
			return content
		}
		command.refusal = field.First(command.refusal, content)
		facts, check, err := bank.CheckCardData(ctx, s.Directory, s.Vault, data)
		if err != nil {
			return err
		}
		command.card, command.account, command.cardCheck = facts.Card, facts.AccountID, check
		return nil
	case request.CardToken != "":
		return s.resolveToken(ctx, request.CardToken, command)
	case request.Card != "":
		id, err := field.ID("card", "cards/", request.Card)
		if err != nil {
			return err
		}
		command.namedCard = id
		facts, err := s.Directory.CardByID(ctx, id)
		if err == nil {
			err = s.requireSeen(ctx, &request.Subject, facts.AccountID)
		}
		if errors.Is(err, bank.ErrNotFound) {
			command.cardCheck = bank.CardCheck{Decline: bank.UnknownCard}
			return nil
		}
		if err != nil {
			return err
		}
		command.card, command.account = facts.Card, facts.AccountID
		return nil
	}
	return fault.Invalid("card_source", "One of card_data, card_token and card is required.")
}

// Reversal is a purchase that was given back on request.
type Reversal struct {
	Entry bank.Entry
}

// Reverse gives an approved purchase of the same caller back: in full, once, or in parts. It is
// idempotent by caller and request id. It checks neither the available limit nor whether the card is
// blocked.
//
// Errors: fault.InvalidArgument with the name of the field; fault.NotFound when the caller has no such
// purchase; fault.FailedPrecondition when it was declined, when nothing of it is left, when less is left
// than the amount, or when the whole is asked for and a part was given back before; fault.Aborted
// REQUEST_ID_REUSED; those of ledger.Executor.Submit.
func (s *Service) Reverse(ctx context.Context, request ReverseRequest) (Reversal, error) {
	id, err := field.ID("name", "purchases/", request.Name)
	content := field.First(
		field.Word("request_id", request.RequestID), err,
		field.OptionalText("description", request.Description, field.MaxDescription),
		checkPart(request.AmountMinor),
	)
	if content != nil && !field.IsContent(content) {
		return Reversal{}, content
	}
	if err := s.History.Check(request.At); err != nil {
		return Reversal{}, err
	}
	parties, err := s.Directory.Parties(ctx, id)
	if errors.Is(err, bank.ErrNotFound) || err == nil && parties.AccountID.IsZero() {
		return Reversal{}, errNoPurchase
	}
	if err != nil {
		return Reversal{}, err
	}
	original, held := id, bank.ID{}
	if !parties.CaptureID.IsZero() {
		original, held = parties.CaptureID, id
		if s.NoHolds {
			content = field.First(content, bank.ErrEventVersion)
		}
	}
	outcome, err := s.Ledger.Submit(ctx, &reversal.Command{
		ID:       s.Code.TransactionID(request.Caller, request.RequestID),
		Original: original,
		Hold:     held,
		Parties:  bank.Parties{AccountID: parties.AccountID},
		Amount:   request.AmountMinor,
		Request: bank.Request{
			Caller: request.Caller, ID: request.RequestID, TraceID: request.TraceID, PrincipalKind: request.Subject.Kind,
			Fingerprint: s.Vault.Fingerprint(request.canonical(id)),
		},
		Subject:     request.Subject,
		OwnPurchase: true,
		Missing:     errNoPurchase,
		Description: request.Description,
		At:          request.At,
		Refusal:     content,
	})
	if err != nil {
		return Reversal{}, err
	}
	return Reversal{Entry: *outcome.Entry}, nil
}

// ReverseRequest asks for a purchase to be given back.
type ReverseRequest struct {
	Caller, RequestID, TraceID string
	Subject                    bank.Subject // as in Request
	Name                       string       // purchases/{uuid}
	// AmountMinor is how much to give back, in minor units of the purchase's currency; 0 means the
	// whole purchase.
	AmountMinor int64
	Description string
	At          time.Time // as in Request
}

// canonical returns the form of the request from which its fingerprint is computed. A request for the
// whole purchase has the form that it had before requests could name an amount.
func (r *ReverseRequest) canonical(purchase bank.ID) bank.Canonical {
	form := bank.NewCanonical("reverse").Text(purchase.String()).Text(r.Description)
	if r.AmountMinor != 0 {
		form = form.Text("amount").Number(r.AmountMinor)
	}
	return form.Moment(r.At)
}

// checkPart checks the amount of a reversal, which is optional.
func checkPart(minor int64) error {
	if minor == 0 {
		return nil
	}
	return field.Amount("amount_minor", minor)
}

// errNoPurchase answers for a purchase that does not exist and for one of another caller, with no
// difference between the two.
var errNoPurchase = fault.New(fault.NotFound, "PURCHASE_NOT_FOUND", "There is no such purchase.")

// Get returns a purchase with what was given back since. An operator may read any, a user those on accounts
// of his own, and a service those that it asked for as caller. fault.NotFound when there is none, or none
// that the subject may read.
func (s *Service) Get(ctx context.Context, caller string, subject bank.Subject, name string) (Purchase, error) {
	id, err := field.ID("name", "purchases/", name)
	if err != nil {
		return Purchase{}, err
	}
	entry, reversed, err := s.Reader.Transaction(ctx, id)
	if errors.Is(err, bank.ErrNotFound) {
		return Purchase{}, errNoPurchase
	}
	if err != nil {
		return Purchase{}, err
	}
	if !isPurchase(&entry) || !mayRead(caller, &subject, &entry) {
		return Purchase{}, errNoPurchase
	}
	if entry.Kind == bank.KindHold {
		return s.held(ctx, id)
	}
	return Purchase{Entry: entry, Reversed: reversed}, nil
}

// held returns a purchase with a later capture as it is now.
func (s *Service) held(ctx context.Context, id bank.ID) (Purchase, error) {
	state, err := s.Holds.Hold(ctx, id)
	if err != nil {
		return Purchase{}, err
	}
	return Purchase{Entry: state.Hold, Reversed: state.GivenBack, EndedBy: state.EndedBy, Captured: state.Captured}, nil
}
