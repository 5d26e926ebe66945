package rpc

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/bank/card"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// Cards serves bank.v1.CardService.
type Cards struct {
	bankv1.UnimplementedCardServiceServer
	// Service is the use case; required.
	Service *card.Service
	// Principals says on whose behalf a call is made; nil takes every caller for a service.
	Principals *Principals
}

// errIssuer refuses to a customer what the issuer decides.
var errIssuer = fault.New(fault.PermissionDenied, "NOT_ALLOWED", "Only a service or an operator of the bank may ask for this.")

// checkIssuer refuses a call that is made for a customer.
func (c *Cards) checkIssuer(ctx context.Context) error {
	if subject := c.Principals.of(ctx); subject.Kind == principal.User {
		return errIssuer
	}
	return nil
}

// checkOwner refuses a call for a customer who does not own the card with this name.
func (c *Cards) checkOwner(ctx context.Context, name string) error {
	subject := c.Principals.of(ctx)
	return c.Service.CheckOwner(ctx, &subject, name)
}

var _ bankv1.CardServiceServer = (*Cards)(nil)

// IssueCard implements bankv1.CardServiceServer.
func (c *Cards) IssueCard(ctx context.Context, in *bankv1.IssueCardRequest) (*bankv1.IssueCardResponse, error) {
	if err := c.checkIssuer(ctx); err != nil {
		return nil, err
	}
	brand, ok := brands[in.GetBrand()]
	if !ok {
		return nil, fault.Invalid("brand", "This is not a card brand.")
	}
	at, err := requestTime(in.GetRequestTime())
	if err != nil {
		return nil, err
	}
	issued, err := c.Service.Issue(ctx, card.IssueRequest{
		Caller: serve.Caller(ctx), RequestID: in.GetRequestId(), TraceID: serve.TraceID(ctx), PrincipalKind: c.Principals.of(ctx).Kind,
		CustomerID: in.GetCustomerId(), HolderName: in.GetHolderName(), Brand: brand,
		Currency: in.GetCurrency(), CreditLimitMinor: in.GetCreditLimitMinor(),
		Rules: bank.PurchaseRules{
			Limit: in.GetPurchaseLimitMinor(), Minimum: in.GetPurchaseMinimumMinor(), PerMinute: in.GetPurchasesPerMinute(),
		},
		At: at,
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.IssueCardResponse{
		Card: cardMessage(&issued.View),
		CardData: &bankv1.CardData{
			Number:      issued.Data.Number.Reveal(),
			HolderName:  issued.Data.HolderName,
			ExpiryMonth: int32(issued.Data.Expiry.Month),
			ExpiryYear:  int32(issued.Data.Expiry.Year),
			Cvv:         issued.Data.CVV.Reveal(),
		},
	}, nil
}

// GetCard implements bankv1.CardServiceServer.
func (c *Cards) GetCard(ctx context.Context, in *bankv1.GetCardRequest) (*bankv1.GetCardResponse, error) {
	if err := c.checkOwner(ctx, in.GetName()); err != nil {
		return nil, err
	}
	view, err := c.Service.Get(ctx, in.GetName())
	if err != nil {
		return nil, err
	}
	return &bankv1.GetCardResponse{Card: cardMessage(&view)}, nil
}

// sideOf returns the side whose block a call sets or lifts.
func (c *Cards) sideOf(ctx context.Context) bank.Blocks {
	if subject := c.Principals.of(ctx); subject.Kind == principal.User {
		return bank.BlockedByHolder
	}
	return bank.BlockedByBank
}

// BlockCard implements bankv1.CardServiceServer.
func (c *Cards) BlockCard(ctx context.Context, in *bankv1.BlockCardRequest) (*bankv1.BlockCardResponse, error) {
	if err := c.checkOwner(ctx, in.GetName()); err != nil {
		return nil, err
	}
	view, err := c.Service.SetBlocked(ctx, card.BlockRequest{Name: in.GetName(), Side: c.sideOf(ctx), Blocked: true})
	if err != nil {
		return nil, err
	}
	return &bankv1.BlockCardResponse{Card: cardMessage(&view)}, nil
}

// UnblockCard implements bankv1.CardServiceServer.
func (c *Cards) UnblockCard(ctx context.Context, in *bankv1.UnblockCardRequest) (*bankv1.UnblockCardResponse, error) {
	if err := c.checkOwner(ctx, in.GetName()); err != nil {
		return nil, err
	}
	view, err := c.Service.SetBlocked(ctx, card.BlockRequest{Name: in.GetName(), Side: c.sideOf(ctx)})
	if err != nil {
		return nil, err
	}
	return &bankv1.UnblockCardResponse{Card: cardMessage(&view)}, nil
}

// ChangeLimit implements bankv1.CardServiceServer.
func (c *Cards) ChangeLimit(ctx context.Context, in *bankv1.ChangeLimitRequest) (*bankv1.ChangeLimitResponse, error) {
	if err := c.checkIssuer(ctx); err != nil {
		return nil, err
	}
	view, err := c.Service.ChangeLimit(ctx, card.LimitRequest{
		Caller: serve.Caller(ctx), RequestID: in.GetRequestId(), TraceID: serve.TraceID(ctx), PrincipalKind: c.Principals.of(ctx).Kind,
		Name: in.GetName(), CreditLimitMinor: in.GetCreditLimitMinor(),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.ChangeLimitResponse{Card: cardMessage(&view)}, nil
}

// CreateCardToken implements bankv1.CardServiceServer.
func (c *Cards) CreateCardToken(ctx context.Context, in *bankv1.CreateCardTokenRequest) (*bankv1.CreateCardTokenResponse, error) {
	raw := rawCardData(in.GetCardData())
	if raw == nil {
		return nil, field.Required("card_data")
	}
	token, err := c.Service.Tokenize(ctx, *raw)
	if err != nil {
		return nil, err
	}
	return &bankv1.CreateCardTokenResponse{
		CardToken:  token.Text,
		Brand:      brandNames[token.Brand],
		Last4:      token.Last4,
		ExpireTime: timestamp(token.ExpiresAt),
	}, nil
}

// tokenShare is how many tokens of a batch one goroutine makes. With more goroutines, more numbers that
// are not in the directory's cache are looked up at the same time.
const tokenShare = 8

// BatchCreateCardTokens implements bankv1.CardServiceServer. Each request is answered as CreateCardToken
// answers it.
func (c *Cards) BatchCreateCardTokens(ctx context.Context, in *bankv1.BatchCreateCardTokensRequest) (*bankv1.BatchCreateCardTokensResponse, error) {
	requests := in.GetRequests()
	switch {
	case len(requests) == 0:
		return nil, field.Required("requests")
	case len(requests) > maxPerMessage:
		return nil, fault.Invalid("requests", "At most 256 requests are allowed in one batch.")
	}
	results := make([]*bankv1.CreateCardTokenResult, len(requests))
	inShares(len(requests), tokenShare, func(first, last int) {
		for i := first; i < last; i++ {
			results[i] = c.tokenResult(ctx, requests[i])
		}
	})
	return &bankv1.BatchCreateCardTokensResponse{Results: results}, nil
}

func (c *Cards) tokenResult(ctx context.Context, in *bankv1.CreateCardTokenRequest) *bankv1.CreateCardTokenResult {
	token, err := c.CreateCardToken(ctx, in)
	if err != nil {
		return &bankv1.CreateCardTokenResult{Result: &bankv1.CreateCardTokenResult_Error{Error: serve.ToStatus(err).Proto()}}
	}
	return &bankv1.CreateCardTokenResult{Result: &bankv1.CreateCardTokenResult_Token{Token: token}}
}

// GetAccount implements bankv1.CardServiceServer.
func (c *Cards) GetAccount(ctx context.Context, in *bankv1.GetAccountRequest) (*bankv1.GetAccountResponse, error) {
	account, err := c.Service.Account(ctx, in.GetName())
	if subject := c.Principals.of(ctx); err == nil && !subject.Owns(&account) {
		err = bank.ErrNoAccount
	}
	if err != nil {
		return nil, err
	}
	return &bankv1.GetAccountResponse{Account: accountMessage(&account)}, nil
}

func cardMessage(view *card.View) *bankv1.Card {
	state := bankv1.CardState_CARD_STATE_ACTIVE
	if view.Card.IsBlocked() {
		state = bankv1.CardState_CARD_STATE_BLOCKED
	}
	return &bankv1.Card{
		Name:                 name(cardPrefix, view.Card.ID),
		Account:              name(accountPrefix, view.Card.AccountID),
		CustomerId:           view.Account.CustomerID.String(),
		Brand:                brandNames[view.Card.Brand],
		Bin:                  view.Card.BIN,
		Last4:                view.Card.Last4,
		HolderName:           view.Card.HolderName,
		ExpiryMonth:          int32(view.Card.Expiry.Month),
		ExpiryYear:           int32(view.Card.Expiry.Year),
		State:                state,
		LockedUntil:          timestamp(view.Card.LockedUntil),
		Currency:             view.Account.Currency.String(),
		CreditLimitMinor:     view.Account.CreditLimit,
		PurchaseLimitMinor:   view.Card.Rules.Limit,
		PurchaseMinimumMinor: view.Card.Rules.Minimum,
		PurchasesPerMinute:   view.Card.Rules.PerMinute,
		IssueTime:            timestamp(view.Card.IssuedAt),
		BlockedByHolder:      view.Card.Blocks.Has(bank.BlockedByHolder),
		BlockedByBank:        view.Card.Blocks.Has(bank.BlockedByBank),
	}
}
