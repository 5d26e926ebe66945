package rpc

import (
	"context"

	"codebank.dev/bank"
	"codebank.dev/bank/hold"
	"codebank.dev/bank/purchase"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// Purchases serves bank.v1.PurchaseService.
type Purchases struct {
	bankv1.UnimplementedPurchaseServiceServer
	// Service is the use case; required.
	Service *purchase.Service
	// Holds captures purchases later; nil for a bank that sets nothing aside.
	Holds *hold.Service
	// Principals says on whose behalf a call is made; nil takes every caller for a service.
	Principals *Principals
	// Draining is closed when the server begins to shut down, so that streams end; nil for never.
	Draining <-chan struct{}
}

var _ bankv1.PurchaseServiceServer = (*Purchases)(nil)

// AuthorizePurchase implements bankv1.PurchaseServiceServer.
func (p *Purchases) AuthorizePurchase(ctx context.Context, in *bankv1.AuthorizePurchaseRequest) (*bankv1.AuthorizePurchaseResponse, error) {
	decided, err := p.authorize(ctx, in)
	if err != nil {
		return nil, err
	}
	return &bankv1.AuthorizePurchaseResponse{Purchase: decided}, nil
}

func (p *Purchases) authorize(ctx context.Context, in *bankv1.AuthorizePurchaseRequest) (*bankv1.Purchase, error) {
	request, err := p.purchaseRequest(in)
	if err != nil {
		return nil, err
	}
	request.Caller, request.TraceID, request.Subject = serve.Caller(ctx), traceOf(in, serve.TraceID(ctx)), p.Principals.of(ctx)
	decided, err := p.Service.Authorize(ctx, request)
	if err != nil {
		return nil, err
	}
	return purchaseMessage(&decided, in), nil
}

// traceOf returns the trace that a purchase goes on with: the one that it names, or that of its call.
func traceOf(in *bankv1.AuthorizePurchaseRequest, call string) string {
	if serve.ValidTraceID(in.GetTraceId()) {
		return in.GetTraceId()
	}
	return call
}

func (p *Purchases) purchaseRequest(in *bankv1.AuthorizePurchaseRequest) (purchase.Request, error) {
	channel, ok := channels[in.GetChannel()]
	if !ok {
		return purchase.Request{}, fault.Invalid("channel", "This is not a channel.")
	}
	at, err := requestTime(in.GetRequestTime())
	if err != nil {
		return purchase.Request{}, err
	}
	expiresAt, err := expireTime(in.GetExpireTime())
	if err != nil {
		return purchase.Request{}, err
	}
	if p.Holds == nil && (in.GetCaptureLater() || in.GetMerchantReference() != "") {
		return purchase.Request{}, bank.ErrEventVersion
	}
	return purchase.Request{
		RequestID:   in.GetRequestId(),
		CardData:    rawCardData(in.GetCardData()),
		CardToken:   in.GetCardToken(),
		Card:        in.GetCard(),
		AmountMinor: in.GetAmountMinor(),
		Currency:    in.GetCurrency(),
		Merchant:    merchantOf(in.GetMerchant()),
		Description: in.GetDescription(),
		Channel:     channel,
		Attempt:     in.GetAttempt(),
		At:          at,

		CaptureLater:      in.GetCaptureLater(),
		ExpiresAt:         expiresAt,
		MerchantReference: in.GetMerchantReference(),
	}, nil
}

// checkOwner refuses a call for a customer on whose accounts the purchase with this name is not.
func (p *Purchases) checkOwner(ctx context.Context, named string) error {
	id, err := field.ID("name", purchasePrefix, named)
	if err != nil {
		return nil // The request itself says what is wrong with the name.
	}
	subject := p.Principals.of(ctx)
	return p.Service.CheckOwner(ctx, &subject, id)
}

// VoidPurchase implements bankv1.PurchaseServiceServer.
func (p *Purchases) VoidPurchase(ctx context.Context, in *bankv1.VoidPurchaseRequest) (*bankv1.VoidPurchaseResponse, error) {
	subject := p.Principals.of(ctx)
	if err := p.Service.CheckOwner(ctx, &subject, p.Service.Code.TransactionID(serve.Caller(ctx), in.GetRequestId())); err != nil {
		return nil, err
	}
	at, err := requestTime(in.GetRequestTime())
	if err != nil {
		return nil, err
	}
	voided, err := p.Service.Void(ctx, purchase.VoidRequest{
		Caller: serve.Caller(ctx), RequestID: in.GetRequestId(), TraceID: serve.TraceID(ctx), PrincipalKind: subject.Kind, At: at,
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.VoidPurchaseResponse{Purchase: purchaseMessage(&voided, nil)}, nil
}

// ReversePurchase implements bankv1.PurchaseServiceServer.
func (p *Purchases) ReversePurchase(ctx context.Context, in *bankv1.ReversePurchaseRequest) (*bankv1.ReversePurchaseResponse, error) {
	at, err := requestTime(in.GetRequestTime())
	if err != nil {
		return nil, err
	}
	if err := p.checkOwner(ctx, in.GetName()); err != nil {
		return nil, err
	}
	reversal, err := p.Service.Reverse(ctx, purchase.ReverseRequest{
		Caller: serve.Caller(ctx), RequestID: in.GetRequestId(), TraceID: serve.TraceID(ctx), Subject: p.Principals.of(ctx),
		Name: in.GetName(), AmountMinor: in.GetAmountMinor(), Description: in.GetDescription(), At: at,
	})
	if err != nil {
		return nil, err
	}
	reversed := reversal.Entry.OriginalID
	if !reversal.Entry.HoldID.IsZero() {
		reversed = reversal.Entry.HoldID // The original is the capture of the purchase.
	}
	return &bankv1.ReversePurchaseResponse{Reversal: &bankv1.Reversal{
		Name:        name(reversalPrefix, reversal.Entry.TransactionID),
		Purchase:    name(purchasePrefix, reversed),
		AmountMinor: reversal.Entry.Amount,
		Currency:    reversal.Entry.Currency.String(),
		ReverseTime: timestamp(reversal.Entry.OccurredAt),
	}}, nil
}

// GetPurchase implements bankv1.PurchaseServiceServer.
func (p *Purchases) GetPurchase(ctx context.Context, in *bankv1.GetPurchaseRequest) (*bankv1.GetPurchaseResponse, error) {
	found, err := p.Service.Get(ctx, serve.Caller(ctx), p.Principals.of(ctx), in.GetName())
	if err != nil {
		return nil, err
	}
	return &bankv1.GetPurchaseResponse{Purchase: purchaseMessage(&found, nil)}, nil
}

// namesCard reports whether an answer may name the card of a purchase. A card's name is as good as its
// data, because purchases by name need no other proof. So whoever presents card data, or a token, learns
// the name only after the data was found right. A locked or blocked card, and a card of a closed account,
// is declined before that. The entry does not say how the card was presented; asked is the request that
// is answered, or nil if the purchase is only read or voided.
func namesCard(entry *bank.Entry, asked *bankv1.AuthorizePurchaseRequest) bool {
	switch entry.Decline {
	case bank.NameMismatch, bank.ExpiryMismatch, bank.CVVMismatch:
		return false
	case bank.Locked, bank.Blocked, bank.AccountClosed:
		return asked.GetCard() == name(cardPrefix, entry.Card.ID)
	}
	return true
}

// purchaseMessage returns a purchase as an answer shows it; asked is that of namesCard.
func purchaseMessage(p *purchase.Purchase, asked *bankv1.AuthorizePurchaseRequest) *bankv1.Purchase {
	entry := &p.Entry
	message := &bankv1.Purchase{
		Name:          name(purchasePrefix, entry.TransactionID),
		RequestId:     entry.Request.ID,
		Status:        statusOf(p),
		AmountMinor:   entry.Amount,
		Currency:      entry.Currency.String(),
		CardBrand:     brandNames[entry.Card.Brand],
		CardLast4:     entry.Card.Last4,
		Description:   entry.Description,
		Channel:       channelNames[entry.Channel],
		AuthorizeTime: timestamp(entry.OccurredAt),
		ReversedMinor: p.Reversed,
		CapturedMinor: p.Captured,
		ExpireTime:    timestamp(entry.HoldExpiresAt),

		MerchantReference: entry.MerchantReference,
	}
	if namesCard(entry, asked) {
		message.Card = name(cardPrefix, entry.Card.ID)
	}
	message.Merchant, message.Decline = merchantMessage(&entry.Merchant), declineMessage(entry.Decline)
	return message
}
