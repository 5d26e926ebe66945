// Package bankrpc reaches the bank over gRPC. Tokens and voids are calls; orders that are placed at the
// same time share the call for their tokens. Purchases of many orders share one long-lived stream at a
// time, which is in package line.
//
//	bankrpc.go  Acquirer: the messages of the bank's contract, both ways
//	tokens.go   tokens of many orders in one call
package bankrpc

import (
	"context"
	"errors"
	"strings"

	"codebank.dev/checkout"
	"codebank.dev/checkout/bankrpc/line"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/pan"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/grpc"
)

// Acquirer is the bank behind a connection. Make one with New; it is safe for
// concurrent use. It repeats nothing by itself: its callers know what may be
// repeated, and until when.
type Acquirer struct {
	purchases bankv1.PurchaseServiceClient
	tokens    *tokens
	line      *line.Line
}

var _ checkout.Acquirer = (*Acquirer)(nil)

// New returns the bank behind a connection made with serve.Dial, which names the
// caller. The connection stays the caller's to close, after Close of the Acquirer.
func New(conn grpc.ClientConnInterface) *Acquirer {
	purchases := bankv1.NewPurchaseServiceClient(conn)
	return &Acquirer{
		purchases: purchases,
		tokens:    newTokens(bankv1.NewCardServiceClient(conn), slowTokenCall),
		line:      line.New(purchases),
	}
}

// Close ends the stream and the calls for tokens. What is under way is answered fault.Unavailable.
func (a *Acquirer) Close() {
	a.tokens.close()
	a.line.Close()
}

// errSenseless answers what no bank of this contract answers. It leaves the outcome unknown.
var errSenseless = fault.New(fault.Internal, "BANK_ANSWER", "The bank's answer could not be understood.")

func senseless(what string) error { return errSenseless.Wrap(errors.New(what)) }

// CreateToken implements checkout.Acquirer. Callers at the same time share a call.
func (a *Acquirer) CreateToken(ctx context.Context, card pan.CardData) (checkout.CardToken, error) {
	answer, err := a.tokens.create(ctx, &bankv1.CreateCardTokenRequest{CardData: &bankv1.CardData{
		Number:      card.Number.Reveal(),
		HolderName:  card.HolderName,
		ExpiryMonth: int32(card.Expiry.Month),
		ExpiryYear:  int32(card.Expiry.Year),
		Cvv:         card.CVV.Reveal(),
	}})
	if err != nil {
		return checkout.CardToken{}, ownField(serve.FromStatus(err))
	}
	switch {
	case answer.GetCardToken() == "":
		return checkout.CardToken{}, senseless("a card token without text")
	case !answer.GetExpireTime().IsValid():
		return checkout.CardToken{}, senseless("a card token without expiry")
	case len(answer.GetLast4()) != 4:
		return checkout.CardToken{}, senseless("a card token without last four digits")
	}
	return checkout.CardToken{
		Token:     checkout.NewToken(answer.GetCardToken()),
		Brand:     brand(answer.GetBrand()),
		Last4:     answer.GetLast4(),
		ExpiresAt: answer.GetExpireTime().AsTime(),
	}, nil
}

// ownField renames the field of the bank's request to the one the payer filled in.
func ownField(err error) error {
	known := fault.Of(err)
	if rest, ok := strings.CutPrefix(known.Field, "card_data"); ok {
		renamed := *known
		renamed.Field = "card" + rest
		return &renamed
	}
	return known
}

// Authorize implements checkout.Acquirer. The purchase is sent over a stream, together with others.
func (a *Acquirer) Authorize(ctx context.Context, authorization checkout.Authorization) (checkout.Decision, error) {
	purchase, err := a.line.Send(ctx, &bankv1.AuthorizePurchaseRequest{
		RequestId:   authorization.RequestID,
		CardSource:  &bankv1.AuthorizePurchaseRequest_CardToken{CardToken: authorization.Token.Reveal()},
		AmountMinor: authorization.Amount.Minor,
		Currency:    authorization.Amount.Currency.String(),
		Merchant: &bankv1.Merchant{
			Id:           authorization.Merchant.Slug,
			Name:         authorization.Merchant.Name,
			CategoryCode: authorization.Merchant.CategoryCode,
			City:         authorization.Merchant.City,
			Country:      authorization.Merchant.Country,
		},
		Description: authorization.Description,
		Channel:     bankv1.Channel_CHANNEL_ECOMMERCE,
		Attempt:     authorization.Attempt,
		TraceId:     authorization.TraceID,
	})
	if err != nil {
		return checkout.Decision{}, err
	}
	return decision(purchase, authorization.RequestID)
}

// Void implements checkout.Acquirer.
func (a *Acquirer) Void(ctx context.Context, requestID, traceID string) (checkout.Decision, error) {
	answer, err := a.purchases.VoidPurchase(inTrace(ctx, traceID), &bankv1.VoidPurchaseRequest{RequestId: requestID})
	if err != nil {
		return checkout.Decision{}, serve.FromStatus(err)
	}
	return decision(answer.GetPurchase(), requestID)
}

// Refund implements checkout.Acquirer.
func (a *Acquirer) Refund(ctx context.Context, asked checkout.Reversal) (string, error) {
	answer, err := a.purchases.ReversePurchase(inTrace(ctx, asked.TraceID), &bankv1.ReversePurchaseRequest{
		RequestId: asked.RequestID, Name: asked.Purchase, AmountMinor: asked.AmountMinor, Description: asked.Description,
	})
	reversal := answer.GetReversal()
	switch {
	case err != nil:
		return "", serve.FromStatus(err)
	case reversal.GetPurchase() != asked.Purchase || reversal.GetAmountMinor() != asked.AmountMinor:
		return "", senseless("a reversal of another purchase or amount")
	case reversal.GetName() == "":
		return "", senseless("a reversal without a name")
	}
	return reversal.GetName(), nil
}

// inTrace returns ctx within the trace of the order: that of the request that placed it,
// even when another process ends the order much later.
func inTrace(ctx context.Context, traceID string) context.Context {
	return serve.ContextWithIdentity(ctx, "", traceID)
}

// decision reads a purchase. An answer to another request is no answer.
func decision(purchase *bankv1.Purchase, requestID string) (checkout.Decision, error) {
	if purchase.GetRequestId() != requestID {
		return checkout.Decision{}, senseless("a decision about another request")
	}
	decided := checkout.Decision{Purchase: purchase.GetName()}
	switch purchase.GetStatus() {
	case bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED:
		if decided.Purchase == "" {
			return checkout.Decision{}, senseless("an approved purchase without a name")
		}
		decided.Outcome = checkout.OutcomeApproved
	case bankv1.PurchaseStatus_PURCHASE_STATUS_DECLINED:
		decided.Outcome, decided.Decline = checkout.OutcomeDeclined, decline(purchase.GetDecline())
	case bankv1.PurchaseStatus_PURCHASE_STATUS_VOIDED:
		decided.Outcome = checkout.OutcomeVoided
	default:
		return checkout.Decision{}, senseless("a purchase without a status")
	}
	return decided, nil
}

func decline(d *bankv1.Decline) checkout.Decline {
	code, reason, message := line.Decline(d)
	return checkout.Decline{Code: code, Reason: reason, Message: message}
}

// brand returns a card brand as orders show it. One that this program is too old to
// know is UNKNOWN.
func brand(b bankv1.CardBrand) string {
	name, ok := strings.CutPrefix(b.String(), "CARD_BRAND_")
	if !ok || b == bankv1.CardBrand_CARD_BRAND_UNSPECIFIED {
		return "UNKNOWN"
	}
	return name
}
