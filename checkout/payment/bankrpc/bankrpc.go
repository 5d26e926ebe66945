// Package bankrpc is the acquirer of live charges: the bank, over gRPC. A charge is a purchase by card whose request
// id is the charge's id. The bank takes request ids by program, so the processor's are its own. Purchases share one
// stream at a time (package line); whatever is done to one later is a call.
//
//	bankrpc.go  Acquirer: the messages to the bank
//	payout.go   payouts to merchants' accounts
//	answer.go   what the bank's answers mean
package bankrpc

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"codebank.dev/checkout/bankrpc/line"
	"codebank.dev/checkout/payment"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/serve"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

// callTimeout bounds a call to the bank. What comes later is asked for again. The requests behind wait no longer than
// that for one that hangs.
const callTimeout = 3 * time.Second

// Acquirer is the bank behind a connection. Make one with New. It is safe for concurrent use. It repeats nothing by
// itself.
type Acquirer struct {
	purchases bankv1.PurchaseServiceClient
	wallets   bankv1.WalletServiceClient
	line      *line.Line
}

var (
	_ payment.Acquirer = (*Acquirer)(nil)
	_ payment.Payer    = (*Acquirer)(nil)
)

// New returns the bank behind a connection made with serve.Dial, which names the caller: it must be one of the bank's
// acquirers. The connection stays the caller's to close, after Close of the Acquirer.
func New(conn grpc.ClientConnInterface) *Acquirer {
	purchases := bankv1.NewPurchaseServiceClient(conn)
	return &Acquirer{purchases: purchases, wallets: bankv1.NewWalletServiceClient(conn), line: line.New(purchases)}
}

// Close ends the stream. What is under way is answered fault.Unavailable.
func (a *Acquirer) Close() { a.line.Close() }

// Authorize implements payment.Acquirer. The purchase is sent over a stream, together with others.
func (a *Acquirer) Authorize(ctx context.Context, authorization *payment.Authorization) (payment.Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	card, charge := &authorization.Card, authorization.Charge.String()
	purchase, err := a.line.Send(ctx, &bankv1.AuthorizePurchaseRequest{
		RequestId: charge,
		CardSource: &bankv1.AuthorizePurchaseRequest_CardData{CardData: &bankv1.CardData{
			Number: card.Number.Reveal(), HolderName: card.HolderName, Cvv: card.CVV.Reveal(),
			ExpiryMonth: int32(card.Expiry.Month), ExpiryYear: int32(card.Expiry.Year),
		}},
		AmountMinor:       authorization.Amount.Minor,
		Currency:          authorization.Amount.Currency.String(),
		Merchant:          merchant(authorization.Merchant, &authorization.Profile),
		Description:       authorization.Description,
		Channel:           bankv1.Channel_CHANNEL_ECOMMERCE,
		Attempt:           1,
		TraceId:           authorization.TraceID,
		CaptureLater:      !authorization.CaptureNow,
		MerchantReference: charge,
	})
	if err != nil {
		return payment.Decision{}, translate(err)
	}
	return decisionOf(purchase, authorization)
}

func merchant(slug string, profile *payment.Profile) *bankv1.Merchant {
	return &bankv1.Merchant{Id: slug, Name: profile.Name, CategoryCode: profile.CategoryCode, City: profile.City, Country: profile.Country}
}

// Void implements payment.Acquirer.
func (a *Acquirer) Void(ctx context.Context, charge id.ID, traceID string) (payment.State, error) {
	ctx, cancel := call(ctx, traceID)
	defer cancel()
	answer, err := a.purchases.VoidPurchase(ctx, &bankv1.VoidPurchaseRequest{RequestId: charge.String()})
	if err != nil {
		return 0, translate(serve.FromStatus(err))
	}
	purchase := answer.GetPurchase()
	if purchase.GetRequestId() != charge.String() {
		return 0, senseless("a void of another request")
	}
	switch state := stateOf(purchase); state {
	case payment.Voided, payment.Rejected, payment.Expired:
		return state, nil
	}
	return 0, senseless("a purchase that is voided and goes on")
}

// Capture implements payment.Acquirer.
func (a *Acquirer) Capture(ctx context.Context, task *payment.Task) error {
	ctx, cancel := call(ctx, task.TraceID)
	defer cancel()
	answer, err := a.purchases.CapturePurchase(ctx, &bankv1.CapturePurchaseRequest{
		RequestId: task.ID.String(), Name: task.Purchase, AmountMinor: task.AmountMinor,
	})
	capture := answer.GetCapture()
	switch {
	case err != nil:
		return translate(serve.FromStatus(err))
	case capture.GetPurchase() != task.Purchase || capture.GetAmountMinor() != task.AmountMinor:
		return senseless("a capture of another purchase or amount")
	}
	return nil
}

// Refund implements payment.Acquirer.
func (a *Acquirer) Refund(ctx context.Context, task *payment.Task) error {
	ctx, cancel := call(ctx, task.TraceID)
	defer cancel()
	answer, err := a.purchases.ReversePurchase(ctx, &bankv1.ReversePurchaseRequest{
		RequestId: task.ID.String(), Name: task.Purchase, AmountMinor: task.AmountMinor,
	})
	reversal := answer.GetReversal()
	switch {
	case err != nil:
		return translate(serve.FromStatus(err))
	case reversal.GetPurchase() != task.Purchase || reversal.GetAmountMinor() != task.AmountMinor:
		return senseless("a reversal of another purchase or amount")
	}
	return nil
}

// Find implements payment.Acquirer.
func (a *Acquirer) Find(ctx context.Context, purchase, traceID string) (payment.State, error) {
	ctx, cancel := call(ctx, traceID)
	defer cancel()
	answer, err := a.purchases.GetPurchase(ctx, &bankv1.GetPurchaseRequest{Name: purchase})
	if err != nil {
		return 0, translate(serve.FromStatus(err))
	}
	state := stateOf(answer.GetPurchase())
	if answer.GetPurchase().GetName() != purchase || state == 0 {
		return 0, senseless("another purchase, or one without a status")
	}
	return state, nil
}

// call returns ctx for one call, within the trace of the merchant's request.
func call(ctx context.Context, traceID string) (context.Context, context.CancelFunc) {
	return context.WithTimeout(serve.ContextWithIdentity(ctx, "", traceID), callTimeout)
}

// translate returns an error of the bank as the port promises it. What the bank refuses because of its own settings it
// may accept later.
func translate(err error) error {
	if known := fault.Of(err); known.Code == fault.FailedPrecondition && known.Reason == eventVersion {
		return errAway.Wrap(err)
	}
	return err
}

// eventVersion is the reason for which a bank refuses what its replicas of the version before could not publish. It is
// so until all of them are replaced.
const eventVersion = "EVENT_VERSION_TOO_OLD"

var errAway = fault.New(fault.Unavailable, "UNAVAILABLE", "The bank cannot be reached at the moment.")
