package card

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"math/big"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/principal"
)

// IssueRequest asks for a new card on a new account.
type IssueRequest struct {
	Caller, RequestID, TraceID string
	PrincipalKind              principal.Kind // on whose behalf the caller asks

	CustomerID string // a UUID; empty makes a new customer
	HolderName string
	Brand      pan.Brand // BrandUnknown means Visa
	Currency   string

	CreditLimitMinor int64
	Rules            bank.PurchaseRules
	// At is when the card was issued, in whole milliseconds; zero means now. See bank.History.
	At time.Time
}

// Issued is a card with its data. The issuer reveals this data only in the answer to the request
// and to its repeats.
type Issued struct {
	View
	Data pan.CardData
}

// issueAttempts limits how often another number is drawn because the last one was taken.
const issueAttempts = 4

// Issue opens a card account and issues its first card: a new number with a test BIN of the brand,
// good for five years. It is idempotent by caller and request id: a repeat returns the same card,
// with number and security code. Errors: fault.InvalidArgument with the name of the field;
// fault.Aborted REQUEST_ID_REUSED.
func (s *Service) Issue(ctx context.Context, request IssueRequest) (Issued, error) {
	command, err := s.newIssue(&request)
	if err != nil {
		return Issued{}, err
	}
	for range issueAttempts {
		attempt := *command
		if attempt.card, err = s.newCard(&request, command); err != nil {
			return Issued{}, fault.Of(err)
		}
		s.Failpoint.At(failpoints.CardSealed)
		var outcome bank.Outcome
		outcome, err = s.Ledger.Submit(ctx, &attempt)
		if err == nil {
			s.Failpoint.At(failpoints.CardIssued)
			return s.reveal(ctx, outcome.Entry.Card.ID)
		}
		// A number that is taken shows as a conflict that remains after fresh reads.
		if !errors.Is(err, bank.ErrRetry) {
			return Issued{}, err
		}
	}
	return Issued{}, err
}

// newIssue checks the request and returns the command without its card.
func (s *Service) newIssue(request *IssueRequest) (*issue, error) {
	currency, content := request.check()
	if content != nil && !field.IsContent(content) {
		return nil, content
	}
	if err := s.History.Check(request.At); err != nil {
		return nil, err
	}
	transaction := s.Code.TransactionID(request.Caller, request.RequestID)
	customer := id.Derive(transaction, "customer")
	if request.CustomerID != "" {
		var err error
		if customer, err = id.Parse(request.CustomerID); err != nil || customer.IsZero() {
			return nil, fault.Invalid("customer_id", "A customer id is a lower-case UUID.")
		}
	}
	_, notCurrent := field.Currency("currency", request.Currency)
	canonical := bank.NewCanonical("issue").Text(request.CustomerID).Text(request.HolderName).
		Number(int64(request.Brand)).Text(request.Currency).Number(request.CreditLimitMinor).
		Number(request.Rules.Limit).Number(request.Rules.Minimum).Number(int64(request.Rules.PerMinute)).Moment(request.At)
	return &issue{
		id: transaction,
		request: bank.Request{
			Caller: request.Caller, ID: request.RequestID, TraceID: request.TraceID, PrincipalKind: request.PrincipalKind,
			Fingerprint: s.Vault.Fingerprint(canonical),
		},
		account: bank.Account{
			ID: id.Derive(transaction, "account"), CustomerID: customer, Kind: bank.AccountCard, Currency: currency,
		},
		limit:   request.CreditLimitMinor,
		at:      request.At,
		refusal: field.First(notCurrent, content),
	}, nil
}

// check returns nil when every field is well formed, and holds nothing that is not allowed in it.
func (r *IssueRequest) check() (money.Currency, error) {
	currency, err := field.KnownCurrency("currency", r.Currency)
	return currency, field.First(
		field.Word("request_id", r.RequestID),
		field.HolderName("holder_name", r.HolderName),
		r.checkBrand(),
		field.Limit("credit_limit_minor", r.CreditLimitMinor),
		field.Limit("purchase_limit_minor", r.Rules.Limit),
		field.Limit("purchase_minimum_minor", r.Rules.Minimum),
		bank.CheckPerMinute("purchases_per_minute", r.Rules.PerMinute),
		err,
	)
}

func (r *IssueRequest) checkBrand() error {
	if _, ok := issuingRanges[r.Brand]; !ok && r.Brand != pan.BrandUnknown {
		return fault.Invalid("brand", "Cards of this brand are not issued.")
	}
	return nil
}

// issuingRanges has, for each brand, a BIN of the schemes' published test numbers and the length of
// a number.
var issuingRanges = map[pan.Brand]struct {
	bin    string
	digits int
}{
	pan.Visa:       {"411111", 16},
	pan.Mastercard: {"555555", 16},
	pan.Amex:       {"378282", 15},
	pan.Elo:        {"636368", 16},
	pan.Hipercard:  {"606282", 16},
	pan.Discover:   {"601111", 16},
	pan.Diners:     {"305693", 14},
	pan.JCB:        {"353011", 16},
}

// newCard draws a number and seals it. The card's id is derived from the request, so that two
// replicas with the same request conflict instead of issuing two cards.
func (s *Service) newCard(request *IssueRequest, command *issue) (bank.NewCard, error) {
	brand := request.Brand
	if brand == pan.BrandUnknown {
		brand = pan.Visa
	}
	number, err := drawNumber(s.Random, brand)
	if err != nil {
		return bank.NewCard{}, err
	}
	now := bank.RequestTime(request.At, s.Now().UTC().Truncate(time.Millisecond))
	expiry, err := pan.NewExpiry(int(now.Month()), now.Year()+goodFor)
	if err != nil {
		return bank.NewCard{}, err
	}
	card := bank.Card{
		CardSnapshot: bank.CardSnapshot{ID: id.Derive(command.id, "card"), Brand: brand, BIN: number.BIN(), Last4: number.Last4()},
		AccountID:    command.account.ID,
		HolderName:   request.HolderName,
		Expiry:       expiry,
		Rules:        request.Rules,
		IssuedAt:     now,
	}
	sealed, err := s.Vault.Seal(number, card.ID)
	if err != nil {
		return bank.NewCard{}, err
	}
	return bank.NewCard{Card: card, Lookup: s.Vault.Lookup(number), Sealed: sealed}, nil
}

func drawNumber(random io.Reader, brand pan.Brand) (pan.Number, error) {
	issuing := issuingRanges[brand]
	free := issuing.digits - len(issuing.bin) - 1
	drawn, err := rand.Int(random, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(free)), nil))
	if err != nil {
		return pan.Number{}, err
	}
	body := drawn.String()
	for len(body) < free {
		body = "0" + body
	}
	return pan.Make(issuing.bin, body)
}

// reveal reads an issued card and opens its number. The first request and its repeats get the same
// answer.
func (s *Service) reveal(ctx context.Context, id bank.ID) (Issued, error) {
	card, account, err := s.Reader.Card(ctx, id)
	if err != nil {
		return Issued{}, fault.Of(err)
	}
	sealed, err := s.Reader.SealedNumber(ctx, id)
	if err != nil {
		return Issued{}, fault.Of(err)
	}
	number, err := s.Vault.Open(sealed, id)
	if err != nil {
		return Issued{}, fault.Of(err)
	}
	data := pan.CardData{Number: number, HolderName: card.HolderName, Expiry: card.Expiry, CVV: s.Vault.CVV(number, card.Expiry)}
	return Issued{View: View{Card: card, Account: account}, Data: data}, nil
}
