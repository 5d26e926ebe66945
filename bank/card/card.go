// Package card is the use case of the issuer: issue cards, block them, change their limits, and
// exchange card data for tokens.
//
// card.go has the service, issue.go issues cards, command.go has the commands that decide on a
// bank.Book.
package card

import (
	"context"
	"errors"
	"io"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/principal"
)

// Service serves the requests of the issuer. All fields but Failpoint and History are required; it
// is safe for concurrent use.
type Service struct {
	Code      bank.Code
	Ledger    bank.Submitter
	Directory bank.Directory
	Reader    bank.Reader
	Vault     bank.Vault
	Tokens    bank.TokenSealer
	Random    io.Reader // cryptographic
	Now       func() time.Time
	// Failpoint is called at the points between durable steps; nil for none.
	Failpoint failpoint.Hook
	// History lets a card be issued at an earlier time; nil means that every request is of the
	// present.
	History *bank.History
}

// goodFor is how long a card is good after its issue, in years.
const goodFor = 5

// errNoCard answers for a card that does not exist.
var errNoCard = fault.New(fault.NotFound, "CARD_NOT_FOUND", "There is no such card.")

// View is a card with its account.
type View struct {
	Card    bank.Card
	Account bank.Account
}

// Get returns a card by its name, "cards/{uuid}". fault.NotFound when there is none.
func (s *Service) Get(ctx context.Context, name string) (View, error) {
	id, err := field.ID("name", "cards/", name)
	if err != nil {
		return View{}, err
	}
	card, account, err := s.Reader.Card(ctx, id)
	if errors.Is(err, bank.ErrNotFound) {
		return View{}, errNoCard
	}
	return View{Card: card, Account: account}, err
}

// Account returns an account by its name, "accounts/{uuid}". fault.NotFound when there is none.
func (s *Service) Account(ctx context.Context, name string) (bank.Account, error) {
	id, err := field.ID("name", "accounts/", name)
	if err != nil {
		return bank.Account{}, err
	}
	account, err := s.Reader.Account(ctx, id)
	if errors.Is(err, bank.ErrNotFound) {
		return bank.Account{}, bank.ErrNoAccount
	}
	return account, err
}

// CheckOwner returns fault.NotFound, as for a card that does not exist, unless the principal may see the
// account of a card. It leaves names that are no names, and cards that do not exist, to the request itself.
func (s *Service) CheckOwner(ctx context.Context, subject *bank.Subject, name string) error {
	if subject.Kind != principal.User {
		return nil
	}
	card, err := s.facts(ctx, name)
	if err != nil {
		return err
	}
	account, err := s.Directory.AccountByID(ctx, card.AccountID)
	if err == nil && !subject.MaySee(account.CustomerID) {
		return errNoCard
	}
	return err
}

// BlockRequest asks for a side's block of a card to be set or lifted.
type BlockRequest struct {
	Name    string      // cards/{uuid}
	Side    bank.Blocks // who asks
	Blocked bool
}

// SetBlocked sets a side's block of a card, or lifts it. The other side's block stays as it is. Every purchase
// that is decided after it returns obeys it, on every replica. It is idempotent. fault.NotFound when there is
// no such card.
func (s *Service) SetBlocked(ctx context.Context, request BlockRequest) (View, error) {
	facts, err := s.facts(ctx, request.Name)
	if err != nil {
		return View{}, err
	}
	command := &setBlocked{card: facts.Card.ID, account: facts.AccountID, side: request.Side, blocked: request.Blocked}
	if command.id, err = id.New(s.Random); err != nil {
		return View{}, fault.Of(err)
	}
	outcome, err := s.Ledger.Submit(ctx, command)
	return View{Card: outcome.Card, Account: outcome.Account}, err
}

// LimitRequest asks for a new credit limit.
type LimitRequest struct {
	PrincipalKind              principal.Kind // on whose behalf the caller asks
	Caller, RequestID, TraceID string
	Name                       string // cards/{uuid}
	CreditLimitMinor           int64
}

// ChangeLimit sets the credit limit of a card's account and makes one event. The limit may be lower
// than what the customer owes: it only stops new purchases. It is idempotent by caller and request
// id. Errors: fault.NotFound; fault.InvalidArgument with the name of the field; fault.Aborted
// REQUEST_ID_REUSED.
func (s *Service) ChangeLimit(ctx context.Context, request LimitRequest) (View, error) {
	content := field.First(
		field.Word("request_id", request.RequestID), field.Limit("credit_limit_minor", request.CreditLimitMinor),
	)
	if content != nil && !field.IsContent(content) {
		return View{}, content
	}
	facts, err := s.facts(ctx, request.Name)
	if err != nil {
		return View{}, err
	}
	canonical := bank.NewCanonical("change-limit").Text(facts.Card.ID.String()).Number(request.CreditLimitMinor)
	outcome, err := s.Ledger.Submit(ctx, &changeLimit{
		id: s.Code.TransactionID(request.Caller, request.RequestID),
		request: bank.Request{
			Caller: request.Caller, ID: request.RequestID, TraceID: request.TraceID, PrincipalKind: request.PrincipalKind,
			Fingerprint: s.Vault.Fingerprint(canonical),
		},
		card: facts.Card, account: facts.AccountID, limit: request.CreditLimitMinor, refusal: content,
	})
	return View{Card: outcome.Card, Account: outcome.Account}, err
}

func (s *Service) facts(ctx context.Context, name string) (bank.CardFacts, error) {
	id, err := field.ID("name", "cards/", name)
	if err != nil {
		return bank.CardFacts{}, err
	}
	facts, err := s.Directory.CardByID(ctx, id)
	if errors.Is(err, bank.ErrNotFound) {
		return bank.CardFacts{}, errNoCard
	}
	return facts, err
}

// Token is a new card token. Its text is known only in this answer.
type Token struct {
	Text      string
	Brand     pan.Brand
	Last4     string
	ExpiresAt time.Time
}

// Tokenize exchanges card data for a single-use token that is good for bank.TokenLife. It succeeds
// for any well-formed card data, so that it does not reveal which cards exist: the result of the
// check is sealed into the token and answered with the purchase. Nothing is stored. It is not
// idempotent; a second token is harmless. Errors: fault.InvalidArgument with the name of the field
// below card_data.
func (s *Service) Tokenize(ctx context.Context, raw field.RawCardData) (Token, error) {
	data, err := raw.Check("card_data")
	if err != nil {
		return Token{}, err
	}
	facts, check, err := bank.CheckCardData(ctx, s.Directory, s.Vault, data)
	if err != nil {
		return Token{}, err
	}
	now := s.Now().UTC()
	token := bank.CardToken{Card: facts.Card, Check: check, ExpiresAt: now.Add(bank.TokenLife).Truncate(time.Millisecond)}
	if token.Nonce, err = bank.NewNonce(now, s.Random); err != nil {
		return Token{}, fault.Of(err)
	}
	text, err := s.Tokens.SealToken(s.Code, token)
	if err != nil {
		return Token{}, fault.Of(err)
	}
	return Token{Text: text, Brand: data.Number.Brand(), Last4: data.Number.Last4(), ExpiresAt: token.ExpiresAt}, nil
}
